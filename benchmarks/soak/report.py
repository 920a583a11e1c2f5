"""Writes the page of a run: settings, figures, picture, and what it was run on."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.figures import written
from benchmarks.report import table
from benchmarks.soak import curves
from benchmarks.soak.curves import Panel, Picture, span
from benchmarks.soak.explain import FIRST_TOKEN, HEAD_AFTER
from benchmarks.soak.gauges import DESCRIPTORS, TASKS
from benchmarks.soak.results import Results, Sample, save
from benchmarks.soak.settings import DRAIN_TIMEOUT, IDLE, KEEP_ALIVE, PATIENCE, TOTAL, WRITE_TIMEOUT
from benchmarks.soak.show import told
from benchmarks.soak.slope import Point, per_second
from benchmarks.soak.verdict import TEN_MINUTES, failed, points, verdicts, warm_after

PAGE: Final = "soak.md"
FOLDER: Final = "soak"
PICTURE: Final = "soak.svg"
RESULTS: Final = "results.json"

HEAD: Final = """\
# Soak

What becomes of the gateway when it is treated badly for long. The real `gateway serve` stands
between clients and two providers that misbehave as a seed has drawn it, many at once, for as long
as is asked. There are streams and whole answers; readers that are slow or stand still; requests
that are malformed or never end; clients that leave at any moment, by FIN or RST. Providers are
late, silent or busy (429), reset, trickle, break off, send broken events, or say the last word and
never end; and now and then one of them is killed and begins again.

**Each call has three accounts**: what its client saw, byte for byte; what its provider heard, and
when; what the gateway's log says. They must agree, and be what was told before the call was made.
The judge shares no code with the gateway.

`python -m nox -s soak -- --minutes 30 --write` runs it anew and writes this page:
[how to run it and to read it](../benchmarks/README.md#the-soak).
All samples are in [results.json](soak/results.json)."""


def write(results: Results, output: Path) -> Path:
    """Write page, picture and results below a folder; return the page."""
    folder = output / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PICTURE).write_text(curves.draw(picture(results)), encoding="utf-8")
    save(results, folder / RESULTS)
    page = output / PAGE
    page.write_text(render(results), encoding="utf-8")
    return page


def render(results: Results) -> str:
    """Return the page."""
    found = verdicts(results)
    rows = [[each.text, each.bound, each.measured, each.word] for each in found]
    word = "A promise is broken." if failed(found) else "Nothing was left unexplained or open."
    sections = [
        HEAD,
        f"## What came out\n\n{word}\n\n" + table(["", "promised", "measured", ""], rows),
        table(["", ""], [[*row] for row in told(results)]),
        f"![{picture(results).title}: {picture(results).note}]({FOLDER}/{PICTURE})",
        "## How the calls ended\n\n" + _counts(results.outcomes),
        "## What was asked, and what providers did\n\n" + _counts(results.plays),
        "## Settings\n\n" + _settings(results),
        "## On what\n\n" + _machine(results),
    ]
    return "\n\n".join(sections) + "\n"


def _counts(counts: dict[str, int]) -> str:
    rows = [[name.replace("_", " "), f"{count:,}"] for name, count in counts.items()]
    return table(["", "calls"], rows)


def _settings(results: Results) -> str:
    wish = results.wish
    tokens = " and ".join(f"{seconds:g} s" for seconds in FIRST_TOKEN)
    clocks = (
        f"first token {tokens}, idle {IDLE:g} s, total {TOTAL:g} s, head and body {PATIENCE:g} s,"
        f" write {WRITE_TIMEOUT:g} s, head after {HEAD_AFTER:g} s, keep-alive {KEEP_ALIVE:g} s,"
        f" drain {DRAIN_TIMEOUT:g} s"
    )
    rows = [
        ["load", f"{wish.minutes:g} minutes, {wish.rate:g} calls a second, at random"],
        ["seed", f"{wish.seed}"],
        ["workers", f"{wish.workers}"],
        ["clocks", clocks],
        ["warming up", f"{warm_after(results) / 60:.1f} minutes that count for no slope"],
        ["slopes", "the median of those between any two moments (Theil and Sen)"],
    ]
    return table(["", ""], rows)


def _machine(results: Results) -> str:
    machine = results.machine
    rows = [
        ["nursery-gateway", results.version],
        ["processor", f"{machine.processor}, {machine.cores} cores, shared by all processes"],
        ["memory", f"{machine.memory_gigabytes} GiB"],
        ["kernel", machine.kernel],
        ["Python", machine.python],
    ]
    parts = [table(["", ""], rows)]
    if results.notices:
        parts.append("\n".join(f"- {notice}" for notice in results.notices))
    return "\n\n".join(parts)


def picture(results: Results) -> Picture:
    """Return the run over time."""
    wish, leaving = results.wish, results.leaving
    seconds = max([wish.seconds, *(sample.at for sample in results.samples)])
    left = [sample for sample in results.samples if sample.left]
    heard = (
        f"p50 {written(leaving.p50_ms)} ms, p99 {written(leaving.p99_ms)} ms; "
        "middle and longest of each second, ms"
    )
    return Picture(
        title=f"{wish.minutes:g} minutes of load and faults",
        note=f"{results.calls:,} calls, {len(results.outages)} outages of a provider (red)",
        seconds=seconds,
        warm=warm_after(results),
        outages=[gone for _, gone, _ in results.outages],
        panels=[
            _panel("memory of the workers (RSS)", results, "MB", lambda one: one.rss_bytes / 1e6),
            _panel("open descriptors", results, "", lambda one: one.gauges[DESCRIPTORS]),
            _panel("live tasks", results, "", lambda one: one.gauges[TASKS]),
            _panel("open calls", results, "", lambda one: one.gauges["open_calls"]),
            Panel(
                "client gone to provider told",
                heard,
                [(sample.at, sample.middle_ms) for sample in left],
                [(sample.at, sample.longest_ms) for sample in left],
            ),
        ],
    )


def _panel(name: str, results: Results, unit: str, value: Callable[[Sample], float]) -> Panel:
    curve: list[Point] = [(sample.at, value(sample)) for sample in results.samples]
    growth = per_second(points(results, value)) * TEN_MINUTES
    note = span([each for _, each in curve], unit)
    return Panel(name, f"{note}; {growth:+.2f} in 10 minutes", curve)
