"""The tap that counts whom limits and budgets have stopped."""

from gateway.words.errors import BudgetExceeded, BudgetSpent, RateLimited, Unpriced
from gateway.words.receipt import Outcome, Receipt

_OF_BUDGETS = frozenset({BudgetExceeded.code, Unpriced.code})


class Refusals:
    """A tap (see `words.receipt.Tap`). It counts since the process began."""

    def __init__(self) -> None:
        self.by_limit = 0
        """Requests that a limit refused."""
        self.by_budget = 0
        """Requests that a budget refused, or a missing price."""
        self.in_mid_sentence = 0
        """Calls that a budget has stopped while their answer was passing."""

    def settled(self, receipt: Receipt) -> None:
        """Count it, if it is one of these."""
        if receipt.outcome is Outcome.REFUSED:
            self.by_limit += receipt.cause == RateLimited.code
            self.by_budget += receipt.cause in _OF_BUDGETS
        elif receipt.outcome is Outcome.STOPPED:
            self.in_mid_sentence += receipt.cause == BudgetSpent.code
