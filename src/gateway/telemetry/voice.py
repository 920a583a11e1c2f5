"""The log of a process that must have no thread: it writes itself, and hardly waits."""

import fcntl
import os
import select
from collections.abc import Callable
from contextlib import suppress

from gateway.telemetry.lines import Line, Plain, Render
from gateway.telemetry.log import LEVELS

LINE_PATIENCE_MS = 100
_TURN_MS = 5


class Voice:
    """The supervisor's log. Each line waits for 100 ms at most.

    What the sink does not take in that time is lost, counted, and told by the next line.
    """

    def __init__(
        self,
        descriptor: int,
        render: Render,
        level: str,
        now_ns: Callable[[], int],
        turns: int,
    ) -> None:
        """`turns` is the descriptor by which those who share the sink take turns."""
        self.lost = 0
        self.turns = turns
        self._threshold = LEVELS[level]
        self._descriptor = descriptor
        self._render = render
        self._now_ns = now_ns

    def say(self, level: str, event: str, **fields: Plain) -> None:
        """Write a line, if its level is written."""
        if LEVELS[level] < self._threshold:
            return
        if self.lost:
            lost, self.lost = self.lost, 0
            if not self._write(Line(self._now_ns(), "warning", "log lines lost", {"lost": lost})):
                self.lost = lost
        self.lost += not self._write(Line(self._now_ns(), level, event, fields))

    def _write(self, line: Line) -> bool:
        data = (self._render(line) + "\n").encode(errors="backslashreplace")
        if not self._take_turn():
            return False
        try:
            room = select.poll()
            room.register(self._descriptor, select.POLLOUT)
            if not room.poll(LINE_PATIENCE_MS):
                return False
            # What is ready takes PIPE_BUF bytes at once, says POSIX; more might wait.
            return os.write(self._descriptor, data[: select.PIPE_BUF]) == len(data)
        except OSError:
            return False
        finally:
            fcntl.lockf(self.turns, fcntl.LOCK_UN)

    def _take_turn(self) -> bool:
        for _ in range(LINE_PATIENCE_MS // _TURN_MS):
            with suppress(BlockingIOError, PermissionError):
                fcntl.lockf(self.turns, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            select.poll().poll(_TURN_MS)
        return False
