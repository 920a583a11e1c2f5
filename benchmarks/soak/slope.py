"""How fast something grows: the median of the slopes between any two moments (Theil and Sen). Pure.

A leak is a slope that stays; a peak, or one sample in four that is far off, moves it by nothing.
"""

from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import Final

MOST_POINTS: Final = 300
"""All pairs of so many are looked at; what is more is put together first, neighbours by medians."""

Point = tuple[float, float]
"""Seconds, and the value at that moment."""


def per_second(points: Sequence[Point]) -> float:
    """Return the growth in a second; 0 for fewer than two moments."""
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for earlier, later in combinations(thinned(points, MOST_POINTS), 2)
        if later[0] > earlier[0]
    ]
    return median(slopes) if slopes else 0.0


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """Return so many points at most: the medians of neighbours, as many in each group."""
    size = -(-len(points) // most) or 1
    groups = [points[at : at + size] for at in range(0, len(points), size)]
    return [
        (median(at for at, _ in group), median(value for _, value in group)) for group in groups
    ]
