"""Takes spans to a collector of traces: a service, beside all calls, that nobody waits for.

What the collector does not take in a few tries is given up, and counted by its source. Retries are
those that OTLP allows (https://opentelemetry.io/docs/specs/otlp/#failures-1).
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Generic, NoReturn, Protocol, TypeVar

import trio

from gateway.words.errors import GatewayError

MAX_BATCH: Final = 128
"""Calls whose spans travel together. To make them takes a thread some ten milliseconds."""

LINGER: Final = 1.0
"""Seconds that a span waits at most for others to go with it."""

TRIES: Final = 4
"""Of one batch."""

FIRST_PAUSE: Final = 0.5
FLUSH_PATIENCE: Final = 3.0
"""Seconds that the collector is given at the end."""

_AGAIN: Final = frozenset({429, 502, 503, 504})

Post = Callable[[bytes], Awaitable[tuple[int, bytes]]]
"""Sends a batch; returns the status and what was said. Raises `GatewayError`."""


InThread = Callable[[Callable[[], None]], Awaitable[None]]
"""Runs something in a thread, and waits for it."""


class Batch(Protocol):
    """Spans as they travel."""

    @property
    def body(self) -> bytes:
        """What is sent."""

    @property
    def spans(self) -> int:
        """How many they are."""


B = TypeVar("B", bound=Batch)


class Source(Protocol[B]):
    """Where spans come from, and who counts what becomes of them."""

    shut: bool
    """Once this is set, what ends is dropped."""

    def batch(self, most: int) -> B | None:
        """Make the spans of so many calls at most, in a thread; None where none wait."""

    def took(self, batch: B, answer: bytes) -> None:
        """Note that the collector has taken a batch."""

    def failed(self, reason: str) -> None:
        """Note that the collector takes nothing."""

    def give_up(self, spans: int) -> None:
        """Note that so many spans will never be exported."""

    def close(self) -> None:
        """Count what was not taken."""


class Collector(Generic[B]):
    """Who takes spans where they belong, until cancelled."""

    def __init__(
        self,
        source: Source[B],
        post: Post,
        draw: Callable[[], float],
        in_thread: InThread | None = None,
    ) -> None:
        """`draw` spreads the tries; `in_thread` runs something where the loop does not wait."""
        self._source = source
        self._post = post
        self._draw = draw
        self._in_thread = in_thread or partial(
            trio.to_thread.run_sync, limiter=trio.CapacityLimiter(1)
        )
        self._closing = trio.Event()
        self._done = trio.Event()

    async def run(self) -> NoReturn:
        """Take what has come, once a second. A service of the process."""
        last = False
        while not last:
            with trio.move_on_after(LINGER):
                await self._closing.wait()
            last = self._closing.is_set()
            while (batch := await self._made()) is not None:
                if batch.spans:
                    await self._deliver(batch)
        self._done.set()
        await trio.sleep_forever()

    async def flush(self, patience: float = FLUSH_PATIENCE) -> None:
        """Have what waits taken, for so many seconds at most, while `run` goes on."""
        self._source.shut = True
        self._closing.set()
        with trio.move_on_after(patience):
            await self._done.wait()

    def close(self) -> None:
        """Count what was not taken."""
        self._source.close()

    async def _made(self) -> B | None:
        made: list[B | None] = []
        await self._in_thread(lambda: made.append(self._source.batch(MAX_BATCH)))
        return made[0]

    async def _deliver(self, batch: B) -> None:
        """Offer one batch until it is taken, or nothing more is to be hoped for."""
        taken = False
        try:
            for tried in range(TRIES):
                status, said = await self._offer(batch)
                taken = 200 <= status < 300
                if taken:
                    self._source.took(batch, said)
                if status and status not in _AGAIN:
                    break
                await self._pause(tried)
        finally:
            if not taken:
                self._source.give_up(batch.spans)

    async def _offer(self, batch: B) -> tuple[int, bytes]:
        """Return the status that was answered, 0 for none, and what was said."""
        try:
            status, said = await self._post(batch.body)
        except GatewayError as error:
            self._source.failed(error.message)
            return 0, b""
        if not 200 <= status < 300:
            self._source.failed(f"the collector answered {status}")
        return status, said

    async def _pause(self, tried: int) -> None:
        """Wait before the next try: twice as long each time, and never in step with others."""
        with trio.move_on_after(FIRST_PAUSE * 2**tried * (0.5 + self._draw() / 2)):
            await self._closing.wait()
