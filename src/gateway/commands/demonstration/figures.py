"""What was measured: a run, all runs of a phase, and whether the promise was kept. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from gateway.commands.demonstration.clients import Way


class Fate(StrEnum):
    """What is to become of the upstream's connection when the client leaves."""

    CLOSED = "closed"
    NOT_ASKED = "not asked"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Counted:
    """What of a call is there at one moment: the gateway's tasks and sockets, settled receipts."""

    tasks: int
    sockets: int
    receipts: int
    outcomes: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        """True where nothing is left of the call but its receipt."""
        return not self.tasks and not self.sockets and self.receipts > 0


@dataclass(frozen=True, slots=True)
class Run:
    """One call, left once. Durations are seconds from the moment of leaving.

    `closed_after` is None where the upstream saw nothing for `waited`. What was counted `open`
    before the client left and `left` over afterwards is None for a gateway whose inside cannot be
    seen. `missed` says why the call never came into its phase. While the clock ran, other programs
    kept this one from the CPU for `held_up`.
    """

    way: Way
    asked: int = 0
    closed_after: float | None = None
    waited: float = 0.0
    cleared_after: float | None = None
    open: Counted | None = None
    left: Counted | None = None
    missed: str = ""
    held_up: float = 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """All runs of one phase so far, and what is expected of them.

    `repeated` counts the runs that were played again, because they had been held up.
    """

    phase: str
    fate: Fate
    outcome: str
    within: float
    runs: tuple[Run, ...] = ()
    repeated: int = 0

    @property
    def closed(self) -> list[float]:
        """After how many seconds the upstream was closed, for each run in which it was."""
        return [run.closed_after for run in self.runs if run.closed_after is not None]

    @property
    def cleared(self) -> list[float]:
        """After how many seconds nothing was left, for each run in which that came."""
        return [run.cleared_after for run in self.runs if run.cleared_after is not None]

    @property
    def never(self) -> list[Run]:
        """The runs in which the upstream should have been closed, and was not."""
        return [run for run in self.runs if self.never_closed(run)]

    @property
    def left(self) -> list[Counted]:
        """What was left over, for each run in which it could be counted."""
        return [run.left for run in self.runs if run.left is not None]

    @property
    def open(self) -> list[Counted]:
        """What was open before the client left, for each run in which it could be counted."""
        return [run.open for run in self.runs if run.open is not None]

    def never_closed(self, run: Run) -> bool:
        """Say whether the upstream should have been closed in a run, and was not."""
        return self.fate is Fate.CLOSED and not run.missed and run.closed_after is None

    def of(self, way: Way) -> "Figures":
        """Return the figures of one way of leaving."""
        runs = tuple(run for run in self.runs if run.way is way)
        return Figures(self.phase, self.fate, self.outcome, self.within, runs)

    def problems(self) -> list[str]:
        """Say in which ways the promise was not kept: each way once, with the calls it befell."""
        if not self.runs:
            return ["never tried"]
        befell: dict[str, list[Run]] = {}
        for run in self.runs:
            for problem in self._problems(run):
                befell.setdefault(problem, []).append(run)
        return [f"{problem}, {self._share(runs)}" for problem, runs in befell.items()]

    def _share(self, runs: list[Run]) -> str:
        ways = [way for way in Way if any(run.way is way for run in runs)]
        return f"{len(runs)} of {len(self.runs)} calls ({', '.join(ways)})"

    def _problems(self, run: Run) -> list[str]:
        if run.missed:
            return [f"the phase was not reached: {run.missed}"]
        found = self._of_the_upstream(run)
        if run.open is not None and not (run.open.tasks and run.open.sockets):
            found.append("nothing was seen of the call while it was open, so nothing is proved")
        if run.left is not None:
            found += self._of_the_inside(run.left)
        return found

    def _of_the_upstream(self, run: Run) -> list[str]:
        if self.fate is Fate.NOT_ASKED:
            return ["the upstream was asked"] if run.asked else []
        if self.fate is Fate.KEPT:
            return [] if run.closed_after is None else ["the upstream was closed"]
        if run.closed_after is None:
            return [f"the upstream was never closed (waited {run.waited:g} s)"]
        if run.closed_after > self.within:
            return [f"the upstream was closed later than after {self.within * 1000:g} ms"]
        return []

    def _of_the_inside(self, left: Counted) -> list[str]:
        found = []
        if left.tasks:
            found.append(f"tasks left: {left.tasks}")
        if left.sockets:
            found.append(f"sockets left: {left.sockets}")
        if left.receipts != 1:
            found.append(f"receipts: {left.receipts}")
        ends = [end for end in dict.fromkeys(left.outcomes) if end != self.outcome]
        return [*found, *(f"outcome: {end}" for end in ends)]


def milliseconds(seconds: float) -> str:
    """Write a duration for people."""
    return f"{seconds * 1000:.1f} ms"


def middle(durations: list[float]) -> float | None:
    """Return the median; None of nothing."""
    return median(durations) if durations else None
