"""What one user has used lately, by day and model. Read only."""

from typing import Final, NamedTuple

from gateway.store.connection import Connection
from gateway.store.usage import DAY_NS

MOST_LINES: Final = 5_000
"""Pairs of a day and a model: behind a prefix a client may ask for any name."""

_OWN: Final = (
    "SELECT started_at_ns / ?, model, count(*),"
    " CAST(coalesce(sum(tokens_in), 0) AS BIGINT), CAST(coalesce(sum(tokens_out), 0) AS BIGINT),"
    " CAST(coalesce(sum(cost_nanos), 0) AS BIGINT) FROM calls"
    ' WHERE started_at_ns >= ? AND "user" = ? GROUP BY 1, 2 ORDER BY 1 DESC, 2 LIMIT ?'
)


class Own(NamedTuple):
    """What calls of a day for a model came to. Days are counted from the first of January 1970."""

    day: int
    model: str
    calls: int
    tokens_in: int
    tokens_out: int
    cost_nanos: int


def usage_of(connection: Connection, user: str, since: int) -> list[Own]:
    """Return what a user has used since a day, in UTC; where it is too much, of the last days.

    Raises `DatabaseFault`.
    """
    rows = connection.execute(_OWN, (DAY_NS, since * DAY_NS, user, MOST_LINES))
    return sorted(Own(int(day), model or "", *rest) for day, model, *rest in rows)
