"""Whole answers that may be given again: in this process, and where all processes find them."""

from typing import NoReturn, Protocol

import trio

from gateway.policy.cache import LARGEST_SHARE, Cache, Kept

SWEEP_INTERVAL = 30.0
"""Seconds. What is too old is given to nobody before that, it only takes room."""


class Far(Protocol):
    """Where all processes keep answers. It never fails: what it cannot do is a miss."""

    async def get(self, key: bytes) -> Kept | None:
        """Return what is kept there, within a short time."""

    def put(self, key: bytes, kept: Kept, ttl: float) -> None:
        """Have an answer kept for `ttl` seconds, without waiting for it."""


class Answers:
    """The answers that are kept, by the digest of what was asked."""

    def __init__(self, max_bytes: int, far: Far | None = None) -> None:
        self.near = Cache(max_bytes)
        self.largest = max_bytes // LARGEST_SHARE
        """Bytes; a longer answer is not kept."""
        self._max_bytes = max_bytes
        self._far = far

    def anew(self) -> "Answers":
        """Return one that keeps nothing here yet: what names stand for has changed."""
        return Answers(self._max_bytes, self._far)

    def end(self) -> None:
        """Keep nothing here any more. Who has one of them open may hold it for hours."""
        self.near = Cache(0)

    async def run(self) -> NoReturn:
        """Let go of what is too old now and again, until cancelled. A service of the process."""
        while True:
            await trio.sleep(SWEEP_INTERVAL)
            self.near.sweep(trio.current_time())

    async def get(self, key: bytes) -> Kept | None:
        """Return an answer that is kept, from here or from afar."""
        kept = self.near.get(key, trio.current_time())
        if kept is None and self._far is not None:
            kept = await self._far.get(key)
        return kept

    def put(self, key: bytes, kept: Kept, ttl: float) -> None:
        """Keep an answer for `ttl` seconds, here and afar."""
        self.near.put(key, kept, trio.current_time(), ttl)
        if self._far is not None:
            self._far.put(key, kept, ttl)
