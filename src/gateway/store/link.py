"""Keeps one connection to the shared store, and makes it anew whenever it is lost.

    away ──▶ reached: all jobs run ──silence, end, error──▶ lost ──a growing, jittered pause──┐
      ▲                                                                                       │
      └───────────────────────────────────────────────────────────────────────────────────────┘

Nobody waits for it: who finds no line goes by what this process knows itself.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NoReturn, Protocol

import trio

from gateway.store.line import Job, Journal, Line, Lost

CONNECT_TIMEOUT: Final = 2.0
LATE: Final = f"it did not answer within {CONNECT_TIMEOUT:g} seconds"

PULSE: Final = 1.0
"""Seconds between two questions whether the store is still there."""

SHORTEST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
"""Seconds before a new attempt, at first and at last."""


class Open(Protocol):
    """Who makes a connection and holds it until it ends."""

    def __call__(self, *, task_status: trio.TaskStatus[Line]) -> Awaitable[None]:
        """Start with the line once it can be asked; raise `Lost` when it cannot any more."""


class Link:
    """The one connection of this process, held by the service `run`."""

    def __init__(
        self,
        open_line: Open,
        jobs: Sequence[Job],
        journal: Journal,
        draw: Callable[[], float],
        loss: str = "going on locally",
    ) -> None:
        """`loss` says what becomes of calls meanwhile."""
        self._open = open_line
        self._jobs = jobs
        self._journal = journal
        self._draw = draw
        self._loss = loss
        self._told = False
        self.up = False
        self.losses = 0
        """How often a connection was lost that had been made."""

    async def run(self) -> NoReturn:
        """Hold a connection, again and again, until cancelled. A service of the process."""
        failures = 0
        while True:
            began = trio.current_time()
            reason = await self._hold()
            # What foreign code says when it is cancelled is no loss.
            await trio.lowlevel.checkpoint_if_cancelled()
            failures = 1 if trio.current_time() - began > LONGEST_PAUSE else failures + 1
            self._lose(reason)
            await trio.sleep(pause(failures, self._draw()))

    async def _hold(self) -> str:
        """Hold a connection as long as it lasts; return why it ended."""
        reason = ""
        patience = trio.CancelScope()
        try:
            async with trio.open_nursery() as nursery:
                with patience:
                    patience.deadline = trio.current_time() + CONNECT_TIMEOUT
                    line = await nursery.start(self._open)
                if patience.cancelled_caught:
                    raise Lost(LATE)
                self._reach()
                nursery.start_soon(self._pulse, line)
                for job in self._jobs:
                    nursery.start_soon(job, line)
        except* Lost as group:
            self.losses += self.up
            # Foreign code that is cancelled gives reasons of its own.
            late = patience.cancel_called and not self.up
            reason = LATE if late else _first(group)
        finally:
            self.up = False
        return reason

    async def _pulse(self, line: Line) -> NoReturn:
        while True:
            await trio.sleep(PULSE)
            await line.ask((b"PING",))

    def _reach(self) -> None:
        self.up, self._told = True, False
        self._journal.info("shared store reached")

    def _lose(self, reason: str) -> None:
        """Say once that there is no store; the attempts in between are not worth a line."""
        if not self._told:
            self._told = True
            self._journal.warning(f"shared store away, {self._loss}", reason=reason)


def pause(failures: int, draw: float) -> float:
    """Return the seconds to wait after so many failures in a row."""
    whole = min(SHORTEST_PAUSE * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE)
    return whole * (0.5 + draw / 2)


def _first(group: BaseExceptionGroup[Lost]) -> str:
    """Return what was said first: the rest follows from it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
