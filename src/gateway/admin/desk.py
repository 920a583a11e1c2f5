"""Asks the workers for everybody who asks the admin: however many those are, workers hear few.

It keeps nothing longer than a moment. A question that cannot be asked in time is `TooSlowError`.
"""

from collections.abc import Awaitable, Callable, Mapping
from math import inf

import trio

from gateway.admin.workers import Answer
from gateway.policy.health import MOST_HOMES

FRESH = 0.25
"""Seconds for which figures serve the next one too: so often are workers asked at most."""

FRESH_TREE = 0.9
"""The same for a tree. Pages look once a second: ten that are open cost no more than one."""

MOST_TREES = 2
"""Trees that are drawn at a time: one may be long."""

MOST_SIZES = 4
"""Trees of different sizes that are kept for the next one."""

PATIENCE = 10.0
"""Seconds for an answer, with the wait for one's turn."""

Ask = Callable[[Mapping[str, object]], Awaitable[list[Answer]]]
"""Asks all workers one question."""


class _Fresh:
    """One question whose answers serve all who ask within a moment."""

    def __init__(self, ask: Ask, question: Mapping[str, object], seconds: float = FRESH) -> None:
        self._ask = ask
        self._question = question
        self._seconds = seconds
        self._turn = trio.Lock()
        self._told: list[Answer] = []
        self._began = self._taken = self._spoilt = -inf

    async def answers(self) -> list[Answer]:
        with trio.fail_after(PATIENCE):
            async with self._turn:
                now = trio.current_time()
                if now - self._taken >= self._seconds or self._began <= self._spoilt:
                    self._told = await self._ask(self._question)
                    self._began, self._taken = now, trio.current_time()
                return self._told

    def spoil(self) -> None:
        """Have the next one ask anew. What is just being answered is too old by then."""
        self._spoilt = trio.current_time()


class Desk:
    """Where the admin's questions wait for their turn."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._trees: dict[int, _Fresh] = {}
        self._drawing = trio.CapacityLimiter(MOST_TREES)
        self._cancels = trio.CapacityLimiter(1)
        self._gauges = _Fresh(ask, {"ask": "gauges"})
        self._metrics = _Fresh(ask, {"ask": "metrics"})
        self._health = _Fresh(ask, {"ask": "health", "limit": MOST_HOMES})
        self._models = _Fresh(ask, {"ask": "models"})
        self._lines = _Fresh(ask, {"ask": "log"})
        self._budgets = _Fresh(ask, {"ask": "budgets"})

    async def gauges(self) -> list[Answer]:
        """Return the figures of all workers, a moment old at most."""
        return await self._gauges.answers()

    async def metrics(self) -> list[Answer]:
        """Return what all workers have counted with labels, a moment old at most."""
        return await self._metrics.answers()

    async def health(self) -> list[Answer]:
        """Return how each worker finds the homes that it knows, a moment old at most."""
        return await self._health.answers()

    async def models(self) -> list[Answer]:
        """Return which names of models each worker has seen listed, a moment old at most."""
        return await self._models.answers()

    async def budgets(self) -> list[Answer]:
        """Return how full each worker finds the budgets that it knows, a moment old at most."""
        return await self._budgets.answers()

    async def lines(self) -> list[Answer]:
        """Return the last lines of each worker's log, a moment old at most."""
        return await self._lines.answers()

    async def tree(self, limit: int) -> list[Answer]:
        """Return the live trees of all workers, each with so many connections at most.

        They are a moment old at most, and never older than the last cancel.
        """
        tree = self._trees.pop(limit, None)
        if tree is None:
            tree = _Fresh(self._draw, {"ask": "tree", "limit": limit}, FRESH_TREE)
        self._trees[limit] = tree
        if len(self._trees) > MOST_SIZES:  # the one that nobody has asked for longest makes room
            del self._trees[next(iter(self._trees))]
        return await tree.answers()

    async def _draw(self, question: Mapping[str, object]) -> list[Answer]:
        async with self._drawing:
            return await self._ask(question)

    async def cancel(self, call: str) -> int:
        """Have a call cancelled, wherever it is; return how many were."""
        with trio.fail_after(PATIENCE):
            async with self._cancels:
                answers = await self._ask({"ask": "cancel", "id": call})
        for tree in self._trees.values():
            tree.spoil()
        counts = [answer.get("cancelled") for answer in answers]
        return sum(count for count in counts if isinstance(count, int))
