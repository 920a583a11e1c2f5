"""`gateway usage`: what was used and what it cost, added up from the ledger."""

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict, Unpack

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.admin.ledger.moments import EPOCH
from gateway.admin.ledger.usage_lines import Line, csv_of, lines_of, object_of, total_of
from gateway.commands.reading import Refused, config_option, read_configuration
from gateway.commands.reconcile import Wanted, reconcile
from gateway.config.mistakes import ConfigMistake
from gateway.furnish import database_of
from gateway.store.connection import DatabaseFault
from gateway.store.database import Database
from gateway.store.usage import BY, Used, usage
from gateway.telemetry.amounts import dollars
from gateway.telemetry.lines import printable
from gateway.words.receipt import Outcome

COMPLETED = str(Outcome.COMPLETED)
WIDE = 160
"""Columns where nobody looks on, so that a line stays a line."""

TITLES = ("calls", "tokens in", "cached", "tokens out", "US$")
UNNAMED = "(none)"
UNPRICED = "{} of these calls have no price: what they cost is not in the sum."
DAY = click.DateTime(["%Y-%m-%d"])
FORMS = ("table", "csv", "json")
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


class Asked(TypedDict):
    """What is to be told, and how."""

    by: str
    since: datetime | None
    until: datetime | None
    form: str | None
    written: str | None
    reconcile: tuple[Path, ...]
    provider: str | None
    fail_over: float | None


@click.command("usage")
@click.option("--by", type=click.Choice(list(BY)), default="day", show_default=True)
@click.option("--since", type=DAY, metavar="DATE", help="The first day, such as 2026-11-01 (UTC).")
@click.option("--until", type=DAY, metavar="DATE", help="The last day; it is included.")
@click.option("--format", "written", type=click.Choice(FORMS), help="How it is told: a table.")
@click.option("--csv", "form", flag_value="csv", help="The same as --format csv.")
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option(
    "--reconcile",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Compare with a provider's exported usage or costs; may be given several times.",
)
@click.option("--provider", metavar="NAME", help="Compare calls to this provider alone.")
@click.option(
    "--fail-over",
    type=click.FloatRange(min=0),
    metavar="PERCENT",
    help="End with 1 where a sum differs by more than this.",
)
@click.option(
    "--database",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The database's file. Default: what [store] database of the configuration names.",
)
@config_option
def command(database: Path | None, path: Path | None, **asked: Unpack[Asked]) -> None:
    """Add up calls, tokens and cost, or compare them with what a provider says.

    It reads the ledger, also while gateways write it. Days are those of UTC, by when a call began.
    Costs are US dollars, exact to the nano-dollar. Calls that are open are counted too; those
    whose process died before they ended are `lost`.

    \b
    Examples:
      gateway usage --by model --since 2026-11-01
      gateway usage --by key --csv > november.csv
      gateway usage --reconcile usage.csv --reconcile costs.csv --provider openai
      gateway usage --database /var/lib/gateway/gateway.db --json
    """  # noqa: D301 (click's mark for lines that stay as they are)
    form = asked["written"] or asked["form"] or FORMS[0]
    whole = _configured(path) if database is None else Database(database)
    if asked["reconcile"]:
        since, until = _day(asked["since"]), _day(asked["until"])
        wanted = Wanted(
            asked["reconcile"], asked["provider"], since, until, form, asked["fail_over"]
        )
        if not reconcile(whole, wanted):
            raise SystemExit(1)
        return
    if asked["provider"] is not None or asked["fail_over"] is not None:
        raise click.UsageError("--provider and --fail-over belong to --reconcile.")
    _tell(whole, asked, form)


def _tell(database: Database, asked: Asked, form: str) -> None:
    by = asked["by"]
    lines = lines_of(_added_up(database, by, asked["since"], asked["until"]), by)
    total = total_of(lines)
    if form == "json":
        rows = [{by: name, **object_of(used)} for name, used in lines]
        click.echo(json.dumps({"by": by, "rows": rows, "total": object_of(total)}, indent=2))
    elif form == "csv":
        click.echo(csv_of(by, lines), nl=False)
    else:
        _print(by, lines, total)


def _configured(path: Path | None) -> Database:
    try:
        config = read_configuration(path)
    except ConfigMistake as mistake:
        raise Refused(mistake) from None
    if config is None:
        raise click.ClickException(
            "There is no configuration that names a database: name its file with --database."
        )
    database = database_of(config)
    if database is None:
        raise click.ClickException(
            f"{config.source} keeps no ledger: [store] database names no database."
        )
    return database


def _added_up(
    database: Database, by: str, since: datetime | None, until: datetime | None
) -> dict[str | int | None, Used]:
    try:
        with closing(database.connect(readonly=True)) as connection:
            return usage(connection, by, _day(since), _day(until))
    except DatabaseFault as fault:
        raise click.ClickException(str(fault)) from None


def _day(moment: datetime | None) -> int | None:
    """Return the number of a day since 1970."""
    return None if moment is None else (moment.replace(tzinfo=UTC).date() - EPOCH).days


def _print(by: str, lines: Sequence[Line], total: Used) -> None:
    width = None if sys.stdout.isatty() else WIDE
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    if not lines:
        console.print(Text("No calls."))
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), footer_style="bold")
    table.add_column(Text(by), Text("all"), overflow="fold")
    shown = _cells(total)
    for title, cell in zip(TITLES, shown, strict=False):
        table.add_column(Text(title), Text(cell), justify="right")
    table.add_column(Text("not completed"), Text(shown[-1]), overflow="fold")
    table.show_footer = len(lines) > 1
    for name, used in lines:
        table.add_row(Text(printable(name or UNNAMED)), *[Text(cell) for cell in _cells(used)])
    console.print(table)
    if total.unpriced:
        console.print(Text(f"\n{UNPRICED.format(f'{total.unpriced:,}')}", "dim"))


def _cells(used: Used) -> list[str]:
    rest = [
        f"{calls:,} {outcome}"
        for outcome, calls in sorted(used.outcomes.items(), key=lambda each: -each[1])
        if outcome != COMPLETED
    ]
    return [
        f"{used.calls:,}",
        f"{used.tokens_in:,}",
        f"{used.cached_tokens:,}",
        f"{used.tokens_out:,}",
        dollars(used.cost_nanos),
        ", ".join(rest),
    ]
