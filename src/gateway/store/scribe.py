"""Writes rows of the ledger: into the database, or into a journal while that is away.

It belongs to one thread and has none of its own. Each error of the database leads to the journal,
whatever it is: what is in there comes into the database later, by this process or by the next.
"""

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.store.calls import add, bury, forget, leave, number_of
from gateway.store.connection import Connection, DatabaseFault, transaction
from gateway.store.database import Database
from gateway.store.journal import (
    MOST_BYTES,
    JournalFile,
    Numbered,
    left_behind,
    names,
    others_bytes,
)
from gateway.store.line import Journal
from gateway.store.roll import BEAT, GRACE, Roll
from gateway.store.rows import COLUMNS

RETRY: Final = 1.0
"""Seconds before a database that was away is tried again."""

BUSY_TIMEOUT: Final = 1.0
"""Seconds that a batch waits for another who writes; then it goes into the journal."""

_OUTCOME: Final = COLUMNS.index("outcome")


def ends(rows: Sequence[Numbered]) -> int:
    """Count the rows that say how a call ended."""
    return sum(row[_OUTCOME] is not None for _, row in rows)


class Scribe:
    """All that one process has of the ledger's database and journals."""

    def __init__(
        self,
        database: Database,
        today_ns: Callable[[], int],
        report: Journal,
        most_bytes: int = MOST_BYTES,
        busy_timeout: float = BUSY_TIMEOUT,
        grace: float = GRACE,
    ) -> None:
        """`most_bytes` is what all journals beside the database may hold together.

        `grace` is how long others who share it may be silent (see `store.roll`).
        """
        self._busy_timeout = busy_timeout
        self._database = database
        self._today_ns = today_ns
        self._report = report
        self._most_bytes = most_bytes
        self._grace = grace
        self._connection: Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._roll: Roll | None = None
        self._answered_ns = 0
        self._number = 0
        self._unfiled = ""
        self._file: JournalFile | None = None
        self._dead: list[JournalFile] = []
        self._looked = False
        self._tried_ns: int | None = None
        self._full = False
        self.away = False
        """Whether the database did not take what it was last given."""
        self.written = 0
        self.journaled = 0
        self.replayed = 0
        self.lost = 0
        """Rows that say how a call ended: those that went into the database, into the journal, from
        a journal into the database, and those that nothing took."""

    @property
    def path(self) -> Path:
        """What the journals are called after."""
        return self._database.path

    @property
    def told(self) -> int:
        """How many calls' ends have come to something."""
        return self.written + self.journaled + self.lost

    @property
    def patience(self) -> float | None:
        """Seconds after which it has something to do again, even if nothing is to be written."""
        if self._connection is None:
            return RETRY
        if self._behind():
            return 0.0
        return None if self._roll is None else BEAT

    def write(self, rows: Sequence[Numbered]) -> None:
        """Have rows in the database, or in the journal, before this returns."""
        connection = self._connected()
        if not rows:
            return
        if connection is not None:
            try:
                refused = add(connection, self._number, rows)
            except DatabaseFault as fault:
                self._lose(str(fault))
            else:
                self._reach()
                self.written += ends(rows) - ends(refused)
                self._refuse(refused)
                return
        self._keep(rows)

    def catch_up(self) -> None:
        """Take some of what is in the journals into the database, if that is there."""
        self._call_roll()
        connection = self._connection
        if connection is None or not self._behind():
            return
        own = self._file is not None and self._file.waits
        file = self._file if own or not self._dead else self._dead[0]
        if file is None:
            self._looked = True
            return
        try:
            if file.waits:
                self._replay(connection, file)
            if not file.waits:
                self._finish(connection, file)
            if not self._dead and not self._looked:
                if not self._database.is_shared:
                    self._tell_lost(forget(connection, lambda: names(self.path)))
                self._looked = True
        except DatabaseFault as fault:
            file.rewind()
            self._lose(str(fault))
        except OSError as error:
            self._put_aside(file, error)

    def close(self) -> None:
        """Bring into the database what can be, and give everything back. The next one goes on."""
        while self._connection is not None and self._file is not None and self._file.waits:
            self.catch_up()
        done = self._file is None or not (self._file.waits or self._file.skipped)
        try:
            if self._connection is not None:
                self._tell_lost(bury(self._connection, self._number))
        except DatabaseFault:
            done = False
        done = done and self._connection is not None
        if self._file is not None:
            self._file.close(remove=done)
        if done:
            self._leave(self._number)
        self._disconnect()
        for file in self._dead:
            file.close()
        self._file, self._dead = None, []

    def _behind(self) -> bool:
        own = self._file is not None and self._file.waits
        return own or bool(self._dead) or not self._looked

    def _connected(self) -> Connection | None:
        """Return the connection; make it where there is none, but not again and again."""
        if self._connection is not None and self._database.identity == self._identity:
            return self._connection
        if self._connection is not None:
            self._lose(f"{self.path} is gone, or is another file now.")
            self._tried_ns, self._number = None, 0
        now = self._today_ns()
        if self._tried_ns is not None and abs(now - self._tried_ns) < RETRY * 1e9:
            return None
        self._tried_ns = now
        try:
            self._open()
        except DatabaseFault as fault:
            self._lose(str(fault))
        except OSError as error:
            self._lose(f"no file can be made beside {self.path}: {error.strerror}.")
        return self._connection

    def _open(self) -> None:
        name = self._named()
        self._connection = self._database.connect(busy_timeout=self._busy_timeout)
        self._identity = self._database.identity
        with transaction(self._connection):
            self._number = number_of(self._connection, name, self._number)
        if self._database.is_shared:
            self._roll = Roll(self._connection, self._number, self._grace)
            self._answered_ns = 0
        if not self._looked and not self._dead:
            self._dead = left_behind(self.path)

    def _named(self) -> str:
        """Return what this process is called, after its file; make that. Raises `OSError`.

        Where the file is not needed to tell that the process lives, it can be done without.
        """
        if self._file is None and not self._unfiled:
            try:
                self._file = JournalFile.create(self.path)
            except OSError as error:
                if not self._database.is_shared:
                    raise
                self._unfiled = secrets.token_hex(8)
                self._report.warning(
                    "ledger has no journal: calls are lost while the database is away",
                    folder=str(self.path.parent),
                    reason=error.strerror,
                )
        return self._unfiled if self._file is None else self._file.name

    def _call_roll(self) -> None:
        """Say that this process lives, and see who does not, where no file tells it."""
        now = self._today_ns()
        if self._roll is None or abs(now - self._answered_ns) < BEAT * 1e9:
            return
        self._answered_ns = now
        try:
            self._roll.answer()
            self._tell_lost(self._roll.call())
        except DatabaseFault as fault:
            self._lose(str(fault))
        else:
            self._reach()

    def _keep(self, rows: Sequence[Numbered]) -> None:
        file, taken = self._file, 0
        if file is not None:
            taken = file.append(rows, self._most_bytes - others_bytes(self.path, file))
        self.journaled += ends(rows[:taken])
        self.lost += ends(rows[taken:])
        if taken < len(rows) and not self._full:
            self._report.warning("ledger's journal takes no more: calls are lost")
        self._full = taken < len(rows)

    def _replay(self, connection: Connection, file: JournalFile) -> None:
        with transaction(connection):
            number = number_of(connection, file.name)
        rows = file.read()
        refused = add(connection, number, rows)
        self._reach()
        self.replayed += ends(rows) - ends(refused)
        self._refuse(refused)

    def _finish(self, connection: Connection, file: JournalFile) -> None:
        """Be done with a journal: all of it is in the database."""
        if file.unreadable:
            self._report.warning(
                "ledger's journal had lines that are no rows",
                file=file.path.name,
                lines=file.unreadable,
            )
            file.unreadable = 0
        if file is self._file:
            file.clear()
            return
        with transaction(connection):
            number = number_of(connection, file.name)
            self._tell_lost(bury(connection, number))
        self._dead.remove(file)
        file.close(remove=True)
        self._leave(number)

    def _leave(self, number: int) -> None:
        """Have a process forgotten whose file is gone; where files tell, `forget` does it."""
        if self._connection is not None and self._database.is_shared:
            with suppress(DatabaseFault):
                leave(self._connection, number)

    def _put_aside(self, file: JournalFile, error: OSError) -> None:
        """Leave a journal that cannot be read to the next process."""
        self._report.warning(
            "ledger's journal cannot be read",
            file=file.path.name,
            reason=error.strerror,
        )
        file.skip()
        if file is not self._file:
            self._dead.remove(file)
            file.close()

    def _refuse(self, rows: Sequence[Numbered]) -> None:
        if rows:
            self.lost += ends(rows)
            self._report.warning("ledger's database refuses rows", rows=len(rows))

    def _tell_lost(self, calls: int) -> None:
        if calls:
            self._report.warning("calls were open when their process ended", calls=calls)

    def _lose(self, reason: str) -> None:
        """Say once that the database is away; the attempts in between are not worth a line."""
        self._disconnect()
        self._tried_ns = self._today_ns()
        if not self.away:
            self.away = True
            self._report.warning("ledger's database away, rows go into a journal", reason=reason)

    def _reach(self) -> None:
        if self.away:
            self.away = False
            self._report.info("ledger's database back")

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(DatabaseFault):
                self._connection.close()
            self._connection = self._roll = None
