"""Medians, spreads and ratios are taken round by round."""

import pytest

from benchmarks.figures import (
    Spread,
    by_round,
    differences,
    figure,
    ratios,
    rotated,
    spread,
    written,
)
from tests.benchmarks.fixtures import requests, results


def test_another_peer_is_first_in_each_round() -> None:
    assert [rotated("abc", turn) for turn in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]
    assert rotated("", 3) == []


def test_a_figure_is_the_median_with_its_ends() -> None:
    measured = results(*requests("gateway", 90, 110, 400))
    assert figure(measured, "single", "gateway", "requests_per_second") == Spread(110, 90, 400, 3)
    assert figure(measured, "single", "nginx", "requests_per_second") is None
    assert spread([]) is None


def test_a_ratio_is_taken_within_each_round() -> None:
    measured = results(*requests("gateway", 50, 10, 30), *requests("vllm-router", 100, 20, 90))
    ours = by_round(measured, "single", "gateway", "requests_per_second")
    theirs = by_round(measured, "single", "vllm-router", "requests_per_second")
    found = spread(ratios(ours, theirs))
    # The median of the ratios; that of the figures would be 30 / 90.
    assert found is not None
    assert found.middle == 0.5


def test_a_round_that_one_of_two_has_not_gives_no_ratio() -> None:
    assert ratios({0: 5.0, 1: 6.0}, {1: 3.0}) == [2.0]
    assert ratios({0: 5.0}, {0: 0.0}) == []
    assert differences({0: 5.0, 1: 6.0}, {1: 3.0}) == [3.0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (27.0, "27"),
        (9.996, "10.0"),
        (99.97, "100"),
        (999.7, "1,000"),
        (-3048.4, "-3,048"),
        (0.0123, "0.012"),
        (0.456, "0.46"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (123.4, "123"),
        (12345.6, "12,346"),
    ],
)
def test_a_figure_has_the_digits_that_mean_something(value: float, text: str) -> None:
    assert written(value) == text
