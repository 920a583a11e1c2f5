"""What was promised of a run, and whether it holds. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.figures import written
from benchmarks.soak.gauges import DESCRIPTORS, KEPT, LOST, OPEN, TASKS, unaccounted
from benchmarks.soak.results import Rest, Results, Sample
from benchmarks.soak.slope import Point, per_second

WARM_SHARE: Final = 0.2
WARM_MOST: Final = 300.0
"""Seconds of load, or a fifth of a shorter run, that count as warming up and for no slope."""

SHORTEST: Final = 900.0
"""Seconds of samples from which a slope is judged: in less, memory wavers by more than it may grow.
Python looks for old garbage every few minutes only, and what is free is not given back at once."""

TEN_MINUTES: Final = 600.0
MOST_MEGABYTES: Final = 1.0
MOST_DESCRIPTORS: Final = 5.0
MOST_TASKS: Final = 10.0
"""In ten minutes. Calls come and go at random, and what is open wavers with them."""


CALM: Final = 2.0
"""Seconds after the last client in which all must have come to rest."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One promise: `holds` is None where the run was too short to tell."""

    text: str
    bound: str
    measured: str
    holds: bool | None

    @property
    def word(self) -> str:
        """Say it in a word or two."""
        return {True: "holds", False: "**broken**", None: "run too short to judge"}[self.holds]


def warm_after(results: Results) -> float:
    """Return the seconds of load after which slopes are measured."""
    return min(WARM_MOST, WARM_SHARE * results.wish.seconds)


def points(results: Results, value: Callable[[Sample], float]) -> list[Point]:
    """Return one value over the time in which slopes are measured."""
    begin = warm_after(results)
    return [(each.at, value(each)) for each in results.samples if each.at >= begin]


def verdicts(results: Results) -> list[Verdict]:
    """Judge all promises."""
    return [*_calls(results), *_slopes(results), *_rest(results)]


def failed(found: list[Verdict]) -> bool:
    """Say whether any promise is broken."""
    return any(each.holds is False for each in found)


def _calls(results: Results) -> Iterator[Verdict]:
    missing = results.begun - results.calls
    yield _most("calls with an outcome that nobody can explain", results.unexplained, 0)
    yield Verdict(
        "calls of which client, provider and log were compared",
        f"{results.begun:,}", f"{results.calls:,}", missing == 0 and results.calls > 0,
    )  # fmt: skip
    lost = max([each.gauges[LOST] for each in results.samples], default=0)
    yield _most("lines that never reached the log", lost, 0)


def _slopes(results: Results) -> Iterator[Verdict]:
    for text, value, unit, most in (
        ("memory of the workers (RSS)", lambda each: each.rss_bytes / 1e6, "MB", MOST_MEGABYTES),
        ("memory of the admin (RSS)", lambda each: each.admin_bytes / 1e6, "MB", MOST_MEGABYTES),
        ("open descriptors", lambda each: each.gauges[DESCRIPTORS], "", MOST_DESCRIPTORS),
        ("descriptors that are no connection", lambda each: unaccounted(each.gauges), "", 1.0),
        ("live tasks", lambda each: each.gauges[TASKS], "", MOST_TASKS),
    ):
        yield slope(f"{text}, growth in 10 minutes", points(results, value), most, unit)


def slope(text: str, found: list[Point], most: float, unit: str = "") -> Verdict:
    """Judge a slope: growth in ten minutes, below so much."""
    growth = per_second(found) * TEN_MINUTES
    long_enough = bool(found) and found[-1][0] - found[0][0] >= SHORTEST
    bound = f"below {most:g} {unit}".strip()
    measured = f"{growth:+.2f} {unit}".strip()
    return Verdict(text, bound, measured, growth < most if long_enough else None)


def _rest(results: Results) -> Iterator[Verdict]:
    rest, before = results.rest, results.before
    for name in OPEN:
        text = f"{name.replace('_', ' ')}, {rest.after:.1f} s after the last client"
        yield _most(text, rest.gauges[name], 0)
    yield _most("requests that providers still have then", rest.playing, 0)
    yield _most("more tasks than before the load", rest.gauges[TASKS] - before.gauges[TASKS], 0)
    more = _own(rest) - _own(before)
    yield _most("more descriptors than before, kept connections not counted", more, 0)
    yield _most("exit code after SIGTERM", abs(results.exit_code), 0)


def _own(rest: Rest) -> float:
    """Return the descriptors but for those of connections that are kept for the next call."""
    return rest.gauges[DESCRIPTORS] - sum(rest.gauges[name] for name in KEPT)


def _most(text: str, value: float, most: float) -> Verdict:
    return Verdict(text, written(most), written(value), value <= most)
