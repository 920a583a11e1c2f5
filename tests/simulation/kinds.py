"""What kinds of attempts a call made, for the tally: why each was made, and what became of it."""

from collections.abc import Iterator
from itertools import pairwise
from math import inf

from gateway.words.receipt import Attempt, Receipt
from tests.simulation.facts import asked_for, crashed, over_at, place_of
from tests.simulation.money import is_spent_out
from tests.simulation.record import Record

KINDS = (
    "asked first",
    "asked again at the same home",
    "asked with another key",
    "asked at another home",
    "asked a fallback",
    "asked one for long prompts",
    "passed over one that rests",
    "started beside a late one",
    "a race won by who came first",
    "a race won by who came later",
    "a race that nobody won",
    "asked to go on with an answer",
    "gave the beginning of an answer",
    "joined an answer",
    "joined an answer twice",
    "found that an answer differs",
    "went on with no answer",
    "had no time by a client's wish",
    "was filtered",
    "found no other after all had failed",
    "refused by a limit",
    "refused by a budget",
    "had no price",
    "stopped in the middle by a budget",
    "paid as another model",
    "paid from several budgets",
    "told its cost by its provider",
    "told its cost in part",
    "had its cost estimated",
    "read on after its client had left",
    "read on to its end",
    "met a bug of the ledger",
    "a budget was spent to the last",
    "a home rests in the end",
    "a key rests in the end",
)
"""All kinds, in the order in which they are told."""


def kinds_of(record: Record) -> Iterator[str]:
    """Name the kind of each attempt, and what stands out of a call."""
    for receipt in record.receipts:
        if receipt.attempts:
            yield "asked first"
            yield from _first(record, receipt)
            for before, attempt in pairwise(receipt.attempts):
                yield _kind(record, receipt, before, attempt)
            yield from _race(receipt)
            yield from _resuming(record, receipt)
            yield from _ends(receipt)
        yield from _money(record, receipt)
    for each in record.spent:
        if each.spent >= each.budget.nanos:
            yield "a budget was spent to the last"
    for home in record.homes:
        if home.state != "closed":
            yield "a home rests in the end"
        if home.resting_keys:
            yield "a key rests in the end"


def _first(record: Record, receipt: Receipt) -> Iterator[str]:
    routing = record.plan.routing
    place = place_of(record, receipt.attempts[0])
    is_first = place == next(each for each in routing.places if each.public == receipt.model)
    if routing.strategy == "order" and not is_first:
        yield "passed over one that rests"


def _kind(record: Record, receipt: Receipt, before: Attempt, attempt: Attempt) -> str:
    if attempt.began < over_at(before):
        return "started beside a late one"
    earlier = {each.target for each in receipt.attempts if each.began < attempt.began}
    if attempt.target in earlier:
        return "asked again at the same home"
    place = place_of(record, attempt)
    is_other = place.public != receipt.model
    if attempt.target == before.target:
        return "asked with another key"
    roles = {"spare": "asked a fallback", "longer": "asked one for long prompts"}
    return roles.get(place.role if is_other else "own", "asked at another home")


def _race(receipt: Receipt) -> Iterator[str]:
    if not receipt.hedged:
        return
    lost = [each for each in receipt.attempts if each.outcome == "lost"]
    if not lost:
        yield "a race that nobody won"
    else:
        by_first = receipt.attempts[0] not in lost
        yield f"a race won by who came {'first' if by_first else 'later'}"


def _resuming(record: Record, receipt: Receipt) -> Iterator[str]:
    commit = inf if receipt.first_content_at is None else receipt.first_content_at
    after = [each for each in receipt.attempts if each.began > commit]
    differs = any(each.outcome == "differs" for each in receipt.attempts)
    if after:
        yield "asked to go on with an answer"
    if receipt.resumed and not differs:
        yield "joined an answer" if receipt.resumed == 1 else "joined an answer twice"
    if differs:
        yield "found that an answer differs"
    if after and not receipt.resumed:
        yield "went on with no answer"
    if any(asked.script.beginning for asked in asked_for(record, receipt.request_id)):
        yield "gave the beginning of an answer"


COSTS = {
    "exact": "told its cost by its provider",
    "partial": "told its cost in part",
    "estimated": "had its cost estimated",
}

REFUSALS = {
    "rate_limit_exceeded": "refused by a limit",
    "insufficient_quota": "refused by a budget",
    "unpriced_model": "had no price",
}


def _money(record: Record, receipt: Receipt) -> Iterator[str]:
    if receipt.usage_quality is not None:
        yield COSTS[receipt.usage_quality]
    if not receipt.attempts and receipt.cause in REFUSALS:
        yield REFUSALS[receipt.cause]
    if is_spent_out(receipt):
        yield "stopped in the middle by a budget"
    if receipt.asked is not None and receipt.attempts:
        yield "paid as another model"
    if receipt.attempts and len(receipt.caller.accounts) > 1:
        yield "paid from several budgets"
    if receipt.drained:
        yield "read on after its client had left"
        if receipt.attempts[-1].outcome == "completed":
            yield "read on to its end"
    if receipt.request_id in crashed(record):
        yield "met a bug of the ledger"


def _ends(receipt: Receipt) -> Iterator[str]:
    outcomes = [each.outcome for each in receipt.attempts]
    if "client_timeout" in outcomes:
        yield "had no time by a client's wish"
    if "content_filter" in outcomes:
        yield "was filtered"
    if len(outcomes) > 1 and receipt.status >= 400:
        yield "found no other after all had failed"
