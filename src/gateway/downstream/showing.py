"""SIGUSR1: what is open now, written to stderr as `gateway top` shows it."""

import signal
from math import inf

import trio

from gateway.downstream.drawing import draw
from gateway.downstream.questions import Questions
from gateway.telemetry.log import Log

SIGNAL = signal.SIGUSR1

AGAIN_AFTER = 0.5
"""Seconds. A signal to the whole group reaches a worker twice: by itself and by its supervisor."""


class Showing:
    """Shows the tree of one worker, to whoever has no other way to see it."""

    def __init__(self, questions: Questions, log: Log) -> None:
        self._questions = questions
        self._log = log
        self._shown = -inf

    async def heed_signal(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Show it at each signal, until cancelled. A service of the process."""
        with trio.open_signal_receiver(SIGNAL) as signals:
            task_status.started()
            async for _ in signals:
                self.show()

    def show(self) -> None:
        """Show it now, through the log, so that a blocked stderr holds nobody up."""
        now = trio.current_time()
        if now - self._shown < AGAIN_AFTER:
            return
        self._shown = now
        try:
            tree = self._questions.tree()
            lines = "\n".join(draw([tree]))
            self._log.block("info", "open now", "tree", lines, worker=tree.worker)
        except* Exception as group:
            self._log.exception("bug in the live tree", group)
