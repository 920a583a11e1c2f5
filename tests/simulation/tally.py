"""What many schedules came to: how often each outcome, personality, attempt and fault was met.

What is known and never came stands there with a 0, so that a reader sees what is never drawn.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from gateway.words.life import Cause
from gateway.words.receipt import Outcome, Phase
from tests.simulation.kinds import KINDS, kinds_of
from tests.simulation.moods import ALL
from tests.simulation.network import Weather
from tests.simulation.plan import Plan, Visit
from tests.simulation.schedule import Report
from tests.simulation.world import DIAL_FAILURES

ROWS = {make.__name__: rows for _, make, rows in ALL}
"""The rows of the table of failures that each personality shows."""

DIALS = ("ok", *DIAL_FAILURES, "black hole", "late")
LEAVING = tuple(f"{when}, {way}" for when in ("early", "after") for way in ("fin", "rst", "half"))
FAULTS = (
    *(f"dial: {dial}" for dial in DIALS),
    *(f"leaves {each}" for each in LEAVING),
    "leaves as its provider speaks",
    "never leaves",
    "sends slowly",
    "is stuck while sending",
    "reads slowly",
    "stalls while reading",
    "pipelines",
    "keeps its connection",
    "behind TLS",
    *(f"{side} link {what}" for side in ("client", "provider") for what in (
        "is slow", "is sliced", "has a small window", "is clogged", "is lost")),
    "drain", "stop at once", "cancel by an operator",
    "few calls", "few connections to the provider", "few clients",
    "asked again on a fresh connection",
)  # fmt: skip


@dataclass(slots=True)
class Tally:
    """Counts over schedules. It adds up with others, so that several processes can count."""

    schedules: int = 0
    calls: int = 0
    virtual_seconds: float = 0.0
    steps: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    personalities: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, list[str]]] = field(default_factory=list)

    def add(self, report: Report) -> None:
        """Count a schedule."""
        self.schedules += 1
        self.virtual_seconds += report.virtual_seconds
        self.steps += report.steps
        if report.problems:
            self.failures.append((report.seed, report.problems))
        self.faults.update(faults_of(report.plan))
        record = report.record
        if record is None:
            return
        self.calls += len(record.receipts)
        self.kinds.update(kinds_of(record))
        for receipt in record.receipts:
            self.outcomes[f"{receipt.outcome}, {receipt.phase}"] += 1
            self.causes[str(receipt.cause)] += 1
        self.personalities.update(asked.script.name for asked in record.asked)
        self.faults["asked again on a fresh connection"] += sum(
            attempt.stale for receipt in record.receipts for attempt in receipt.attempts
        )

    def merge(self, other: "Tally") -> None:
        """Add what another process has counted."""
        self.schedules += other.schedules
        self.calls += other.calls
        self.virtual_seconds += other.virtual_seconds
        self.steps += other.steps
        for name in ("outcomes", "causes", "personalities", "faults", "kinds"):
            getattr(self, name).update(getattr(other, name))
        self.failures += other.failures

    def all_outcomes(self) -> dict[str, int]:
        """Return every outcome in every phase, met or not."""
        names = [f"{outcome}, {phase}" for outcome in Outcome for phase in Phase]
        return {name: self.outcomes[name] for name in names}

    def all_causes(self) -> dict[str, int]:
        known = dict.fromkeys((str(cause) for cause in Cause), 0)
        return known | dict(sorted(self.causes.items()))

    def all_personalities(self) -> dict[str, int]:
        return {name: self.personalities[name] for name in ROWS}

    def all_kinds(self) -> dict[str, int]:
        return {name: self.kinds[name] for name in KINDS}

    def all_faults(self) -> dict[str, int]:
        return {name: self.faults[name] for name in FAULTS}


def faults_of(plan: Plan) -> Iterator[str]:
    """Name what the plan holds that is out of the ordinary."""
    for visit in plan.visits:
        yield from _of_visit(visit)
        yield from _of_weather("client", visit.there)
        yield from _of_weather("client", visit.back)
    for fate in plan.routing.fates:
        yield f"dial: {fate.dial}"
        if fate.takes:
            yield "dial: late"
        yield from _of_weather("provider", fate.there)
        yield from _of_weather("provider", fate.back)
    limits = {
        "drain": plan.orders.drain_at < inf,
        "stop at once": plan.orders.stop_at < inf,
        "cancel by an operator": plan.orders.cancel_at < inf,
        "few calls": plan.max_calls < 50,
        "few connections to the provider": plan.max_connections < 50,
        "few clients": plan.most < 50,
    }
    yield from (name for name, is_so in limits.items() if is_so)


def _of_visit(visit: Visit) -> Iterator[str]:
    leaving = visit.leaving
    if leaving.after_words and leaving.way != "stay":
        yield "leaves as its provider speaks"
    if leaving.way == "stay":
        yield "never leaves"
    else:
        yield f"leaves {'early' if leaving.early else 'after'}, {leaving.way}"
    if visit.pace.pause:
        yield "sends slowly"
    if visit.pace.stuck_at < inf:
        yield "is stuck while sending"
    if visit.appetite.pause:
        yield "reads slowly"
    if visit.appetite.stalls_at < inf:
        yield "stalls while reading"
    if visit.pipelines:
        yield "pipelines"
    elif len(visit.wishes) > 1:
        yield "keeps its connection"
    if visit.sealed:
        yield "behind TLS"


def _of_weather(side: str, weather: Weather) -> Iterator[str]:
    if weather.latency:
        yield f"{side} link is slow"
    if weather.slices < 1 << 20:
        yield f"{side} link is sliced"
    if weather.window <= 4_000:
        yield f"{side} link has a small window"
    if weather.clogs:
        yield f"{side} link is clogged"
    if weather.lost_from < inf:
        yield f"{side} link is lost"
