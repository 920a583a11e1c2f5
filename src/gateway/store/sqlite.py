"""The border to SQLite: a file, opened, brought up to date, never overwritten.

No file that SQLite has open is opened here in another way: closing that would drop SQLite's locks.
"""

import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from gateway.store.connection import DatabaseFault, Kind, RowRefused, Rows, transaction
from gateway.store.versions import scripts, statements

APPLICATION: Final = 0x4E475731
"""Marks a database as ours."""

WAL_BYTES: Final = 67_108_864
"""What the write-ahead log may keep on disk after it has been larger."""

STEPS: Final = 10_000
"""Of SQLite's machine, between two looks whether anybody waits still: less than a millisecond."""

_PAUSE: Final = 0.02
"""Seconds between two tries where SQLite does not wait by itself."""

_REFUSALS: Final = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeEncodeError,
)
"""What is raised for a value that no column can hold. It may be in a row of another version's."""

_SAID: Final = {
    sqlite3.SQLITE_BUSY: "is locked by another program",
    sqlite3.SQLITE_LOCKED: "is locked by another program",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_READONLY: "cannot be written by this user",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; is its folder there, and may this user write in it",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk fails",
    sqlite3.SQLITE_INTERRUPT: "did not answer in time",
    sqlite3.SQLITE_CORRUPT: "is damaged; it is left as it is: put back a copy, or name another",
    sqlite3.SQLITE_NOTADB: "is no database of SQLite's, or is damaged; it is left as it is",
}


class Locked(DatabaseFault):
    """Somebody else has the database to themselves."""


def fault_of(error: Exception, path: Path) -> DatabaseFault:
    """Say what SQLite says in a sentence for the operator."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    said = f"{path} {_SAID.get(code, f'cannot be used: {error}')}."
    if isinstance(error, _REFUSALS):
        return RowRefused(said)
    return Locked(said) if code == sqlite3.SQLITE_BUSY else DatabaseFault(said)


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another that is put in its place; None: there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Raise what SQLite raises inside as a `DatabaseFault`."""
    try:
        yield
    except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
        raise fault_of(error, path) from None


class SqliteConnection:
    """One of SQLite's connections (see `store.connection.Connection`)."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @property
    def kind(self) -> Kind:
        return "sqlite"

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        with _telling(self._path):
            cursor = self._connection.execute(statement, values)
            return Rows(cursor.fetchall() if cursor.description else (), cursor.rowcount)

    def heed(self, left: Callable[[], bool], /) -> None:
        self._connection.set_progress_handler(left, STEPS)

    def close(self) -> None:
        with _telling(self._path):
            self._connection.close()


def open_sqlite(path: Path, busy_timeout: float, *, readonly: bool) -> SqliteConnection:
    """Open the file, in any thread. See `store.database.Database.connect`."""
    if readonly and identity_of(path) is None:
        raise DatabaseFault(f"There is no database at {path}.")
    if not readonly:
        _create(path)
    mode = "ro" if readonly else "rw"
    address = f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"
    with _telling(path):
        plain = sqlite3.connect(
            address, uri=True, timeout=busy_timeout, isolation_level=None, check_same_thread=False
        )
    connection = SqliteConnection(plain, path)
    try:
        _prepare(connection, path, None if readonly else busy_timeout)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: Path) -> None:
    """Put an empty file there if there is none; from its first moment it is its owner's alone.

    It appears under its name when it is closed already (see the law of this file).
    """
    if identity_of(path) is not None:
        return
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with suppress(FileExistsError):
                os.link(new, path)
        finally:
            new.unlink()
    except OSError as error:
        raise DatabaseFault(f"{path} cannot be made: {error.strerror}.") from None


def _prepare(connection: SqliteConnection, path: Path, patience: float | None) -> None:
    """Make it fit for use; without `patience` it is only read."""
    newest = len(scripts("sqlite"))
    found = _version(connection, path)
    if patience is None and found < newest:
        raise DatabaseFault(f"{path} is of an older version: `gateway serve` brings it up to date.")
    if patience is None:
        return
    _use_wal(connection, patience)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    if found < newest:
        _migrate(connection, path)


def _version(connection: SqliteConnection, path: Path) -> int:
    """Return how many migrations the database has had, if it is one of ours at all."""
    found = _number(connection, "PRAGMA user_version")
    owner = _number(connection, "PRAGMA application_id")
    tables = _number(connection, "SELECT count(*) FROM sqlite_master")
    if owner != APPLICATION and (tables or found):
        raise DatabaseFault(f"{path} is another program's database; it is left as it is.")
    if found > (newest := len(scripts("sqlite"))):
        raise DatabaseFault(
            f"{path} is of a newer version ({found}; this one knows up to {newest}):"
            " use the gateway that made it, or name another file. It is left as it is."
        )
    return found


def _number(connection: SqliteConnection, question: str) -> int:
    ((number,),) = connection.execute(question)
    return int(number)


def _migrate(connection: SqliteConnection, path: Path) -> None:
    """Bring it up to date in one transaction; of several processes one does it."""
    with transaction(connection):
        known = scripts("sqlite")
        # `executescript` would end the transaction.
        for statement in statements("\n".join(known[_version(connection, path) :])):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(known)}")


def _use_wal(connection: SqliteConnection, patience: float) -> None:
    """Have readers and the writer not wait for each other.

    The change itself does not wait for others who are making it too, so it is tried again.
    """
    never = threading.Event()
    connection.execute("PRAGMA busy_timeout = 0")
    for tries_left in reversed(range(int(patience / _PAUSE) + 1)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except Locked:
            if not tries_left:
                raise
        never.wait(_PAUSE)
    connection.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")
