"""Counters and histograms by labels: plain values that say themselves, as JSON can hold them.

However many different labels come, there is an end to the series: what comes after `MOST_SERIES`
counts as `other`. Nothing here knows what is counted.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

import msgspec

OTHER: Final = "other"
"""What a label says that has no name of its own."""

MOST_SERIES: Final = 500

Labels = tuple[str, ...]
"""The values of labels, in the order of their names. An empty one is none."""


class Family(msgspec.Struct, frozen=True):
    """A metric with all its series, as a worker tells it.

    A series is the values of its labels, and its numbers. Of a counter that is how much there was.
    Of a histogram, which has `bounds`, it is how many were in each bucket (the last bucket has no
    bound; nothing is added up), and then the sum of what was observed.
    """

    name: str = ""
    labels: list[str] = []
    series: list[tuple[list[str], list[float]]] = []
    bounds: list[float] = []


class _Series:
    """The series of one metric, by their labels."""

    __slots__ = ("_bounds", "_empty", "_most", "_names", "_series", "name")

    def __init__(self, name: str, names: Labels, bounds: tuple[float, ...], most: int) -> None:
        self.name = name
        self._names = names
        self._bounds = bounds
        self._most = most
        self._empty: list[float] = [0] * (len(bounds) + 2 if bounds else 1)
        self._series: dict[Labels, list[float]] = {}

    def begin(self, labels: Labels) -> list[float]:
        """Return the numbers of a series; it is there from now on, with nothing in it if new."""
        found = self._series.get(labels)
        if found is None and len(self._series) >= self._most:
            # What a label does not say it does not say here either: one without an error has none.
            labels = tuple(label and OTHER for label in labels)
            found = self._series.get(labels)
        if found is None:
            found = self._series[labels] = list(self._empty)
        return found

    def told(self) -> Family:
        """Say all that was counted."""
        series = [(list(labels), list(numbers)) for labels, numbers in self._series.items()]
        return Family(self.name, list(self._names), series, list(self._bounds))


class Counter(_Series):
    """How much there was, by labels."""

    __slots__ = ()

    def __init__(
        self,
        name: str,
        names: Labels = (),
        known: Iterable[Labels] = ((),),
        most: int = MOST_SERIES,
    ) -> None:
        """The `known` series are there before anything is counted, so that a first one is seen."""
        super().__init__(name, names, (), most)
        for labels in known:
            self.begin(labels)

    def add(self, labels: Labels, more: float = 1) -> None:
        """Count so much more."""
        numbers = self._series.get(labels) or self.begin(labels)
        numbers[0] += more


class Histogram(_Series):
    """How often what was observed was how large, by labels."""

    __slots__ = ()

    def __init__(
        self, name: str, bounds: tuple[float, ...], names: Labels = (), most: int = MOST_SERIES
    ) -> None:
        """A bound belongs to the bucket below it; bounds go up."""
        super().__init__(name, names, bounds, most)

    def observe(self, labels: Labels, value: float) -> None:
        """Count one more, of this size."""
        numbers = self._series.get(labels) or self.begin(labels)
        numbers[bisect_left(self._bounds, value)] += 1
        numbers[-1] += value
