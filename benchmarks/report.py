"""Writes the page: what was measured, on what, what came out, and what it does not say."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks import plot
from benchmarks.bars import BARS, OURS, Verdict, verdicts
from benchmarks.figures import Spread, by_round, figure, ratios, spread, written
from benchmarks.keys import DOUBTS, columns, headlines, label
from benchmarks.page import HEAD, LIMITS, QUICK
from benchmarks.peers.direct import PEER as DIRECT
from benchmarks.results import PeerNote, Results, ScenarioNote, save

PAGE: Final = "benchmarks.md"
FOLDER: Final = "benchmarks"
RESULTS: Final = "results.json"


def write(results: Results, output: Path) -> Path:
    """Write page, pictures and results below a folder; returns the page."""
    folder = output / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    for note in results.scenarios:
        for key in headlines(note):
            if chart := _chart(results, note, key):
                (folder / picture(note, key)).write_text(plot.draw(chart), encoding="utf-8")
    save(results, folder / RESULTS)
    page = output / PAGE
    page.write_text(render(results), encoding="utf-8")
    return page


def picture(note: ScenarioNote, key: str) -> str:
    """Name the picture of one value of a scenario."""
    return f"{note.name}-{key}.svg".replace("_", "-")


def render(results: Results) -> str:
    """Return the page."""
    sections = [HEAD]
    if results.quick:
        sections.append(QUICK)
    sections += [
        "## What was asked, what came out\n\n" + _bars(verdicts(results, BARS)),
        *(_scenario(results, note) for note in results.scenarios),
        "## Who was measured\n\n" + _peers(results),
        "## On what\n\n" + _machine(results),
        LIMITS,
    ]
    return "\n\n".join(sections) + "\n"


def _bars(found: Sequence[Verdict]) -> str:
    rows = [
        [
            one.bar.text,
            f"{_amount(one.bar.at_least, one.bar.unit)}",
            f"{_amount(one.bar.hoped, one.bar.unit)}",
            "" if one.measured is None else f"{_told(one.measured)} {one.bar.unit}".strip(),
            one.words,
        ]
        for one in found
    ]
    return table(["", "at least, or at most", "hoped for", "measured", ""], rows)


def _amount(value: float, unit: str) -> str:
    return f"{value:g} {unit}".strip()


def _scenario(results: Results, note: ScenarioNote) -> str:
    parts = [f"## {note.title}"]
    parts += [
        f"![{note.title}: {label(note, key)}](benchmarks/{picture(note, key)})"
        for key in headlines(note)
        if _chart(results, note, key)
    ]
    first, *others = columns(note)
    heads = ["", label(note, first), f"{_title(results, OURS)} ÷ this"]
    heads += [label(note, key) for key in others]
    rows = []
    for peer in results.peers:
        cells = [_cell(figure(results, note.name, peer.name, first))]
        cells.append(_cell(_compared(results, note, first, peer)))
        cells += [_short(figure(results, note.name, peer.name, key)) for key in others]
        if any(cells):
            rows.append([peer.title, *cells])
    if not any(row[2] for row in rows):
        heads, rows = _without(2, heads), [_without(2, row) for row in rows]
    parts.append(table(heads, rows) if rows else "Nothing was measured.")
    doubts = [*_failures(results, note), *_doubts(results, note)]
    if doubts:
        parts.append("\n".join(f"- {doubt}" for doubt in doubts))
    return "\n\n".join(parts)


def _without(place: int, cells: list[str]) -> list[str]:
    return cells[:place] + cells[place + 1 :]


def _doubts(results: Results, note: ScenarioNote) -> Iterator[str]:
    """Tell what makes a figure doubtful."""
    for key, (limit, words) in DOUBTS.items():
        for peer in results.peers:
            found = figure(results, note.name, peer.name, key)
            if found is not None and found.middle > limit and peer.name != DIRECT.name:
                yield f"{peer.title}: {words.format(written(found.middle))}."


def _compared(results: Results, note: ScenarioNote, key: str, peer: PeerNote) -> Spread | None:
    """Compare the gateway with another, round by round."""
    if peer.name == OURS:
        return None
    ours = by_round(results, note.name, OURS, key)
    return spread(ratios(ours, by_round(results, note.name, peer.name, key)))


def _failures(results: Results, note: ScenarioNote) -> Iterator[str]:
    """Tell who failed in a scenario, how often, and how the first time."""
    for peer in results.peers:
        failed = [one.failure for one in results.of(note.name, peer.name) if one.failure]
        if failed:
            yield f"{peer.title} failed in {len(failed)} of {results.rounds} rounds: `{failed[0]}`."


def _chart(results: Results, note: ScenarioNote, key: str) -> plot.Chart | None:
    """Return the picture of a value; none where fewer than two have it."""
    bars = []
    for peer in results.peers:
        found = figure(results, note.name, peer.name, key)
        if found is not None:
            kind = {OURS: "ours", DIRECT.name: "bound"}.get(peer.name, "")
            bars.append(plot.Bar(peer.title, found, kind))
    if len(bars) < 2 or not any(bar.value.high for bar in bars):
        return None
    return plot.Chart(note.title, label(note, key), note.better, bars)


def _title(results: Results, name: str) -> str:
    return next((peer.title for peer in results.peers if peer.name == name), name)


def _peers(results: Results) -> str:
    rows = [[peer.title, peer.version, peer.settings] for peer in results.peers]
    parts = [table(["", "version", "settings"], rows)]
    if results.skipped:
        left_out = "\n".join(f"- {name}: {why}" for name, why in results.skipped.items())
        parts.append(f"Not measured here:\n\n{left_out}")
    return "\n\n".join(parts)


def _machine(results: Results) -> str:
    machine = results.machine
    rows = [
        ["processor", f"{machine.processor}, {machine.cores} cores"],
        ["memory", f"{machine.memory_gigabytes} GiB"],
        ["kernel", machine.kernel],
        ["Python", machine.python],
        ["rounds", f"{results.rounds} of {results.wanted_rounds}"],
        ["one measurement", f"{results.seconds:g} s"],
    ]
    parts = [table(["", ""], rows)]
    if results.notices:
        parts.append("\n".join(f"- {notice}" for notice in results.notices))
    return "\n\n".join(parts)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table."""
    return "\n".join([_row(heads), "|" + "---|" * len(heads), *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def _cell(found: Spread | None) -> str:
    return "" if found is None else _told(found)


def _short(found: Spread | None) -> str:
    return "" if found is None else written(found.middle)


def _told(found: Spread) -> str:
    """Write a median, and its spread where there is one."""
    middle = written(found.middle)
    low, high = written(found.low), written(found.high)
    return middle if low == high else f"{middle} ({low}–{high})"
