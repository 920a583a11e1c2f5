"""What a key may do is said in the same words on a terminal and on a page."""

from dataclasses import replace

import pytest

from gateway.policy.keys import KeyRecord
from gateway.policy.wording import (
    IN_FORCE,
    budget_in_words,
    day_of,
    limits_in_words,
    moment_of,
    state_of,
    usd_in_words,
)
from gateway.words.budget import Budget
from gateway.words.caller import Limits

NOON = 1_764_504_000
KEY = KeyRecord("ci", "f" * 64)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (KEY, IN_FORCE),
        (replace(KEY, team="research", expires=NOON + 1), IN_FORCE),
        (replace(KEY, expires=NOON), "expired"),
        (replace(KEY, revoked=NOON, expires=NOON), "revoked 2025-11-30"),
        (replace(KEY, team="gone"), "opens nothing: no such team"),
    ],
)
def test_a_state_says_what_a_key_is_good_for(record: KeyRecord, said: str) -> None:
    assert state_of(record, {"research"}, NOON) == said


def test_moments_are_those_of_utc() -> None:
    assert (moment_of(NOON), day_of(NOON)) == ("2025-11-30T12:00:00Z", "2025-11-30")
    assert (moment_of(None), day_of(None), moment_of(0)) == (None, "", None)


def test_limits_are_said_in_a_line() -> None:
    assert limits_in_words(Limits()) == ""
    assert limits_in_words(Limits(60, 200_000, 5)) == (
        "60 requests a minute, 200,000 tokens a minute, 5 at once"
    )


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (Budget(5_000_000_000, "day"), "$5 a day"),
        (
            Budget(100_500_000_000, "month", ("a-*", "b"), then="c", alert=(0.5, 0.8)),
            "$100.5 a month for a-* and b, then c, told at 50% and 80%",
        ),
        (Budget(1, "hour", each="user", reserve="worst"), "$0.000000001 an hour for each user"),
    ],
)
def test_a_budget_is_said_in_a_line(budget: Budget, said: str) -> None:
    assert budget_in_words(budget).removesuffix(", at worst") == said


def test_an_amount_has_as_many_digits_as_it_needs() -> None:
    assert [usd_in_words(nanos) for nanos in (0, 1_234_000_000_000, 10_000_000)] == [
        *("$0", "$1,234", "$0.01")
    ]
