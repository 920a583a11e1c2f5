"""Opening balances: what budgets had spent elsewhere, before anything was counted here.

They are no calls and stand in no sum of the ledger. Whoever asks what a budget has spent is told
of them with the rest.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from gateway.store.connection import Connection

_KEEP: Final = (
    "INSERT INTO openings (account, starts, nanos) VALUES (?, ?, ?)"
    " ON CONFLICT (account, starts) DO UPDATE SET nanos = excluded.nanos"
    " WHERE openings.nanos <> excluded.nanos"
)
_OF_WINDOWS: Final = "SELECT account, nanos FROM openings WHERE starts = ?"


class Opening(NamedTuple):
    """What one account, by its name, had spent in the window that starts at a Unix second."""

    account: str
    starts: int
    nanos: int


def keep_openings(connection: Connection, openings: Iterable[Opening]) -> int:
    """Have these hold, each in place of what was known of it; return how many that has changed.

    It is done in the caller's transaction.
    """
    return sum(connection.execute(_KEEP, opening).rowcount for opening in openings)


def openings_at(connection: Connection, starts: int) -> dict[str, int]:
    """Return what each account had spent elsewhere in the windows that start at a moment."""
    return dict(connection.execute(_OF_WINDOWS, (starts,)).fetchall())
