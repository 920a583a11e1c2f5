"""Calls that read one answer, and the providers that give it by a time-table. Virtual time."""

import trio

from gateway.policy.cache import PIECE_BYTES
from gateway.relay.shared import Lasting, Seat, Sharing
from gateway.relay.shared_clock import SharedClock
from gateway.words.answer import Piece
from gateway.words.client import Header
from gateway.words.receipt import Receipt

KEY = b"what was asked"


def piece(text: object) -> Piece:
    return Piece(f"{text};".encode(), has_content=True)


def text_of(pieces: list[Piece]) -> str:
    return b"".join(each.raw for each in pieces).decode()


class Source:
    """A provider's answer that comes by a time-table: seconds since it began, and what comes then.

    It keeps what it has not been asked for, as a socket does. It notes when it was closed and how.
    """

    headers: tuple[Header, ...] = ((b"openai-version", b"1"),)
    status = 200

    def __init__(self, *script: tuple[float, list[Piece] | BaseException]) -> None:
        self._script = list(script)
        self._began = 0.0
        self._clock: SharedClock | None = None
        self.reads = 0
        self.reading = False
        self.ended = False
        self.closed: list[tuple[float, object]] = []
        self.handed: list[Receipt] = []

    def hand_over(self, receipt: Receipt) -> None:
        assert not self.closed, "handed on after it was closed"
        self.handed.append(receipt)

    def begin(self, clock: SharedClock) -> None:
        """Be asked now."""
        self._began = trio.current_time()
        self._clock = clock

    async def next(self) -> list[Piece]:
        assert not self.reading, "two read at once"
        assert not self.closed, "read after it was closed"
        assert self._clock is not None
        self.reading = True
        try:
            at, said = self._script[0]
            await trio.sleep_until(self._began + at)
        finally:
            self.reading = False
        self.reads += 1
        del self._script[0]
        if isinstance(said, BaseException):
            try:
                raise said
            finally:
                del said  # or they would know each other
        self.ended = not self._script
        self._clock.received()
        self._clock.heard()
        return said

    async def __aenter__(self) -> "Source":
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        self.closed.append((trio.current_time(), kind))


class Stopped(Source):
    """An answer whose read tells its cancellation as a nursery does, at times with a bug beside."""

    def __init__(self, *script: tuple[float, list[Piece]], bug: Exception | None = None) -> None:
        super().__init__(*script)
        self._bug = bug

    async def next(self) -> list[Piece]:
        try:
            return await super().next()
        except trio.Cancelled as cancelled:
            errors = [cancelled] if self._bug is None else [cancelled, self._bug]
            raise BaseExceptionGroup("nursery", errors) from None


def stream(*moments: float) -> Source:
    """Return an answer that says its number at each moment, and ends with the last."""
    return Source(*((at, [piece(number)]) for number, at in enumerate(moments)))


class CallTime:
    """The clock of a call, which writes down when it heard something."""

    def __init__(self) -> None:
        self.received_at: list[float] = []
        self.heard_at: list[float] = []
        self.silent = False

    def received(self) -> None:
        self.received_at.append(trio.current_time())

    def heard(self) -> None:
        self.heard_at.append(trio.current_time())

    def commit(self) -> float:
        return trio.current_time()

    def doubt(self) -> None:
        pass

    def watch(self, reading: trio.CancelScope | None) -> None:
        pass


class Caller:
    """One call that wants the answer: when it comes, how fast it reads, when its client leaves."""

    def __init__(
        self, room: "Room", name: str, *, at: float = 0, pause: float = 0, leaves: float = 1e9
    ) -> None:
        self._room = room
        self._at, self._pause, self._leaves = at, pause, leaves
        self.receipt = Receipt(name, "POST", "/", "", at)
        self.clock = CallTime()
        self.seat: Seat | None = None
        self.batches: list[str] = []
        self.times: list[float] = []
        self.error: BaseException | None = None
        self.whole = False
        self.begun = 0

    @property
    def text(self) -> str:
        return "".join(self.batches)

    async def run(self) -> None:
        await trio.sleep_until(self._at)
        try:
            with trio.CancelScope(deadline=self._leaves):
                await self._read()
        except Exception as error:
            self.error = error

    async def _read(self) -> None:
        joined = self._room.sharing.join_or_begin(KEY, self.receipt, self.clock, self._begin)
        async with await joined as answer:
            assert isinstance(answer, Seat)
            self.seat = answer
            while True:
                pieces = await answer.next()
                self.batches.append(text_of(pieces))
                self.times.append(trio.current_time())
                if answer.ended:
                    break
                await trio.sleep(self._pause)
        self.whole = True

    async def _begin(self, clock: SharedClock) -> Lasting:
        self.begun += 1
        return await self._room.begin(clock)


class Room:
    """Callers, and the answers that are begun for them, one after the other."""

    def __init__(self, *sources: Source | BaseException, takes: float = 0) -> None:
        """`takes` is how long an answer takes to begin."""
        self.sharing = Sharing()
        self.callers: list[Caller] = []
        self._sources = list(sources)
        self._takes = takes
        self.begins: list[float] = []
        self.beginning = False

    async def begin(self, clock: SharedClock) -> Lasting:
        """Be the provider that is asked."""
        assert not self.beginning, "two begin at once"
        self.beginning = True
        try:
            await trio.sleep(self._takes)
        finally:
            self.beginning = False
        self.begins.append(trio.current_time())
        source = self._sources.pop(0)
        if isinstance(source, BaseException):
            raise source
        source.begin(clock)
        clock.received()
        clock.heard()
        return source

    def caller(self, name: str, **how: float) -> Caller:
        self.callers.append(Caller(self, name, **how))
        return self.callers[-1]

    async def play(self) -> None:
        """Let all callers do as they do, and look whether anything is left."""
        async with trio.open_nursery() as nursery:
            for each in self.callers:
                nursery.start_soon(each.run)
        assert (len(self.sharing), self.sharing.held_bytes) == (0, 0)


def small(room: Room, pieces: int, *, in_all: int = 10_000) -> None:
    """Give the room's answers the space of so many pieces of two bytes."""
    room.sharing = Sharing(pieces * (PIECE_BYTES + 2), in_all * (PIECE_BYTES + 2))
