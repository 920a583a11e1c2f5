"""`gateway usage`: what was used and what it cost, added up from the ledger."""

import csv
import io
import json
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.commands.reading import Refused, config_option, read_configuration
from gateway.config.mistakes import ConfigMistake
from gateway.furnish import database_of
from gateway.store.database import Database, DatabaseFault, fault_of
from gateway.store.rows import LOST
from gateway.store.usage import BY, OPEN, Used, usage
from gateway.telemetry.lines import printable
from gateway.words.receipt import Outcome

WIDE = 160
"""Columns where nobody looks on, so that a line stays a line."""

NANOS = 1_000_000_000
EPOCH = date(1970, 1, 1)
OUTCOMES = (*map(str, Outcome), LOST, OPEN)
COMPLETED = str(Outcome.COMPLETED)
TITLES = ("calls", "tokens in", "cached", "tokens out", "US$")
UNNAMED = "(none)"
UNPRICED = "{} of these calls have no price: what they cost is not in the sum."
DAY = click.DateTime(["%Y-%m-%d"])

Line = tuple[str | None, Used]


@click.command("usage")
@click.option("--by", type=click.Choice(list(BY)), default="day", show_default=True)
@click.option("--since", type=DAY, metavar="DATE", help="The first day, such as 2026-11-01 (UTC).")
@click.option("--until", type=DAY, metavar="DATE", help="The last day; it is included.")
@click.option("--csv", "form", flag_value="csv", help="Print comma-separated values.")
@click.option("--json", "form", flag_value="json", help="Print one JSON object, for programs.")
@click.option(
    "--database",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The database's file. Default: what [store] database of the configuration names.",
)
@config_option
def command(
    *,
    by: str,
    since: datetime | None,
    until: datetime | None,
    form: str | None,
    database: Path | None,
    path: Path | None,
) -> None:
    """Add up calls, tokens and cost by day, key, team, model or target.

    It reads the ledger, also while gateways write it. Days are those of UTC, by when a call began.
    Costs are US dollars, exact to the nano-dollar. Calls that are open are counted too; those
    whose process died before they ended are `lost`.

    \b
    Examples:
      gateway usage --by model --since 2026-11-01
      gateway usage --by key --csv > november.csv
      gateway usage --database /var/lib/gateway/gateway.db --json
    """  # noqa: D301 (click's mark for lines that stay as they are)
    whole = _configured(path) if database is None else Database(database)
    lines = _lines(_added_up(whole, by, since, until), by)
    total = Used()
    for _, used in lines:
        total += used
    if form == "json":
        rows = [{by: name, **_object(used)} for name, used in lines]
        click.echo(json.dumps({"by": by, "rows": rows, "total": _object(total)}, indent=2))
    elif form == "csv":
        _write_csv(by, lines)
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
    except sqlite3.Error as error:
        raise click.ClickException(str(fault_of(error, database.path))) from None


def _day(moment: datetime | None) -> int | None:
    """Return the number of a day since 1970."""
    return None if moment is None else (moment.replace(tzinfo=UTC).date() - EPOCH).days


def _lines(found: Mapping[str | int | None, Used], by: str) -> list[Line]:
    """Return what is shown: days in their order, all else with the dearest first."""
    if by == "day":
        days = sorted(day for day in found if isinstance(day, int))
        return [((EPOCH + timedelta(days=day)).isoformat(), found[day]) for day in days]
    named = [(None if name is None else str(name), used) for name, used in found.items()]
    return sorted(named, key=lambda line: (-line[1].cost_nanos, -line[1].calls, line[0] or ""))


def dollars(nanos: int) -> str:
    """Write an amount exactly, with two decimals at least."""
    whole, rest = divmod(abs(nanos), NANOS)
    decimals = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nanos < 0 else ''}{whole}.{decimals}"


def _object(used: Used) -> dict[str, object]:
    return {
        "calls": used.calls,
        "outcomes": used.outcomes,
        "tokens_in": used.tokens_in,
        "cached_tokens": used.cached_tokens,
        "tokens_out": used.tokens_out,
        "cost_usd": dollars(used.cost_nanos),
        "cost_nanos": used.cost_nanos,
        "unpriced": used.unpriced,
    }


def _write_csv(by: str, lines: Sequence[Line]) -> None:
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    sums = ("calls", "tokens_in", "cached_tokens", "tokens_out", "cost_usd", "unpriced")
    writer.writerow([by, *sums, *OUTCOMES])
    for name, used in lines:
        told = _object(used)
        counts = [used.outcomes.get(outcome, 0) for outcome in OUTCOMES]
        writer.writerow([_cell(name), *[told[each] for each in sums], *counts])
    click.echo(page.getvalue(), nl=False)


def _cell(name: str | None) -> str:
    """Return a name that no spreadsheet takes for a formula: clients choose models."""
    return f"'{name}" if name and name[0] in "=+-@" else name or ""


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
