"""Durations in a histogram whose cells are 2 % wide, so that a long run needs no more. Pure."""

import math
from collections import Counter
from typing import Final

LEAST: Final = 1e-5
"""Seconds; whatever is shorter counts as this."""

WIDTH: Final = math.log(1.02)


class Latencies:
    """Any number of durations in seconds: how many, which share is below what, and the longest."""

    def __init__(self) -> None:
        self._cells: Counter[int] = Counter()
        self.longest = 0.0
        self.count = 0

    def note(self, seconds: float) -> None:
        """Add one."""
        self._cells[math.floor(math.log(max(seconds, LEAST) / LEAST) / WIDTH)] += 1
        self.longest = max(self.longest, seconds)
        self.count += 1

    def below(self, share: float) -> float:
        """Return the seconds below which this share of all lies, to 2 %; 0 where there are none."""
        left = math.ceil(share * self.count)
        for cell in sorted(self._cells):
            left -= self._cells[cell]
            if left <= 0:
                return min(LEAST * math.exp(WIDTH * (cell + 0.5)), self.longest)
        return 0.0
