"""`gateway admin`: an address that opens the operator's page, once."""

import os
from pathlib import Path

import click
import trio

from gateway.commands.asking import Site, Unanswered, admins, folders, token_for


@click.command("admin")
@click.option(
    "--url",
    help="The admin at this address, with the token it left or GATEWAY_ADMIN_KEY. Default: the one"
    " that runs here.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where the control sockets are. Default: where `serve` would put them, and"
    " /run/nursery-gateway.",
)
def command(*, url: str | None, folder: Path | None) -> None:
    """Print an address that opens the operator's page, once, within ten minutes.

    It is for a browser. What stands behind its # is a token that opens one session; the admin makes
    it for whoever runs the gateway, or knows its key.

    \b
    Examples:
      gateway admin
      GATEWAY_ADMIN_KEY=... gateway admin --url http://127.0.0.1:4001
    """  # noqa: D301 (click's mark for lines that stay as they are)
    where = folders(os.environ) if folder is None else [folder]
    try:
        sites = admins(where) if url is None else [Site(url, token_for(url, os.environ, where))]
        for site in sites:
            click.echo(f"{site.url.rstrip('/')}/sign-in#{trio.run(site.ticket)}")
    except Unanswered as error:
        raise click.ClickException(str(error)) from None
