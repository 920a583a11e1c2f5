"""How often wrong credentials may be shown: each one waits, and whoever shows many is refused."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import trio

from gateway.admin.routes import Refusal

DELAY: Final = 0.5
"""Seconds that a wrong credential waits for its answer."""

EACH: Final = 10
ALL: Final = 60
"""Wrong ones in a minute: from one address, and from all together."""

MOST_WAITING: Final = 8
"""Answers that wait at one time; more are refused at once, so that it costs nobody else."""

MOST_KNOWN: Final = 1_000
"""Addresses that are remembered, the latest ones."""

MINUTE: Final = 60.0


class _Bucket:
    """Wrong ones that run off, `limit` of them in a minute."""

    __slots__ = ("level", "since")

    def __init__(self, now: float) -> None:
        self.level, self.since = 0.0, now

    def at(self, now: float, limit: int) -> float:
        self.level = max(0.0, self.level - (now - self.since) * limit / MINUTE)
        self.since = now
        return self.level


class Attempts:
    """Counts wrong credentials. A right one is never kept out by those of other addresses."""

    def __init__(self, now: Callable[[], float] = trio.current_time) -> None:
        self._now = now
        self._known: OrderedDict[str, _Bucket] = OrderedDict()
        self._all: _Bucket | None = None
        self._waiting = 0

    def check(self, address: str) -> None:
        """Refuse an address that has shown too many. Raises `Refusal`."""
        now = self._now()
        bucket = self._known.get(address)
        if bucket is not None and bucket.at(now, EACH) >= EACH:
            raise _too_many()

    async def note(self, address: str) -> None:
        """Count a wrong one, and wait. Raises `Refusal` where there are too many."""
        now = self._now()
        bucket = self._known.pop(address, None) or _Bucket(now)
        self._known[address] = bucket
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        whole = self._all = self._all or _Bucket(now)
        # What is refused is not counted: nobody is kept out for longer than a minute.
        if bucket.at(now, EACH) >= EACH or whole.at(now, ALL) >= ALL:
            raise _too_many()
        bucket.level += 1
        whole.level += 1
        if self._waiting >= MOST_WAITING:
            raise _too_many()
        self._waiting += 1
        try:
            await trio.sleep(DELAY)
        finally:
            self._waiting -= 1


def _too_many() -> Refusal:
    return Refusal(429, "rate_limited", "Too many wrong credentials. Try again in a minute.", 60)
