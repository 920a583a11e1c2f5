"""`gateway explain`: who would answer for a model, in which order, and why. It asks nobody."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.commands.key_place import Place
from gateway.commands.reading import Refused, config_option, read_configuration
from gateway.commands.rights import Rights, lines_of, object_of, rights_of
from gateway.config.compose import Config, config_of
from gateway.config.discover import discover
from gateway.config.homes import homes_of
from gateway.config.mistakes import ConfigMistake, quoted
from gateway.downstream.options import ListenOptions
from gateway.policy.explain import Explained, Step, explain, question, told
from gateway.policy.health import Health
from gateway.policy.routes import Routes
from gateway.telemetry.lines import printable
from gateway.words.errors import UnknownModel

WIDE = 160
"""Columns where nobody looks on, so that a line stays a line."""

ONE_OF_MANY = "The order is that of one conversation; --thread TEXT shows another's."
JUDGES_ITSELF = "{providers} would be asked for its list first; `explain` asks nobody."


@click.command("explain")
@click.argument("model")
@config_option
@click.option(
    "--thread",
    metavar="TEXT",
    help="Show the plan of the conversation with this prompt_cache_key.",
)
@click.option("--key", metavar="NAME", help="Show what holds for a call with this virtual key.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
def command(
    model: str, path: Path | None, thread: str | None, key: str | None, *, as_json: bool
) -> None:
    """Show which targets a call for MODEL would be sent to, in which order, and why.

    It is the plan of a gateway that has just begun: no home rests, none is busy, none has figures.
    Below it stands what would follow if all of them failed in the same way, and with --key which
    limits and budgets hold. The exit code is 1 where there is no such model, and where the key may
    not ask for it.

    \b
    Examples:
      gateway explain gpt-5.2
      gateway explain smart --config gateway.toml --thread customer-17
      gateway explain smart --key ci
    """  # noqa: D301 (click's mark for lines that stay as they are)
    try:
        config = _configuration(path)
    except ConfigMistake as mistake:
        raise Refused(mistake) from None
    homes = homes_of(config)
    routes = Routes(homes.offers, homes.aliases, {}, homes.rules)
    try:
        explained = explain(routes, model, question(model, thread, Health()))
    except UnknownModel as unknown:
        raise click.ClickException(unknown.message) from None
    rights = None if key is None else rights_of(Place(path), key, model)
    if as_json:
        said = msgspec.to_builtins(told(model, explained))
        if rights is not None:
            said["caller"] = object_of(rights)
        click.echo(json.dumps(said, indent=2))
        return
    listing = {offer.provider for offer in homes.offers if offer.listing}
    notes = [] if thread is not None or not explained.asks_thread else [ONE_OF_MANY]
    if asked := sorted({step.target.provider for step in explained.steps} & listing):
        notes.append(JUDGES_ITSELF.format(providers=", ".join(asked)))
    _print(model, explained, rights, notes)


def _configuration(path: Path | None) -> Config:
    config = read_configuration(path)
    if config is None:
        listen = ListenOptions()
        config = config_of(discover(os.environ, {}, listen), listen)
    return config


def _print(model: str, explained: Explained, rights: Rights | None, notes: list[str]) -> None:
    width = None if sys.stdout.isatty() else WIDE
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    console.print(Text(model, "bold"))
    console.print(_table(explained.steps))
    if explained.context:
        console.print(Text("\nWhere the prompt is too long:", "bold"))
        console.print(_table(explained.context))
    console.print(Text("\nAfter a failure:", "bold"))
    console.print(_pairs(explained.after.items()))
    if rights is not None:
        console.print(Text(f"\nFor the key {quoted(rights.caller.key)}:", "bold"))
        lines = list(lines_of(rights)) or [("limits and budgets", "none")]
        console.print(_pairs((what, printable(text)) for what, text in lines))
    for note in notes:
        console.print(Text(f"\n{note}", "dim"))


def _pairs(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for what, text in rows:
        table.add_row(Text(what), Text(text))
    return table


def _table(steps: tuple[Step, ...]) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("", "target", "kind", "key", "why", "first token", "retries", "hedge", "resume"):
        table.add_column(Text(name), overflow="fold")
    for number, step in enumerate(steps, 1):
        conduct = step.target.conduct
        table.add_row(
            Text(str(number)),
            Text(step.target.name),
            Text(step.target.kind),
            Text(f"{step.key} of {step.keys}"),
            Text(step.why),
            Text(f"{step.target.timeouts.first_token:g} s"),
            Text(str(conduct.retries)),
            Text(f"{conduct.hedge_after:g} s" if conduct.hedge_after else "never"),
            Text("verified" if conduct.resume else "off"),
        )
    return table
