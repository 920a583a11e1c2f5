"""What the ledger says, read while gateways write it."""

import time
from contextlib import closing
from dataclasses import dataclass
from itertools import starmap
from typing import Final

import trio

from gateway.store.database import Database

PATIENCE: Final = 10.0
PAUSE: Final = 0.15


@dataclass(frozen=True, slots=True)
class Entry:
    """One row, as far as the courses ask for it."""

    request_id: str
    outcome: str | None
    nanos: int | None
    started_ns: int


def entries(database: Database) -> list[Entry]:
    """Return all rows."""
    question = "SELECT request_id, outcome, cost_nanos, started_at_ns FROM calls"
    with closing(database.connect(readonly=True)) as connection:
        return list(starmap(Entry, connection.execute(question)))


def spent(rows: list[Entry]) -> int:
    """Return what they have cost together."""
    return sum(row.nanos or 0 for row in rows)


async def settled(database: Database, patience: float = PATIENCE) -> list[Entry]:
    """Return all rows, once none is open and none comes any more; or when patience has ended."""
    until = time.monotonic() + patience
    before: list[Entry] = []
    while True:
        rows = entries(database)
        if len(rows) == len(before) and all(row.outcome for row in rows):
            return rows
        if time.monotonic() > until:
            return rows
        before = rows
        await trio.sleep(PAUSE)
