"""How the rights of keys and teams are said in words, wherever people read them. Pure."""

from collections.abc import Container, Mapping
from datetime import UTC, datetime
from typing import Final

from gateway.policy.keys import KeyRecord
from gateway.words.budget import Budget, Per
from gateway.words.caller import Limits

NANOS: Final = 1_000_000_000
"""Nano-dollars in a dollar."""

IN_FORCE: Final = "in force"

_ONE: Final[Mapping[Per, str]] = {
    "hour": "an hour",
    "day": "a day",
    "week": "a week",
    "month": "a month",
    "year": "a year",
}


def state_of(record: KeyRecord, teams: Container[str], now: float) -> str:
    """Say what a key is good for at this time, in Unix seconds."""
    if record.revoked is not None:
        return f"revoked {day_of(record.revoked)}"
    if not record.holds(now):
        return "expired"
    if record.team is not None and record.team not in teams:
        return "opens nothing: no such team"
    return IN_FORCE


def day_of(seconds: int | None) -> str:
    """Return the day of a moment; empty where no moment is known."""
    return (moment_of(seconds) or "")[:10]


def moment_of(seconds: int | None) -> str | None:
    """Write a moment of Unix time in UTC; None where none is known."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}" if seconds else None


def limits_in_words(limits: Limits) -> str:
    """Say them in a line; empty where there are none."""
    said = (
        (limits.requests_per_minute, "requests a minute"),
        (limits.tokens_per_minute, "tokens a minute"),
        (limits.concurrency, "at once"),
    )
    return ", ".join(f"{most:,} {what}" for most, what in said if most is not None)


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
