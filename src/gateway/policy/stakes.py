"""How much money a call holds before it is asked, and by how much it renews that. Pure.

A stream can be stopped in mid-sentence, so it holds its prompt and one slice of its answer. An
answer in one piece cannot: it holds what such answers are, or the worst where a budget says so.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.policy.estimates import ANSWER_TOKENS, Size
from gateway.policy.prices import Price, cost_of_text

SLICE_TOKENS: Final = 64
"""What a stream holds ahead of what has passed: some seconds of it."""

WORST_TOKENS: Final = 32_768
"""What each choice of an answer may be at worst where its client names no most."""


class Stake(NamedTuple):
    """Nano-dollars: what a call needs to begin, and by how much a stream renews it."""

    need: int
    slice: int


def stake_of(
    size: Size,
    prices: Sequence[Price],
    *,
    stream: bool,
    worst: bool,
    typical: int | None,
    lanes: int = 1,
) -> Stake:
    """Return it for a call of this size that may go to targets with these prices.

    `typical` is how many tokens answers have of late, None where nobody knows yet; `lanes` is how
    many targets may be asked at once.
    """
    prompt, most, choices = size
    if worst:
        answer = WORST_TOKENS * choices if most is None else most
    elif stream:
        answer = SLICE_TOKENS
    else:
        answer = choices * (ANSWER_TOKENS if typical is None else typical)
    if most is not None:
        answer = min(answer, most)
    need = sliced = 0
    for price in prices:
        asked = cost_of_text(prompt, 0, price)
        need = max(need, cost_of_text(prompt, answer, price) + (lanes - 1) * asked)
        sliced = max(sliced, cost_of_text(prompt, SLICE_TOKENS, price) - asked)
    return Stake(need, sliced)
