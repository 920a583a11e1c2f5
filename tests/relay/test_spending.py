"""The money of one call as its answer passes, where a shared store grants it. Times do not matter.

What a whole gateway does with it is in `tests/test_budgets.py`.
"""

from collections.abc import Sequence

import pytest

from gateway.policy.budgets import Funds, Purses, Want
from gateway.policy.limits import FREE_LEASE, Lease, Subject
from gateway.policy.prices import Price, Prices
from gateway.policy.stakes import Stake
from gateway.relay.costs import Costs
from gateway.relay.spending import BULK, TRIES, Spending
from gateway.words.answer import Usage
from gateway.words.budget import Account, Budget
from gateway.words.client import Header
from gateway.words.errors import BudgetSpent
from gateway.words.receipt import Attempt, Receipt

PRICE = Price(1_000, 1_000)
"""A nano-dollar for each token."""

STAKE = Stake(need=110, slice=64)


class Bank:
    """A gate that grants what is wished as long as there is so much."""

    away, mode = False, "local"

    def __init__(self, money: int) -> None:
        self.money = money
        self.asked: list[tuple[int, int]] = []
        self.thieves = 0
        """Other calls, each of which takes all that there is as soon as it is there."""

    async def admit(self, subjects: Sequence[Subject], tokens: int, wants: Sequence[Want]) -> Lease:
        await self.fund(wants)
        return FREE_LEASE

    async def fund(self, wants: Sequence[Want]) -> None:
        for want in wants:
            self.asked.append((want.need, want.wish))
            granted = min(want.wish, self.money)
            self.money -= granted
            want.purse.ceiling += granted
            if self.thieves:
                self.thieves -= 1
                want.purse.spent += want.purse.room

    def headers(self, subjects: Sequence[Subject], lease: Lease) -> tuple[Header, ...]:
        return ()


class Play:
    """One call with ten tokens asked, on one purse of a shared budget."""

    def __init__(self, money: int) -> None:
        self.bank = Bank(money)
        account = Account("a", "key", Budget(10_000, "day"))
        self.purse = Purses(common=True).of(account, 0.0)
        self.receipt = Receipt("r", "POST", "/", "p", 0.0, attempts=[Attempt("up/m", 0.0)])
        costs, prices = Costs(Prices({})), {"up/m": PRICE}
        funds = Funds([self.purse])
        self.spending = Spending(funds, STAKE, 10, prices, self.bank, costs)

    async def begin(self) -> bool:
        await self.bank.admit((), 0, self.spending.wants())
        return await self.spending.begin() is None

    async def read(self, events: int) -> None:
        self.receipt.attempts[-1].pieces += events
        await self.spending.go_on(self.receipt)


async def test_money_is_asked_for_in_bulk_and_then_lies_here() -> None:
    play = Play(100_000)
    assert await play.begin()
    assert play.bank.asked == [(110, 110 * BULK)]
    for _ in range(400):
        await play.read(1)
    assert len(play.bank.asked) == 1
    assert 410 <= play.purse.reserved <= 410 + 64
    play.receipt.cost_nanos = 410
    play.spending.close(play.receipt)
    play.spending.close(play.receipt)
    assert (play.purse.spent, play.purse.reserved) == (410, 0)


async def test_who_cannot_pay_for_the_beginning_does_not_begin() -> None:
    play = Play(109)
    assert not await play.begin()
    assert play.purse.reserved == 0


async def test_a_stream_goes_on_to_the_last_of_the_money() -> None:
    play = Play(300)
    assert await play.begin()
    passed = 0
    with pytest.raises(BudgetSpent):
        for _ in range(1_000):
            passed += 1
            await play.read(1)
    assert 10 + passed == 300


async def test_what_a_provider_reports_as_it_goes_on_counts_before_what_has_passed() -> None:
    play = Play(300)
    assert await play.begin()
    (attempt,) = play.receipt.attempts
    attempt.usage = Usage(200, 95)
    with pytest.raises(BudgetSpent):
        for _ in range(10):
            await play.read(1)
            attempt.usage, attempt.counted = Usage(200, 95 + attempt.pieces), attempt.pieces


async def test_an_attempt_that_has_ended_counts_as_what_it_cost() -> None:
    play = Play(300)
    assert await play.begin()
    play.receipt.cost_nanos = 289
    play.receipt.attempts[0].ended = 1.0
    play.receipt.attempts.append(Attempt("up/m", 1.0))
    with pytest.raises(BudgetSpent):
        await play.read(2)


async def test_one_more_attempt_is_held_beside_those_before_it() -> None:
    play = Play(300)
    assert await play.begin()
    play.receipt.cost_nanos = play.receipt.attempts[0].ended = 10
    assert await play.spending.begin_again(play.receipt)
    assert play.purse.reserved == 10 + 110
    assert await play.spending.begin_again(play.receipt), "it is held already"
    play.receipt.cost_nanos, play.receipt.usage = 200, Usage(10, 190)
    assert not await play.spending.begin_again(play.receipt), "it would say all of it once more"


async def test_money_that_others_take_while_it_is_asked_for_is_asked_for_again() -> None:
    play = Play(100_000)
    play.bank.thieves = 2
    assert await play.begin()
    assert len(play.bank.asked) == 3
    assert play.purse.room >= 0


async def test_nobody_asks_on_and_on_for_what_others_always_take() -> None:
    play = Play(100_000)
    play.bank.thieves = 1_000
    assert not await play.begin()
    assert len(play.bank.asked) <= 1 + TRIES


async def test_where_all_is_known_to_be_taken_it_is_asked_once() -> None:
    play = Play(0)
    play.purse.known = play.purse.limit
    assert not await play.begin()
    assert len(play.bank.asked) == 2, "to be let in, and once more"
