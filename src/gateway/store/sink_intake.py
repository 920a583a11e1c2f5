"""What waits for a sink: receipts of calls that have ended, in a bounded queue.

It takes what the ledger takes, by the same rule, and says of it what the ledger's row says.
"""

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

import msgspec

from gateway.store.line import Journal
from gateway.store.rows import COLUMNS, row_of
from gateway.words.receipt import Receipt

MAX_WAITING: Final = 16_384
"""Receipts. A sink that hangs costs some 2 KiB for each."""

_FROM_OTHERS: Final = frozenset({"hit", "shared"})
"""Said of a receipt whose answer was there already: it asked no target, and is a call all the same.
"""

_LISTS: Final = ("attempts", "tags")
"""Columns that hold JSON."""

_TRUTHS: Final = ("stream", "drained")
"""Columns that are 0 or 1 in the database."""

_encode = msgspec.json.Encoder().encode


class Ended(NamedTuple):
    """A call that has ended. Its receipt no longer changes. Times are Unix nanoseconds."""

    receipt: Receipt
    started_at_ns: int
    ended_at_ns: int


def line_of(ended: Ended) -> bytes:
    """Write what a row of the ledger says as one line of JSON, with its newline."""
    fields: dict[str, object] = dict(zip(COLUMNS, row_of(*ended), strict=True))
    for name in _LISTS:
        fields[name] = msgspec.Raw(str(fields[name]).encode())
    for name in _TRUTHS:
        fields[name] = bool(fields[name])
    return _encode(fields) + b"\n"


class Intake:
    """A tap (see `words.receipt.Tap`) that never waits: what finds no room is dropped and counted.

    Each call whose end is told is counted once: `written`, `dropped`, `lost`, or still `queued`.
    """

    def __init__(
        self, today_ns: Callable[[], int], report: Journal, most_waiting: int = MAX_WAITING
    ) -> None:
        self.written = 0
        """Lines that the sink has taken."""
        self.dropped = 0
        """Calls for whose receipt there was no room, or that ended after the sink was closed."""
        self.lost = 0
        """Lines that the sink did not take, however often they were offered."""
        self.away = False
        """Whether the sink took nothing the last time."""
        self._today_ns = today_ns
        self._report = report
        self._most_waiting = most_waiting
        self._began: dict[int, int] = {}
        self._full = self._shut = False
        # SimpleQueue takes no lock of Python's: to put never waits.
        self._queue: SimpleQueue[Ended | None] = SimpleQueue()

    @property
    def queued(self) -> int:
        """How many wait."""
        return self._queue.qsize()

    def started(self, receipt: Receipt) -> None:
        """Note that a call begins, right before the first target is asked."""
        if len(self._began) < self._most_waiting:
            self._began[id(receipt)] = self._today_ns()

    def settled(self, receipt: Receipt) -> None:
        """Note how a call ended. The receipt itself is handed over: it no longer changes."""
        started, ended = self._began.pop(id(receipt), None), self._today_ns()
        if started is None:
            if not receipt.attempts and receipt.cache not in _FROM_OTHERS:
                return  # a probe, or refused: it was no call
            took = 0.0 if receipt.ended is None else receipt.ended - receipt.began
            started = ended - int(took * 1e9)
        if self._shut or self._queue.qsize() >= self._most_waiting:
            self._drop()
        else:
            self._full = False
            self._queue.put(Ended(receipt, started, ended))
            self._arrived()

    def _arrived(self) -> None:
        """Wake whoever writes, where the queue does not do it by itself."""

    def _drop(self) -> None:
        self.dropped += 1
        if not self._full and not self._shut:
            self._full = True
            self._report.warning("receipts dropped, the sink is too slow", dropped=self.dropped)

    def _drain(self, most: int) -> list[Ended]:
        taken: list[Ended] = []
        with suppress(Empty):
            while len(taken) < most:
                ended = self._queue.get_nowait()
                if ended is not None:
                    taken.append(ended)
        return taken

    def _lines(self, calls: list[Ended]) -> list[bytes]:
        """Write the lines; a receipt that cannot be told must not take others along."""
        lines = []
        for ended in calls:
            try:
                lines.append(line_of(ended))
            except Exception as error:
                self.lost += 1
                self._report.warning("bug in a receipt's line", error=repr(error))
        return lines

    def _took(self, count: int) -> None:
        """Note that the sink has taken so many lines."""
        self.written += count
        if self.away:
            self.away = False
            self._report.info("receipts are written again", lost=self.lost, dropped=self.dropped)

    def _failed(self, reason: str) -> None:
        """Note that the sink takes nothing; it is told once."""
        if not self.away:
            self.away = True
            self._report.warning("receipts cannot be written, they wait", error=reason)

    def _give_up(self, count: int) -> None:
        """Note that so many lines will never be written."""
        if count:
            self.lost += count
            self._report.warning("receipts lost", count=count, lost=self.lost)
