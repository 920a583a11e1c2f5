"""`gateway usage --reconcile`: how the ledger and a provider's own figures differ, and why."""

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.store.connection import DatabaseFault
from gateway.store.database import Database
from gateway.store.reconcile import (
    MEASURES,
    Amounts,
    Line,
    Measure,
    Ours,
    Pair,
    compare,
    totals,
)
from gateway.store.reconcile_exports import Export, ExportFault
from gateway.store.reconcile_files import read_exports
from gateway.store.reconcile_ledger import ledger_of
from gateway.telemetry.amounts import cell_of, dollars
from gateway.telemetry.lines import printable

WIDE = 200
"""Columns where nobody looks on: four measures are compared."""

EPOCH = date(1970, 1, 1)
TITLES: Mapping[Measure, str] = {
    "requests": "requests",
    "tokens_in": "tokens in",
    "tokens_out": "tokens out",
    "cost_nanos": "US$",
}
WHOLE_DAY = "(all models)"
NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is compared; days are counted since 1970, both included. `form` is how it is told."""

    paths: Sequence[Path]
    provider: str | None
    since: int | None
    until: int | None
    form: str
    fail_over: float | None


def reconcile(database: Database, wanted: Wanted) -> bool:
    """Print the comparison. Return whether the sums differ by less than what is to fail."""
    export, lines = _compared(database, wanted)
    sums = totals(lines)
    if wanted.form == "json":
        click.echo(json.dumps(_object(export, lines, sums), indent=2))
    elif wanted.form == "csv":
        click.echo(_table_of(lines), nl=False)
    else:
        _print(lines, sums)
    _tell(export, wanted)
    most = wanted.fail_over
    return most is None or not any(_is_beyond(pair, most) for pair in sums.values())


def _compared(database: Database, wanted: Wanted) -> tuple[Export, list[Line]]:
    try:
        export = read_exports(wanted.paths)
        days = [day for day, _ in export.amounts]
        first = min(days) if wanted.since is None else wanted.since
        last = max(days) if wanted.until is None else wanted.until
        theirs = {key: each for key, each in export.amounts.items() if first <= key[0] <= last}
        with closing(database.connect(readonly=True)) as connection:
            ours = ledger_of(connection, first, last, wanted.provider)
    except (ExportFault, DatabaseFault) as fault:
        raise click.ClickException(str(fault)) from None
    return export, compare(ours, theirs)


def _is_beyond(pair: Pair, most: float) -> bool:
    return pair.percent is None or abs(pair.percent) > most


def _tell(export: Export, wanted: Wanted) -> None:
    """Say on stderr what was read, and what could not be."""
    whose = "all providers" if wanted.provider is None else f"the provider {wanted.provider}"
    forms = ", ".join(dict.fromkeys(export.forms))
    click.echo(
        f"Compared with calls to {printable(whose)}: {export.lines:,} lines ({forms}).", err=True
    )
    for note in export.notes:
        click.echo(printable(note), err=True)
    if export.malformed:
        click.echo(f"{export.malformed:,} lines cannot be read and are not counted:", err=True)
        for told in export.told:
            click.echo(f"  {printable(told)}", err=True)


def _day(line: Line) -> str:
    return (EPOCH + timedelta(days=line.day)).isoformat()


def _side(line: Line) -> str | None:
    """Say which side alone has a line; None where both have it."""
    if line.theirs is None:
        return "ledger"
    return "provider" if line.ours is None else None


def _object(
    export: Export, lines: Sequence[Line], sums: Mapping[Measure, Pair]
) -> dict[str, object]:
    rows = []
    for line in lines:
        ours = line.ours or Ours()
        rows.append(
            {
                "day": _day(line),
                "model": line.model,
                "only_in": _side(line),
                **_pairs(line.pairs),
                "aborted": _amounts(ours.aborted),
                "estimated": _amounts(ours.estimated),
                "lost": ours.lost,
                "open": ours.open,
                "unpriced": ours.unpriced,
            }
        )
    return {
        "forms": export.forms,
        "lines": export.lines,
        "malformed": export.malformed,
        "rows": rows,
        "total": _pairs(sums),
    }


def _pairs(pairs: Mapping[Measure, Pair]) -> dict[str, object]:
    return {str(measure): _pair(measure, pair) for measure, pair in pairs.items()}


def _pair(measure: Measure, pair: Pair) -> dict[str, object]:
    told: dict[str, object] = {
        "ledger": pair.ours,
        "provider": pair.theirs,
        "difference": pair.difference,
        "percent": None if pair.percent is None else round(pair.percent, 4),
    }
    if measure == "cost_nanos":
        told["difference_usd"] = dollars(pair.difference)
    return told


def _amounts(amounts: Amounts) -> dict[str, object]:
    return {measure: amounts.of(measure) for measure in MEASURES}


def _table_of(lines: Sequence[Line]) -> str:
    """Return all lines as CSV; money is in US dollars there, exactly."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    names = [name.replace("cost_nanos", "cost_usd") for name in MEASURES]
    parts = ("ledger", "provider", "difference", "percent")
    head = [f"{name}_{part}" for name in names for part in parts]
    why = ("aborted", "estimated", "lost", "open", "unpriced")
    writer.writerow(["day", "model", "only_in", *head, *why])
    for line in lines:
        cells: list[object] = []
        for measure in MEASURES:
            pair = line.pairs.get(measure)
            cells += [""] * 4 if pair is None else _pair_cells(measure, pair)
        ours = line.ours or Ours()
        counts = (ours.aborted.requests, ours.estimated.requests, ours.lost, ours.open)
        writer.writerow(
            [_day(line), cell_of(line.model), _side(line) or "", *cells, *counts, ours.unpriced]
        )
    return page.getvalue()


def _pair_cells(measure: Measure, pair: Pair) -> list[object]:
    percent = "" if pair.percent is None else f"{pair.percent:.4f}"
    amounts = (pair.ours, pair.theirs, pair.difference)
    if measure == "cost_nanos":
        return [*map(dollars, amounts), percent]
    return [*amounts, percent]


def _print(lines: Sequence[Line], sums: Mapping[Measure, Pair]) -> None:
    width = None if sys.stdout.isatty() else WIDE
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    if not lines:
        console.print(Text("Nothing to compare."))
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), footer_style="bold")
    table.add_column(Text("day"), Text("all"))
    table.add_column(Text("model"), overflow="fold")
    for measure, pair in sums.items():
        ledger, off = _shown(measure, pair)
        table.add_column(Text(TITLES[measure]), Text(ledger), justify="right")
        table.add_column(Text("provider's"), Text(off), justify="right")
    table.add_column(Text("what may explain it"), overflow="fold")
    table.show_footer = len(lines) > 1
    for line in lines:
        cells = [
            cell
            for measure in sums
            for cell in (
                _shown(measure, line.pairs[measure]) if measure in line.pairs else (NOTHING, "")
            )
        ]
        model = WHOLE_DAY if line.model is None else line.model
        texts = (_day(line), printable(model), *cells, _why(line))
        table.add_row(*[Text(text) for text in texts])
    console.print(table)


def _shown(measure: Measure, pair: Pair) -> tuple[str, str]:
    """Return what the ledger has, and by how much the provider's figure is another."""
    money = measure == "cost_nanos"
    have = dollars(pair.ours) if money else f"{pair.ours:,}"
    if not pair.difference:
        return have, "="
    off = dollars(pair.difference) if money else f"{pair.difference:,}"
    sign = "+" if pair.difference > 0 else ""
    percent = "" if pair.percent is None else f" ({pair.percent:+.1f} %)"
    return have, f"{sign}{off}{percent}"


def _why(line: Line) -> str:
    side = _side(line)
    told = [f"only the {side} has it"] if side else []
    if (ours := line.ours) is not None:
        counts = {
            "aborted": ours.aborted.requests,
            "estimated": ours.estimated.requests,
            "lost": ours.lost,
            "open": ours.open,
            "without a price": ours.unpriced,
        }
        told += [f"{count:,} {what}" for what, count in counts.items() if count]
    return ", ".join(told)
