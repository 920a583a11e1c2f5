"""How homes stand, as the workers tell it: by one of them, for a plan; by all, for a table.

Each worker finds out for itself who rests, unless a shared store tells it. What another version
tells beside is passed over, and what is no report at all is none.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from gateway.admin.workers import Answer
from gateway.policy.health import speed_of
from gateway.telemetry.lines import printable
from gateway.words.target import Target

MAX_NAME: Final = 200
"""Characters of a target's name, as workers tell it."""

STATES: Final = ("closed", "half_open", "open")
"""Circuits, the worst one last."""


class Key(msgspec.Struct, frozen=True):
    """A key that rests, for so many seconds; 0 is the only one of its home."""

    number: int = 0
    rests_for: float = 0.0


class Home(msgspec.Struct, frozen=True):
    """A home as one worker finds it; `ttft` in seconds, `share` is how many calls fail of late.

    None: there are no figures, or they are stale.
    """

    name: str = ""
    state: str = "closed"
    rests_for: float = 0.0
    failures: int = 0
    open_calls: int = 0
    resting_keys: list[Key] = []
    ttft: float | None = None
    share: float | None = None
    calls: int = 0
    failed: int = 0


class Report(msgspec.Struct, frozen=True):
    """What one worker knows. `absent` are providers that do not answer their probe."""

    worker: int = 0
    homes: list[Home] = []
    absent: dict[str, float] = {}
    left_out: int = 0


def reports_of(answers: Iterable[Answer]) -> list[Report]:
    """Return the reports in what workers have answered."""
    found = []
    for answer in answers:
        with suppress(msgspec.ValidationError):
            found.append(msgspec.convert(answer, Report))
    return found


def name_of(target: Target) -> str:
    """Return a target's name as workers tell it: safe to show, and bounded."""
    name = printable(target.name)
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"


class Told:
    """The homes as one worker finds them, for whoever makes a plan. `now` is always 0 here."""

    def __init__(self, report: Report) -> None:
        self._homes = {home.name: home for home in report.homes}
        self._absent: Mapping[str, float] = report.absent

    def rests_for(self, target: Target, now: float) -> float:
        absent = self._absent.get(target.provider, 0.0)
        home = self._homes.get(name_of(target))
        if home is None or not target.conduct.cooldown.failures:
            return absent - now if absent > now else 0.0
        return max(home.rests_for - now, absent - now, 0.0)

    def key_rests_for(self, target: Target, now: float) -> float:
        home = self._homes.get(name_of(target))
        rests = [] if home is None else home.resting_keys
        return max(
            (key.rests_for - now for key in rests if key.number == target.key_number), default=0.0
        )

    def open_calls(self, target: Target) -> int:
        home = self._homes.get(name_of(target))
        return 0 if home is None else home.open_calls

    def speed(self, target: Target) -> float | None:
        home = self._homes.get(name_of(target))
        return None if home is None else speed_of(home.ttft, home.share)


@dataclass(slots=True)
class Standing:
    """A home as all workers find it. `rests_in` counts those that leave it alone.

    The state is the worst one, the rest the longest; `ttft` and `share` are means over the workers
    that have figures, weighed by their calls.
    """

    state: str = "closed"
    rests_for: float = 0.0
    rests_in: int = 0
    open_calls: int = 0
    resting_keys: set[int] = field(default_factory=set)
    ttft: float | None = None
    share: float | None = None
    calls: int = 0
    failed: int = 0
    _timed: int = 0
    _shared: int = 0

    def take(self, home: Home) -> None:
        """Take what one more worker tells."""
        state = home.state if home.state in STATES else STATES[0]
        self.state = max(self.state, state, key=STATES.index)
        self.rests_for = max(self.rests_for, home.rests_for)
        self.rests_in += home.rests_for > 0.0
        self.open_calls += home.open_calls
        self.resting_keys.update(key.number for key in home.resting_keys)
        weight = max(home.calls, 1)
        if home.ttft is not None:
            self._timed += weight
            self.ttft = _mean(self.ttft, home.ttft, weight / self._timed)
        if home.share is not None and home.calls > 0:
            self._shared += weight
            self.share = _mean(self.share, home.share, weight / self._shared)
        self.calls += max(home.calls, 0)
        self.failed += max(home.failed, 0)

    @property
    def is_sound(self) -> bool:
        """Whether it is asked like any other, and so is each of its keys."""
        return self.state == STATES[0] and not self.rests_for and not self.resting_keys


def _mean(before: float | None, one_more: float, part: float) -> float:
    """Take one more figure into a mean, of which it makes up this part."""
    return one_more if before is None else before + (one_more - before) * part


def standings(reports: Iterable[Report]) -> dict[str, Standing]:
    """Return how all homes stand, by their names as workers tell them."""
    found: dict[str, Standing] = {}
    for report in reports:
        for home in report.homes:
            found.setdefault(home.name, Standing()).take(home)
    return found


class Absence(NamedTuple):
    """A provider that does not answer its probe: how long that counts, in how many workers."""

    rests_for: float
    rests_in: int


NOBODY: Final[Mapping[str, Absence]] = {}


def absences(reports: Iterable[Report]) -> dict[str, Absence]:
    """Return the providers that some worker finds away, with all their homes."""
    found: dict[str, Absence] = {}
    for report in reports:
        for provider, rest in report.absent.items():
            longest, workers = found.get(provider, Absence(0.0, 0))
            found[provider] = Absence(max(longest, rest), workers + 1)
    return found
