"""`gateway serve`: the main job."""

import faulthandler
import gc
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click
import msgspec
import trio
from rich.console import Console
from rich.text import Text

from gateway import __version__
from gateway.app import App, assemble, find_local_servers, serve
from gateway.commands.reading import Refused, config_option, read_configuration
from gateway.config.compose import Config, config_of, listening
from gateway.config.discover import discover
from gateway.config.mistakes import ConfigMistake
from gateway.downstream.listen import open_sockets
from gateway.downstream.options import ListenOptions
from gateway.telemetry.log import LEVELS, open_log

MAX_NAMES_SHOWN = 12

CURL: Final = """\
curl -N {url}/v1/chat/completions -H 'content-type: application/json' \\
  -d '{{"model": "{model}", "stream": true, \
"messages": [{{"role": "user", "content": "Say hello"}}]}}'"""

PYTHON: Final = """\
from openai import OpenAI
client = OpenAI(base_url="{url}/v1", api_key="none")
for chunk in client.chat.completions.create(model="{model}", stream=True,
        messages=[{{"role": "user", "content": "Say hello"}}]):
    print(chunk.choices[0].delta.content or "", end="", flush=True)"""


@click.command("serve")
@config_option
@click.option("--host", metavar="ADDRESS", help="Where to listen. Default: 127.0.0.1.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Default: 4000; 0 takes one that is free."
)
@click.option(
    "--log-level",
    type=click.Choice(list(LEVELS)),
    default="info",
    show_default=True,
    help="What the log holds; debug shows probes too.",
)
def command(path: Path | None, host: str | None, port: int | None, log_level: str) -> None:
    """Serve the OpenAI API, until SIGTERM or SIGINT.

    Without a configuration it finds providers by the usual environment variables (OPENAI_API_KEY,
    ANTHROPIC_API_KEY, ...) and servers on this machine (Ollama, vLLM, LM Studio, llama.cpp). The
    built-in model `echo` is always there. The first signal drains: open calls may end, the exit
    code is 0. A second one ends at once.

    \b
    Examples:
      gateway serve
      gateway serve --config gateway.toml --port 8080
    """  # noqa: D301 (click's mark for lines that stay as they are)
    faulthandler.enable()
    try:
        config, notes, listed = _configuration(path, host, port)
    except ConfigMistake as mistake:
        raise Refused(mistake) from None
    try:
        sockets = open_sockets(config.listen, config.clocks.write_timeout)
    except OSError as error:
        where = config.listen.unix or f"{config.listen.host}:{config.listen.port}"
        raise click.ClickException(
            f"Cannot listen on {where}: {error.strerror or error}. Try another --port."
        ) from None
    name = sockets[0].getsockname()
    url = f"unix:{name}" if isinstance(name, str) else address(config, name)
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    with open_log(config.log, sys.stderr, log_level) as log:
        app = assemble(config, log, listed)
        # What is imported stays: without it a full collection stalls every stream for some 15 ms.
        gc.collect()
        gc.freeze()
        trio.run(serve, app, sockets, partial(announce, app, url, notes))
        log.info("stopped")
    if config.listen.unix:
        Path(config.listen.unix).unlink(missing_ok=True)


def _configuration(
    path: Path | None, host: str | None, port: int | None
) -> tuple[Config, Sequence[str], dict[str, tuple[str, ...]]]:
    """Return the configuration, what was found without a file, and the models seen there."""
    config = read_configuration(path)
    if config is not None:
        return listening(config, host, port), (), {}
    listen = ListenOptions()
    if host:
        listen = msgspec.structs.replace(listen, host=host)
    if port is not None:
        listen = msgspec.structs.replace(listen, port=port)
    answered = trio.run(find_local_servers, listen)
    found = discover(os.environ, answered, listen)
    return config_of(found, listen), found.notes, dict(found.listed)


def address(config: Config, name: Sequence[object]) -> str:
    """Return the URL that a client on this machine can use."""
    host = str(name[0])
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (shown, not bound)
    scheme = "http" if config.listen.tls is None else "https"
    return f"{scheme}://[{host}]:{name[1]}" if ":" in host else f"{scheme}://{host}:{name[1]}"


def announce(app: App, url: str, notes: Sequence[str]) -> None:
    """Print what is served, where, and lines to paste."""
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    console.print(Text(f"nursery-gateway {__version__} serves {url}", "bold"))
    source = app.config.source
    console.print(f"  configuration  {source or 'none; found by itself:'}")
    for note in notes:
        console.print(f"                 {note}")
    names = app.current.house.routes.names
    shown = ", ".join(names[:MAX_NAMES_SHOWN])
    more = len(names) - MAX_NAMES_SHOWN
    console.print(f"  models         {shown}{f' and {more} more' if more > 0 else ''}")
    waiting = [
        offer.provider
        for offer in app.homes.offers
        if offer.listing and offer.provider not in app.listed
    ]
    if waiting:
        console.print(f"                 and what these list: {', '.join(waiting)}")
    model = "echo" if "echo" in names or not names else names[0]
    if not url.startswith("unix:"):
        console.print(Text("\n" + CURL.format(url=url, model=model), "green"))
        console.print(Text("\n" + PYTHON.format(url=url, model=model) + "\n", "cyan"))
    sys.stdout.flush()
