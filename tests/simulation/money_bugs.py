"""More bugs to be planted (see `bugs.py`): in leases, in money, in the ledger, in reading on."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import trio
import trio.lowlevel

from gateway.downstream import front
from gateway.downstream.calls import OpenCall
from gateway.policy.budgets import Funds, Purse, Short, exceeded
from gateway.policy.limits import Limiter
from gateway.relay import admission, carry, resume, source, start, walk
from gateway.relay import ask as asking
from gateway.relay.admission import Admission
from gateway.relay.ask import TargetAnswer
from gateway.relay.clock import Clock
from gateway.relay.costs import Costs
from gateway.relay.errand import Errand
from gateway.relay.reading_on import ReadingOn
from gateway.relay.resume import Resuming
from gateway.relay.spending import Spending
from gateway.words.call import Call
from gateway.words.errors import BudgetSpent, GatewayError
from gateway.words.life import Cause
from gateway.words.receipt import Attempt, Outcome, Receipt
from gateway.words.target import Target
from tests.simulation.bugs import Change

# Leases.


def who_cannot_pay_keeps_the_lease() -> list[Change]:
    """It was let in by its limits, and then refused by its budget."""
    true = Admission.__exit__

    def leave(self: Admission, kind: object, error: BaseException | None, trace: object) -> None:
        if self.pays or self._spending is None or error is not None:
            true(self, kind, error, trace)

    return [(Admission, "__exit__", leave)]


def a_crash_keeps_the_lease() -> list[Change]:
    """What nobody expected leaves the `with`, and only what was expected is cleaned up after."""
    true = Admission.__exit__

    def leave(self: Admission, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, GatewayError):
            true(self, kind, error, trace)

    return [(Admission, "__exit__", leave)]


def open_calls_are_not_counted() -> list[Change]:
    """Requests and tokens are; how many are open at once is not looked at."""
    true = Limiter.acquire

    def acquire(self: Limiter, subjects: Sequence[Any], *given: Any) -> Any:
        free = [each._replace(limits=replace(each.limits, concurrency=None)) for each in subjects]
        return true(self, free, *given)

    return [(Limiter, "acquire", acquire)]


# Money.


def a_budget_is_looked_at_and_then_taken_from() -> list[Change]:
    """Between the two others run, who find the same money."""

    async def pay(self: Admission, wishes: object) -> None:
        spending = self._spending
        if spending is None:
            return
        need = spending.stake.need
        for purse in spending.purses:
            if purse.room < need:
                raise exceeded(Short(purse), need)
        await trio.lowlevel.checkpoint()
        for purse in spending.purses:
            purse.reserved += need
        spending._funds.held += need

    return [(Admission, "_pay", pay)]


def a_purse_is_taken_from_before_the_next_is_asked() -> list[Change]:
    """The day has enough and the month has not: what the day gave is not given back."""

    def take(self: Funds, nanos: int) -> Short | None:
        for purse in self.purses if self._open else ():
            if purse.room < nanos:
                return Short(purse)
            purse.reserved += nanos
        if self._open:
            self.held += nanos
        return None

    return [(Funds, "take", take)]


def a_slice_is_given_back_twice() -> list[Change]:
    """As the money runs out, and again as the call ends."""
    true = Spending.go_on

    async def go_on(self: Spending, receipt: Receipt) -> None:
        try:
            await true(self, receipt)
        except BudgetSpent:
            for purse in self.purses:
                purse.reserved -= self._funds.held
            raise

    return [(Spending, "go_on", go_on)]


def the_window_in_which_a_call_ended_is_charged() -> list[Change]:
    true = Admission.__exit__

    def leave(self: Admission, *given: Any) -> None:
        house, spending = self._house, self._spending
        if spending is not None and spending._funds._open:
            funds = spending._funds
            now = tuple(house.purses.of(each.account, house.today()) for each in funds.purses)
            _move(funds, now)
        true(self, *given)

    return [(Admission, "__exit__", leave)]


def _move(funds: Funds, purses: tuple[Purse, ...]) -> None:
    """Have funds hold in these purses what they hold in others."""
    for before, after in zip(funds.purses, purses, strict=True):
        before.reserved -= funds.held
        after.reserved += funds.held
    funds.purses = purses


def a_budget_is_passed_to_the_end() -> list[Change]:
    """It is looked at before a call, and no more while its answer passes."""

    async def go_on(self: Spending, receipt: Receipt) -> None:
        return

    return [(Spending, "go_on", go_on)]


def an_estimate_is_charged_for_what_was_told() -> list[Change]:
    true = Costs.charge

    def charge(self: Costs, attempt: Attempt, target: Target, call: Call, receipt: Receipt) -> None:
        told = attempt.usage
        if attempt.outcome == "completed":
            attempt.usage, attempt.counted = None, 0
        true(self, attempt, target, call, receipt)
        if told is not None:
            attempt.usage = receipt.usage = told

    return [(Costs, "charge", charge)]


def what_failed_is_free() -> list[Change]:
    """Who leaves in mid-stream pays nothing, though the provider bills what it has made."""
    true = Costs.charge

    def charge(self: Costs, attempt: Attempt, *given: Any) -> None:
        if attempt.outcome == "completed":
            true(self, attempt, *given)

    return [(Costs, "charge", charge)]


def who_has_spent_all_is_cut_without_a_word() -> list[Change]:
    true = Clock.farewell

    async def farewell(self: Clock, error: GatewayError) -> None:
        if isinstance(error, BudgetSpent):
            await self.hush()
            self._client.abort()
        else:
            await true(self, error)

    return [(Clock, "farewell", farewell)]


# The ledger.


class _Late:
    """Books that are told when somebody says so."""

    def __init__(self, books: Any) -> None:
        self._books = books
        self.waits: Receipt | None = None

    def started(self, receipt: Receipt) -> None:
        self.waits = receipt

    def tell(self) -> None:
        if self.waits is not None:
            self._books.started(self.waits)


def the_ledger_is_told_of_a_call_that_is_answered() -> list[Change]:
    """Who is killed while it waits for a first word is in no ledger."""
    true, true_answer = carry.carry, source.answer_to

    async def told(plan: Any, errand: Errand, clock: Any) -> Any:
        answer = await true_answer(plan, errand, clock)
        if isinstance(errand.house.books, _Late):
            errand.house.books.tell()
        return answer

    async def carried(call: Any, wishes: Any, receipt: Any, clock: Any, house: Any) -> None:
        late = house.books and replace(house, books=_Late(house.books))
        await true(call, wishes, receipt, clock, late or house)

    return [(front, "carry", carried), (carry, "answer_to", told)]


def the_ledger_is_told_of_who_is_refused() -> list[Change]:
    """It is told before anybody has looked whether the call may come in."""
    true = admission.let_in

    async def let_in(call: Any, wishes: Any, receipt: Receipt, house: Any) -> Admission:
        if house.books is not None:
            house.books.started(receipt)
        return await true(call, wishes, receipt, house)

    async def carried(call: Any, wishes: Any, receipt: Any, clock: Any, house: Any) -> None:
        books = house.books and replace(house, books=_Once(house.books))
        await true_carry(call, wishes, receipt, clock, books or house)

    true_carry = carry.carry
    return [(front, "carry", carried), (carry, "let_in", let_in)]


class _Once(_Late):
    """Books that hear of a call the first time alone."""

    def started(self, receipt: Receipt) -> None:
        if self.waits is None:
            super().started(receipt)
            self.tell()


def the_ledger_is_not_told_of_who_was_stopped() -> list[Change]:
    """A drain, an operator, a budget: the receipt is made, and nobody gets it."""
    true = front._Account.__exit__

    def leave(self: Any, kind: Any, error: Any, trace: Any) -> None:
        house = self._house
        if self._life.receipt.outcome is Outcome.STOPPED:
            taps = tuple(tap for tap in house.taps if tap is not house.books)
            self._house = replace(house, taps=taps)
        true(self, kind, error, trace)

    return [(front._Account, "__exit__", leave)]


# Reading on.


def it_is_read_on_for_ever() -> list[Change]:
    true = ReadingOn.begin

    def begin(self: ReadingOn) -> float:
        true(self)
        return 1e6

    return [(ReadingOn, "begin", begin)]


def it_is_read_on_whatever_comes() -> list[Change]:
    return [(ReadingOn, "may_go_on", property(lambda self: True))]


def who_reads_on_tries_again() -> list[Change]:
    """A failure after the client has left is tried again, as any other."""

    async def walked(journey: Any, step: Any, errand: Errand) -> Any:
        house = errand.house
        while True:
            if step.again:
                await walk._pause(step, errand)
                house.health.begin(step.target, trio.current_time(), must=True)
            try:
                share = journey.share(step.target, trio.current_time())
                return await asking.ask(errand, step.target, share)
            except GatewayError as error:
                failure = error.with_traceback(None)
            if walk._last_try(step, errand).stale:
                journey.sent_twice(step.target)
            if errand.pays is not None and not await errand.pays():
                return failure
            following = journey.after(step.target, failure, trio.current_time(), house.today())
            if following is None:
                return walk._for_good(failure, journey)
            step = following

    return [(start, "walk", walked), (resume, "walk", walked)]


def who_reads_on_asks_for_the_rest() -> list[Change]:
    """An answer that breaks off after its client has left is asked for again, to be joined."""
    wanted = property(lambda self: self._left > 0 and self._delivered.resumable)

    async def may_ask_again(self: Errand) -> bool:
        return self.pays is None or await self.pays()

    return [(Resuming, "_may_go_on", wanted), (Errand, "may_ask_again", may_ask_again)]


def who_reads_on_races() -> list[Change]:
    """A second is started beside one that is late, when nobody waits for either."""
    true = start._Heat.second

    def second(self: Any) -> Any:
        receipt = self._errand.receipt
        drained, receipt.drained = receipt.drained, False
        try:
            return true(self)
        finally:
            receipt.drained = drained

    return [(start._Heat, "second", second)]


def who_reads_on_claims_another() -> list[Change]:
    """Who is next is claimed, and then nobody is asked, since the client has left."""
    true = walk.walk

    async def walked(journey: Any, step: Any, errand: Errand) -> Any:
        result = await true(journey, step, errand)
        if errand.receipt.drained and isinstance(result, GatewayError):
            now, today = trio.current_time(), errand.house.today()
            with suppress(IndexError):
                journey.after(step.target, result, now, today)
        return result

    return [(start, "walk", walked), (resume, "walk", walked)]


def a_last_word_is_taken_for_said() -> list[Change]:
    """A client leaves in the last write, after the provider's end: there is nothing to read on."""

    def is_spared(self: OpenCall) -> bool:
        receipt = self.receipt
        if self._read_on is None or self.cause is not None or receipt.outcome is not None:
            return False
        if not receipt.attempts:
            return False
        self.cause, self.alone = Cause.CLIENT_GONE, True
        self._read_on()
        return True

    return [(OpenCall, "_is_spared", is_spared)]


def usage_is_another_attempts() -> list[Change]:
    """What the receipt says so far is taken for what this provider has told."""
    true = TargetAnswer.__aexit__

    async def leave(self: TargetAnswer, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self.attempt.usage = self._receipt.usage
        await true(self, kind, error, trace)

    return [(TargetAnswer, "__aexit__", leave)]
