"""The one registry of open calls: their lives, how many there may be, and how they drain."""

from collections.abc import Callable, Iterator
from math import inf
from typing import Final, Protocol

import trio

from gateway.downstream.spool import Spool
from gateway.words.errors import Busy
from gateway.words.life import Cause
from gateway.words.receipt import ASKED, Phase, Receipt

DISK_THREADS: Final = 4

_FULL: Final = "The bodies of the open calls fill the memory that there is for them."


class Asker(Protocol):
    """The client of an open call, as far as one sees it who only watches. Sizes in bytes."""

    @property
    def torn(self) -> bool:
        """True while a write is under way, and after one that was cut."""

    @property
    def bytes_in(self) -> int:
        """How much of the request's body has come."""

    @property
    def bytes_out(self) -> int:
        """How much of the answer has left."""


class OpenCall:
    """The life of one request: `link` to the client around `work`, and the cause of its end.

    The cause is kept here and not read back from Trio: when both scopes are cancelled the inner one
    reports nothing caught. The first cause stands. A deadline has no reason of its own, and `work`
    has but one: what ended without a cause ended by the total time.

    A call that is `spared` goes on where its client leaves: it is `alone` then, and whoever reads
    the answer is told so, in place of link and work being ended.
    """

    __slots__ = (
        *("_read_on", "alone", "body_bytes", "cause"),
        *("client", "link", "receipt", "spool", "work"),
    )

    client: Asker
    """Who asked; the front sets it."""

    link: trio.CancelScope
    """The scope of the call's nursery; the front sets it as it opens that."""

    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self.work = trio.CancelScope()
        self.cause: Cause | None = None
        self.body_bytes = 0
        self.alone = False
        self.spool: Spool | None = None
        """Where a long body rests, if one does; it ends with the call."""
        self._read_on: Callable[[], None] | None = None

    @property
    def ending(self) -> bool:
        """True once it is settled how the call ends, though it may still have to say so."""
        return (self.cause is not None and not self.alone) or self.receipt.outcome is not None

    def spare(self, read_on: Callable[[], None]) -> None:
        """Have the work go on where the client leaves (see `words.life.Life`)."""
        self._read_on = read_on

    def cut(self, cause: Cause) -> None:
        """Nobody is left to hear: end link and work, unless the answer is read on all the same."""
        if cause is Cause.CLIENT_GONE and (self.alone or self._is_spared()):
            return
        self._note_cut()
        if self.cause is None:
            self.cause = cause
        self.link.cancel(reason=cause)

    def stop(self, cause: Cause) -> None:
        """End the work; the client is still told why, if there is one."""
        if self.cause is None:
            self._note_cut()
            self.cause = cause
            self.work.cancel(reason=cause)
        elif self.alone:
            self._note_cut()
            self.work.cancel(reason=cause)

    def _note_cut(self) -> None:
        """Note when the life was first ended: what that takes is counted from here.

        Where it is settled how the call ends, as for who was refused and leaves, nothing is cut.
        """
        if self.receipt.cut_at is None and self.receipt.outcome is None:
            self.receipt.cut_at = trio.current_time()

    def _is_spared(self) -> bool:
        """Say whether the work goes on without its client; from now on it does."""
        receipt = self.receipt
        if self._read_on is None or self.cause is not None or receipt.outcome is not None:
            return False
        if receipt.phase is Phase.FINISHING:  # all is read
            return False
        under_way = [each for each in receipt.attempts if each.ended is None]
        if not under_way or not ASKED.issuperset(each.waits_for for each in under_way):
            return False
        for attempt in under_way:
            attempt.alone = True
        self.cause, self.alone = Cause.CLIENT_GONE, True
        self._read_on()
        return True

    def expire_at(self, moment: float) -> None:
        """Let the work end at this moment: the total time of the call."""
        self.work.deadline = moment

    def note_expiry(self) -> None:
        """Name the cause, once the work has been left, if it was its time that ran out."""
        if self.cause is None and self.work.cancelled_caught:
            self.cause = Cause.TOTAL_TIMEOUT


class Calls:
    """All open calls of the process. Entered and left without waiting, so nothing can leak."""

    def __init__(self, most: int, most_body_bytes: float = inf) -> None:
        """`most` calls may be open at once, and hold so many bytes of bodies all together."""
        self.most = most
        self.most_body_bytes = most_body_bytes
        self.body_bytes = self.kept_bytes = 0
        self.draining = False
        self.disk = trio.CapacityLimiter(DISK_THREADS)
        """Who may write and read long bodies at one time."""
        self._stopping = False
        self._open: dict[OpenCall, None] = {}
        self._empty = trio.Event()
        self._outlived: list[tuple[set[OpenCall], trio.Event]] = []
        """Who waits for the ends of calls, and for which ones still."""

    def __len__(self) -> int:
        return len(self._open)

    async def turned_over(self) -> None:
        """Wait until all calls that are open now have ended."""
        before, ended = set(self._open), trio.Event()
        if not before:
            return
        waiting = (before, ended)
        self._outlived.append(waiting)
        try:
            await ended.wait()
        finally:
            self._outlived.remove(waiting)

    def __iter__(self) -> Iterator[OpenCall]:
        """Go through the open calls, the oldest first."""
        return iter(self._open)

    @property
    def full(self) -> bool:
        """True where there are more than may be; the one that asks is counted already."""
        return len(self._open) > self.most

    def add(self, call: OpenCall) -> None:
        self._open[call] = None
        if self._stopping:
            call.stop(Cause.DRAIN)

    def remove(self, call: OpenCall) -> None:
        self._open.pop(call, None)
        self.body_bytes -= call.body_bytes
        call.body_bytes = 0
        for before, ended in self._outlived:
            before.discard(call)
            if not before:
                ended.set()
        if not self._open:
            self._empty.set()
            self._empty = trio.Event()

    def hold(self, call: OpenCall, size: int, expected: int = 0) -> None:
        """Count a part of a call's body, until the call has ended. Raises `Busy`.

        For what is `expected` there must be room too, but none is kept: it may never come.
        """
        if self.body_bytes + max(size, expected) > self.most_body_bytes:
            raise Busy(_FULL)
        call.body_bytes += size
        self.body_bytes += size

    def keep(self, before: int, now: int) -> None:
        """Count what stays from one call to the next: so many bytes now, in place of those before.

        It may take half of the room, so that whoever keeps much cannot shut out the others. Raises
        `Busy` where there is no more.
        """
        more = now - before
        most = self.most_body_bytes
        if more > 0 and (self.body_bytes + more > most or self.kept_bytes + more > most / 2):
            raise Busy(_FULL)
        self.kept_bytes += more
        self.body_bytes += more

    async def ended(self) -> None:
        """Wait until no call is open."""
        while self._open:
            await self._empty.wait()

    def stop(self, request_id: str) -> int:
        """End the calls of this id for the operator, and return how many that were.

        Each client is told. An id that clients chose may be that of several.
        """
        found = [call for call in self._open if call.receipt.request_id == request_id]
        found = [call for call in found if not call.ending]
        for call in found:
            call.stop(Cause.OPERATOR)
        return len(found)

    def stop_all(self) -> None:
        """End every call, and those whose heads are still to come; each client is told."""
        self._stopping = True
        for call in list(self._open):
            call.stop(Cause.DRAIN)

    def cut_all(self) -> None:
        """End every call at once."""
        for call in list(self._open):
            call.cut(Cause.DRAIN)
