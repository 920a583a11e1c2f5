"""How keys are shown: a table, lines, JSON. Never a secret, never a whole digest (S17)."""

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.commands.amounts import NANOS
from gateway.config.budgets import written
from gateway.policy.keys import KeyRecord
from gateway.telemetry.lines import printable
from gateway.words.budget import Budget, Per
from gateway.words.caller import Limits

WIDE = 4096
"""Columns where nobody looks on, so that a line stays a line."""

LABEL = 13

IN_FORCE = "in force"

COLUMNS = (
    *("name", "key", "state", "team", "models", "limits", "budgets", "created", "expires"),
    "from",
)

_ONE: Mapping[Per, str] = {
    "hour": "an hour",
    "day": "a day",
    "week": "a week",
    "month": "a month",
    "year": "a year",
}


@dataclass(frozen=True, slots=True)
class View:
    """One key as people see it. `source` says where it is kept; `state` what it is good for."""

    record: KeyRecord
    source: str
    state: str


def view_of(record: KeyRecord, source: str, teams: Collection[str], now: int) -> View:
    """Return a key with what it is good for now."""
    if record.revoked is not None:
        state = f"revoked {day_of(record.revoked)}"
    elif not record.holds(now):
        state = "expired"
    elif record.team is not None and record.team not in teams:
        state = "opens nothing: no such team"
    else:
        state = IN_FORCE
    return View(record, source, state)


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
        "created": _moment(record.created) or "",
        "expires": _moment(record.expires) or "never",
        "revoked": _moment(record.revoked) or "",
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
        "created": _moment(record.created),
        "expires": _moment(record.expires),
        "revoked": _moment(record.revoked),
        "metadata": record.metadata,
        "passthrough": record.passthrough,
    }


def day_of(seconds: int) -> str:
    """Return the day of a moment; empty where no moment is known."""
    return (_moment(seconds) or "")[:10]


def _moment(seconds: int | None) -> str | None:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}" if seconds else None


def _expiry(record: KeyRecord) -> str:
    return "never" if record.expires is None else day_of(record.expires)


def _models(record: KeyRecord) -> str:
    return ", ".join(record.models) or "all"


def _budgets(record: KeyRecord) -> str:
    return "; ".join(map(budget_in_words, record.budgets))


def budget_in_words(budget: Budget) -> str:
    """Say it in a line: `$100 a month for claude-opus-*, then gpt-5.2, told at 80 %`."""
    said = f"{usd_in_words(budget.nanos)} {_ONE[budget.per]}"
    said += f" for {' and '.join(budget.models)}" if budget.models else ""
    said += " for each user" if budget.each else ""
    said += ", at worst" if budget.reserve == "worst" else ""
    said += f", then {budget.then}" if budget.then is not None else ""
    parts = [f"{part:.0%}" for part in budget.alert]
    return said + (f", told at {' and '.join(parts)}" if parts else "")


def usd_in_words(nanos: int) -> str:
    """Write an amount with as many digits as it has, and no digit more."""
    whole, rest = divmod(nanos, NANOS)
    return f"${whole:,}" + (f".{rest:09}".rstrip("0") if rest else "")


def limits_in_words(limits: Limits) -> str:
    """Say them in a line; empty where there are none."""
    said = (
        (limits.requests_per_minute, "requests a minute"),
        (limits.tokens_per_minute, "tokens a minute"),
        (limits.concurrency, "at once"),
    )
    return ", ".join(f"{most:,} {what}" for most, what in said if most is not None)
