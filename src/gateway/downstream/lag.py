"""How late the loop wakes, and what it was doing where it stood still.

One task sleeps a little, again and again, and notes how late it was woken: that long everything
else waited too. What holds the loop up cannot be told by the loop, so a thread looks on: where the
loop has not woken for some seconds it writes all stacks to the log.

The thread takes Python's lock to look, because stacks that change while they are read end the
process. So what holds the loop up with the lock in its hand is told only afterwards (ADR 10).
"""

import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from typing import Final, NoReturn

import trio

from gateway.telemetry.log import Log

INTERVAL: Final = 0.5
"""Seconds between two looks."""

REMEMBERED: Final = 60.0
"""Seconds that a lateness is remembered."""

STALL: Final = 5.0
"""Seconds that the loop must stand still before all stacks are written, or half as many more."""

LOOKS: Final = 2
"""How often the thread looks in that time: seldom, for each look takes the lock for a moment."""


class Lag:
    """The lateness of this process's loop, in seconds."""

    def __init__(self, log: Log, interval: float = INTERVAL, stall: float = STALL) -> None:
        self._log = log
        self._interval = interval
        self._stall = stall
        self._seen: deque[float] = deque([0.0], maxlen=round(REMEMBERED / interval))
        self._woken = False

    @property
    def worst(self) -> float:
        """The worst of the last minute."""
        return max(self._seen)

    async def run(self) -> NoReturn:
        """Look again and again, until cancelled. A service of the process."""
        over = threading.Event()
        loop = threading.get_ident()
        thread = threading.Thread(target=self._look_on, args=(over, loop), name="loop watch")
        thread.daemon = True
        thread.start()
        try:
            while True:
                self._woken = True
                due = trio.current_time() + self._interval
                await trio.sleep_until(due)
                self._note(trio.current_time() - due)
        finally:
            over.set()
            thread.join()

    def _note(self, late: float) -> None:
        self._seen.append(late)
        if late + self._interval >= self._stall:
            self._log.error("the loop stood still", seconds=round(late, 3))

    def _look_on(self, over: threading.Event, loop: int) -> None:
        """Be the thread: some looks in a row without a waking between them are a standstill."""
        silent = 0
        while not over.wait(self._stall / LOOKS):
            silent = 0 if self._woken else silent + 1
            self._woken = False
            if silent == LOOKS:
                stacks = "\n".join(stacks_of_all(first=loop))
                self._log.block("error", "the loop stands still", "stacks", stacks)


def stacks_of_all(first: int) -> Iterator[str]:
    """Yield the stack of each thread, that of `first` before all others; no local variables."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames()  # noqa: SLF001  (it is documented, and has no other name)
    for ident in sorted(frames, key=lambda each: each != first):
        yield f"thread {names.get(ident, ident)}"
        yield "".join(traceback.format_stack(frames[ident])).rstrip("\n")
