"""The database as those see it who look on: questions in threads of their own, never on the loop.

The ledger's own thread waits for nobody here: few read at a time, few wait, and nobody for long.
Whoever leaves has the statement broken off that was asked for them.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol, TypeVar

import trio

from gateway.store.connection import Connection, DatabaseFault, RowRefused
from gateway.store.database import BUSY_TIMEOUT, Database
from gateway.words.errors import Busy

PATIENCE: Final = 20.0
"""Seconds that somebody waits for an answer."""

READERS: Final = 2
"""Questions that are asked at once."""

MOST_WAITING: Final = 16
"""Questions that are asked or wait their turn; and as many of those who write."""

TOO_MANY = "Too many questions wait for the database already; ask again in a moment."
TOO_LONG = "{} did not answer within {:g} seconds; ask for less, such as a shorter time."

T = TypeVar("T")
Job = Callable[[Connection], T]
Identity = tuple[int, int] | None


class Log(Protocol):
    """The log, as far as it is told here."""

    def warning(self, event: str, **fields: object) -> None:
        """Tell that the database cannot be used."""

    def info(self, event: str, **fields: object) -> None:
        """Tell that it can be used again."""


class _Asker:
    """Whether somebody waits still for what a thread does."""

    __slots__ = ("has_left",)

    def __init__(self) -> None:
        self.has_left = False

    def left(self) -> bool:
        return self.has_left


class _Turn:
    """So many at once, and few who wait: those who only read keep nobody from writing."""

    def __init__(self, at_once: int) -> None:
        self.limiter = trio.CapacityLimiter(at_once)
        self.waiting = 0

    def __enter__(self) -> None:
        if self.waiting >= MOST_WAITING:
            raise Busy(TOO_MANY)
        self.waiting += 1

    def __exit__(self, *_: object) -> None:
        self.waiting -= 1


class Archive:
    """Reads and writes the database for the operator's site. Opens nothing until asked."""

    def __init__(self, database: Database, log: Log, patience: float = PATIENCE) -> None:
        self._database = database
        self._log = log
        self._patience = patience
        self._reading = _Turn(READERS)
        self._writing = _Turn(1)
        self._kept: list[tuple[Identity, Connection]] = []
        """Connections to read on that nobody uses now."""
        self._is_away = False

    def __str__(self) -> str:
        """Name the database for the operator, without any secret."""
        return str(self._database)

    async def read(self, job: Job[T]) -> T:
        """Have a job done in a thread, on a connection that cannot write; return what it returns.

        Raises `DatabaseFault`, also where it takes too long, and `Busy` where too many wait.
        """
        asker = _Asker()
        work = partial(self._read, job, asker)
        with self._reading:
            try:
                with trio.move_on_after(self._patience):
                    found = await trio.to_thread.run_sync(
                        work,
                        thread_name="archive",
                        limiter=self._reading.limiter,
                        abandon_on_cancel=True,
                    )
                    self._note(None)
                    return found
            except DatabaseFault as fault:
                self._note(fault)
                raise
            finally:
                asker.has_left = True
        raise DatabaseFault(TOO_LONG.format(self._database, self._patience))

    async def write(self, job: Job[T]) -> T:
        """Have a job done that may write, one at a time; what was begun is brought to its end.

        A database that is not there is not made. Raises `DatabaseFault` and `Busy`.
        """
        with self._writing:
            return await trio.to_thread.run_sync(
                partial(self._write, job), thread_name="archive", limiter=self._writing.limiter
            )

    def close(self) -> None:
        """Close what is open and not in use."""
        while self._kept:
            self._kept.pop()[1].close()

    def _note(self, fault: DatabaseFault | None) -> None:
        """Tell the log once that the database cannot be read, and once that it can."""
        if fault is not None and not self._is_away:
            self._log.warning("admin cannot read the database", reason=str(fault))
        elif fault is None and self._is_away:
            self._log.info("admin reads the database again")
        self._is_away = fault is not None

    def _read(self, job: Job[T], asker: _Asker) -> T:
        """Do a job on a connection that was kept; where that is dead by now, on a new one."""
        identity = self._database.identity
        kept = self._taken(identity)
        if kept is not None:
            try:
                return self._done(job, asker, identity, kept)
            except RowRefused:
                raise
            except DatabaseFault:
                if asker.has_left:
                    raise
        new = self._database.connect(readonly=True, busy_timeout=self._patience)
        return self._done(job, asker, identity, new)

    def _done(self, job: Job[T], asker: _Asker, identity: Identity, connection: Connection) -> T:
        """Do a job and keep the connection, unless it failed."""
        try:
            connection.heed(asker.left)
            found = job(connection)
        except BaseException:
            connection.close()
            raise
        self._kept.append((identity, connection))
        return found

    def _taken(self, identity: Identity) -> Connection | None:
        """Take a connection to the database as it lies there now; a file may have been replaced."""
        while True:
            try:
                known, connection = self._kept.pop()
            except IndexError:  # Another thread may have taken the last one.
                return None
            if known == identity:
                return connection
            connection.close()

    def _write(self, job: Job[T]) -> T:
        if self._database.identity is None:  # Nothing of it would be in one that is made anew.
            raise DatabaseFault(f"There is no database at {self._database}.")
        connection = self._database.connect(busy_timeout=BUSY_TIMEOUT)
        try:
            return job(connection)
        finally:
            connection.close()
