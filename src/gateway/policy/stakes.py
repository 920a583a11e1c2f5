"""How much money a call holds before it is asked, and by how much it renews that. Pure.

A stream can be stopped in mid-sentence, so it holds its prompt and one slice of its answer. An
answer in one piece cannot: it holds what such answers are, or the worst where a budget says so.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.policy.estimates import ANSWER_TOKENS, choices_of, most_of, prompt_of
from gateway.policy.prices import Price, cost_of_text
from gateway.words.call import Call

SLICE_TOKENS: Final = 64
"""What a stream holds ahead of what has passed: some seconds of it."""

WORST_TOKENS: Final = 32_768
"""What each choice of an answer may be at worst where its client names no most."""


class Stake(NamedTuple):
    """Nano-dollars: what a call needs to begin, and by how much a stream renews it."""

    need: int
    slice: int


def stake_of(
    call: Call, prices: Sequence[Price], *, worst: bool, typical: int | None, lanes: int = 1
) -> Stake:
    """Return it for a call that may go to targets with these prices, to so many at once.

    `typical` is how many tokens answers have of late; None where nobody knows yet.
    """
    prompt = prompt_of(call)
    most = most_of(call)
    if worst:
        answer = WORST_TOKENS * choices_of(call) if most is None else most
    elif call.stream:
        answer = SLICE_TOKENS
    else:
        answer = choices_of(call) * (ANSWER_TOKENS if typical is None else typical)
    if most is not None:
        answer = min(answer, most)
    need = sliced = 0
    for price in prices:
        asked = cost_of_text(prompt, 0, price)
        need = max(need, cost_of_text(prompt, answer, price) + (lanes - 1) * asked)
        sliced = max(sliced, cost_of_text(prompt, SLICE_TOKENS, price) - asked)
    return Stake(need, sliced)
