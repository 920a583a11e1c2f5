"""The table of calls, as the ledger writes it: rows may come twice and in any order.

A call has its process's number and its own; what is known of it only grows: open, then lost, then
how it ended. Whatever comes late says no less than what is there, or is passed over.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Final

import msgspec

from gateway.store.connection import Connection, Kind, RowRefused, transaction
from gateway.store.journal import MOST_CALLS, Numbered
from gateway.store.rows import COLUMNS, LOST, Row, Value

STEPS: Final = (64, 8, 1)
"""Rows in one of SQLite's statements. Python's lock is given up for each statement, and asked for
again: while the loop is busy that takes longer than writing a row."""

_ALL: Final = ("id", *COLUMNS)
_OUTCOME: Final = COLUMNS.index("outcome")
_NAMES: Final = ", ".join(f'"{name}"' for name in _ALL)
_MARKS: Final = f"({', '.join('?' * len(_ALL))})"
_TAKEN_OVER: Final = ", ".join(f'"{name}" = excluded."{name}"' for name in COLUMNS)

# What follows is put together from names that stand in this file and in `rows.py`.
_INTO: Final = f"INSERT INTO calls ({_NAMES})"
_UNLESS_MORE_IS_KNOWN: Final = (
    f" ON CONFLICT (id) DO UPDATE SET {_TAKEN_OVER}"
    f" WHERE excluded.outcome IS NOT NULL AND coalesce(calls.outcome, '{LOST}') = '{LOST}'"
)
_ADD: Final = {
    step: f"{_INTO} VALUES {', '.join([_MARKS] * step)}{_UNLESS_MORE_IS_KNOWN}" for step in STEPS
}
_ADD_ALL: Final = (
    f"{_INTO} SELECT {_NAMES} FROM json_populate_recordset(NULL::calls, ?)"  # noqa: S608
    f"{_UNLESS_MORE_IS_KNOWN}"
)

_NUMBER: Final = "SELECT number FROM writers WHERE name = ?"
_COME_BACK: Final = "INSERT INTO writers (number, name) VALUES (?, ?) ON CONFLICT DO NOTHING"
_COME: Final = "INSERT INTO writers (name) VALUES (?) RETURNING number"
_LEAVE: Final = "DELETE FROM writers WHERE number = ?"
_WRITERS: Final = "SELECT number, name FROM writers"
_BURY: Final = "UPDATE calls SET outcome = ? WHERE outcome IS NULL AND id BETWEEN ? AND ?"


def number_of(connection: Connection, writer: str, before: int = 0) -> int:
    """Return the number of a process; it is given one the first time.

    `before` is the number that it has had in this database: though forgotten, it has it again.
    """
    found = connection.execute(_NUMBER, (writer,)).fetchone()
    if found is not None:
        return int(found[0])
    if before and connection.execute(_COME_BACK, (before, writer)).rowcount:
        return before
    ((given,),) = connection.execute(_COME, (writer,))
    return int(given)


def add(connection: Connection, writer: int, rows: Sequence[Numbered]) -> list[Numbered]:
    """Add rows of a process; return those that the database refuses for what they say."""
    if not rows:
        return []
    try:
        _ADDING[connection.kind](connection, writer * MOST_CALLS, rows)
    except RowRefused:
        middle = len(rows) // 2
        if not middle:
            return list(rows)
    else:
        return []
    return [*add(connection, writer, rows[:middle]), *add(connection, writer, rows[middle:])]


def _add_in_steps(connection: Connection, first: int, rows: Sequence[Numbered]) -> None:
    """Add rows to SQLite: some in each statement, all of them or none."""
    begin = 0
    with transaction(connection):
        for step in STEPS:
            while len(rows) - begin >= step:
                part = rows[begin : begin + step]
                values = chain.from_iterable((first + number, *row) for number, row in part)
                connection.execute(_ADD[step], tuple(values))
                begin += step


def _add_at_once(connection: Connection, first: int, rows: Sequence[Numbered]) -> None:
    """Add rows to PostgreSQL: one statement and one value, so one way there and back.

    A statement may not touch a row twice, so of one call that which says most is added alone.
    """
    most: dict[int, Row] = {}
    for number, row in rows:
        known = most.get(number)
        if known is None or _weight(row) > _weight(known):
            most[number] = row
    named = [dict(zip(_ALL, (first + number, *row), strict=True)) for number, row in most.items()]
    connection.execute(_ADD_ALL, (_json(named),))


def _weight(row: Row) -> int:
    outcome = row[_OUTCOME]
    return 0 if outcome is None else 1 if outcome == LOST else 2


def _json(rows: list[dict[str, Value]]) -> str:
    try:
        return msgspec.json.encode(rows).decode()
    except UnicodeEncodeError:
        raise RowRefused("A row holds what is no text.") from None


_ADDING: Final[Mapping[Kind, Callable[[Connection, int, Sequence[Numbered]], None]]] = {
    "sqlite": _add_in_steps,
    "postgres": _add_at_once,
}


def bury(connection: Connection, writer: int) -> int:
    """Close what a process has left open as lost; return how many calls those were."""
    first = writer * MOST_CALLS
    return connection.execute(_BURY, (LOST, first, first + MOST_CALLS - 1)).rowcount


def leave(connection: Connection, writer: int) -> None:
    """Forget a process that is no more, and whose journal is no more: it has nothing to add."""
    connection.execute(_LEAVE, (writer,))


def forget(connection: Connection, alive: Callable[[], set[str]]) -> int:
    """Forget all processes but those that have a file; return how many calls they had left open.

    `alive` is asked last: a process has its file before its number, and until after its last row.
    """
    lost = 0
    with transaction(connection):
        writers = connection.execute(_WRITERS).fetchall()
        names = alive()
        for number, name in writers:
            if name not in names:
                lost += bury(connection, number)
                leave(connection, number)
    return lost
