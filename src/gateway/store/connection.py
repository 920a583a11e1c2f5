"""What the room asks of a connection to its database, whichever that is, and what may go wrong.

SQL is written once, with `?` for values; where the two databases want other words, a table by
`Kind` has both. What one of them raises is turned into the faults of this file at its own border,
and no sentence of a fault holds a secret (S17).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal, Protocol

Kind = Literal["sqlite", "postgres"]


class DatabaseFault(Exception):
    """The database cannot be used; it says why in a sentence, with the database's name."""


class RowRefused(DatabaseFault):
    """No column can hold a value, or another row has it already. The connection is as before."""


class Rows:
    """What a statement came to: its rows, all of them read, and how many it found or changed."""

    __slots__ = ("_left", "rowcount")

    def __init__(self, rows: Iterable[tuple[Any, ...]], rowcount: int) -> None:
        self._left = iter(rows)
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._left

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row; None where there is none."""
        return next(self._left, None)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows that are left."""
        return list(self._left)


class Connection(Protocol):
    """A connection, for one thread at a time. Each statement by itself is a transaction.

    After a fault that is no `RowRefused` it may be closed already: whoever sees one closes it.
    """

    @property
    def kind(self) -> Kind:
        """Whose connection it is."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, be it one that has failed."""

    def execute(self, statement: str, values: Sequence[object] = (), /) -> Rows:
        """Have a statement done, and all its rows read. Raises `DatabaseFault`."""

    def heed(self, left: Callable[[], bool], /) -> None:
        """Break off what is asked, with a fault, soon after `left` says that nobody waits for it.

        `left` is called in the thread that waits, again and again; it must not take long.
        """

    def close(self) -> None:
        """Give it back, also in the midst of a transaction, which is undone."""


_WRITING: Final[Mapping[Kind, str]] = {"sqlite": "BEGIN IMMEDIATE", "postgres": "BEGIN"}
_READING: Final[Mapping[Kind, str]] = {
    "sqlite": "BEGIN",
    "postgres": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
}


@contextmanager
def transaction(connection: Connection, *, reading: bool = False) -> Iterator[None]:
    """Do all of it or nothing; `reading`, see all of it as it is at one moment."""
    connection.execute((_READING if reading else _WRITING)[connection.kind])
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
