"""Moments and days as people and programs write them, all in UTC."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from msgspec import Meta

from gateway.admin.routes import Refusal
from gateway.store.usage import DAY_NS

EPOCH: Final = date(1970, 1, 1)
SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
LAST_NS: Final = 2**62
"""In the year 2116."""

Moment = Annotated[
    str,
    Meta(
        pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?Z?)?)?$",
        description="A day or a moment in UTC: 2026-11-30, 2026-11-30T08:15, 2026-11-30T08:15:30Z.",
    ),
]
Day = Annotated[
    str,
    Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$", description="A day in UTC: 2026-11-30."),
]


def span_of(text: str) -> tuple[int, int]:
    """Return the first and the last nanosecond of the day, minute or second that a text names.

    Raises `Refusal`.
    """
    try:
        moment = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        raise Refusal(400, "invalid_value", f"{text} is no day or time.") from None
    first = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) * SECOND_NS
    length = {10: DAY_NS, 16: MINUTE_NS}.get(len(text.removesuffix("Z")), SECOND_NS)
    return _bounded(first), _bounded(first + length - 1)


def _bounded(at_ns: int) -> int:
    """Return a moment that a database can hold: no call began before 1970."""
    return min(max(at_ns, 0), LAST_NS)


def day_number(text: str) -> int:
    """Return the number of a day, counted from the first of January 1970. Raises `Refusal`."""
    return span_of(text)[0] // DAY_NS


def day_of(number: int) -> str:
    """Write a day that is given by its number."""
    return (EPOCH + timedelta(days=number)).isoformat()


def short_day(day: str) -> str:
    """Write a day as people do within a year: 30 Nov."""
    return f"{date.fromisoformat(day):%-d %b}"


def moment_of(at_ns: int | None) -> str:
    """Write a moment to the second, for people; empty where none is known."""
    if at_ns is None:
        return ""
    return f"{datetime.fromtimestamp(at_ns // SECOND_NS, UTC):%Y-%m-%d %H:%M:%S}"


def second_of(seconds: int) -> str:
    """Write a moment of Unix time as programs read it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
