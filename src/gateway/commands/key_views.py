"""How keys are shown: a table, lines, JSON. Never a secret, never a whole digest (S17)."""

import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.config.budgets import written
from gateway.policy.keys import KeyRecord
from gateway.policy.wording import (
    IN_FORCE,
    budget_in_words,
    day_of,
    limits_in_words,
    moment_of,
    state_of,
)
from gateway.telemetry.lines import printable

WIDE = 4096
"""Columns where nobody looks on, so that a line stays a line."""

LABEL = 13

COLUMNS = (
    *("name", "key", "state", "team", "models", "limits", "budgets", "created", "expires"),
    "from",
)


@dataclass(frozen=True, slots=True)
class View:
    """One key as people see it. `source` says where it is kept; `state` what it is good for."""

    record: KeyRecord
    source: str
    state: str


def view_of(record: KeyRecord, source: str, teams: Collection[str], now: int) -> View:
    """Return a key with what it is good for now."""
    return View(record, source, state_of(record, teams, now))


def print_table(views: Sequence[View]) -> None:
    """Print a line for each key."""
    width = None if sys.stdout.isatty() else WIDE
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in COLUMNS:
        table.add_column(Text(name), overflow="fold")
    for view in views:
        record = view.record
        row = (
            *(record.name, record.hint, view.state, record.team or "", _models(record)),
            *(limits_in_words(record.limits), _budgets(record), day_of(record.created)),
            *(_expiry(record), view.source),
        )
        style = "" if view.state == IN_FORCE else "dim"
        table.add_row(*(Text(printable(cell)) for cell in row), style=style)
    console.print(table)


def lines_of(view: View) -> Iterator[str]:
    """Yield all that is known of one key, a line each."""
    record = view.record
    told = {
        "key": record.hint,
        "id": record.key_id,
        "from": view.source,
        "state": view.state,
        "team": record.team or "",
        "user": record.user or "",
        "models": _models(record),
        "limits": limits_in_words(record.limits) or "none",
        "budgets": _budgets(record) or "none",
        "created": moment_of(record.created) or "",
        "expires": moment_of(record.expires) or "never",
        "revoked": moment_of(record.revoked) or "",
        "passthrough": ", ".join(record.passthrough),
        "metadata": ", ".join(f"{name}={value}" for name, value in record.metadata.items()),
    }
    yield printable(record.name)
    for label, text in told.items():
        if text:
            yield f"  {label:<{LABEL}}{printable(text)}"


def object_of(view: View) -> dict[str, object]:
    """Return the same for programs."""
    record = view.record
    return {
        "name": record.name,
        "hint": record.hint,
        "id": record.key_id,
        "from": view.source,
        "state": view.state,
        "team": record.team,
        "user": record.user,
        "models": record.models,
        "limits": asdict(record.limits),
        "budgets": [written(budget) for budget in record.budgets],
        "created": moment_of(record.created),
        "expires": moment_of(record.expires),
        "revoked": moment_of(record.revoked),
        "metadata": record.metadata,
        "passthrough": record.passthrough,
    }


def _expiry(record: KeyRecord) -> str:
    return "never" if record.expires is None else day_of(record.expires)


def _models(record: KeyRecord) -> str:
    return ", ".join(record.models) or "all"


def _budgets(record: KeyRecord) -> str:
    return "; ".join(map(budget_in_words, record.budgets))
