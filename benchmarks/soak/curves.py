"""Draws a run over time, one panel below the other: an SVG for light and dark. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from benchmarks import plot
from benchmarks.figures import written
from benchmarks.plot import Scale, short
from benchmarks.soak.slope import Point, thinned

WIDTH: Final = plot.WIDTH
LEFT: Final = 64
RIGHT: Final = 24
TOP: Final = 64
PANEL: Final = 128
HEAD: Final = 34
CURVE: Final = PANEL - HEAD
BOTTOM: Final = 44
MOST_POINTS: Final = 400
MOST_TICKS: Final = 8

STYLE: Final = plot.STYLE.replace(
    "@media",
    """\
.name { font-weight: 600; }
.side { font-size: 11px; text-anchor: end; fill: #64748b; }
.curve { stroke: #2563eb; stroke-width: 1.5; fill: none; }
.peak { stroke: #94a3b8; stroke-width: 1; fill: none; }
.outage { stroke: #dc2626; opacity: 0.35; }
.warming { fill: #94a3b8; opacity: 0.15; }
@media""",
).replace(
    "dark) {",
    """\
dark) {
  .side { fill: #9ca3af; }
  .curve { stroke: #58a6ff; }
  .outage { stroke: #f87171; }""",
)


@dataclass(frozen=True, slots=True)
class Panel:
    """One value over time, and above it, where there are any, its peaks."""

    name: str
    note: str
    curve: Sequence[Point]
    peaks: Sequence[Point] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """All panels over the same time, in seconds; it is warming up until `warm`."""

    title: str
    note: str
    seconds: float
    warm: float
    outages: Sequence[float]
    panels: Sequence[Panel]


def draw(picture: Picture) -> str:
    """Return the picture as text."""
    height = TOP + PANEL * len(picture.panels) + BOTTOM
    size = f'width="{WIDTH}" height="{height}"'
    said = "; ".join(f"{panel.name}: {panel.note}" for panel in picture.panels)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {WIDTH} {height}"',
        '  role="img" aria-labelledby="title desc">',
        f'<title id="title">{escape(picture.title)}</title>',
        f'<desc id="desc">{escape(f"{picture.note} {said}.")}</desc>',
        f"<style>\n{STYLE}\n</style>",
        f'<rect class="ground" {size} rx="8"/>',
        f'<text class="title" x="20" y="30">{escape(picture.title)}</text>',
        f'<text class="note" x="20" y="52">{escape(picture.note)}</text>',
        *_time(picture, height),
    ]
    for place, panel in enumerate(picture.panels):
        lines += _panel(panel, TOP + PANEL * place, picture.seconds)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _across(at: float, seconds: float) -> float:
    return LEFT + min(1.0, max(0.0, at / seconds)) * (WIDTH - LEFT - RIGHT)


def _time(picture: Picture, height: int) -> Iterator[str]:
    """Draw what all panels share: the minutes, the warming, the outages."""
    low = height - BOTTOM
    end = _across(picture.warm, picture.seconds)
    area = f'x="{LEFT}" y="{TOP}" width="{end - LEFT:.1f}" height="{low - TOP}"'
    yield f'<rect class="warming" {area}/>'
    for at in picture.outages:
        x = _across(at, picture.seconds)
        yield f'<line class="outage" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{low}"/>'
    minutes = picture.seconds / 60
    step = plot.step(minutes)
    for count in range(int(minutes / step) + 1):
        x = _across(60 * step * count, picture.seconds)
        yield f'<text class="tick" x="{x:.1f}" y="{low + 18}">{step * count:g}</text>'
    yield f'<text class="tick" x="{WIDTH / 2}" y="{low + 36}">minutes</text>'


def _panel(panel: Panel, top: int, seconds: float) -> Iterator[str]:
    scale = Scale([value for _, value in (*panel.curve, *panel.peaks)])
    low = top + PANEL - 8

    def place(point: Point) -> str:
        return f"{_across(point[0], seconds):.1f} {low - scale.share(point[1]) * CURVE:.1f}"

    yield f'<text class="name" x="{LEFT}" y="{top + 16}">{escape(panel.name)}</text>'
    note = f"{panel.note}; logarithmic scale" if scale.logarithmic else panel.note
    end = f'x="{WIDTH - RIGHT}" y="{top + 16}" text-anchor="end"'
    yield f'<text class="note" {end}>{escape(note)}</text>'
    for tick in scale.ticks[:: -(-len(scale.ticks) // 4)]:
        y = low - scale.share(tick) * CURVE
        yield f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'
        yield f'<text class="side" x="{LEFT - 8}" y="{y + 4:.1f}">{short(tick)}</text>'
    for kind, points in (
        ("peak", highest(panel.peaks)),
        ("curve", thinned(panel.curve, MOST_POINTS)),
    ):
        if points:
            yield f'<path class="{kind}" d="M{"L".join(map(place, points))}"/>'


def highest(points: Sequence[Point]) -> list[Point]:
    """Return so many points at most: of each group of neighbours the highest."""
    size = -(-len(points) // MOST_POINTS) or 1
    groups = [points[at : at + size] for at in range(0, len(points), size)]
    return [max(group, key=lambda point: point[1]) for group in groups]


def span(values: Sequence[float], unit: str) -> str:
    """Say between which values something was."""
    if not values:
        return "nothing"
    return f"{written(min(values))} to {written(max(values))} {unit}".strip()
