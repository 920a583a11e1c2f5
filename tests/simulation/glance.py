"""Glances at what is held whenever nothing can go on: slots of the pool, money, leases of keys.

Nobody may wait for a slot while one is free. What is held of a purse is never more than there was;
nobody has more calls open than may be.
"""

from collections.abc import Sequence
from typing import Any

import trio

from gateway.policy.budgets import Purse
from gateway.policy.limits import Levels, Limiter, Subject
from gateway.upstream.pool import Pool
from tests.simulation.bookkeeping import SeenPurses, subjects_in
from tests.simulation.record import Record
from tests.simulation.tills import Till


class Glance(trio.abc.Instrument):
    """Notes in the record what it sees."""

    def __init__(self, pool: Pool[Any], record: Record) -> None:
        self._pool = pool
        self._record = record

    def before_io_wait(self, timeout: float) -> None:
        for site in self._pool.sites.values():
            if site.waiting and site.open < site.limit:
                self._record.waited_in_vain += 1


class Auditor(trio.abc.Instrument):
    """Looks at purses and leases, and notes in the record what must not be.

    More is reserved only where there is room. So where more is held than at the last look, that and
    what had been spent by then are within what may be spent.
    """

    def __init__(self, purses: SeenPurses, limiter: Limiter, till: Till, record: Record) -> None:
        self._purses = purses
        self._limiter = limiter
        self._subjects = list(subjects_in(till))
        self._narrow = [each for each in self._subjects if each.limits.concurrency is not None]
        self._record = record
        self._before: dict[Purse, tuple[int, int]] = {}

    def before_io_wait(self, timeout: float) -> None:
        for purse in self._purses.seen:
            spent, reserved = self._before.get(purse, (0, 0))
            if purse.reserved < 0:
                self._note(purse, f"holds {purse.reserved}")
            elif purse.reserved > reserved and spent + purse.reserved > purse.limit:
                self._note(purse, f"holds {purse.reserved} beside {spent}, of {purse.limit}")
            if purse.spent < spent:
                self._note(purse, f"had spent {spent}, and now {purse.spent}")
            self._before[purse] = purse.spent, purse.reserved
        for subject, levels in zip(self._narrow, self._levels(self._narrow), strict=True):
            most = subject.limits.concurrency
            if most is not None and not 0 <= levels.open <= most:
                self._record.overdrawn.append(f"{subject.name} has {levels.open} of {most} open")

    def _levels(self, subjects: Sequence[Subject]) -> list[Levels]:
        return self._limiter.levels(subjects, trio.current_time()) if subjects else []

    def _note(self, purse: Purse, what: str) -> None:
        self._record.overdrawn.append(f"{purse.account.name} {what}")

    def rest(self) -> tuple[int, int]:
        """Return how many leases are open, and how much is held."""
        leases = sum(abs(levels.open) for levels in self._levels(self._subjects))
        return leases, sum(abs(purse.reserved) for purse in self._purses.seen)
