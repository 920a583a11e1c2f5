"""The live tree as a page shows it: what all workers tell together, put in order.

What another version of a worker tells beside is passed over, and what it leaves out is empty.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import msgspec

from gateway.admin.models.standing import Home
from gateway.admin.workers import Answer

MOST_CUTS: Final = 5
"""Calls that a page names which were cut off last."""

WHEN: Final = {
    "body": "in its body",
    "waiting": "while waiting",
    "streaming": "while streaming",
    "finishing": "while finishing",
}
"""In which phase a call was cut off, in words."""

_MINUTE, _HOUR = 60, 3600


class Upstream(msgspec.Struct, frozen=True):
    """A connection to a provider."""

    peer: str = ""
    age: float = 0.0
    requests: int = 0


class Attempt(msgspec.Struct, frozen=True):
    """One try at one target."""

    target: str = ""
    age: float = 0.0
    outcome: str = "open"
    waits_for: str = ""
    upstream: Upstream | None = None


class Call(msgspec.Struct, frozen=True):
    """An open call."""

    id: str = ""
    method: str = ""
    path: str = ""
    model: str | None = None
    stream: bool = False
    age: float = 0.0
    phase: str = ""
    waits_for: str = ""
    cause: str | None = None
    tokens: int = 0
    tokens_per_second: float | None = None
    ttft: float | None = None
    key: str = ""
    team: str | None = None
    attempts: list[Attempt] = []

    @property
    def name(self) -> str:
        """What is asked for: a model, or else a path."""
        return self.model or f"{self.method} {self.path}"

    @property
    def whose(self) -> str:
        """The virtual key and its team, as far as there are any."""
        return _joined(self.key, self.team)


class Connection(msgspec.Struct, frozen=True):
    """A client's connection."""

    peer: str = ""
    age: float | None = None
    call: Call | None = None


class Ended(msgspec.Struct, frozen=True):
    """A call that has ended."""

    id: str = ""
    method: str = ""
    path: str = ""
    model: str | None = None
    target: str | None = None
    key: str = ""
    outcome: str = ""
    phase: str = ""
    cause: str | None = None
    ago: float = 0.0
    cut: bool = False
    cancel_ms: float | None = None

    @property
    def name(self) -> str:
        """What was asked for: a model, or else a path."""
        return self.model or f"{self.method} {self.path}"

    @property
    def rest(self) -> str:
        """When it ended, in which phase, and whose it was."""
        return _joined(WHEN.get(self.phase), self.key, f"{age(self.ago)} ago")


class Process(msgspec.Struct, frozen=True):
    """A worker."""

    pid: int = 0
    worker: int = 0
    uptime: float = 0.0
    draining: bool = False
    gauges: dict[str, float] = {}
    connections: list[Connection] = []
    resting: list[Home] = []
    ended: list[Ended] = []

    @property
    def busy(self) -> list[tuple[Connection, Call]]:
        """The connections that carry a call, and that call."""
        return [(each, each.call) for each in self.connections if each.call is not None]

    @property
    def calls(self) -> int:
        """How many calls are open, whether they are shown or not."""
        return int(self.gauges.get("open_calls", 0))

    @property
    def more(self) -> int:
        """How many calls are open and not shown."""
        return max(self.calls - len(self.busy), 0)


@dataclass(slots=True)
class Rest:
    """What is left alone: a home, or a key of it, with what those workers say who do so."""

    home: str
    what: str
    seconds: float = 0.0
    failures: int = 0
    workers: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it at one moment. `down` are the numbers of workers that do not answer."""

    workers: Sequence[Process]
    down: Sequence[int]
    rests: Sequence[Rest]
    cuts: Sequence[Ended]

    def total(self, gauge: str) -> int:
        """Add up a figure of all workers."""
        return int(sum(each.gauges.get(gauge, 0) for each in self.workers))

    @property
    def last_cancel_ms(self) -> float | None:
        """How long the last cancel took of those that had a provider to let go."""
        return next((each.cancel_ms for each in self.cuts if each.cancel_ms is not None), None)

    @property
    def tokens_per_second(self) -> float:
        """How fast all calls that are shown are answered together."""
        calls = [call for worker in self.workers for _, call in worker.busy]
        return sum(call.tokens_per_second or 0.0 for call in calls if call.phase == "streaming")


def picture(answers: Iterable[Answer], numbers: Collection[int]) -> Picture:
    """Put in order what was answered; `numbers` are those of the workers that there should be."""
    workers = []
    for answer in answers:
        try:
            workers.append(msgspec.convert(answer, Process))
        except msgspec.ValidationError:
            continue  # it counts as one that does not answer
    down = sorted(set(numbers) - {each.worker for each in workers})
    ended = chain.from_iterable(each.ended for each in workers)
    cuts = sorted((each for each in ended if each.cut), key=lambda each: each.ago)
    return Picture(workers, down, _rests(workers), cuts[:MOST_CUTS])


def _rests(workers: Iterable[Process]) -> list[Rest]:
    known: dict[tuple[str, str], Rest] = {}
    for worker in workers:
        for home in worker.resting:
            for what, seconds in _parts(home):
                rest = known.setdefault((home.name, what), Rest(home.name, what))
                rest.seconds = max(rest.seconds, seconds)
                rest.failures = max(rest.failures, home.failures)
                rest.workers.add(worker.worker)
    return [known[each] for each in sorted(known)]


def _parts(home: Home) -> list[tuple[str, float]]:
    """Name what of a home is left alone, and for how many seconds."""
    parts = [(f"key {key.number}" if key.number else "key", key.rests_for)
             for key in home.resting_keys]  # fmt: skip
    if home.state == "open":
        parts.append(("home", home.rests_for))
    elif home.state == "half_open":
        parts.append(("home, one call tries it", 0.0))
    return parts


def _joined(*words: str | None) -> str:
    return " · ".join(word for word in words if word)


def age(seconds: float | None) -> str:
    """Write seconds as the pages do."""
    if seconds is None:
        return ""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {int(seconds % _MINUTE)} s"
    return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:.0f} min"
