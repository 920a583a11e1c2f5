"""The ledger: a row for each call, written by a thread of its own. No call ever waits for it.

    started ──┐                       ┌──▶ the database, each batch a transaction
              ├──▶ queue ──▶ scribe ──┤               ▲
    settled ──┘   (bounded)           └──▶ a journal ─┘   while the database is away

What was settled is in the database `LINGER` seconds and the length of one batch later, whatever
then becomes of this process. What becomes of the machine is another matter: SQLite syncs its log
when it is folded into the database, so a power failure takes the last moments with it. PostgreSQL
syncs each transaction, unless its operator says otherwise.
"""

import itertools
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

import msgspec

from gateway.store.database import Database
from gateway.store.journal import MOST_BYTES, Numbered
from gateway.store.line import Journal
from gateway.store.rows import row_of
from gateway.store.scribe import Scribe, ends
from gateway.words.receipt import Receipt

MAX_WAITING: Final = 65_536
"""Entries that wait, and places that are kept for calls which are open. A database that hangs
costs some 2 KiB for each."""

MAX_BATCH: Final = 1000

LINGER: Final = 0.025
"""Seconds from one batch to the next, at least. Entries that come close together are one batch and
wake the thread once; one that comes during a write has waited already."""

FLUSH_PATIENCE: Final = 5.0
"""Seconds that the database is given at the end."""

_FROM_OTHERS: Final = frozenset({"hit", "shared"})
"""Said of a receipt whose answer was there already: it asked no target, and is a call all the same.
"""


class Place(msgspec.Struct, eq=False):
    """What the ledger keeps of one call. `made` is the thread's: the row of its end is made."""

    number: int
    receipt: Receipt
    started_at_ns: int
    ended_at_ns: int | None = None
    made: bool = False


class Ledger:
    """A tap (see `words.receipt.Tap`) that keeps what each call came to. `close` ends it.

    `started` and `settled` are called on the loop. Each call whose end is told is counted once:
    `written`, `journaled`, `dropped`, `lost`, or still `queued`.
    """

    def __init__(
        self,
        database: Database,
        today_ns: Callable[[], int],
        report: Journal,
        *,
        most_bytes: int = MOST_BYTES,
        most_waiting: int = MAX_WAITING,
    ) -> None:
        """`report` is told from the ledger's thread; `most_bytes` is for all journals together."""
        self._today_ns = today_ns
        self._report = report
        self._most_waiting = most_waiting
        self._numbers = itertools.count()
        self._open: dict[int, Place] = {}
        # SimpleQueue takes no lock of Python's: to put never waits.
        self._queue: SimpleQueue[Place | None] = SimpleQueue()
        self._closing = threading.Event()
        self._drained_ns = 0
        self._scribe = Scribe(database, today_ns, report, most_bytes)
        self._unmade = self._unflushed = 0
        self.dropped = 0
        """Calls for whose end there was no room in the queue."""
        # A daemon, because a disk that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        """How many entries wait: of a call there may be two."""
        return self._queue.qsize()

    @property
    def written(self) -> int:
        """How many calls' ends the database has taken from here."""
        return self._scribe.written

    @property
    def journaled(self) -> int:
        """How many went into the journal, because the database was away."""
        return self._scribe.journaled

    @property
    def replayed(self) -> int:
        """How many came from a journal into the database, those of dead processes included."""
        return self._scribe.replayed

    @property
    def lost(self) -> int:
        """How many neither the database nor the journal took."""
        return self._scribe.lost + self._unmade + self._unflushed

    @property
    def away(self) -> bool:
        """Whether the database is away."""
        return self._scribe.away

    def started(self, receipt: Receipt) -> Place | None:
        """Note a call, right before the first target is asked, and keep a place for its end.

        Where there is no room the call has no place; its end is noted if there is room then.
        """
        if self._queue.qsize() + len(self._open) >= self._most_waiting or self._closing.is_set():
            return None
        place = Place(next(self._numbers), receipt, self._today_ns())
        self._open[id(receipt)] = place
        self._queue.put(place)
        return place

    def settled(self, receipt: Receipt) -> None:
        """Note how a call ended. The receipt itself is handed over: it no longer changes."""
        place = self._open.pop(id(receipt), None)
        if place is not None:
            place.ended_at_ns = self._today_ns()
        elif not receipt.attempts and receipt.cache not in _FROM_OTHERS:
            return  # a probe, or refused: it was no call
        elif self._queue.qsize() < self._most_waiting:
            ended = self._today_ns()
            took = 0.0 if receipt.ended is None else receipt.ended - receipt.began
            place = Place(next(self._numbers), receipt, ended - int(took * 1e9), ended)
        if place is None or self._closing.is_set():
            self.dropped += 1
        else:
            self._queue.put(place)

    def close(self, patience: float = FLUSH_PATIENCE) -> bool:
        """Write what waits, for `patience` seconds at most. Return whether all of it was tried.

        What is settled from now on is dropped; what is still open is noted as lost.
        """
        self._closing.set()
        self._queue.put(None)
        self._thread.join(patience)
        if self._thread.is_alive():
            left = self._drain(self._queue.qsize())
            ended = {place.number for place in left if place.ended_at_ns and not place.made}
            self._unflushed += len(ended)
            return False
        return True

    def _run(self) -> None:
        rows: list[Numbered] = []
        try:
            while True:
                self._write(rows)
                if self._closing.is_set() and self._queue.empty():
                    break
                rows = self._rows(self._take())
        finally:
            self._scribe.close()

    def _write(self, rows: Sequence[Numbered]) -> None:
        """Write what is new, then some of what has been waiting in journals."""
        told = self._scribe.told
        try:
            self._scribe.write(rows)
            self._scribe.catch_up()
        except Exception as error:  # a bug must not end the ledger
            self._report.warning("bug in ledger", error=repr(error))
            self._unmade += max(0, ends(rows) - (self._scribe.told - told))

    def _take(self) -> list[Place]:
        """Wait for an entry; return it with those that follow closely."""
        try:
            first = self._queue.get(timeout=self._scribe.patience)
        except Empty:
            return []
        since = (self._today_ns() - self._drained_ns) / 1e9
        # A clock that has been set back, or has not moved, makes it wait no longer than once.
        if since < LINGER and self._queue.qsize() < MAX_BATCH:
            self._closing.wait(LINGER - max(since, 0.0))
        self._drained_ns = self._today_ns()
        rest = self._drain(MAX_BATCH - 1)
        return rest if first is None else [first, *rest]

    def _drain(self, limit: int) -> list[Place]:
        taken: list[Place] = []
        with suppress(Empty):
            while len(taken) < limit:
                place = self._queue.get_nowait()
                if place is not None:
                    taken.append(place)
        return taken

    def _rows(self, places: Sequence[Place]) -> list[Numbered]:
        """Make the rows; a call that has begun and ended since the last time has one."""
        rows = []
        for place in places:
            if place.made:
                continue
            ended_at_ns = place.ended_at_ns  # the loop may write it now
            place.made = ended_at_ns is not None
            try:
                row = row_of(place.receipt, place.started_at_ns, ended_at_ns)
            except Exception as error:  # one that cannot be told must not take others along
                self._unmade += place.made
                self._report.warning("bug in ledger's row", error=repr(error))
            else:
                rows.append((place.number, row))
        return rows
