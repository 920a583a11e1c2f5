"""Medians, spreads and ratios; and the order in which peers take turns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from benchmarks.results import Results

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over all rounds."""

    middle: float
    low: float
    high: float
    rounds: int


def rotated(items: Sequence[T], turn: int) -> list[T]:
    """Return the items in the order of this turn: another one is first each time."""
    by = turn % len(items) if items else 0
    return [*items[by:], *items[:by]]


def spread(values: Sequence[float]) -> Spread | None:
    """Return median, lowest and highest; None for nothing."""
    if not values:
        return None
    return Spread(median(values), min(values), max(values), len(values))


def by_round(results: Results, scenario: str, peer: str, key: str) -> dict[int, float]:
    """Return one value of a peer in each round in which it was measured."""
    return {one.round: one.values[key] for one in results.of(scenario, peer) if key in one.values}


def figure(results: Results, scenario: str, peer: str, key: str) -> Spread | None:
    """Return one value of a peer over all rounds."""
    return spread([*by_round(results, scenario, peer, key).values()])


def ratios(ours: Mapping[int, float], theirs: Mapping[int, float]) -> list[float]:
    """Divide round by round, so that a slow minute of the machine cancels out."""
    return [ours[turn] / theirs[turn] for turn in ours if theirs.get(turn, 0) > 0]


def differences(ours: Mapping[int, float], theirs: Mapping[int, float]) -> list[float]:
    """Subtract round by round."""
    return [ours[turn] - theirs[turn] for turn in ours if turn in theirs]


def written(value: float) -> str:
    """Write a figure with three digits or more, as many as mean something."""
    size = float(f"{abs(value):.3g}")  # 99.97 is written as what it is rounded to
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    digits = 1 if size >= 10 else 2 if size >= 0.1 else 3
    return f"{value:.{digits}f}"
