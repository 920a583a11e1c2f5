"""A budget of LiteLLM's never lets more be spent here than there; what is not the same is told."""

import math

import pytest

from gateway.commands.moving.database_budgets import (
    LARGE,
    LONGER,
    MANY,
    NO_BUDGET,
    NO_END,
    SOFT,
    Funded,
    Terms,
    budget_of,
    funded,
    models_of,
    per_of,
    start_of,
    windows_of,
)
from gateway.words.budget import Budget

NOW = 1_795_521_600
"""2026-11-24 12:00 UTC, a Tuesday."""

TOMORROW, YESTERDAY = "2026-11-25T00:00:00", "2026-11-23T00:00:00"
USD = 1_000_000_000


@pytest.mark.parametrize(
    ("duration", "per", "told"),
    [
        *(("1h", "hour", []), ("60m", "hour", []), ("3600s", "hour", [])),
        *(("1d", "day", []), ("24h", "day", []), (" 1D ", "day", [])),
        *(("7d", "week", []), ("1w", "week", []), ("30d", "month", []), ("1mo", "month", [])),
        *(("30s", "hour", [LONGER]), ("2h", "day", [LONGER]), ("2d", "week", [LONGER])),
        *(("14d", "month", [LONGER]), ("31d", "month", [LONGER]), ("2mo", "year", [LONGER])),
        *(("400d", "year", [LONGER]), ("999999999mo", "year", [LONGER]), ("0d", "hour", [LONGER])),
        *((None, "year", [NO_END]), ("", "year", [NO_END]), ("None", "year", [NO_END])),
        *(("soon", "year", [NO_END]), ("30", "year", [NO_END]), ("٣d", "year", [NO_END])),
    ],
)
def test_a_duration_is_the_same_window_or_the_next_longer_one(
    duration: str | None, per: str, told: list[str]
) -> None:
    notes: list[str] = []
    assert per_of(duration, notes.append) == per
    assert notes == told


@pytest.mark.parametrize(
    ("terms", "budget", "told"),
    [
        (Terms(10.5, "1d"), Budget(10_500_000_000, "day"), []),
        (Terms(10, "1d", 8), Budget(10 * USD, "day", alert=(0.8,)), []),
        (Terms(10, "1d", 12), Budget(10 * USD, "day"), []),
        (Terms(0, "1d", 1), Budget(1000, "day"), []),
        (Terms(-3, "1d"), Budget(1000, "day"), []),
        (Terms(1e300, "1d"), Budget(9_000_000 * USD, "day"), [LARGE]),
        (Terms(5, "1d", model="gpt-5.2"), Budget(5 * USD, "day", ("gpt-5.2",)), []),
        (Terms(None, "1d"), None, []),
        (Terms(None, "1d", 5), None, [SOFT]),
        (Terms(math.inf, "1d", math.inf), None, []),
        (Terms(math.nan, "1d"), None, []),
    ],
)
def test_an_amount_is_kept_within_what_a_budget_can_be(
    terms: Terms, budget: Budget | None, told: list[str]
) -> None:
    notes: list[str] = []
    assert budget_of(terms, notes.append) == budget
    assert notes == told


@pytest.mark.parametrize(
    ("spent", "reset_at", "nanos"),
    [
        *((1.25, TOMORROW, 1_250_000_000), (1.25, None, 1_250_000_000), (1.25, "x", 1_250_000_000)),
        *((1.25, YESTERDAY, 0), (None, TOMORROW, 0), (-1, TOMORROW, 0), (math.nan, TOMORROW, 0)),
        (1e300, TOMORROW, 9_000_000 * USD),
    ],
)
def test_what_was_spent_goes_on_unless_the_window_is_over(
    spent: float | None, reset_at: str | None, nanos: int
) -> None:
    terms = Terms(10, "1d", spent=spent, reset_at=reset_at)
    assert funded([terms], NOW, print) == (Funded(Budget(10 * USD, "day"), nanos),)


def test_of_two_for_one_window_and_model_the_smaller_holds() -> None:
    found = funded(
        [Terms(10, "1d", spent=3), Terms(4, "24h", spent=1), Terms(9, "1d"), Terms(5, "1h")],
        NOW,
        print,
    )
    assert found == (Funded(Budget(4 * USD, "day"), USD), Funded(Budget(5 * USD, "hour"), 0))


def test_no_more_budgets_are_taken_than_a_key_can_have() -> None:
    notes: list[str] = []
    found = funded([Terms(1, "1d", model=f"m{n}") for n in range(40)], NOW, notes.append)
    assert (len(found), notes) == (32, [MANY])


def test_budgets_of_models_and_further_windows_are_read_in_both_spellings() -> None:
    notes: list[str] = []
    said = {
        "a": {"budget_limit": "5", "time_period": "1d"},
        "b": {"max_budget": 6, "budget_duration": "1h"},
        "c": 7,
        "d": {"budget_limit": None},
    }
    assert list(models_of(said, notes.append)) == [
        Terms(5.0, "1d", model="a"),
        Terms(6.0, "1h", model="b"),
        Terms(7.0, None, model="c"),
        Terms(None, None, model="d"),
    ]
    windows = [{"max_budget": 1, "budget_duration": "7d"}]
    assert list(windows_of(windows, notes.append)) == [Terms(1.0, "7d")]
    assert list(models_of(None, notes.append)) == list(windows_of({}, notes.append)) == []
    assert notes == []


@pytest.mark.parametrize("said", [{"a": "much"}, {"a": [1]}, [1], 5, "x"])
def test_a_budget_that_cannot_be_read_is_told(said: object) -> None:
    notes: list[str] = []
    assert [each.usd for each in models_of(said, notes.append)] in ([], [None])
    assert notes == [NO_BUDGET]


@pytest.mark.parametrize("said", [["x"], [{"max_budget": {}}], {"a": 1}, 5])
def test_a_further_window_that_cannot_be_read_is_told(said: object) -> None:
    notes: list[str] = []
    assert [each.usd for each in windows_of(said, notes.append)] in ([], [None])
    assert notes == [NO_BUDGET]


def test_a_window_starts_where_ours_does() -> None:
    assert start_of(Terms(1, "30d"), NOW) == 1_793_491_200
