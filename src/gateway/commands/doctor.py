"""`gateway doctor`: what a person would look at by hand where something is wrong, all at once."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import click
import trio
from rich.console import Console

from gateway.app import find_local_servers
from gateway.commands.asking import Asked, Unanswered, asked, folders
from gateway.commands.diagnosis import report
from gateway.commands.diagnosis.configuration import mistakes_of
from gateway.commands.diagnosis.rounds import Patient, examined
from gateway.commands.diagnosis.through import Proxy
from gateway.commands.diagnosis.verdict import Examined, Level, worst
from gateway.commands.reading import config_option, read_configuration
from gateway.config.compose import config_of
from gateway.config.discover import discover
from gateway.config.mistakes import ConfigMistake
from gateway.downstream.options import ListenOptions
from gateway.forms.http import check_header
from gateway.providers.address import parse_base_url
from gateway.providers.echo import KIND
from gateway.words.secret import Secret

KEY_VARIABLE: Final = "GATEWAY_DOCTOR_KEY"
MOST_SILENT: Final = 3600


@dataclass(frozen=True, slots=True)
class Wish:
    """The options."""

    path: Path | None
    through: str | None
    model: str
    silent: int
    admin: str | None
    folder: Path | None
    as_json: bool


@click.command("doctor")
@config_option
@click.option(
    "--through",
    metavar="URL",
    help="Also try the proxy in front of a gateway that runs: its public base URL, with /v1.",
)
@click.option(
    "--model",
    default=KIND,
    show_default=True,
    metavar="NAME",
    help="The name of the built-in model there; it is asked for by --through.",
)
@click.option(
    "--silent",
    type=click.IntRange(0, MOST_SILENT),
    default=0,
    show_default=True,
    metavar="SECONDS",
    help="Have --through also try whether an answer may be silent for so long.",
)
@click.option(
    "--admin",
    metavar="URL",
    help="See what arrives behind the proxy at this admin, with the token it left or"
    " GATEWAY_ADMIN_KEY. Default: at the gateways of this machine.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where the control sockets are. Default: where `serve` would put them, and"
    " /run/nursery-gateway.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
def command(**given: Any) -> None:
    """Look at all that a gateway needs, and say of each thing how it is and what to do.

    The configuration and its secrets; the packages and this machine; the database, the shared
    store, where receipts and traces go; the issuers; every provider: its name, a connection, TLS,
    whether it takes each key, whether it lists the models that are named. The gateways that run
    here. All at once, in less than five seconds. No completion is asked of a provider, so nothing
    is paid; nothing is made or changed.

    With --through it also makes calls of the built-in model `echo` through the proxy in front of a
    running gateway: does each word arrive when it is said, does a client's leaving arrive at the
    gateway, are connections kept. A key for that is taken from GATEWAY_DOCTOR_KEY.

    The exit code is 0 where all is well or only warned of, 1 where something fails, 2 where this
    command was called wrongly.

    \b
    Examples:
      gateway doctor
      gateway doctor --config gateway.toml --json | jq '.checks[] | select(.verdict == "fail")'
      gateway doctor --through https://gateway.example.com/v1
      gateway doctor --through https://gateway.example.com/v1 --silent 70
    """  # noqa: D301 (click's mark for lines that stay as they are)
    wish = Wish(**given)
    proxy, behind = _in_front(wish)
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)

    async def run(watch: report.Silent | report.LiveTable) -> tuple[list[Examined], float]:
        began = trio.current_time()
        patient = replace(await _patient(wish), proxy=proxy, asked=behind)
        return await examined(patient, watch), trio.current_time() - began

    interrupted = unread = False
    found: list[Examined] = []
    seconds = 0.0
    try:
        with _watch(console, as_json=wish.as_json) as watch:
            found, seconds = trio.run(run, watch)
    except* KeyboardInterrupt:
        interrupted = True
    except* SystemExit:  # so ends a console whose reader has gone
        unread = True
    if interrupted:
        raise click.Abort
    if unread:
        sys.exit(1)
    _conclude(found, seconds, console, as_json=wish.as_json)


def _in_front(wish: Wish) -> tuple[Proxy | None, Asked | None]:
    """Return the proxy that is to be tried, and the gateways behind it."""
    if wish.through is None:
        if wish.silent or wish.admin or wish.model != KIND:
            text = "--model, --silent and --admin are for --through: name the proxy."
            raise click.UsageError(text)
        return None, None
    try:
        return _proxy(wish.through, wish.model, wish.silent), asked(wish.admin, wish.folder)
    except Unanswered as error:
        raise click.UsageError(str(error)) from None


def _proxy(url: str, model: str, silent: int) -> Proxy:
    try:
        origin, path = parse_base_url(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--through") from None
    key = os.environ.get(KEY_VARIABLE, "").strip()
    try:
        check_header(b"authorization", key.encode("ascii"))
    except ValueError:
        raise click.UsageError(f"{KEY_VARIABLE} holds a character that no key has.") from None
    return Proxy(origin, path, model, Secret(key) if key else None, silent)


async def _patient(wish: Wish) -> Patient:
    """Read the configuration; where there is none, find out what `serve` would begin with."""
    where = folders(os.environ) if wish.folder is None else [wish.folder]
    try:
        config = read_configuration(wish.path, strict=True)
        if config is not None:
            return Patient(config, (), (), where)
        listen = ListenOptions()
        found = discover(os.environ, await find_local_servers(listen), listen)
        return Patient(config_of(found, listen), (), tuple(found.notes), where)
    except ConfigMistake as mistake:
        return Patient(None, mistakes_of(mistake), (), where)


def _watch(console: Console, *, as_json: bool) -> report.Silent | report.LiveTable:
    if as_json:
        return report.Silent()
    return report.LiveTable(console) if console.is_terminal else report.Lines(console)


def _conclude(
    found: Sequence[Examined], seconds: float, console: Console, *, as_json: bool
) -> None:
    if as_json:
        click.echo(json.dumps(report.as_object(found, seconds), indent=2))
    else:
        if console.is_terminal:
            console.print(report.table(found))
        console.print(report.summary(found, seconds))
    if worst(found) is Level.FAIL:
        sys.exit(1)
