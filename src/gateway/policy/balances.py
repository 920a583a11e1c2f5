"""How full budgets are: what is spent and held in each, and of several workers together. Pure."""

from collections.abc import Iterable, Sequence
from heapq import nlargest
from typing import Final

import msgspec

from gateway.policy.budgets import Purse
from gateway.words.budget import Per

MOST_BALANCES: Final = 500
"""Budgets that are told of at once, the fullest first."""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """One budget in its present window. Money is nano-dollars, times are Unix time in seconds.

    `spent` is what this process has spent, `known` what all together were last known to have taken,
    with what their open calls hold; without a shared store they begin as one. `whose` is the name
    of the key, team or user.
    """

    name: str
    of: str
    whose: str
    team: str
    per: Per
    models: tuple[str, ...]
    limit: int
    spent: int
    reserved: int
    known: int
    start: int
    end: int

    @property
    def used(self) -> int:
        """What is gone of it beside what is held here, as far as is known."""
        return _used(self)

    @property
    def fullness(self) -> float:
        """Which part of it is gone or held; of a budget of nothing, all."""
        return _fullness(self)


def balances(
    purses: Iterable[Purse], today: float, most: int = MOST_BALANCES
) -> tuple[list[Balance], int]:
    """Return how full each budget is, the fullest first, and how many were left out.

    Windows that are over are passed by: nothing of them counts any more.
    """
    open_now = [purse for purse in purses if today < purse.window.end]
    fullest = nlargest(most, open_now, key=_fullness)
    return [_balance(purse) for purse in fullest], len(open_now) - len(fullest)


def _used(purse: Purse | Balance) -> int:
    """Return what is gone. What calls hold here has been taken from the shared store before."""
    return max(purse.spent, purse.known - purse.reserved)


def _fullness(purse: Purse | Balance) -> float:
    return (_used(purse) + purse.reserved) / purse.limit if purse.limit else 1.0


def _balance(purse: Purse) -> Balance:
    account = purse.account
    whose = {"key": account.key, "team": account.team, "user": account.user or account.key}
    return Balance(
        name=account.name,
        of=account.of,
        whose=whose[account.of],
        team=account.team,
        per=account.budget.per,
        models=account.budget.models,
        limit=purse.limit,
        spent=purse.spent,
        reserved=purse.reserved,
        known=purse.known,
        start=purse.window.start,
        end=purse.window.end,
    )


def together(workers: Iterable[Sequence[Balance]], most: int = MOST_BALANCES) -> list[Balance]:
    """Return the budgets of several workers, each once, the fullest first.

    What workers have spent and hold is added up; what all were known to have taken is the most that
    one of them knows. Of two windows the later one is the present.
    """
    found: dict[str, Balance] = {}
    for balance in (each for told in workers for each in told):
        other = found.get(balance.name)
        if other is None or other.start < balance.start:
            found[balance.name] = balance
        elif other.start == balance.start:
            found[balance.name] = _joined(other, balance)
    return nlargest(most, found.values(), key=lambda each: each.fullness)


def _joined(one: Balance, other: Balance) -> Balance:
    return msgspec.structs.replace(
        one,
        spent=one.spent + other.spent,
        reserved=one.reserved + other.reserved,
        known=max(one.known, other.known),
    )
