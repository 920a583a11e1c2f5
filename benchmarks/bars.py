"""What is asked of the gateway, as data; and whether it was reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.figures import Spread, by_round, differences, ratios, spread, written
from benchmarks.results import Results

OURS: Final = "gateway"

Better = Literal["higher", "lower"]
Compared = Literal["ratio", "difference"]
State = Literal["hoped", "met", "missed", "not measured"]


@dataclass(frozen=True, slots=True)
class Bar:
    """One demand on a value of one scenario, or on how it compares with another peer's."""

    text: str
    scenario: str
    key: str
    better: Better
    at_least: float
    hoped: float
    unit: str = ""
    peer: str = OURS
    against: str = ""
    compared: Compared = "ratio"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bar and what was measured."""

    bar: Bar
    measured: Spread | None
    state: State

    @property
    def words(self) -> str:
        """Say it for people; a bar that was missed says by how much of it."""
        if self.measured is None:
            return "not measured"
        if self.state != "missed":
            return "met, as hoped" if self.state == "hoped" else "met"
        short = abs(self.measured.middle - self.bar.at_least)
        if not self.bar.at_least:
            return f"**missed** by {written(short)}"
        share = short / self.bar.at_least
        if share > 1:
            return f"**missed**: {written(share + 1)} times as much"
        return f"**missed** by {share:.0%}" if share >= 0.01 else "**missed** by less than 1%"


def measured(bar: Bar, results: Results) -> Spread | None:
    """Return what a bar asks for, compared round by round where there is something to compare."""
    ours = by_round(results, bar.scenario, bar.peer, bar.key)
    if not bar.against:
        return spread([*ours.values()])
    theirs = by_round(results, bar.scenario, bar.against, bar.key)
    compare = ratios if bar.compared == "ratio" else differences
    return spread(compare(ours, theirs))


def verdict(bar: Bar, results: Results) -> Verdict:
    """Judge the median."""
    found = measured(bar, results)
    if found is None:
        return Verdict(bar, None, "not measured")
    if _reaches(found.middle, bar.hoped, bar.better):
        return Verdict(bar, found, "hoped")
    met = _reaches(found.middle, bar.at_least, bar.better)
    return Verdict(bar, found, "met" if met else "missed")


def _reaches(value: float, wanted: float, better: Better) -> bool:
    return value >= wanted if better == "higher" else value <= wanted


def verdicts(results: Results, bars: Sequence[Bar]) -> list[Verdict]:
    """Judge all."""
    return [verdict(bar, results) for bar in bars]


BARS: Final = (
    Bar(
        text="answers in one piece, requests/s against vllm-router",
        scenario="single",
        key="requests_per_second",
        against="vllm-router",
        better="higher",
        at_least=0.30,
        hoped=0.50,
    ),
    Bar(
        text="... against Portkey",
        scenario="single",
        key="requests_per_second",
        against="portkey",
        better="higher",
        at_least=7,
        hoped=12,
    ),
    Bar(
        text="... against LiteLLM",
        scenario="single",
        key="requests_per_second",
        against="litellm",
        better="higher",
        at_least=45,
        hoped=80,
    ),
    Bar(
        text="300 paced streams, events/s delivered against nginx",
        scenario="paced-300",
        key="events_per_second",
        against="nginx",
        better="higher",
        at_least=0.75,
        hoped=0.95,
    ),
    Bar(
        text="streams in bursts, chunks/s against vllm-router",
        scenario="burst",
        key="chunks_per_second",
        against="vllm-router",
        better="higher",
        at_least=0.5,
        hoped=1.0,
    ),
    Bar(
        text="time to the first token at 50 requests/s, added to that of no proxy, p50",
        scenario="first-token",
        key="p50_ms",
        against="direct",
        compared="difference",
        better="lower",
        at_least=1.0,
        hoped=0.5,
        unit="ms",
    ),
    Bar(
        text="... p99",
        scenario="first-token",
        key="p99_ms",
        against="direct",
        compared="difference",
        better="lower",
        at_least=5,
        hoped=2,
        unit="ms",
    ),
    Bar(
        text="client gone to upstream closed, 1,000 streams, p50",
        scenario="leaving",
        key="p50_ms",
        better="lower",
        at_least=2,
        hoped=1,
        unit="ms",
    ),
    Bar(
        text="... p99",
        scenario="leaving",
        key="p99_ms",
        better="lower",
        at_least=20,
        hoped=10,
        unit="ms",
    ),
    Bar(
        text="... never closed",
        scenario="leaving",
        key="leaked",
        better="lower",
        at_least=0,
        hoped=0,
        unit="streams",
    ),
    Bar(
        text="memory when idle (RSS)",
        scenario="memory",
        key="idle_mb",
        better="lower",
        at_least=70,
        hoped=55,
        unit="MB",
    ),
    *(
        Bar(
            text=f"memory for each of {streams:,} open streams",
            scenario="memory",
            key=f"kb_per_stream_{streams}",
            better="lower",
            at_least=60,
            hoped=35,
            unit="KB",
        )
        for streams in (100, 1000, 5000)
    ),
    Bar(
        text="start to ready",
        scenario="ready",
        key="seconds",
        better="lower",
        at_least=1.2,
        hoped=0.7,
        unit="s",
    ),
    Bar(
        text="processor time of a request, two workers against one",
        scenario="workers",
        key="cpu_us_per_request",
        peer="two-workers",
        against="one-worker",
        better="lower",
        at_least=1.1,
        hoped=1.02,
    ),
)
"""The demands on this gateway, with receipt and log line on."""
