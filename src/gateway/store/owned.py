"""The table of objects: whose each of them is. Its functions block, so they are called in threads.

Whoever had an object first keeps it. What nobody has asked about for long is taken out.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gateway.store.connection import Connection, Kind, RowRefused, transaction
from gateway.words.owned import Owned

DAY: Final = 86_400
KEPT_DAYS: Final = 1_100
SHORTER_DAYS: Final[Mapping[str, int]] = {"response": 45}
"""How long whose an object is stays known, in days; a provider keeps responses for 30."""

MOST_AT_ONCE: Final = 1_000
"""Rows that are taken out in one statement."""

_FIND: Final[Mapping[Kind, str]] = {
    "sqlite": (
        "SELECT id, kind, provider, scope FROM objects"
        " WHERE id IN (SELECT value FROM json_each(?)) AND kept_until > ?"
    ),
    "postgres": (
        "SELECT id, kind, provider, scope FROM objects"
        " WHERE id IN (SELECT json_array_elements_text(CAST(? AS json))) AND kept_until > ?"
    ),
}
_CLAIM: Final = (
    "INSERT INTO objects (id, kind, provider, scope, made_at, kept_until)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET kept_until = excluded.kept_until"
    " WHERE objects.scope = excluded.scope AND objects.provider = excluded.provider"
    " AND objects.kept_until < excluded.kept_until - ?"
)
_FORGET: Final = "DELETE FROM objects WHERE id = ?"
_PRUNE: Final = (
    "DELETE FROM objects WHERE id IN"
    " (SELECT id FROM objects WHERE kept_until <= ? ORDER BY kept_until LIMIT ?)"
)

Change = tuple[str, Owned | None]
"""An id and whose it is from now on; None: it is no more."""


def find(connection: Connection, ids: Sequence[str], now: int) -> dict[str, Owned]:
    """Return the owners of those objects that have one. `now` is Unix time in seconds."""
    rows = connection.execute(_FIND[connection.kind], (msgspec.json.encode(ids).decode(), now))
    return {one: Owned(kind, provider, bytes(scope)) for one, kind, provider, scope in rows}


def write(connection: Connection, changes: Sequence[Change], now: int) -> None:
    """Write what has changed, all of it or nothing; what the database refuses is passed over."""
    try:
        with transaction(connection):
            for change in changes:
                _write(connection, change, now)
    except RowRefused:
        for change in changes if len(changes) > 1 else ():
            write(connection, (change,), now)


def _write(connection: Connection, change: Change, now: int) -> None:
    one, owned = change
    if owned is None:
        connection.execute(_FORGET, (one,))
        return
    until = now + DAY * SHORTER_DAYS.get(owned.kind, KEPT_DAYS)
    row = (one, owned.kind, owned.provider, owned.scope, now, until, DAY)
    connection.execute(_CLAIM, row)


def prune(connection: Connection, now: int) -> int:
    """Take out some of those that are kept no longer; return how many those were."""
    return connection.execute(_PRUNE, (now, MOST_AT_ONCE)).rowcount
