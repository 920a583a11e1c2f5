"""Both sides day by day and model by model, the largest difference first."""

import pytest

from gateway.store.reconcile import (
    Amounts,
    Key,
    Ours,
    Pair,
    compare,
    nothing,
    plain_model,
    totals,
)


def ours(requests: int, tokens_in: int, tokens_out: int, nanos: int) -> Ours:
    return Ours(Amounts(requests, tokens_in, tokens_out, nanos))


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("Claude Haiku 4.5", "claude-haiku-4-5"),
        (" GPT-4o ", "gpt-4o"),
        ("gpt-5.2", "gpt-5.2"),
        ("Code interpreter sessions", "code interpreter sessions"),
        ("gpt-3.5-turbo-0125", "gpt-3.5-turbo-0125"),
    ],
)
def test_a_model_has_one_name_on_both_sides(name: str, plain: str) -> None:
    assert plain_model(name) == plain


def test_what_is_the_same_on_both_sides_differs_by_nothing() -> None:
    (line,) = compare({(1, "m"): ours(2, 10, 20, 30)}, {(1, "m"): Amounts(2, 10, 20, 30)})
    assert {pair.difference for pair in line.pairs.values()} == {0}
    assert {pair.percent for pair in line.pairs.values()} == {0.0}
    assert line.size == (0, 0, 0)


@pytest.mark.parametrize(
    ("pair", "difference", "percent"),
    [
        (Pair(90, 100), 10, 10.0),
        (Pair(100, 80), -20, -25.0),
        (Pair(0, 0), 0, 0.0),
        (Pair(5, 0), -5, None),
        (Pair(0, 5), 5, 100.0),
    ],
)
def test_per_cent_are_of_what_the_provider_says(
    pair: Pair, difference: int, percent: float | None
) -> None:
    assert (pair.difference, pair.percent) == (difference, percent)


def test_the_dearest_difference_comes_first_then_tokens_then_requests() -> None:
    have: dict[Key, Ours] = {
        (1, "same"): ours(1, 1, 1, 1),
        (1, "requests"): ours(1, 1, 1, 1),
        (1, "tokens"): ours(1, 1, 1, 1),
        (1, "money"): ours(1, 1, 1, 1),
    }
    say: dict[Key, Amounts] = {
        (1, "same"): Amounts(1, 1, 1, 1),
        (1, "requests"): Amounts(9, 1, 1, 1),
        (1, "tokens"): Amounts(1, 99, 1, 1),
        (1, "money"): Amounts(1, 1, 1, 0),
    }
    assert [line.model for line in compare(have, say)] == ["money", "tokens", "requests", "same"]


def test_what_one_side_has_alone_is_there() -> None:
    lines = compare({(1, "a"): ours(1, 2, 3, 4)}, {(2, "b"): Amounts(1, 5, 5)})
    alone = {line.model: (line.ours is None, line.theirs is None) for line in lines}
    assert alone == {"a": (False, True), "b": (True, False)}
    sums = totals(lines)
    assert sums == {"requests": Pair(1, 1), "tokens_in": Pair(2, 5), "tokens_out": Pair(3, 5)}


def test_what_nobody_tells_is_not_compared() -> None:
    (line,) = compare({(1, "m"): ours(5, 10, 20, 30)}, {(1, "m"): Amounts(None, 10, 20)})
    assert set(line.pairs) == {"tokens_in", "tokens_out"}


def test_costs_of_whole_days_are_compared_with_all_models() -> None:
    have: dict[Key, Ours] = {
        (1, "a"): ours(1, 2, 3, 4),
        (1, "b"): ours(1, 2, 3, 5),
        (2, "a"): ours(1, 1, 1, 7),
    }
    lines = compare(have, {(1, None): Amounts(cost_nanos=10)})
    assert [(line.day, line.model, line.pairs) for line in lines] == [
        (2, None, {"cost_nanos": Pair(7, 0)}),
        (1, None, {"cost_nanos": Pair(9, 10)}),
    ]


def test_usage_by_models_and_costs_of_days_stand_side_by_side() -> None:
    have: dict[Key, Ours] = {(1, "a"): ours(1, 2, 3, 4)}
    lines = compare(have, {(1, "a"): Amounts(1, 2, 3), (1, None): Amounts(cost_nanos=4)})
    assert {line.model: set(line.pairs) for line in lines} == {
        "a": {"requests", "tokens_in", "tokens_out"},
        None: {"cost_nanos"},
    }
    assert totals(lines)["cost_nanos"] == Pair(4, 4)


def test_what_may_explain_a_difference_is_added_up_too() -> None:
    first, second = ours(1, 1, 1, 1), ours(1, 1, 1, 1)
    first.aborted += Amounts(1, 1, 1, 1)
    second.lost, second.open, second.unpriced = 1, 2, 3
    have: dict[Key, Ours] = {(1, "a"): first, (1, "b"): second}
    (line,) = compare(have, {(1, None): Amounts(requests=2)})
    assert line.ours is not None
    assert (line.ours.aborted.requests, line.ours.lost, line.ours.open) == (1, 1, 2)
    assert (line.ours.unpriced, line.ours.estimated) == (3, nothing())
