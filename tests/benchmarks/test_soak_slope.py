"""A leak is seen through any noise, and noise is not taken for a leak."""

from random import Random

import pytest

from benchmarks.soak.latencies import Latencies
from benchmarks.soak.slope import MOST_POINTS, per_second, thinned
from benchmarks.soak.verdict import TEN_MINUTES, slope

MINUTES_25 = 1_500


def wavering(leak: float, seed: int, seconds: int = MINUTES_25) -> list[tuple[float, float]]:
    """Return a memory of 60 MB or so, with peaks, that grows by so many MB in ten minutes."""
    lots = Random(seed)
    return [
        (
            float(at),
            60 + lots.gauss(0, 1.5) + (8 if lots.random() < 0.1 else 0) + leak * at / TEN_MINUTES,
        )
        for at in range(seconds)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_a_leak_breaks_the_promise_and_noise_does_not(seed: int) -> None:
    assert slope("memory", wavering(0.0, seed), 1.0).holds is True
    assert slope("memory", wavering(0.6, seed), 1.0).holds is True
    assert slope("memory", wavering(1.4, seed), 1.0).holds is False


def test_a_step_in_warm_memory_is_no_slope() -> None:
    stepped = [(at, value + (3 if at > 100 else 0)) for at, value in wavering(0.0, 1)]
    assert slope("memory", stepped, 1.0).holds is True


def test_what_shrinks_breaks_nothing() -> None:
    assert slope("memory", wavering(-5.0, 1), 1.0).holds is True


def test_a_short_run_is_measured_and_not_judged() -> None:
    found = slope("memory", wavering(50.0, 1, 100), 1.0, "MB")
    assert found.holds is None
    assert found.measured.endswith(" MB")
    assert slope("memory", [], 1.0).holds is None


def test_a_slope_is_the_one_that_most_pairs_agree_on() -> None:
    points = [(float(at), 2.0 * at) for at in range(40)]
    points[7] = (7.0, 900.0)
    points[30] = (30.0, -900.0)
    assert per_second(points) == pytest.approx(2.0)
    assert per_second(points[:1]) == 0.0


def test_points_are_thinned_to_the_medians_of_neighbours() -> None:
    assert thinned([(1.0, 5.0), (2.0, 90.0), (3.0, 6.0), (9.0, 1.0)], 2) == [
        (1.5, 47.5),
        (6.0, 3.5),
    ]
    assert len(thinned(wavering(0, 1, 1_001), MOST_POINTS)) <= MOST_POINTS
    assert thinned([], 5) == []


def test_shares_of_latencies_are_true_to_two_per_cent() -> None:
    found = Latencies()
    for number in range(1, 10_001):
        found.note(number / 1e4)
    assert found.count == 10_000
    assert found.below(0.5) == pytest.approx(0.5, rel=0.02)
    assert found.below(0.99) == pytest.approx(0.99, rel=0.02)
    assert found.below(1.0) == pytest.approx(1.0, rel=0.02)
    assert found.longest == 1.0


def test_no_latencies_are_zero_and_the_shortest_is_counted() -> None:
    found = Latencies()
    assert (found.below(0.5), found.longest) == (0.0, 0.0)
    found.note(0.0)
    found.note(-1e-6)
    assert found.count == 2
    assert found.below(0.99) <= 1e-5
