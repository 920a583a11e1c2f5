"""What must hold of money in every world: it is held before it is spent, and charged as it is told.

The bound of a budget. Let a call be *beyond* by what it was charged over what it must have held:
its first stake, or what the reads before its last had cost (`paid.beyond`). Then what was spent of
an account in a window is at most

    its limit + what those calls were beyond that were open as the last of them was let in

since nobody is let in, and nobody is given more, where there is no room.
"""

from collections import defaultdict
from collections.abc import Iterator
from math import inf

from gateway.words.receipt import Outcome, Receipt
from tests.simulation.facts import SLACK, asked_for, end_of, reply_to, with_guests
from tests.simulation.network import CALM
from tests.simulation.paid import (
    Key,
    accounts_of,
    admitted_at,
    beyond,
    charge_of,
    paying,
    price,
    reads_of,
    told_usage,
)
from tests.simulation.plan import Appetite
from tests.simulation.record import Record
from tests.simulation.tills import Till

QUOTA = "insufficient_quota"
IN_BAND = b'"code":"insufficient_quota"'


def is_spent_out(receipt: Receipt) -> bool:
    """Say whether a call was stopped because its money ran out."""
    return receipt.outcome is Outcome.STOPPED and receipt.cause == QUOTA


def what_is_spent_is_what_was_charged(record: Record) -> Iterator[str]:
    """A call is charged to each of its accounts, whole and once, in the window in which it began.

    So what an account has spent is the sum of its calls' receipts.
    """
    till = record.plan.till
    if till is None:
        return
    charged: defaultdict[Key, int] = defaultdict(int)
    for receipt, _, holder in paying(record, till):
        for key in accounts_of(till, holder, receipt.model, admitted_at(receipt)):
            charged[key] += charge_of(receipt)
    said: dict[Key, int] = {
        (each.of, each.whose, each.budget.per, each.budget.models, each.start): each.spent
        for each in record.spent
    }
    for key in charged.keys() | said.keys():
        if charged[key] != said.get(key, 0):
            yield f"{key} has spent {said.get(key, 0)}, its calls were charged {charged[key]}"


def no_budget_is_passed(record: Record) -> Iterator[str]:
    """What is spent is within the budget, but for one read of each call that was open then."""
    till = record.plan.till
    if till is None:
        return
    limits: dict[Key, int] = {}
    calls: defaultdict[Key, list[tuple[Receipt, int]]] = defaultdict(list)
    for receipt, wish, holder in paying(record, till):
        accounts = accounts_of(till, holder, receipt.model, admitted_at(receipt))
        limits |= accounts
        for key in accounts:
            calls[key].append((receipt, beyond(record, till, receipt, wish)))
    for key, limit in limits.items():
        last = max(admitted_at(receipt) for receipt, _ in calls[key])
        more = sum(over for receipt, over in calls[key] if end_of(receipt) >= last)
        spent = sum(charge_of(receipt) for receipt, _ in calls[key])
        if spent > limit + more:
            yield f"{key} has spent {spent} of {limit}, at most {more} more may be"


def money_is_held_as_it_may_be(record: Record) -> Iterator[str]:
    """At no moment is more held than there is, or less than nothing, nor are more calls open."""
    yield from record.overdrawn


def who_is_charged_is_charged_what_was_told(record: Record) -> Iterator[str]:
    """What a provider reports of a whole answer counts; where it reports nothing, what passed."""
    till = record.plan.till
    if till is None:
        return
    for receipt, wish, _ in paying(record, till):
        seen = asked_for(record, receipt.request_id)
        if len(receipt.attempts) != 1 or len(seen) != 1 or not seen[0].script.exact:
            continue
        attempt, cost = receipt.attempts[0], charge_of(receipt)
        rate = till.prices.get(attempt.target)
        told = told_usage(seen[0]) if attempt.outcome == "completed" else None
        if told is not None and cost != price(told, rate):
            yield f"{receipt.request_id} was charged {cost}, its provider said {told}"
        if receipt.usage_quality == "exact" and told is None:
            yield f"{receipt.request_id} is exact, and its provider said nothing"
        words = sum(part.content for part in seen[0].said)
        silent = told_usage(seen[0]) is None
        if silent and receipt.first_content_at is not None and cost < price((wish.prompt, 0), rate):
            yield f"{receipt.request_id} was charged {cost} for {words} words and its prompt"


def who_has_spent_all_is_told(record: Record) -> Iterator[str]:
    """Who is stopped in mid-sentence is told why, and who is told that is settled as stopped."""
    for receipt, guest in with_guests(record):
        reply = reply_to(guest.visit.wishes, guest.written, receipt.request_id)
        body = b"" if reply is None else bytes(reply.body)
        told = reply is not None and reply.streams and IN_BAND in body
        if told and not (is_spent_out(receipt) or _said_by_a_provider(record, receipt)):
            yield f"{receipt.request_id} was told that its money is spent: {receipt.outcome}"
        if not is_spent_out(receipt):
            continue
        if record.plan.till is None:
            yield f"{receipt.request_id} was stopped for money, where nothing costs any"
        visit = guest.visit
        reads = visit.appetite == Appetite() and visit.back == CALM and not visit.sealed
        in_time = end_of(receipt) < min(record.plan.orders.stop_at, guest.left_at)
        if not receipt.stream:
            yield f"{receipt.request_id} was stopped, though it came in one piece"
        elif reads and in_time and not told:
            yield f"{receipt.request_id} was stopped for money, and its client was not told"


def _said_by_a_provider(record: Record, receipt: Receipt) -> bool:
    asked = asked_for(record, receipt.request_id)
    return any(each.script.name == "has_no_quota" for each in asked)


def who_can_pay_is_let_in(record: Record) -> Iterator[str]:
    """Nobody is refused or stopped for money who had enough of it, whatever others still held."""
    till = record.plan.till
    if till is None:
        return
    for receipt, guest in with_guests(record):
        reply = reply_to(guest.visit.wishes, guest.written, receipt.request_id)
        refused = reply is not None and reply.status == 429 and IN_BAND in reply.body
        if is_spent_out(receipt) or (refused and not receipt.attempts):
            free = money_for(record, till, receipt)
            if 0 < free < inf:
                yield f"{receipt.request_id} had {free} more than it needed: {receipt.outcome}"


def money_for(record: Record, till: Till, receipt: Receipt) -> float:
    """Return how much more each account had than the dearest that a call could come to.

    Below 0 where it may have been too little; infinity where no budget holds. Who was let in from
    one window into the next is not judged.
    """
    wish = record.plan.wish(receipt.request_id)
    holder = till.holder(wish.holder)
    if holder is None or receipt.ended is None:
        return inf
    began, ended = receipt.began, receipt.ended
    windows = [accounts_of(till, holder, receipt.model, moment) for moment in (began, ended)]
    if windows[0].keys() != windows[1].keys():
        return -inf
    others = [each for each in paying(record, till) if each[0] is not receipt]
    free: list[float] = [inf]
    for key, limit in windows[0].items():
        left = limit
        for other, theirs, whose in others:
            if admitted_at(other) > ended:
                continue
            if key in accounts_of(till, whose, other.model, admitted_at(other)):
                over = end_of(other) < began
                left -= charge_of(other) + (0 if over else _dearest(till, other, theirs.prompt))
        free.append(left)
    most = charge_of(receipt) + _dearest(till, receipt, wish.prompt)
    if wish.most is not None:
        answer = (0, wish.most)
        most += max((price(answer, each) for each in till.prices.values()), default=0)
    return min(free) - most


SAFE_TOKENS = 33_000
"""More than any call holds beside what it has cost: the worst that an answer may be."""


def _dearest(till: Till, receipt: Receipt, prompt: int) -> int:
    """Return more than a call holds ahead of what has passed."""
    worst = any(
        budget.reserve == "worst"
        for holder in till.holders
        for _, _, budget in till.budgets_of(holder)
    )
    answer = SAFE_TOKENS if worst else 1_000
    return max((2 * price((prompt, answer), each) for each in till.prices.values()), default=0)


def alerts_are_told_once(record: Record) -> Iterator[str]:
    """The log is told of each part of a budget once, and as soon as it is spent."""
    for each in record.spent:
        due = [part for part in each.budget.alert if each.spent >= part * each.budget.nanos]
        if list(each.told) != sorted(due):
            name = f"{each.of} {each.whose} {each.budget.per}"
            yield f"{name} has spent {each.spent} of {each.budget.nanos}, told of {each.told}"


def who_is_read_on_ends_within_bounds(record: Record) -> Iterator[str]:
    """An answer is read on only where that is wanted, for so long and for so many events."""
    conduct = record.plan.routing.conduct
    for receipt, guest in with_guests(record):
        if not receipt.drained:
            continue
        name = receipt.request_id
        if not conduct.reads_on or not receipt.attempts or guest.gone_at == inf:
            yield f"{name} was read on, though nobody wanted that"
        if receipt.outcome is not Outcome.CLIENT_GONE:
            yield f"{name} was read on, and is settled as {receipt.outcome}"
        until = max(guest.gone_at, receipt.began) + conduct.drain_max_seconds
        if end_of(receipt) > until + SLACK:
            yield f"{name} was read on until {end_of(receipt)}, it might until {until}"
        if len(receipt.attempts) == 1 and receipt.stream:
            passed = _events_after(record, receipt, guest.gone_at)
            if passed > conduct.drain_max_tokens:
                yield f"{name} was read on for {passed} events, and then once more"


def _events_after(record: Record, receipt: Receipt, gone_at: float) -> int:
    """Count the events that were read after the client had left, without those of the last read."""
    asked = asked_for(record, receipt.request_id)
    if len(asked) != 1:
        return 0
    reads = reads_of(asked[0], receipt.attempts[0])
    late = [before for at, before, _ in reads if at > gone_at]
    if not late:
        return 0
    return sum(
        part.told is not None and not part.silent and late[0] <= begin and end <= late[-1]
        for part, (begin, end) in zip(asked[0].said, asked[0].said_in, strict=True)
    )


MONEY = (
    what_is_spent_is_what_was_charged,
    no_budget_is_passed,
    money_is_held_as_it_may_be,
    who_is_charged_is_charged_what_was_told,
    who_has_spent_all_is_told,
    who_can_pay_is_let_in,
    alerts_are_told_once,
    who_is_read_on_ends_within_bounds,
)
