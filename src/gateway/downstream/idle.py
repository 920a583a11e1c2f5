"""Connections that wait for a request: one task sends away those that have waited too long.

A scope of its own for each wait would cost a request more than all else that reading its head does.
"""

from typing import NoReturn, Protocol

import trio

SWEEP_INTERVAL = 1.0
"""Seconds by which a connection may be sent away late."""


class Waiting(Protocol):
    """One that waits."""

    def hang_up(self) -> None:
        """End the wait, without waiting for it to have ended."""


class Idle:
    """All that wait, and until when they may, on Trio's clock."""

    def __init__(self) -> None:
        self._until: dict[Waiting, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def add(self, waiting: Waiting, until: float) -> None:
        """Let one wait until then."""
        self._until[waiting] = until

    def remove(self, waiting: Waiting) -> None:
        """Say that it waits no more."""
        del self._until[waiting]

    async def run(self) -> NoReturn:
        """Send away who has waited too long, until cancelled. A service of the process."""
        while True:
            await trio.sleep(SWEEP_INTERVAL)
            now = trio.current_time()
            for waiting in [each for each, until in self._until.items() if until <= now]:
                waiting.hang_up()
