"""Counters and histograms: what is counted is told, and there is an end to the series."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.series import OTHER, Counter, Family, Histogram

BOUNDS = (0.1, 1.0, 10.0)


def test_what_is_counted_is_told_by_its_labels() -> None:
    counter = Counter("a_total", ("x", "y"), ())
    counter.add(("1", ""))
    counter.add(("1", ""), 2.5)
    counter.add(("2", "b"), 0)
    series: list[tuple[list[str], list[float]]] = [(["1", ""], [3.5]), (["2", "b"], [0])]
    assert counter.told() == Family("a_total", ["x", "y"], series)


def test_series_that_are_known_beforehand_begin_at_zero() -> None:
    assert Counter("a_total").told().series == [([], [0])]
    assert Counter("a_total", ("x",), [("1",)]).told().series == [(["1"], [0])]


@pytest.mark.parametrize(
    ("value", "bucket"),
    [(-1.0, 0), (0.0, 0), (0.1, 0), (0.11, 1), (1.0, 1), (9.9, 2), (10.0, 2), (10.1, 3)],
)
def test_a_bound_belongs_to_the_bucket_below_it(value: float, bucket: int) -> None:
    histogram = Histogram("a", BOUNDS)
    histogram.observe((), value)
    (_, numbers) = histogram.told().series[0]
    assert numbers == [*(int(each == bucket) for each in range(4)), value]


@given(st.lists(st.integers(0, 20)))
def test_nothing_that_was_observed_is_missing_in_what_is_told(values: list[int]) -> None:
    histogram = Histogram("a", BOUNDS)
    for value in values:
        histogram.observe((), value)
    for _, numbers in histogram.told().series:
        assert sum(numbers[:-1]) == len(values)
        assert numbers[-1] == sum(values)


def test_beyond_the_bound_series_stand_together_and_what_has_no_error_still_has_none() -> None:
    counter = Counter("a_total", ("model", "error"), (), most=3)
    for number in range(10):
        counter.add((f"m{number}", ""))
        counter.add((f"m{number}", "timeout"))
    told = {tuple(labels): numbers[0] for labels, numbers in counter.told().series}
    assert told == {
        ("m0", ""): 1, ("m0", "timeout"): 1, ("m1", ""): 1,
        (OTHER, OTHER): 9, (OTHER, ""): 8,
    }  # fmt: skip
    counter.add(("m0", ""))
    assert counter.told().series[0] == (["m0", ""], [2])


def test_what_is_told_does_not_change_afterwards_and_comes_through_json() -> None:
    histogram = Histogram("a", BOUNDS, ("x",))
    histogram.observe(("1",), 0.5)
    told = histogram.told()
    histogram.observe(("1",), 0.5)
    assert told.series == [(["1"], [0, 1, 0, 0, 0.5])]
    assert msgspec.json.decode(msgspec.json.encode(told), type=Family) == told
