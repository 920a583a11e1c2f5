"""Joins the accounts of all calls, judges each once all have spoken, and counts. Pure."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from benchmarks.soak.explain import Case, Outage, Take, explain, mark_killed, was_hit
from benchmarks.soak.latencies import Latencies
from benchmarks.soak.plan import CHAT, name_of, planned
from benchmarks.soak.records import Began, Ended, Line, Seen

GRACE: Final = 5.0
"""Seconds after its client's last word in which provider and log must have told of a call."""

REMEMBERED: Final = 120.0
"""Seconds for which an outage, or a request that a killed provider never ended, may matter."""

MOST_SAMPLES: Final = 100

HARMLESS: Final = frozenset({"debug", "info"})
"""Levels of lines that are about no request, and of which nobody need be told."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Something unexplained: what, of which call, and all that is known of it."""

    what: str
    id: str
    told: dict[str, Any]


class Closed:
    """Which numbers are closed: the few above the first that is not, so that it stays small."""

    def __init__(self) -> None:
        self._below = 0
        self._above: set[int] = set()

    def add(self, number: int) -> None:
        self._above.add(number)
        while self._below in self._above:
            self._above.remove(self._below)
            self._below += 1

    def __contains__(self, number: int) -> bool:
        return number < self._below or number in self._above

    def __len__(self) -> int:
        return self._below + len(self._above)


class Books:
    """All calls of a run; of those that are closed only sums are kept.

    `latencies` are from a client's leaving to the provider's news of it; `fresh` those that are new
    since somebody has last taken them away.
    """

    def __init__(self, seed: int) -> None:
        self._prefix = name_of(seed, 0).removesuffix("0")
        self._seed = seed
        self._open: dict[str, Case] = {}
        self._closed = Closed()
        self._takes: dict[tuple[int, int], Take] = {}
        self.outages: list[Outage] = []
        self.unexplained = 0
        self.samples: list[Sample] = []
        self.outcomes: Counter[str] = Counter()
        self.plays: Counter[str] = Counter()
        self.latencies = Latencies()
        self.fresh: list[float] = []

    @property
    def calls(self) -> int:
        """How many have been judged."""
        return len(self._closed)

    @property
    def open(self) -> int:
        """How many have been heard of and not yet judged."""
        return len(self._open)

    def saw(self, seen: Seen) -> None:
        """Take a client's account."""
        case = self._case(name_of(self._seed, seen.number))
        if case is not None:
            case.seen = seen

    def took(self, provider: int, note: Began | Ended) -> None:
        """Take a provider's note."""
        key = (note.pid, note.take)
        if isinstance(note, Ended):
            take = self._takes.pop(key, None)
            if take is not None:
                take.ended, take.how = note.at, note.how
            return
        self._takes[key] = take = Take(provider, note.at)
        case = self._case(note.id)
        if case is not None:
            case.takes.append(take)

    def logged(self, line: Line) -> None:
        """Take a line of the log, whatever it is about."""
        if line.get("event") != "request":
            if line.get("level") not in HARMLESS or "exception" in line:
                self._tell(f"the log says: {line.get('event')}", "", {"line": dict(line)})
            return
        case = self._case(str(line["request_id"]))
        if case is not None:
            case.lines.append(line)

    def scribbled(self, text: bytes) -> None:
        """Take what stands in the log and is no line of it, as a traceback."""
        self._tell("not a line of the log", "", {"text": text.decode(errors="replace")})

    def gone(self, provider: int, at: float) -> None:
        """Note that a provider was killed."""
        self.outages.append(Outage(provider, at))

    def back(self, at: float) -> None:
        """Note that the one that was killed last is there again."""
        self.outages[-1] = replace(self.outages[-1], back=at)

    def judge(self, now: float = float("inf")) -> None:
        """Judge all calls whose clients had their last word long enough ago; at the end, all."""
        ready = [
            name
            for name, case in self._open.items()
            if now == float("inf") or (case.seen is not None and case.seen.ended + GRACE <= now)
        ]
        for name in ready:
            self._close(name, self._open.pop(name))
        self.outages = [each for each in self.outages if each.back + REMEMBERED > now]
        for key in [key for key, take in self._takes.items() if take.began + REMEMBERED < now]:
            del self._takes[key]

    def _close(self, name: str, case: Case) -> None:
        self._closed.add(case.plan.number)
        case.hit = was_hit(case, self.outages)
        mark_killed(case, self.outages)
        request = case.plan.request
        self.plays[case.plan.play.kind if request == CHAT else request] += 1
        self.outcomes[case.lines[0]["outcome"] if case.lines else "no line"] += 1
        what = explain(case)
        if what:
            told: dict[str, Any] = {
                "plan": msgspec.to_builtins(case.plan),
                "seen": msgspec.to_builtins(case.seen),
                "expected": sorted({f"{e.outcome} {e.cause or ''}".strip() for e in case.expects}),
                "lines": [dict(line) for line in case.lines],
                "takes": [f"{t.how} {t.began:.3f} {t.ended or 0:.3f}" for t in case.takes],
            }
            self._tell(what, name, told)
        self._measure(case)

    def _measure(self, case: Case) -> None:
        """Note how long its provider knew nothing of a client's leaving."""
        left = case.seen.left_at if case.seen is not None else None
        if left is None or not case.lines or case.lines[0]["outcome"] != "client_gone":
            return
        for take in case.takes:
            if take.how == "gone" and take.ended is not None and take.began <= left <= take.ended:
                self.latencies.note(take.ended - left)
                self.fresh.append(take.ended - left)

    def _case(self, name: str) -> Case | None:
        """Return the open case of a call; what comes of a closed one, or of none, is told."""
        case = self._open.get(name)
        if case is not None:
            return case
        number = name.removeprefix(self._prefix)
        if name == number or not number.isdecimal() or int(number) in self._closed:
            self._tell("a word of a call that is over, or was never made", name, {})
            return None
        self._open[name] = case = Case(planned(self._seed, int(number)))
        return case

    def _tell(self, what: str, name: str, told: dict[str, Any]) -> None:
        self.unexplained += 1
        if len(self.samples) < MOST_SAMPLES:
            self.samples.append(Sample(what, name, told))
