"""One answer, many readers: whoever needs the next piece reads it, the last one out closes it.

There is no leader, and no task that belongs to no call. One reader at a time works for all: it
begins the answer, or reads on. When it is cancelled, because its client has left, the next reader
that waits takes its place at once: it begins anew, or reads on where the other was stopped (a read
that is cancelled loses nothing). An error that ends the work is told to all.

All readers are told the answer from its start. What has been said is held for those who may still
come, within `max_bytes` for one answer and `max_held_bytes` for all; above either nobody is let in
any more, and what every reader has read is dropped. Then a reader that has left more than
`max_bytes` unread is sent away: its client is too slow to share, and would cost the memory of all.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import trio

from gateway.policy.cache import weight
from gateway.relay.hearing import CallClock
from gateway.relay.replay import batch
from gateway.relay.shared_clock import SharedClock
from gateway.words.answer import Answer, Piece
from gateway.words.client import Header
from gateway.words.errors import Busy, ClientTimeout, GatewayError, Internal
from gateway.words.receipt import Receipt

MAX_BYTES = 16_777_216
MAX_HELD_BYTES = 268_435_456

JOINABLE_SILENCE = 5.0
"""Seconds. An answer whose provider has been silent for longer is joined by nobody: it may never
go on, and whoever came would wait a whole idle time for it."""


class Lasting(Answer, Protocol):
    """An answer that can outlive the call that began it."""

    def hand_over(self, receipt: Receipt) -> None:
        """Have what it still costs written on another call's receipt from now on."""


Begin = Callable[[SharedClock], Awaitable[Lasting]]
"""Asks the targets and returns the answer at its first content; the clock is told of what comes."""


class Seat:
    """One reader's place at a shared answer (see `words.answer.Answer`)."""

    def __init__(self, shared: "Shared", receipt: Receipt, clock: CallClock) -> None:
        self._shared = shared
        self._left = False
        self.receipt = receipt
        self.clock = clock
        self.read = 0
        self.read_bytes = 0
        self.behind = False
        self.ended = False

    @property
    def owner(self) -> Receipt:
        """The receipt of the call that began the answer; it says who was asked, and pays."""
        return self._shared.owner

    @property
    def shared_with(self) -> str | None:
        """The id of the request that began the answer, None where this one did."""
        return None if self.owner is self.receipt else self.owner.request_id

    @property
    def status(self) -> int:
        return self._shared.answer.status

    @property
    def headers(self) -> tuple[Header, ...]:
        return self._shared.answer.headers

    async def next(self) -> list[Piece]:
        while not self.behind:
            if pieces := self._shared.unread(self.read):
                self.read += len(pieces)
                self.read_bytes += weight(pieces)
                self.ended = self._shared.ends_at(self.read)
                return pieces
            if self._shared.ends_at(self.read):
                self.ended = True
                return []
            await self._shared.read_on()
        raise Busy("The client reads too slowly to share an answer with others.")

    async def __aenter__(self) -> "Seat":
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not self._left:
            self._left = True
            await self._shared.leave(self, error)


class Shared:
    """One answer and those who read it."""

    def __init__(self, sharing: "Sharing", key: bytes, owner: Receipt) -> None:
        self._sharing = sharing
        self._key = key
        self._clock = SharedClock()
        self._seats: dict[Seat, None] = {}
        self._answer: Lasting | None = None
        self._ended = self._closed = False
        self._failure: GatewayError | None = None
        self._at_work = False
        self._news = trio.lowlevel.ParkingLot()
        self._open = True
        self._pieces: list[Piece] = []
        self._dropped = 0
        self._told_bytes = 0
        self.owner = owner

    @property
    def answer(self) -> Lasting:
        """The answer; it must have begun."""
        assert self._answer is not None, "only an answer that has begun is read"
        return self._answer

    @property
    def joinable(self) -> bool:
        """Say whether one more may read along: from the first asking to the last piece."""
        if self._answer is None:
            return self._open
        return self._open and self._clock.silence(trio.current_time()) <= JOINABLE_SILENCE

    def seat(self, receipt: Receipt, clock: CallClock) -> Seat:
        """Let one more read, from the start."""
        seat = Seat(self, receipt, clock)
        self._seats[seat] = None
        self._clock.add(clock)
        if self._answer is not None:
            clock.received()  # what is there already counts as come now, not before it was asked
        return seat

    async def begin(self, seat: Seat, begin: Begin) -> None:
        """Begin the answer, or wait for whoever does."""
        while self._answer is None:
            await self._work_or_wait(partial(self._ask, seat, begin))

    async def read_on(self) -> None:
        """Read the next pieces for all, or wait for whoever does."""
        await self._work_or_wait(self._pull)

    def unread(self, place: int) -> list[Piece]:
        """Return what is there from this place on, as much as is handed on at once."""
        return batch(self._pieces, place - self._dropped)

    def ends_at(self, place: int) -> bool:
        """Say whether nothing will ever follow at this place."""
        return self._ended and place == self._dropped + len(self._pieces)

    def shut(self) -> None:
        """Let nobody join any more."""
        if self._open:
            self._open = False
            self._sharing.forget(self._key)

    async def leave(self, seat: Seat, error: BaseException | None) -> None:
        """Let a reader go; the last one closes the answer, and an owner hands it on.

        The answer is told how it came to its own end. Only where it had not come to one does it
        matter how the last reader left.
        """
        del self._seats[seat]
        self._clock.remove(seat.clock)
        last, owned = not self._seats, seat.receipt is self.owner
        if last:
            self.shut()
            self._drop(len(self._pieces))
        if self._answer is None or self._closed or not (last or owned):
            return
        if not last and not self._ended and self._failure is None:
            self.owner = next(iter(self._seats)).receipt
            self._answer.hand_over(self.owner)
            return
        self._closed = True
        error = None if self._ended else self._failure or error
        await self._answer.__aexit__(error and type(error), error, None)

    async def _work_or_wait(self, work: Callable[[], Awaitable[None]]) -> None:
        if self._failure is not None:
            raise _again(self._failure)
        if self._at_work:
            await self._news.park()
            return
        self._at_work = True
        try:
            await work()
        except ClientTimeout:
            raise  # the patience of one client; the next may have more
        except GatewayError as error:
            self._fail(error)
            raise
        except BaseException as error:
            if not _is_cancellation(error):
                self._fail(Internal("Internal error; the call that began the answer tells more."))
            raise
        finally:
            self._at_work = False
            self._news.unpark_all()

    async def _ask(self, seat: Seat, begin: Begin) -> None:
        self.owner = seat.receipt
        answer = await begin(self._clock)
        await answer.__aenter__()  # noqa: PLC2801  it is left by the last reader
        self._answer = answer
        self._clock.rest()

    async def _pull(self) -> None:
        self._clock.listen()
        try:
            pieces = await self.answer.next()
        finally:
            self._clock.rest()
        self._append(pieces)

    def _append(self, pieces: list[Piece]) -> None:
        told_before = self._told_bytes
        added = weight(pieces)
        self._pieces += pieces
        self._told_bytes += added
        self._sharing.held_bytes += added
        self._ended = self.answer.ended
        if self._ended or self._told_bytes > self._sharing.max_bytes or self._sharing.full:
            self.shut()
        if not self._open:
            self._trim(told_before)

    def _trim(self, told_before: int) -> None:
        """Drop what everybody has read. Who had left too much unread before this is sent away."""
        for seat in self._seats:
            if told_before - seat.read_bytes > self._sharing.max_bytes:
                seat.behind = True
        end = self._dropped + len(self._pieces)
        first = min([seat.read for seat in self._seats if not seat.behind], default=end)
        self._drop(first - self._dropped)

    def _drop(self, count: int) -> None:
        self._sharing.held_bytes -= weight(self._pieces[:count])
        del self._pieces[:count]
        self._dropped += count

    def _fail(self, error: GatewayError) -> None:
        self._failure = _again(error)
        self.shut()


class Sharing:
    """The answers that can be joined, by what was asked. `held_bytes` is what all of them hold.

    What readers hold back that are slower than others comes on top of `max_held_bytes`: at most
    `max_bytes` and one read for an answer.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, max_held_bytes: int = MAX_HELD_BYTES) -> None:
        self._open: dict[bytes, Shared] = {}
        self._max_held_bytes = max_held_bytes
        self.max_bytes = max_bytes
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def full(self) -> bool:
        return self.held_bytes > self._max_held_bytes

    async def join_or_begin(
        self, key: bytes, receipt: Receipt, clock: CallClock, begin: Begin
    ) -> Seat:
        """Return a place at the answer to this question, once it has begun.

        `begin` is called if nobody else has begun, or if whoever did was cancelled before there
        was an answer. Raises what it raises, to all who wait for it; but a `ClientTimeout` to the
        one alone whose time it was.
        """
        shared = self._open.get(key)
        if shared is not None and not shared.joinable:
            shared.shut()
            shared = None
        if shared is None:
            shared = self._open[key] = Shared(self, key, receipt)
        seat = shared.seat(receipt, clock)
        try:
            await shared.begin(seat, begin)
        except BaseException as error:
            await seat.__aexit__(type(error), error, error.__traceback__)
            raise
        return seat

    def forget(self, key: bytes) -> None:
        """Let nobody find the answer to this question any more."""
        del self._open[key]


def _again(error: GatewayError) -> GatewayError:
    """Return the same error for one more reader: each is raised, and told, by itself."""
    told = type(error).__new__(type(error), *error.args)
    told.__dict__.update(error.__dict__)
    return told


def _is_cancellation(error: BaseException) -> bool:
    """Say whether this is Cancelled and nothing else; a nursery tells it as a group."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(trio.Cancelled)[1] is None
    return isinstance(error, trio.Cancelled)
