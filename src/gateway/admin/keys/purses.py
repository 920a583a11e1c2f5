"""Budgets as their holder sees them: the limit, what is spent of it, and what is left."""

from collections.abc import Sequence

import msgspec

from gateway.admin.keys.spending import Since
from gateway.policy.budgets import History, window_of
from gateway.policy.wording import budget_in_words, moment_of
from gateway.words.budget import Account


class PurseTold(msgspec.Struct, frozen=True, kw_only=True):
    """A budget in its present window, which ends at `until`. Amounts are nano-dollars.

    What is spent is None where nobody knows. Calls that are open have not cost anything yet.
    """

    of: str
    whose: str
    in_words: str
    limit_nanos: int
    spent_nanos: int | None
    left_nanos: int | None
    until: str | None


def purses_told(accounts: Sequence[Account], spent: Since | None, now: int) -> list[PurseTold]:
    """Tell how each of these stands. `spent` holds the ledger's rows since the windows began."""
    history = None if spent is None else History(spent)
    return [_told(account, history, now) for account in accounts]


def _told(account: Account, history: History | None, now: int) -> PurseTold:
    window = window_of(account.budget.per, now)
    gone = None if history is None else history.before(account, window)
    whose = {"key": account.key, "team": account.team, "user": account.user or account.key}
    return PurseTold(
        of=account.of,
        whose=whose[account.of],
        in_words=budget_in_words(account.budget),
        limit_nanos=account.budget.nanos,
        spent_nanos=gone,
        left_nanos=None if gone is None else max(0, account.budget.nanos - gone),
        until=moment_of(window.end),
    )
