"""The database of one machine: a file of SQLite's, opened, brought up to date, never overwritten.

No file that SQLite has open is opened here in another way: closing that would drop SQLite's locks.
"""

import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Final
from urllib.parse import quote

SCHEME: Final = "sqlite:///"

APPLICATION: Final = 0x4E475731
"""Marks a database as ours."""

BUSY_TIMEOUT: Final = 5.0
"""Seconds that one waits for another who writes."""

WAL_BYTES: Final = 67_108_864
"""What the write-ahead log may keep on disk after it has been larger."""

_PAUSE: Final = 0.02
"""Seconds between two tries where SQLite does not wait by itself."""

_SAID: Final = {
    sqlite3.SQLITE_BUSY: "is locked by another program",
    sqlite3.SQLITE_LOCKED: "is locked by another program",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_READONLY: "cannot be written by this user",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; is its folder there, and may this user write in it",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk fails",
    sqlite3.SQLITE_CORRUPT: "is damaged; it is left as it is: put back a copy, or name another",
    sqlite3.SQLITE_NOTADB: "is no database of SQLite's, or is damaged; it is left as it is",
}


class DatabaseFault(Exception):
    """The database cannot be used; it says why in a sentence, with the file's name."""


def parse_database(text: str, beside: Path) -> Path:
    """Return the file that an address means; a relative one begins in the folder `beside`.

    Raises `ValueError` with a sentence.
    """
    if text.startswith(("postgresql:", "postgres:")):
        raise ValueError("PostgreSQL is not built yet: name a file, as in sqlite:///gateway.db")
    path = text.removeprefix(SCHEME)
    if path == text or not path or path.endswith("/") or not path.isprintable():
        raise ValueError(
            "is no address such as sqlite:///gateway.db, beside this file, or sqlite:////var/lib/"
            "gateway/gateway.db"
        )
    if path.startswith(":") or "?" in path or "#" in path:
        raise ValueError("names no file: an address has no parameters, and memory keeps nothing")
    return beside / path


def fault_of(error: sqlite3.Error, path: Path) -> DatabaseFault:
    """Say what SQLite says in a sentence for the operator."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return DatabaseFault(f"{path} {_SAID.get(code, f'cannot be used: {error}')}.")


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Raise what SQLite raises inside as a `DatabaseFault`."""
    try:
        yield
    except sqlite3.Error as error:
        raise fault_of(error, path) from None


class Database:
    """Where the database is. Opens nothing until asked."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def identity(self) -> tuple[int, int] | None:
        """What tells the file from another that is put in its place; None: there is none."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def connect(
        self, *, readonly: bool = False, busy_timeout: float = BUSY_TIMEOUT
    ) -> sqlite3.Connection:
        """Open the database, in any thread; begin transactions by hand.

        Creates it, for its owner alone, and brings it up to date; `readonly` does neither. Raises
        `DatabaseFault`.
        """
        if readonly and self.identity is None:
            raise DatabaseFault(f"There is no database at {self.path}.")
        if not readonly:
            self._create()
        mode = "ro" if readonly else "rw"
        address = f"file:{quote(os.fsencode(self.path.absolute()))}?mode={mode}"
        with telling(self.path):
            connection = sqlite3.connect(
                address,
                uri=True,
                timeout=busy_timeout,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                self._prepare(connection, None if readonly else busy_timeout)
            except BaseException:
                connection.close()
                raise
        return connection

    def _create(self) -> None:
        """Put an empty file there if there is none; from its first moment it is its owner's alone.

        It appears under its name when it is closed already (see the law of this file).
        """
        if self.identity is not None:
            return
        new = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        try:
            os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            try:
                with suppress(FileExistsError):
                    os.link(new, self.path)
            finally:
                new.unlink()
        except OSError as error:
            raise DatabaseFault(f"{self.path} cannot be made: {error.strerror}.") from None

    def _prepare(self, connection: sqlite3.Connection, patience: float | None) -> None:
        """Make it fit for use; without `patience` it is only read."""
        newest = len(_migrations())
        found = self._version(connection)
        if patience is None and found < newest:
            raise DatabaseFault(
                f"{self.path} is of an older version: `gateway serve` brings it up to date."
            )
        if patience is None:
            return
        _use_wal(connection, patience)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        if found < newest:
            self._migrate(connection)

    def _version(self, connection: sqlite3.Connection) -> int:
        """Return how many migrations the database has had, if it is one of ours at all."""
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if owner != APPLICATION and (tables or found):
            raise DatabaseFault(f"{self.path} is another program's database; it is left as it is.")
        if found > (newest := len(_migrations())):
            raise DatabaseFault(
                f"{self.path} is of a newer version ({found}; this one knows up to {newest}):"
                " use the gateway that made it, or name another file. It is left as it is."
            )
        return found

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """Bring it up to date in one transaction; of several processes one does it."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            migrations = _migrations()
            for statement in statements("\n".join(migrations[self._version(connection) :])):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def statements(script: str) -> Iterator[str]:
    """Yield the statements of a script; `executescript` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if ";" in line and sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _migrations() -> list[str]:
    """Return the scripts in their order: the first makes version 1."""
    folder = resources.files("gateway.store") / "migrations"
    scripts = {file.name: file for file in folder.iterdir() if file.name.endswith(".sql")}
    return [scripts[name].read_text(encoding="utf-8") for name in sorted(scripts)]


def _use_wal(connection: sqlite3.Connection, patience: float) -> None:
    """Have readers and the writer not wait for each other.

    The change itself does not wait for others who are making it too, so it is tried again.
    """
    never = threading.Event()
    connection.execute("PRAGMA busy_timeout = 0")
    for tries_left in reversed(range(int(patience / _PAUSE) + 1)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not tries_left:
                raise
        never.wait(_PAUSE)
    connection.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")
