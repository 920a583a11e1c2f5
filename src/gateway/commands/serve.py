"""`gateway serve`: the main job."""

import faulthandler
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import click
import msgspec
import trio
from rich.console import Console
from rich.text import Text

from gateway import __version__
from gateway.admin.opening import Admin, open_admin
from gateway.app import find_local_servers
from gateway.commands.job import Job
from gateway.commands.reading import Refused, config_option, read_configuration
from gateway.config.compose import Config, config_of, listening, must_show_key, served_by
from gateway.config.discover import discover
from gateway.config.homes import homes_of
from gateway.config.mistakes import ConfigMistake
from gateway.downstream.listen import open_worker_sockets
from gateway.downstream.options import ListenOptions
from gateway.furnish import database_of
from gateway.office.playground import LOOPBACK
from gateway.policy.keys import SECRET_BYTES
from gateway.policy.routes import Routes
from gateway.store.connection import DatabaseFault
from gateway.supervisor import NotStarted
from gateway.telemetry.log import LEVELS
from gateway.words.secret import Secret

MAX_NAMES_SHOWN = 12

FOUND = "none; found by itself:"
NOT_FOUND = "none, and no provider was found: set OPENAI_API_KEY, or write gateway.toml"

CURL: Final = """\
curl -N {url}/v1/chat/completions{shown} -H 'content-type: application/json' \\
  -d '{{"model": "{model}", "stream": true, \
"messages": [{{"role": "user", "content": "Say hello"}}]}}'"""

PYTHON: Final = """\
{imports}from openai import OpenAI
client = OpenAI(base_url="{url}/v1", api_key={key})
for chunk in client.chat.completions.create(model="{model}", stream=True,
        messages=[{{"role": "user", "content": "Say hello"}}]):
    print(chunk.choices[0].delta.content or "", end="", flush=True)"""


_KEYED: Final = {
    False: {"imports": "", "shown": "", "key": '"none"'},
    True: {
        "imports": "import os\n",
        "shown": ' -H "authorization: Bearer $KEY"',
        "key": 'os.environ["KEY"]',
    },
}
"""How the lines to paste show a virtual key, where one must be shown."""

WHERE_TO_LOOK: Final = (
    "What it said stands above this line; `gateway serve --workers 1` says it alone."
)


@click.command("serve")
@config_option
@click.option("--host", metavar="ADDRESS", help="Where to listen. Default: 127.0.0.1.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Default: 4000; 0 takes one that is free."
)
@click.option(
    "--admin-port",
    type=click.IntRange(0, 65_535),
    help="Where the admin listens, with /metrics. Default: 4001; 0 is no admin.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    metavar="NUMBER",
    help="Processes that serve, usually one for each core. Default: 1.",
)
@click.option(
    "--log-level",
    type=click.Choice(list(LEVELS)),
    default="info",
    show_default=True,
    help="What the log holds; debug shows probes too.",
)
def command(
    path: Path | None,
    host: str | None,
    port: int | None,
    admin_port: int | None,
    workers: int | None,
    log_level: str,
) -> None:
    """Serve the OpenAI API, until SIGTERM or SIGINT.

    Without a configuration it finds providers by the usual environment variables (OPENAI_API_KEY,
    ANTHROPIC_API_KEY, ...) and servers on this machine (Ollama, vLLM, LM Studio, llama.cpp). The
    built-in model `echo` is always there. The first signal drains: open calls may end, the exit
    code is 0. A second one ends at once.

    \b
    Examples:
      gateway serve
      gateway serve --config gateway.toml --port 8080 --workers 4
    """  # noqa: D301 (click's mark for lines that stay as they are)
    faulthandler.enable()
    try:
        found = _configuration(path, host, port, admin_port)
        config = found.config if workers is None else served_by(found.config, workers)
    except ConfigMistake as mistake:
        raise Refused(mistake) from None
    _check_database(config)
    try:
        places = open_worker_sockets(config.listen, config.clocks.write_timeout)
    except OSError as error:
        where = config.listen.unix or f"{config.listen.host}:{config.listen.port}"
        raise click.ClickException(
            f"Cannot listen on {where}: {error.strerror or error}. Try another --port."
        ) from None
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    name = places[0][0].getsockname()
    url = f"unix:{name}" if isinstance(name, str) else address(config, name)
    try:
        admin = open_if_free(config, wanted=config.source is not None or admin_port is not None)
        ready = partial(announce, config, found, url, admin)
        held = config if admin is None else _with_inner_key(config, name)
        code = Job(held, found.listed, log_level, ready, admin).run(places)
    except NotStarted as error:
        raise click.ClickException(f"{error} {WHERE_TO_LOOK}") from None
    finally:
        if config.listen.unix:
            Path(config.listen.unix).unlink(missing_ok=True)
    sys.exit(code)


def _with_inner_key(config: Config, name: str | Sequence[object]) -> Config:
    """Return the configuration as it is forked: with the key by which the admin asks the workers
    as a client does, at the address `name`. No file holds it, and the next start has another.
    """
    listen = config.listen
    if not isinstance(name, str):
        listen = msgspec.structs.replace(listen, port=name[1])
    key = Secret(secrets.token_urlsafe(SECRET_BYTES))
    return msgspec.structs.replace(config, listen=listen, inner_key=key)


def _check_database(config: Config) -> None:
    """Make the database, or bring it up to date, before anybody forks or listens."""
    try:
        if (database := database_of(config)) is not None:
            database.connect().close()
    except DatabaseFault as fault:
        raise click.ClickException(str(fault)) from None


@dataclass(frozen=True, slots=True)
class Found:
    """The configuration, what was found without a file, and the models seen there."""

    config: Config
    notes: Sequence[str] = ()
    listed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _configuration(
    path: Path | None, host: str | None, port: int | None, admin_port: int | None
) -> Found:
    config = read_configuration(path)
    if config is not None:
        return Found(listening(config, host, port, admin_port))
    listen = ListenOptions()
    if host:
        listen = msgspec.structs.replace(listen, host=host)
    if port is not None:
        listen = msgspec.structs.replace(listen, port=port)
    answered = trio.run(find_local_servers, listen)
    found = discover(os.environ, answered, listen)
    config = listening(config_of(found, listen), admin_port=admin_port)
    return Found(config, found.notes, dict(found.listed))


def open_if_free(config: Config, *, wanted: bool) -> Admin | None:
    """Open the admin's listener. One that nobody has asked for gives way where its port is taken.

    None is no admin.
    """
    if config.admin.port == 0:
        return None
    try:
        return open_admin(config.admin, config.listen.workers)
    except OSError as error:
        where = f"{config.admin.host}:{config.admin.port}"
        said = f"The admin cannot listen on {where}: {error.strerror or error}."
    if wanted:
        raise click.ClickException(f"{said} Try another --admin-port; 0 is no admin.")
    click.echo(f"warning: {said} There is none; --admin-port chooses another port.", err=True)
    return None


def address(config: Config, name: Sequence[object]) -> str:
    """Return the URL that a client on this machine can use."""
    host = str(name[0])
    host = LOOPBACK.get(host, host)
    scheme = "http" if config.listen.tls is None else "https"
    return f"{scheme}://[{host}]:{name[1]}" if ":" in host else f"{scheme}://{host}:{name[1]}"


def announce(config: Config, found: Found, url: str, admin: Admin | None = None) -> None:
    """Print what is served, where, and lines to paste."""
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    console.print(Text(f"nursery-gateway {__version__} serves {url}", "bold"))
    console.print(f"  configuration  {config.source or (FOUND if found.notes else NOT_FOUND)}")
    for note in found.notes:
        console.print(f"                 {note}")
    homes = homes_of(config)
    names = Routes(homes.offers, homes.aliases, found.listed).names
    shown = ", ".join(names[:MAX_NAMES_SHOWN])
    more = len(names) - MAX_NAMES_SHOWN
    console.print(f"  models         {shown}{f' and {more} more' if more > 0 else ''}")
    waiting = [
        offer.provider
        for offer in homes.offers
        if offer.listing and offer.provider not in found.listed
    ]
    if waiting:
        console.print(f"                 and what these list: {', '.join(waiting)}")
    if config.listen.workers > 1:
        console.print(f"  workers        {config.listen.workers}")
    if admin is not None:
        opened = f"{admin.url}" if admin.options.key else f"{admin.sign_in}  (opens once)"
        console.print(f"  admin          {opened}")
    model = "echo" if "echo" in names or not names else names[0]
    if not url.startswith("unix:"):
        keyed = must_show_key(config, len(config.keys))
        said = {"url": url, "model": model, **_KEYED[keyed]}
        console.print(Text("\n" + CURL.format(**said), "green"))
        console.print(Text("\n" + PYTHON.format(**said) + "\n", "cyan"))
    sys.stdout.flush()
