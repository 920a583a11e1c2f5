"""Draws one scenario as bars: an SVG that can be read in the light and in the dark, and aloud."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from benchmarks.figures import Spread, written

WIDTH: Final = 760
LEFT: Final = 190
RIGHT: Final = 96
TOP: Final = 76
ROW: Final = 34
BAR: Final = 18
BOTTOM: Final = 34
DECADES_FOR_LOG: Final = 1.5
"""Values that lie further apart are drawn on a logarithmic scale."""

STYLE: Final = """\
svg { color-scheme: light dark; }
text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2937; }
.title { font-size: 16px; font-weight: 600; }
.note, .tick { fill: #64748b; }
.tick { font-size: 11px; text-anchor: middle; }
.ours text { font-weight: 600; }
.ground { fill: #ffffff; }
.grid { stroke: #e2e8f0; }
.bar { fill: #94a3b8; }
.bound .bar { fill: #ffffff; stroke: #94a3b8; stroke-dasharray: 4 3; }
.ours .bar { fill: #2563eb; }
.whisker { stroke: #0f172a; stroke-width: 1.5; fill: none; opacity: 0.7; }
@media (prefers-color-scheme: dark) {
  text { fill: #e5e7eb; }
  .note, .tick { fill: #9ca3af; }
  .ground { fill: #0d1117; }
  .grid { stroke: #263041; }
  .bar { fill: #64748b; }
  .bound .bar { fill: #0d1117; stroke: #64748b; }
  .ours .bar { fill: #58a6ff; }
  .whisker { stroke: #f8fafc; }
}"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One peer: `kind` is "ours", "bound" (what is possible at all), or empty for others."""

    label: str
    value: Spread
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure of all peers."""

    title: str
    unit: str
    better: str
    bars: Sequence[Bar]


class Scale:
    """Where a value stands between left and right."""

    def __init__(self, values: Sequence[float]) -> None:
        positive = [value for value in values if value > 0]
        most = max(positive, default=1.0)
        least = min(positive, default=1.0)
        self.logarithmic = math.log10(most / least) > DECADES_FOR_LOG
        if self.logarithmic:
            self._low = math.floor(math.log10(least) - 0.15)
            self._high = math.log10(most) + 0.05
            self.ticks = [10.0**power for power in range(self._low, math.floor(self._high) + 1)]
        else:
            each = step(most)
            self._low, self._high = 0, most * 1.05
            self.ticks = [each * count for count in range(int(self._high / each) + 1)]

    def share(self, value: float) -> float:
        """Return how far from the lower end a value stands: 0 there, 1 at the upper end."""
        if self.logarithmic:
            value = max(math.log10(value), self._low) if value > 0 else self._low
        return max(0.0, (value - self._low) / (self._high - self._low))

    def at(self, value: float) -> float:
        """Return the horizontal place of a value."""
        return LEFT + self.share(value) * (WIDTH - LEFT - RIGHT)


def step(most: float) -> float:
    """Return a round distance between ticks: five or so up to the greatest value."""
    size = 10.0 ** math.floor(math.log10(most))
    return next(size * part for part in (0.2, 0.5, 1, 2) if most / (size * part) <= 6)


def draw(chart: Chart) -> str:
    """Return the picture as text."""
    height = TOP + ROW * len(chart.bars) + BOTTOM
    scale = Scale([value for bar in chart.bars for value in (bar.value.low, bar.value.high)])
    note = f"{chart.unit}; {chart.better} is better"
    if scale.logarithmic:
        note += "; logarithmic scale"
    said = "; ".join(f"{bar.label} {written(bar.value.middle)}" for bar in chart.bars)
    size = f'width="{WIDTH}" height="{height}"'
    told = f"{chart.unit}, {chart.better} is better. Medians: {said}."
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {WIDTH} {height}"',
        '  role="img" aria-labelledby="title desc">',
        f'<title id="title">{escape(chart.title)}</title>',
        f'<desc id="desc">{escape(told)}</desc>',
        f"<style>\n{STYLE}\n</style>",
        f'<rect class="ground" {size} rx="8"/>',
        f'<text class="title" x="20" y="30">{escape(chart.title)}</text>',
        f'<text class="note" x="20" y="52">{escape(note)}</text>',
        *_grid(scale, height),
    ]
    for place, bar in enumerate(chart.bars):
        lines += _row(bar, TOP + ROW * place, scale)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _grid(scale: Scale, height: int) -> list[str]:
    lines = []
    for tick in scale.ticks:
        x = scale.at(tick)
        low = height - BOTTOM + 4
        lines += [
            f'<line class="grid" x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{low}"/>',
            f'<text class="tick" x="{x:.1f}" y="{low + 16}">{short(tick)}</text>',
        ]
    return lines


def _row(bar: Bar, top: int, scale: Scale) -> list[str]:
    middle = top + ROW / 2
    text = middle + 4.5
    left, end = scale.at(0), scale.at(bar.value.middle)
    low, high = scale.at(bar.value.low), scale.at(bar.value.high)
    box = f'x="{left:.1f}" y="{middle - BAR / 2}" width="{end - left:.1f}" height="{BAR}"'
    lines = [
        f'<g class="{bar.kind}">' if bar.kind else "<g>",
        f'<text x="{LEFT - 10}" y="{text}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="bar" {box} rx="2"/>',
    ]
    if high - low >= 1:
        lines.append(
            f'<path class="whisker" d="M{low:.1f} {middle - 5}v10m0 -5H{high:.1f}m0 -5v10"/>'
        )
    at = max(end, high) + 8
    lines += [f'<text x="{at:.1f}" y="{text}">{written(bar.value.middle)}</text>', "</g>"]
    return lines


def short(value: float) -> str:
    """Write a tick: 10k for 10,000."""
    for size, sign in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{sign}"
    return f"{value:g}"
