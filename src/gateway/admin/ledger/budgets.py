"""How full budgets are, as the workers tell it: of all together, for programs and as bars."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from gateway.admin.ledger.moments import second_of
from gateway.admin.ledger.plots import part_of
from gateway.admin.workers import Answer
from gateway.policy.balances import Balance, together
from gateway.words.budget import Per

NEARLY: Final = 80.0
"""Per cent that are gone or held, from which on a budget nears its end."""


class BudgetTold(msgspec.Struct, frozen=True, kw_only=True):
    """One budget in its present window; money is nano-dollars.

    `reserved_nanos` is what open calls hold: it becomes what they cost, and the rest goes back.
    """

    name: str
    of: str
    whose: str
    team: str
    per: Per
    models: tuple[str, ...]
    limit_nanos: int
    spent_nanos: int
    reserved_nanos: int
    left_nanos: int
    start: str
    end: str


class BudgetsTold(msgspec.Struct, frozen=True):
    """Budgets that calls have been paid from since the workers began, the fullest first."""

    budgets: list[BudgetTold]
    left_out: int


class BudgetBar(NamedTuple):
    """A budget and how it is drawn: per cent that are spent, per cent that are held beside that."""

    told: BudgetTold
    spent: float
    held: float
    state: str
    word: str


def budgets_of(answers: Sequence[Answer]) -> BudgetsTold:
    """Return the budgets of all workers; what one of them says that is none is passed by."""
    told = [_balances(answer.get("budgets")) for answer in answers]
    left_out = [answer.get("left_out") for answer in answers]
    most = max((number for number in left_out if isinstance(number, int)), default=0)
    return BudgetsTold([_told(each) for each in together(told)], most)


def _balances(said: Any) -> list[Balance]:
    try:
        return msgspec.convert(said, list[Balance])
    except msgspec.ValidationError:
        return []


def _told(balance: Balance) -> BudgetTold:
    return BudgetTold(
        name=balance.name,
        of=balance.of,
        whose=balance.whose,
        team=balance.team,
        per=balance.per,
        models=balance.models,
        limit_nanos=balance.limit,
        spent_nanos=balance.used,
        reserved_nanos=balance.reserved,
        left_nanos=max(0, balance.limit - balance.used - balance.reserved),
        start=second_of(balance.start),
        end=second_of(balance.end),
    )


def bars_of(budgets: Sequence[BudgetTold]) -> list[BudgetBar]:
    """Return how budgets are drawn."""
    return [_bar(each) for each in budgets]


def _bar(told: BudgetTold) -> BudgetBar:
    spent = part_of(told.spent_nanos, told.limit_nanos)
    gone = part_of(told.spent_nanos + told.reserved_nanos, told.limit_nanos)
    if spent >= 100.0:
        state, word = "bad", "spent"
    elif gone >= NEARLY:
        state, word = "warn", "nears its end"
    else:
        state, word = "ok", "in use"
    return BudgetBar(told, spent, round(gone - spent, 2), state, word)
