"""What a call must have held and what it was charged, told from what its providers have sent.

The gateway is not its own judge: prices are multiplied here anew, and what passed is counted at the
other end of the wire.
"""

import json
from collections.abc import Iterator
from fractions import Fraction
from math import floor, inf

from gateway.policy.prices import Price
from gateway.words.budget import Per
from gateway.words.receipt import Attempt, Receipt
from tests.simulation.facts import asked_for, attempts_of, over_at
from tests.simulation.record import Asked, Record
from tests.simulation.tills import Holder, Till
from tests.simulation.wishes import Wish

SLICE = 64
"""Tokens of a stream that are paid for ahead."""

PIECE = 512
"""Tokens that an answer in one piece is taken for, as long as nobody knows better."""

FEWEST_ANSWERS = 20
"""Answers of a target after which it is known better."""

FEWEST_EVENTS = 8
"""Events of an answer that tells how many tokens an event is."""

Key = tuple[str, str, Per, tuple[str, ...], int]
"""An account in a window: of which kind, whose, per what, for which models, and since when."""


def price(taken: tuple[int, int], price: Price | None) -> int:
    """Return nano-dollars for so many tokens in and out, half up."""
    if price is None:
        return 0
    picos = taken[0] * price.input + taken[1] * price.output
    return price.per_request + (picos + 500) // 1000


def charge_of(receipt: Receipt) -> int:
    """Return what a call has cost, as its receipt says."""
    return receipt.cost_nanos or 0


def admitted_at(receipt: Receipt) -> float:
    """Return when a call was let in: at once its first target is asked. Never if none was."""
    return receipt.attempts[0].began if receipt.attempts else inf


def paying(record: Record, till: Till) -> Iterator[tuple[Receipt, Wish, Holder]]:
    """Yield all calls for which somebody was asked, with whose key they showed."""
    wishes = {wish.id: wish for visit in record.plan.visits for wish in visit.wishes}
    for receipt in record.receipts:
        wish = wishes.get(receipt.request_id)
        holder = None if wish is None else till.holder(wish.holder)
        if wish is not None and holder is not None and receipt.attempts:
            yield receipt, wish, holder


def accounts_of(till: Till, holder: Holder, model: str | None, now: float) -> dict[Key, int]:
    """Return the accounts that a call for a model is paid from, and what may be spent of each."""
    return {
        (of, whose, budget.per, budget.models, till.window_of(budget.per, now)): budget.nanos
        for of, whose, budget in till.budgets_of(holder)
        if not budget.models or model in budget.models
    }


def beyond(record: Record, till: Till, receipt: Receipt, wish: Wish) -> int:
    """Return by how much at most a call may have cost more than it held: what one read can be.

    It held its first stake, and as much as had passed before its last read. Where several were
    asked, or one broke off, only the first stake is certain.
    """
    held = _stake(record, till, receipt, wish)
    asked = asked_for(record, receipt.request_id)
    if len(receipt.attempts) == 1 and len(asked) == 1 and receipt.stream:
        held = max(held, _passed(record, till, receipt, wish, asked[0]))
    return max(0, charge_of(receipt) - held)


def _stake(record: Record, till: Till, receipt: Receipt, wish: Wish) -> int:
    """Return what a call has held from its beginning, at least."""
    answer = SLICE if receipt.stream else PIECE
    targets = {attempt.target for attempt in receipt.attempts}
    if not receipt.stream and any(_answers_of(record, each) >= FEWEST_ANSWERS for each in targets):
        answer = 0
    answer = answer if wish.most is None else min(answer, wish.most)
    return max(price((wish.prompt, answer), till.prices.get(each)) for each in targets)


def _answers_of(record: Record, target: str) -> int:
    return sum(attempt.target == target for each in record.receipts for attempt in each.attempts)


def _passed(record: Record, till: Till, receipt: Receipt, wish: Wish, asked: Asked) -> int:
    """Return what had passed of an answer before its last read, at the least that it can cost.

    Up to its first content nobody has looked: what it costs to have read the prompt may come to
    light with the role, and be more than was estimated.
    """
    before = _before_the_last(asked, receipt.attempts[0])
    seen = [
        part
        for part, (_, end) in zip(asked.said, asked.said_in, strict=True)
        if end <= before
        and part.told is not None
        and not part.silent
        # The last word holds no word of the answer.
        and (part.usage is not None or (part.content and not part.finishes))
    ]
    if not any(part.content for part in seen):
        return 0
    target = receipt.attempts[0].target
    told = [part.usage for part in seen if part.usage is not None]
    words = sum(part.content for part in seen)
    least = (wish.prompt, floor(_least_ratio(record, target) * words))
    return price(told[-1] if told else least, till.prices.get(target))


def reads_of(asked: Asked, attempt: Attempt) -> list[tuple[float, int, int]]:
    """Return the reads of an answer: when, from which byte of the connection, to which."""
    found, before = [], 0
    for at, to in asked.link.reads:
        if before >= asked.taken_before and at <= over_at(attempt):
            found.append((at, before, to))
        before = to
    return found


def _before_the_last(asked: Asked, attempt: Attempt) -> int:
    """Return from which byte on the last read was, or the one that met the last word."""
    pairs = zip(asked.said, asked.said_in, strict=True)
    closing = min((begin for part, (begin, _) in pairs if part.closes), default=inf)
    reads = reads_of(asked, attempt)
    last = [before for _, before, to in reads if to > closing] or [
        before for _, before, _ in reads[-1:]
    ]
    return last[0] if last else 0


def _least_ratio(record: Record, target: str) -> Fraction:
    """Return how few tokens an event of a target can have been taken for."""
    least = Fraction(1)
    for receipt in record.receipts:
        for attempt in receipt.attempts:
            usage = attempt.usage
            learned = attempt.target == target and attempt.outcome == "completed"
            if learned and usage is not None and attempt.pieces >= FEWEST_EVENTS:
                least = min(least, Fraction(usage.output_tokens, attempt.pieces))
    return least


def told_usage(asked: Asked) -> tuple[int, int] | None:
    """Return the last usage that a provider has said, None where it said none."""
    if asked.script.body is not None and asked.script.exact:
        usage = json.loads(asked.script.body).get("usage")
        return None if usage is None else (usage["prompt_tokens"], usage["completion_tokens"])
    return next((part.usage for part in reversed(asked.said) if part.usage is not None), None)


def attempt_for(receipt: Receipt, asked: Asked) -> Attempt | None:
    """Return the attempt by which a provider was asked; None where it may be one of several."""
    attempts = attempts_of(receipt, asked)
    return attempts[0] if len(attempts) == 1 else None
