"""How often a home may be asked again: a share of what it is asked at all, so that no storm grows.

When a home fails, every call wants to try again at once, and what was a stumble becomes a fall.
So retries are paid for by attempts; only a few are free, for a home that is hardly ever asked.
"""

from typing import Final

DEPOSIT: Final = 0.2
"""What an attempt pays in; a retry costs 1."""

MOST: Final = 100.0
"""No more is kept than this, however many attempts have paid in."""

FREE: Final = 10.0
"""So many retries in `FREE_WITHIN` seconds are to be had without a payment."""

FREE_WITHIN: Final = 10.0
"""Seconds."""


class RetryBudget:
    """The retries that are left to one home.

    Retries pay in as attempts do, since nobody tells them apart here; hence there are at most a
    quarter as many retries as first attempts, besides the free ones.
    """

    __slots__ = ("_left", "_since")

    def __init__(self, now: float) -> None:
        self._left = FREE
        self._since = now

    def deposit(self) -> None:
        """Pay in for an attempt."""
        if self._left < MOST:
            self._left += DEPOSIT

    def withdraw(self, now: float) -> bool:
        """Take one retry, if there is one left."""
        if self._left < FREE:
            self._left = min(FREE, self._left + (now - self._since) * (FREE / FREE_WITHIN))
        self._since = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
