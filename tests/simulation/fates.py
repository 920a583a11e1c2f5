"""What becomes of connections: the weather of a direction, the fate of a link to a provider."""

from dataclasses import dataclass, replace
from math import inf
from random import Random

from tests.simulation.network import CALM, Weather

SPREAD = 8.0
"""Seconds within which the clients come."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one connection to the provider; `dial` is "ok" or how it fails."""

    dial: str = "ok"
    takes: float = 0.0
    there: Weather = CALM
    back: Weather = CALM

    @property
    def calm(self) -> bool:
        return self.dial == "ok" and not self.takes and self.there == CALM and self.back == CALM

    def clogged(self, times: tuple[float, float]) -> "Fate":
        """Return the same with nothing moving between two moments."""
        return replace(self, there=clogged(self.there, times), back=clogged(self.back, times))


def clogged(weather: Weather, times: tuple[float, float]) -> Weather:
    """Return the weather with nothing moving between two moments."""
    return replace(weather, clogs=tuple(sorted((*weather.clogs, times))))


def draw_weather(lots: Random, rough: float) -> Weather:
    """Draw the weather of one direction; `rough` is how likely it is bad."""
    if lots.random() >= rough:
        return CALM
    begins = lots.uniform(0.0, 3 * SPREAD)
    is_clogged = lots.random() < 0.3
    return Weather(
        latency=lots.choice((0.0, 0.001, 0.01, 0.1)),
        slices=lots.choice((1 << 30, 1 << 30, 1, 3, 17, 100, 1000)),
        spacing=lots.choice((0.0, 0.0, 0.001)),
        window=lots.choice((1 << 20, 65_536, 4_000, 1_000, 300, 100)),
        clogs=((begins, begins + lots.uniform(1.0, 120.0)),) if is_clogged else (),
        lost_from=lots.uniform(0.0, 3 * SPREAD) if lots.random() < 0.05 else inf,
    )


def draw_fate(lots: Random, rough: float) -> Fate:
    """Draw the fate of one link."""
    dial = "ok"
    if lots.random() < 0.1:
        dial = lots.choice(("refused", "name", "tls", "exhausted", "black hole"))
    takes = lots.choice((0.0, 0.0, 0.0, 0.02, 0.9, 4.0)) if rough else 0.0
    return Fate(dial, takes, draw_weather(lots, rough), draw_weather(lots, rough))
