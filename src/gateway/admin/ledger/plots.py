"""Where the parts of a plot lie. Widths are per cent and heights pixels, so text keeps its size.

Templates draw them (`_plots.html`); beside each plot stands a table with the same numbers.
"""

from collections.abc import Callable, Sequence
from math import ceil, floor, log10
from typing import Final, NamedTuple

from gateway.admin.ledger.story import Step

Write = Callable[[float], str]
"""Writes a value with its unit."""

COLUMNS_HEIGHT: Final = 180
AXIS_HEIGHT: Final = 20
"""Pixels below the columns, for their names."""

HEADROOM: Final = 16
"""Pixels above the highest line, for what is written on it."""

MOST_NAMES: Final = 6
"""Names below columns: more do not fit on a phone."""

ROW_HEIGHT: Final = 34
BAR_HEIGHT: Final = 10
BAR_TOP: Final = 20

LONGEST_NAME: Final = 38
"""Signs of a name within a plot; the table has it whole."""

NARROWEST: Final = 0.4
"""Per cent: whatever took a moment can be seen."""

STEPS: Final = (1, 2, 5, 10)


class Bar(NamedTuple):
    """One bar: where it lies, what it is called, what it says, and of which kind it is."""

    x: float
    width: float
    y: float
    height: float
    name: str
    said: str
    kind: str = ""


class Tick(NamedTuple):
    """A line across the plot, and what is written at it; `at` is per cent or pixels."""

    at: float
    said: str
    anchor: str = "start"


class Plot(NamedTuple):
    """A plot: bars, lines of the scale, names along an axis, and the pixels that it is high."""

    height: int
    bars: tuple[Bar, ...]
    lines: tuple[Tick, ...] = ()
    names: tuple[Tick, ...] = ()
    marks: tuple[Tick, ...] = ()


def scale_of(most: float, lines: int = 4) -> tuple[float, ...]:
    """Return round values from 0 to `most` or a little above it; of nothing, 0 and 1."""
    if most <= 0:
        return (0.0, 1.0)
    rough = most / lines
    power = 10.0 ** floor(log10(rough))
    step = next(each * power for each in STEPS if each * power >= rough * (1 - 1e-9))
    return tuple(step * number for number in range(ceil(most / step - 1e-9) + 1))


def columns(
    values: Sequence[tuple[str, float]], write: Write, short: Callable[[str], str] = str
) -> Plot:
    """Draw a column for each value, in their order; below them stand some of their names, short."""
    most = max((value for _, value in values), default=0.0)
    scale = scale_of(most)
    ground = float(COLUMNS_HEIGHT - AXIS_HEIGHT)
    per_unit = (ground - HEADROOM) / scale[-1]
    pitch = 100.0 / max(1, len(values))
    bars = tuple(
        Bar(
            x=round(index * pitch + pitch * 0.12, 3),
            width=round(pitch * 0.76, 3),
            y=round(ground - value * per_unit, 1),
            height=round(value * per_unit, 1),
            name=name,
            said=write(value),
        )
        for index, (name, value) in enumerate(values)
    )
    shown = scale if most > 0 else scale[:1]
    lines = tuple(Tick(round(ground - each * per_unit, 1), write(each)) for each in shown)
    every = ceil(len(values) / MOST_NAMES) or 1
    names = tuple(
        Tick(round((index + 0.5) * pitch, 3), short(name), "middle")
        for index, (name, _) in enumerate(values)
        if index % every == every // 2
    )
    return Plot(COLUMNS_HEIGHT, bars, lines, names)


def rows(values: Sequence[tuple[str, float]], write: Write) -> Plot:
    """Draw a bar from the left for each value, one below the other."""
    most = max((value for _, value in values), default=0.0) or 1.0
    bars = tuple(
        Bar(
            x=0.0,
            width=round(100.0 * value / most, 3),
            y=float(index * ROW_HEIGHT + BAR_TOP),
            height=float(BAR_HEIGHT),
            name=shortened(name),
            said=write(value),
        )
        for index, (name, value) in enumerate(values)
    )
    return Plot(max(1, len(values)) * ROW_HEIGHT, bars)


def waterfall(
    steps: Sequence[Step], duration_ms: float | None, ttft_ms: float | None, write: Write
) -> Plot | None:
    """Draw attempts along the time of their call; None where nobody knows when they were."""
    timed = [(step, step.at_ms) for step in steps if step.at_ms is not None]
    if not timed or len(timed) < len(steps):
        return None
    ends = [at + (step.ms or 0.0) for step, at in timed]
    scale = scale_of(max(duration_ms or 0.0, ttft_ms or 0.0, *ends), lines=5)
    whole = scale[-1]
    bars = tuple(
        _time_bar(step, at, (duration_ms or whole) - at, whole, write) for step, at in timed
    )
    height = len(bars) * ROW_HEIGHT + AXIS_HEIGHT
    names = tuple(
        Tick(round(100.0 * each / whole, 3), write(each) if each else "0", _anchor(each / whole))
        for each in scale
    )
    marks = () if ttft_ms is None else (Tick(round(100.0 * ttft_ms / whole, 3), write(ttft_ms)),)
    return Plot(height, bars, names=names, marks=marks)


def _time_bar(step: Step, at: float, left: float, whole: float, write: Write) -> Bar:
    """Return the bar of an attempt; of one without an end it goes on as long as the call."""
    ms = max(0.0, left) if step.ms is None else step.ms
    width = max(NARROWEST, 100.0 * ms / whole)
    return Bar(
        x=round(min(100.0 * at / whole, 100.0 - width), 3),
        width=round(width, 3),
        y=float((step.number - 1) * ROW_HEIGHT + BAR_TOP),
        height=float(BAR_HEIGHT),
        name=f"{step.number} {shortened(step.target)}",
        said="open" if step.ms is None else write(step.ms),
        kind=kind_of(step.outcome),
    )


def kind_of(outcome: str) -> str:
    """Say how an attempt is drawn: as one that answered, that was left, or that failed."""
    if outcome in {"completed", "open"}:
        return ""
    return "left" if outcome in {"lost", "cancelled", "handed on"} else "failed"


def _anchor(part: float) -> str:
    return "start" if part < 0.05 else "end" if part > 0.95 else "middle"


def shortened(name: str) -> str:
    """Return a name that fits into a plot on a phone."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def part_of(amount: int, whole: int) -> float:
    """Return how many per cent of the whole an amount is, between 0 and 100; of nothing, all."""
    return round(min(100.0, max(0.0, 100.0 * amount / whole)), 2) if whole > 0 else 100.0
