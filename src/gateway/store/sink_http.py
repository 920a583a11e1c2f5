"""Receipts as lines to an HTTP sink: batches, tried again for a while, in one service.

A batch may arrive twice, where the sink took it and its answer was lost; it bears the same name
then, in `idempotency-key`.
"""

import itertools
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from gateway.store.line import Journal
from gateway.store.sink_intake import MAX_WAITING, Intake
from gateway.words.errors import GatewayError

MAX_BATCH: Final = 100
"""Lines. They are written on the loop, and take it a millisecond or two."""

LINGER: Final = 1.0
"""Seconds that a line waits at most for others to go with it."""

TRIES: Final = 8
"""Of one batch: they fill about a minute."""

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
LAST_PAUSE: Final = 0.2
"""Between two tries once the process ends, when there is little time."""

FLUSH_PATIENCE: Final = 5.0
"""Seconds that the sink is given at the end."""

_AGAIN: Final = frozenset({401, 403, 404, 408, 425, 429})
"""What a sink may take back: too many lines, a key or a path that is being changed. Any other 4xx
means that it will never take this batch."""

Post = Callable[[bytes, str], Awaitable[int]]
"""Sends a batch of a name; returns the status that was answered. Raises `GatewayError`."""


class HttpSink(Intake):
    """Receipts go to an HTTP sink; `run` is the service that takes them there."""

    def __init__(
        self,
        post: Post,
        name: str,
        today_ns: Callable[[], int],
        report: Journal,
        draw: Callable[[], float],
        *,
        most_waiting: int = MAX_WAITING,
    ) -> None:
        """`name` tells this process's batches from all others; `draw` spreads the tries."""
        super().__init__(today_ns, report, most_waiting)
        self._post = post
        self._names = (f"{name}-{number}" for number in itertools.count())
        self._draw = draw
        self._came = trio.Event()
        self._closing = trio.Event()
        self._done = trio.Event()
        self._pending: tuple[str, list[bytes]] = ("", [])

    async def run(self) -> None:
        """Take to the sink what comes, until cancelled. A service of the process."""
        while not self._closing.is_set() or self._unwritten:
            if not self._unwritten:
                await self._came.wait()
            with trio.move_on_after(LINGER):
                await self._closing.wait()
            self._came = trio.Event()
            while self._unwritten:
                await self._deliver()
        self._done.set()
        await trio.sleep_forever()

    async def flush(self, patience: float = FLUSH_PATIENCE) -> bool:
        """Have what waits sent, for so many seconds at most, while `run` goes on.

        Return whether all of it was tried. What ends from now on is dropped.
        """
        self._shut = True
        self._closing.set()
        self._came.set()
        with trio.move_on_after(patience):
            await self._done.wait()
        return self._done.is_set()

    def close(self, _patience: float = 0.0) -> bool:
        """Count what was not sent. Return whether there was nothing."""
        self._shut = True
        left = self._unwritten
        self._drain(self._most_waiting)
        self._pending = ("", [])
        self._give_up(left)
        return not left

    @property
    def _unwritten(self) -> int:
        return len(self._pending[1]) + self._queue.qsize()

    def _arrived(self) -> None:
        self._came.set()

    async def _deliver(self) -> None:
        """Offer one batch until it is taken, or nothing more is to be hoped for."""
        name, lines = self._pending
        if not lines:
            name, lines = self._pending = next(self._names), self._lines(self._drain(MAX_BATCH))
        for tried in range(TRIES if lines else 0):
            if await self._offer(name, lines):
                break
            await self._pause(tried)
        else:
            self._give_up(len(lines))
        self._pending = ("", [])

    async def _offer(self, name: str, lines: list[bytes]) -> bool:
        """Return whether the batch is done with: taken, or refused for good."""
        try:
            status = await self._post(b"".join(lines), name)
        except GatewayError as error:
            self._failed(error.message)
            return False
        if 200 <= status < 300:
            self._took(len(lines))
            return True
        self._failed(f"the sink answered {status}")
        if 400 <= status < 500 and status not in _AGAIN:
            self._give_up(len(lines))
            return True
        return False

    async def _pause(self, tried: int) -> None:
        """Wait before the next try: twice as long each time, and never in step with others."""
        if self._closing.is_set():
            await trio.sleep(LAST_PAUSE)
            return
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**tried) * (0.5 + self._draw() / 2)
        with trio.move_on_after(pause):
            await self._closing.wait()
