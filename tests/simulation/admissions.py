"""Who is let in, in every world: limits are kept, and the ledger is told of calls in order."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from gateway.words.caller import Limits
from gateway.words.receipt import Receipt
from tests.simulation.facts import SLACK, end_of, over_at, receipt_of
from tests.simulation.paid import PIECE, admitted_at, paying
from tests.simulation.record import Record
from tests.simulation.tills import TEAM, Till
from tests.simulation.wishes import Wish

Let = tuple[Receipt, Wish]


def the_ledger_is_told_in_order(record: Record) -> Iterator[str]:
    """A call that is let in is entered before anybody is asked, and again when its end is known.

    Who is refused is not entered as begun; every request that ends is told once.
    """
    if record.plan.till is None:
        return
    crashes = record.plan.till.crashes
    told: defaultdict[str, list[str]] = defaultdict(list)
    for entry in record.ledger:
        told[entry.call].append(entry.what)
        if entry.what == "settled" and entry.outcome is None:
            yield f"{entry.call} is settled in the ledger without an outcome"
        if entry.what == "started" and entry.attempts:
            yield f"{entry.call} is entered in the ledger when somebody had been asked"
    for receipt in record.receipts:
        name = receipt.request_id
        asked = bool(receipt.attempts) or (name in crashes and "started" in told[name])
        expected = ["started", "settled"] if asked else ["settled"]
        if told[name] != expected:
            yield f"{name} is told to the ledger as {told[name]}, not as {expected}"
    for entry in record.ledger:
        call = receipt_of(record, entry.call)
        if call is None:
            yield f"{entry.call} is in the ledger, and has no receipt"
        elif entry.what == "started" and entry.at > admitted_at(call):
            yield f"{entry.call} was entered in the ledger when it had been asked for"
        elif entry.what == "settled" and entry.at != end_of(call):
            yield f"{entry.call} was settled in the ledger at another time than it ended"


def limits_of_callers_are_kept(record: Record) -> Iterator[str]:
    """No key, team or model has more calls open than it may, nor more in a minute, nor tokens."""
    till = record.plan.till
    if till is None:
        return
    for name, limits, calls in _subjects(record, till):
        calls.sort(key=lambda each: admitted_at(each[0]))
        for index, (receipt, _) in enumerate(calls):
            at = admitted_at(receipt)
            still = [each for each, _ in calls[:index] if held_until(each) > at]
            if limits.concurrency is not None and len(still) + 1 > limits.concurrency:
                yield f"{name} had {len(still) + 1} calls open at {at}, of {limits.concurrency}"
        requests, tokens = limits.requests_per_minute, limits.tokens_per_minute
        if requests is not None:
            yield from _too_much(name, requests, [(admitted_at(call), 1) for call, _ in calls])
        if tokens is not None:
            uses = [(admitted_at(call), _tokens(call, wish)) for call, wish in calls]
            yield from _too_much(name, tokens, uses)


def held_until(receipt: Receipt) -> float:
    """Return until when a call holds its place: what is only told of a failure holds none."""
    if any(attempt.outcome == "completed" for attempt in receipt.attempts):
        return end_of(receipt)
    return max(over_at(attempt) for attempt in receipt.attempts)


def _subjects(record: Record, till: Till) -> Iterator[tuple[str, Limits, list[Let]]]:
    """Yield everybody who has limits, with the calls that were let in."""
    calls = [(receipt, wish, holder) for receipt, wish, holder in paying(record, till)]
    for holder in till.holders:
        own = [(receipt, wish) for receipt, wish, whose in calls if whose is holder]
        yield holder.name, holder.limits, own
    team = [(receipt, wish) for receipt, wish, whose in calls if whose.team == TEAM]
    yield TEAM, till.team_limits, team
    yield "m", till.model_limits, [(receipt, wish) for receipt, wish, _ in calls]


def _tokens(receipt: Receipt, wish: Wish) -> int:
    """Return what a call counts for: what was estimated, or less where it has used less."""
    estimate = wish.prompt + (PIECE if wish.most is None else wish.most)
    usage = receipt.usage
    return estimate if usage is None else min(estimate, usage.input_tokens + usage.output_tokens)


def _too_much(name: str, limit: int, uses: Sequence[tuple[float, int]]) -> Iterator[str]:
    """Complain where more was let in than the limit, and what runs off of it in between."""
    for first, (begin, _) in enumerate(uses):
        total = 0
        for at, used in uses[first:]:
            total += used
            most = limit + limit * (at - begin) / 60
            if total > most + SLACK * limit + 1e-3:
                yield f"{name} was let in for {total} from {begin} to {at}, of {most}"


ADMISSIONS = (the_ledger_is_told_in_order, limits_of_callers_are_kept)
