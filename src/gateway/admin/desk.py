"""Asks the workers for everybody who asks the admin: however many those are, workers hear few.

It keeps nothing longer than a moment. A question that cannot be asked in time is `TooSlowError`.
"""

from collections.abc import Awaitable, Callable, Mapping
from math import inf

import trio

from gateway.admin.workers import Answer

FRESH = 0.25
"""Seconds for which figures serve the next one too: so often are workers asked at most."""

MOST_TREES = 2
"""Trees that are drawn at a time: one may be long."""

PATIENCE = 10.0
"""Seconds for an answer, with the wait for one's turn."""

Ask = Callable[[Mapping[str, object]], Awaitable[list[Answer]]]
"""Asks all workers one question."""


class Desk:
    """Where the admin's questions wait for their turn."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._turn = trio.Lock()
        self._trees = trio.CapacityLimiter(MOST_TREES)
        self._cancels = trio.CapacityLimiter(1)
        self._gauges: list[Answer] = []
        self._taken = -inf

    async def gauges(self) -> list[Answer]:
        """Return the figures of all workers, a moment old at most."""
        with trio.fail_after(PATIENCE):
            async with self._turn:
                if trio.current_time() - self._taken >= FRESH:
                    self._gauges = await self._ask({"ask": "gauges"})
                    self._taken = trio.current_time()
                return self._gauges

    async def tree(self, limit: int) -> list[Answer]:
        """Return the live trees of all workers, each with so many connections at most."""
        with trio.fail_after(PATIENCE):
            async with self._trees:
                return await self._ask({"ask": "tree", "limit": limit})

    async def cancel(self, call: str) -> int:
        """Have a call cancelled, wherever it is; return how many were."""
        with trio.fail_after(PATIENCE):
            async with self._cancels:
                answers = await self._ask({"ask": "cancel", "id": call})
        counts = [answer.get("cancelled") for answer in answers]
        return sum(count for count in counts if isinstance(count, int))
