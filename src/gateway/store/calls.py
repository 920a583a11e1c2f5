"""The table of calls, as the ledger writes it: rows may come twice and in any order.

A call has its process's number and its own; what is known of it only grows: open, then lost, then
how it ended. Whatever comes late says no less than what is there, or is passed over.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Final

from gateway.store.journal import MOST_CALLS, Numbered
from gateway.store.rows import COLUMNS, LOST

STEPS: Final = (64, 8, 1)
"""Rows in one statement. Python's lock is given up for each statement, and asked for again: while
the loop is busy that takes longer than writing a row."""

REFUSALS: Final = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeEncodeError,
)
"""What is raised for a value that no column can hold. It may be a row of another version's."""

_NAMES: Final = ", ".join(f'"{name}"' for name in ("id", *COLUMNS))
_MARKS: Final = f"({', '.join('?' * (len(COLUMNS) + 1))})"
_TAKEN_OVER: Final = ", ".join(f'"{name}" = excluded."{name}"' for name in COLUMNS)


def _statement(rows: int) -> str:
    # All of it is put together from names that stand in this file and in `rows.py`.
    return (
        f"INSERT INTO calls ({_NAMES}) VALUES {', '.join([_MARKS] * rows)}"  # noqa: S608
        f" ON CONFLICT (id) DO UPDATE SET {_TAKEN_OVER}"
        f" WHERE excluded.outcome IS NOT NULL AND coalesce(calls.outcome, '{LOST}') = '{LOST}'"
    )


_ADD: Final = {step: _statement(step) for step in STEPS}

_BURY: Final = "UPDATE calls SET outcome = ? WHERE outcome IS NULL AND id BETWEEN ? AND ?"


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def number_of(connection: sqlite3.Connection, writer: str) -> int:
    """Return the number of a process; it is given one the first time."""
    found = connection.execute("SELECT number FROM writers WHERE name = ?", (writer,)).fetchone()
    if found is not None:
        return int(found[0])
    given = connection.execute("INSERT INTO writers (name) VALUES (?)", (writer,)).lastrowid
    assert given is not None
    return given


def add(connection: sqlite3.Connection, writer: int, rows: Sequence[Numbered]) -> list[Numbered]:
    """Add rows of a process; return those that the database refuses for what they say."""
    try:
        with transaction(connection):
            _add(connection, writer, rows, STEPS)
        return []
    except REFUSALS:
        pass
    with transaction(connection):
        return [row for row in rows if not _accepted(connection, writer, row)]


def _add(
    connection: sqlite3.Connection, writer: int, rows: Sequence[Numbered], steps: Iterable[int]
) -> None:
    begin, first = 0, writer * MOST_CALLS
    for step in steps:
        while len(rows) - begin >= step:
            part = rows[begin : begin + step]
            values = chain.from_iterable((first + number, *row) for number, row in part)
            connection.execute(_ADD[step], tuple(values))
            begin += step


def _accepted(connection: sqlite3.Connection, writer: int, row: Numbered) -> bool:
    try:
        _add(connection, writer, [row], (1,))
    except REFUSALS:
        return False
    return True


def bury(connection: sqlite3.Connection, writer: int) -> int:
    """Close what a process has left open as lost; return how many calls those were."""
    first = writer * MOST_CALLS
    return connection.execute(_BURY, (LOST, first, first + MOST_CALLS - 1)).rowcount


def forget(connection: sqlite3.Connection, alive: Callable[[], set[str]]) -> int:
    """Forget all processes but those that have a file; return how many calls they had left open.

    `alive` is asked last: a process has its file before its number, and until after its last row.
    """
    lost = 0
    with transaction(connection):
        writers = connection.execute("SELECT number, name FROM writers").fetchall()
        names = alive()
        for number, name in writers:
            if name not in names:
                lost += bury(connection, number)
                connection.execute("DELETE FROM writers WHERE number = ?", (number,))
    return lost
