"""The books of a world: a ledger in memory that records when it was told what, and every purse.

The ledger is one (see `relay.house.Books` and `words.receipt.Tap`) that keeps the order in which it
was told. The purses are the house's own; those whose window is over are kept for the judge.
"""

from collections import defaultdict
from collections.abc import Iterator

import trio

from gateway.policy.budgets import Purse, Purses
from gateway.policy.limits import Subject
from gateway.words.budget import Account
from gateway.words.receipt import Receipt
from tests.simulation.record import Entry, Spent
from tests.simulation.tills import CRASH, TEAM, Till


class Ledger:
    """Takes note of what it is told. At some calls it raises, which no ledger may."""

    def __init__(self, crashes: frozenset[str]) -> None:
        self.entries: list[Entry] = []
        self._crashes = crashes

    def started(self, receipt: Receipt) -> None:
        self._enter("started", receipt)
        if receipt.request_id in self._crashes:
            raise RuntimeError(CRASH)

    def settled(self, receipt: Receipt) -> None:
        self._enter("settled", receipt)

    def _enter(self, what: str, receipt: Receipt) -> None:
        outcome = None if receipt.outcome is None else str(receipt.outcome)
        attempts = len(receipt.attempts)
        now = trio.current_time()
        self.entries.append(Entry(what, receipt.request_id, now, attempts, outcome))


class SeenPurses(Purses):
    """Purses, and all that there ever were. `told` are the parts of which the log was told."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[Purse, None] = {}
        self.told: defaultdict[Purse, list[float]] = defaultdict(list)

    def of(self, account: Account, today: float) -> Purse:
        purse = super().of(account, today)
        self.seen[purse] = None
        return purse

    def warn_of(self, purse: Purse, part: float) -> None:
        """Take note that the log is told (see `House.warn_of`)."""
        self.told[purse].append(part)

    def spent(self) -> Iterator[Spent]:
        """Tell what the house says was spent."""
        for purse in self.seen:
            account = purse.account
            whose = {
                "key": account.key,
                "team": account.team,
                "user": account.user or f"key:{account.key}",
            }[account.of]
            told = tuple(self.told[purse])
            start = purse.window.start
            yield Spent(account.of, whose, account.budget, start, purse.spent, told)


def subjects_in(till: Till) -> Iterator[Subject]:
    """Yield all whose open calls are counted, by the names that the house has for them."""
    for record in till.records():
        yield Subject(f"key:{record.key_id}", "key", record.limits)
    yield Subject(f"team:{TEAM}", "team", till.team_limits)
    yield Subject("model:m", "model", till.model_limits)
