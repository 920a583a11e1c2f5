"""How late the loop wakes, and what it was doing where it stood still.

One task sleeps a little, again and again, and notes how late it was woken: that long everything
else waited too. What holds the loop up cannot be told by the loop, so a thread of the interpreter,
which needs neither the loop nor Python's lock, writes all stacks after some seconds. It is set anew
with each waking, and writes nothing while all is well.
"""

import faulthandler
import os
import stat
import threading
from collections import deque
from pathlib import Path
from typing import Final, NoReturn

import trio

from gateway.telemetry.log import Log

INTERVAL: Final = 0.5
"""Seconds between two looks."""

REMEMBERED: Final = 60.0
"""Seconds that a lateness is remembered."""

STALL: Final = 5.0
"""Seconds that the loop must stand still before all stacks are written."""

_MOST_STACKS: Final = 65_536


class Lag:
    """The lateness of this process's loop, in seconds."""

    def __init__(self, log: Log, interval: float = INTERVAL, stall: float = STALL) -> None:
        """Stacks are written after `stall` seconds, once `watch` has said where to."""
        self._log = log
        self._interval = interval
        self._stall = stall
        self._seen: deque[float] = deque([0.0], maxlen=round(REMEMBERED / interval))
        self._stacks: int | None = None
        self._kept = False

    @property
    def worst(self) -> float:
        """The worst of the last minute."""
        return max(self._seen)

    def watch(self, descriptor: int) -> None:
        """Have the stacks of a standstill written there: the process's stderr.

        Whoever writes them must never wait, or the loop would wait for him in turn; so all but a
        file is opened anew. What cannot be, a socket, is told by the log, after the event.
        """
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                self._stacks = os.dup(descriptor)
            else:
                self._stacks = os.open(Path("/proc/self/fd", str(descriptor)), flags)
        except OSError:
            self._stacks = os.memfd_create("stacks")
            self._kept = True

    async def run(self) -> NoReturn:
        """Look again and again, until cancelled. A service of the process."""
        try:
            while True:
                self._arm()
                due = trio.current_time() + self._interval
                await trio.sleep_until(due)
                self._note(trio.current_time() - due)
        finally:
            if self._stacks is not None:
                faulthandler.cancel_dump_traceback_later()

    def close(self) -> None:
        """Give the descriptor back, once `run` has ended."""
        if self._stacks is not None:
            os.close(self._stacks)
            self._stacks = None

    def _arm(self) -> None:
        if self._stacks is not None:
            faulthandler.dump_traceback_later(self._stall, file=self._stacks)

    def _note(self, late: float) -> None:
        self._seen.append(late)
        if late + self._interval >= self._stall:
            self._log.error("the loop stood still", seconds=round(late, 3), **self._told())

    def _told(self) -> dict[str, str]:
        """Return the loop's own stack, where only this process can read what was written."""
        if self._stacks is None or not self._kept:
            return {}
        text = os.pread(self._stacks, _MOST_STACKS, 0).decode(errors="replace")
        os.ftruncate(self._stacks, 0)
        os.lseek(self._stacks, 0, os.SEEK_SET)
        return {"stack": text[max(0, text.find(f"Thread 0x{threading.get_ident():016x}")) :]}
