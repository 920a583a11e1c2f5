"""When providers are killed or ended, and for how long they are away: drawn from the seed. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from benchmarks.soak.plan import PROVIDERS

FIRST: Final = 8.0
PAUSE: Final = (15.0, 45.0)
AWAY: Final = (0.0, 3.0)
QUIET: Final = 12.0
"""Seconds at the end in which both stay."""


@dataclass(frozen=True, slots=True)
class Away:
    """A provider that goes at a moment, in seconds from the beginning, and comes back.

    `killed` is by SIGKILL; else it closes its connections and ends by itself.
    """

    provider: int
    at: float
    back: float
    killed: bool


def draw_outages(seed: int, seconds: float) -> Iterator[Away]:
    """Yield all outages of a run, one after the other."""
    lots = Random(f"{seed}: outages")  # noqa: S311 (a plan, no secret)
    at = FIRST
    while at + AWAY[1] + QUIET < seconds:
        back = at + lots.uniform(*AWAY)
        yield Away(lots.randrange(PROVIDERS), at, back, killed=lots.random() < 0.7)
        at = back + lots.uniform(*PAUSE)
