"""What is kept of a run: figures, and which bars they clear. Pure."""

import msgspec

from benchmarks.machine import Machine


class Figure(msgspec.Struct, frozen=True):
    """One thing that was measured, as people read it; without a bar it is only told."""

    what: str
    measured: str
    bar: str = ""
    passed: bool | None = None


class Row(msgspec.Struct, frozen=True):
    """One course: what was done, and what came of it."""

    name: str
    title: str
    figures: list[Figure]
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether no bar was missed."""
        return all(figure.passed is not False for figure in self.figures)


class Scorecard(msgspec.Struct):
    """What a run came to, and on what."""

    version: str
    date: str
    machine: Machine
    notices: list[str]
    seconds: float
    rows: list[Row]

    @property
    def missed(self) -> int:
        """How many bars were missed."""
        return sum(figure.passed is False for row in self.rows for figure in row.figures)

    @property
    def bars(self) -> int:
        """How many there were."""
        return sum(figure.passed is not None for row in self.rows for figure in row.figures)


def told(what: str, measured: object) -> Figure:
    """Return what is worth knowing and has no bar."""
    return Figure(what, _written(measured))


def at_most(what: str, measured: float, bar: float, unit: str = "") -> Figure:
    """Return what must not be more than the bar."""
    words = f"at most {_written(bar)}{unit}"
    return Figure(what, f"{_written(measured)}{unit}", words, measured <= bar)


def at_least(what: str, measured: float, bar: float, unit: str = "") -> Figure:
    """Return what must not be less than the bar."""
    words = f"at least {_written(bar)}{unit}"
    return Figure(what, f"{_written(measured)}{unit}", words, measured >= bar)


def exactly(what: str, measured: int, bar: int, unit: str = "") -> Figure:
    """Return what must be the same as the bar."""
    return Figure(what, f"{measured:,}{unit}", f"{bar:,}{unit}", measured == bar)


def _written(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)
