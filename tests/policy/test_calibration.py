"""How many tokens an event is, and an answer."""

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.calibration import (
    ANSWERS,
    FEWEST_ANSWERS,
    FEWEST_EVENTS,
    KEPT,
    LEAST_RATIO,
    MOST_EVENTS,
    MOST_RATIO,
    MOST_TOKENS,
    Calibration,
)

EVENTS = st.integers(FEWEST_EVENTS, 10_000)
ANY = st.integers(-(2**70), 2**70)


def learned(*answers: tuple[int, int]) -> Calibration:
    calibration = Calibration()
    for events, tokens in answers:
        calibration.learn("a/m", events, tokens)
    return calibration


def test_where_nothing_is_known_an_event_is_a_token() -> None:
    assert [Calibration().tokens("a/m", events) for events in (-1, 0, 1, 7)] == [0, 0, 1, 7]
    assert learned((FEWEST_EVENTS - 1, 1000)).tokens("a/m", 7) == 7


def test_a_target_that_sends_several_tokens_an_event_is_known_by_it() -> None:
    calibration = learned((100, 400))
    assert [calibration.tokens("a/m", events) for events in (-1, 0, 1, 50)] == [0, 0, 4, 200]
    assert calibration.tokens("b/m", 50) == 50


def test_a_target_that_cuts_tokens_is_charged_for_tokens_and_for_one_at_least() -> None:
    calibration = learned((100, 20))
    assert [calibration.tokens("a/m", events) for events in (1, 50)] == [1, 10]


def test_thoughts_that_nobody_is_shown_are_part_of_what_events_come_to() -> None:
    assert learned((100, 1100)).tokens("a/m", 10) == 110


def test_what_was_long_ago_is_forgotten() -> None:
    calibration = learned((100, 10_000), *[(100, 100)] * 100)
    assert calibration.tokens("a/m", 100) == 100
    half = learned((100, 300), *[(100, 100)] * 6)
    assert 110 < half.tokens("a/m", 100) < 130


def test_a_long_answer_weighs_no_more_than_several() -> None:
    calibration = learned((1_000_000, 4_000_000), *[(MOST_EVENTS, MOST_EVENTS)] * 3)
    assert calibration.tokens("a/m", 100) < 200


@given(st.lists(st.tuples(EVENTS, st.integers(0, 10**6)), min_size=1, max_size=30), EVENTS)
def test_the_ratio_lies_between_those_that_were_seen(
    answers: list[tuple[int, int]], events: int
) -> None:
    ratios = [
        min(max(Fraction(tokens, seen), Fraction(LEAST_RATIO)), Fraction(MOST_RATIO))
        for seen, tokens in answers
    ]
    found = learned(*answers).tokens("a/m", events)
    assert events * min(ratios) - 1 <= found <= events * max(ratios) + 1


@given(EVENTS, st.integers(0, 10_000), st.integers(1, 50))
def test_of_answers_that_are_all_alike_the_estimate_is_exact(
    events: int, tokens: int, times: int
) -> None:
    expected = min(max(tokens, round(events * LEAST_RATIO), 1), round(events * MOST_RATIO))
    assert abs(learned(*[(events, tokens)] * times).tokens("a/m", events) - expected) <= 1


@given(st.lists(st.tuples(ANY, ANY), max_size=40), st.integers(0, 10**6), st.integers(0, 10**6))
def test_whatever_is_reported_more_events_are_no_fewer_tokens(
    answers: list[tuple[int, int]], one: int, other: int
) -> None:
    calibration = learned(*answers)
    few, many = sorted((one, other))
    assert calibration.tokens("a/m", few) <= calibration.tokens("a/m", many)
    assert (few > 0) <= calibration.tokens("a/m", few) <= few * MOST_RATIO
    typical = calibration.typical("a/m")
    assert typical is None or 0 <= typical <= MOST_TOKENS


def test_of_few_answers_nothing_is_typical() -> None:
    assert Calibration().typical("a/m") is None
    assert learned(*[(1, 5)] * (FEWEST_ANSWERS - 1)).typical("a/m") is None
    assert learned(*[(1, 5)] * FEWEST_ANSWERS).typical("a/m") == 5


def test_typical_is_what_95_in_a_hundred_do_not_exceed() -> None:
    assert learned(*[(1, tokens) for tokens in range(1, 101)]).typical("a/m") == 95
    assert learned(*[(1, tokens) for tokens in range(20, 0, -1)]).typical("a/m") == 19


def test_an_answer_without_a_count_is_no_answer() -> None:
    calibration = learned(*[(100, -1)] * FEWEST_ANSWERS)
    assert (calibration.typical("a/m"), len(calibration)) == (None, 0)


@given(st.integers(FEWEST_ANSWERS, 3 * ANSWERS), st.randoms(use_true_random=False))
def test_only_the_last_answers_are_typical(count: int, random: Random) -> None:
    tokens = [random.randrange(1000) for _ in range(count)]
    calibration = Calibration()
    for number, each in enumerate(tokens):
        calibration.learn("a/m", 1, each)
        if number % 7 == 0:
            calibration.typical("a/m")
    typical, last = calibration.typical("a/m"), tokens[-ANSWERS:]
    assert typical is not None
    assert sum(each <= typical for each in last) >= 0.95 * len(last)
    assert sum(each < typical for each in last) < 0.95 * len(last)
    assert calibration.typical("a/m") == typical


def test_the_oldest_answer_makes_room_for_the_newest() -> None:
    answers = [(1, tokens) for tokens in range(1, 301)]
    assert learned(*answers).typical("a/m") == 300 - ANSWERS + 122


@pytest.mark.parametrize("spared", ["a/0", "a/1"])
def test_of_too_many_targets_the_one_without_an_answer_for_the_longest_goes(spared: str) -> None:
    calibration = Calibration()
    for number in range(KEPT):
        calibration.learn(f"a/{number}", 100, 300)
    calibration.learn(spared, 100, 300)
    calibration.learn("new", 100, 300)
    assert len(calibration) == KEPT
    gone = "a/1" if spared == "a/0" else "a/0"
    assert [calibration.tokens(name, 10) for name in (spared, "new", gone)] == [30, 30, 10]
