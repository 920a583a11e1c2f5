"""How much a call holds before it is asked."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.forms.chat import read_request
from gateway.policy.estimates import ANSWER_TOKENS, prompt_of, size_of
from gateway.policy.prices import Price, cost_of
from gateway.policy.stakes import SLICE_TOKENS, WORST_TOKENS, Stake, stake_of
from gateway.words.answer import Usage
from gateway.words.call import Call

PRICE = Price(1_000_000, 2_000_000)
"""A micro-dollar for a token that is asked, two for one that is answered."""


def call(*, stream: bool = True, **more: Any) -> Call:
    said = [{"role": "user", "content": "hello there"}]
    body = {"model": "m", "messages": said, "stream": stream} | more
    return read_request("chat", json.dumps(body).encode())


def staked(asked: Call, *, worst: bool = False, typical: int | None = None) -> Stake:
    return stake_of(size_of(asked), [PRICE], stream=asked.stream, worst=worst, typical=typical)


def cost(asked: Call, answer: int) -> int:
    return cost_of(Usage(prompt_of(asked), answer), PRICE)


def test_a_stream_holds_its_prompt_and_a_slice() -> None:
    asked = call(max_tokens=10_000)
    assert staked(asked) == Stake(cost(asked, SLICE_TOKENS), SLICE_TOKENS * 2_000)


def test_who_wants_less_than_a_slice_holds_less() -> None:
    asked = call(max_tokens=5)
    assert staked(asked).need == cost(asked, 5)


def test_an_answer_in_one_piece_holds_what_such_answers_are() -> None:
    asked = call(stream=False)
    assert staked(asked).need == cost(asked, ANSWER_TOKENS), "while nobody knows better"
    assert staked(asked, typical=30).need == cost(asked, 30)
    assert staked(call(stream=False, max_tokens=7), typical=30).need == cost(
        call(stream=False, max_tokens=7), 7
    )


def test_the_worst_is_what_the_client_allows_of_all_its_choices() -> None:
    asked = call(max_tokens=1_000, n=3)
    assert staked(asked, worst=True).need == cost(asked, 3_000)
    assert staked(call(), worst=True).need == cost(call(), WORST_TOKENS)


def test_each_choice_is_an_answer_of_its_own() -> None:
    asked = call(stream=False, n=3)
    assert staked(asked).need == cost(asked, 3 * ANSWER_TOKENS)
    assert staked(asked, typical=30).need == cost(asked, 3 * 30)
    assert staked(asked, worst=True).need == cost(asked, 3 * WORST_TOKENS)


def test_the_dearest_of_several_targets_counts_and_a_race_reads_the_prompt_twice() -> None:
    asked, dear = call(), Price(5_000_000, 1_000_000)
    both = stake_of(size_of(asked), [PRICE, dear], stream=True, worst=False, typical=None)
    assert both.need == max(
        cost_of(Usage(prompt_of(asked), SLICE_TOKENS), p) for p in (PRICE, dear)
    )
    assert both.slice == SLICE_TOKENS * 2_000
    raced = stake_of(size_of(asked), [dear], stream=True, worst=False, typical=None, lanes=2)
    alone = stake_of(size_of(asked), [dear], stream=True, worst=False, typical=None)
    assert raced.need - alone.need == cost_of(Usage(prompt_of(asked)), dear)


@given(
    most=st.none() | st.integers(1, 10**7),
    typical=st.none() | st.integers(0, 10**6),
    stream=st.booleans(),
)
def test_what_is_typical_is_never_more_than_the_worst(
    most: int | None, typical: int | None, stream: bool
) -> None:
    asked = call(stream=stream, **({} if most is None else {"max_tokens": most}))
    worst = staked(asked, worst=True)
    held = staked(asked, typical=None if typical is None else min(typical, WORST_TOKENS))
    assert 0 < held.need <= worst.need
