"""The one registry of open calls: their lives, how many there may be, and how they drain."""

import trio

from gateway.words.life import Cause
from gateway.words.receipt import Receipt


class OpenCall:
    """The life of one request: `link` to the client around `work`, and the cause of its end.

    The cause is kept here and not read back from Trio: when both scopes are cancelled the inner one
    reports nothing caught. The first cause stands. A deadline has no reason of its own, and `work`
    has but one: what ended without a cause ended by the total time.
    """

    __slots__ = ("cause", "link", "receipt", "work")

    link: trio.CancelScope
    """The scope of the call's nursery; the front sets it as it opens that."""

    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self.work = trio.CancelScope()
        self.cause: Cause | None = None

    def cut(self, cause: Cause) -> None:
        """Nobody is left to hear: end link and work."""
        if self.cause is None:
            self.cause = cause
        self.link.cancel(reason=cause)

    def stop(self, cause: Cause) -> None:
        """End the work; the client is still told why."""
        if self.cause is None:
            self.cause = cause
            self.work.cancel(reason=cause)

    def expire_at(self, moment: float) -> None:
        """Let the work end at this moment: the total time of the call."""
        self.work.deadline = moment

    def note_expiry(self) -> None:
        """Name the cause, once the work has been left, if it was its time that ran out."""
        if self.cause is None and self.work.cancelled_caught:
            self.cause = Cause.TOTAL_TIMEOUT


class Calls:
    """All open calls of the process. Entered and left without waiting, so nothing can leak."""

    def __init__(self, most: int) -> None:
        """`most` calls may be open at once."""
        self.most = most
        self.draining = False
        self._open: set[OpenCall] = set()
        self._empty = trio.Event()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def full(self) -> bool:
        """True where there are more than may be; the one that asks is counted already."""
        return len(self._open) > self.most

    def add(self, call: OpenCall) -> None:
        self._open.add(call)

    def remove(self, call: OpenCall) -> None:
        self._open.discard(call)
        if not self._open:
            self._empty.set()
            self._empty = trio.Event()

    async def ended(self) -> None:
        """Wait until no call is open."""
        while self._open:
            await self._empty.wait()

    def stop_all(self) -> None:
        """End every call; each client is told."""
        for call in list(self._open):
            call.stop(Cause.DRAIN)

    def cut_all(self) -> None:
        """End every call at once."""
        for call in list(self._open):
            call.cut(Cause.DRAIN)
