"""How it is shown while it runs: a live table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway.commands.demonstration import lines
from gateway.commands.demonstration.clients import Way
from gateway.commands.demonstration.figures import Figures, middle, milliseconds
from gateway.commands.demonstration.play import Stage
from gateway.commands.demonstration.scenes import Scene

REFRESH_INTERVAL = 0.1
INSIDE: Final = ("upstream", "worst", "tasks", "sockets", "receipts", "")
OUTSIDE: Final = (*(str(way) for way in Way), "worst", "")


class Silent:
    """Shows nothing: the figures are for a program."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def begins(self, stage: Stage, scenes: Sequence[Scene]) -> None:
        pass

    def played(self, figures: Figures) -> None:
        pass

    def ended(self, figures: Figures) -> None:
        pass


class Lines(Silent):
    """Prints a line when a phase has ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._inside = True

    def begins(self, stage: Stage, scenes: Sequence[Scene]) -> None:
        self._inside = stage.own is not None

    def ended(self, figures: Figures) -> None:
        self._console.print(lines.line(figures) if self._inside else lines.line_by_ways(figures))


class LiveTable:
    """Keeps a table up to date on a terminal while its `with` holds; it stays there afterwards."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._live = Live(console=console, auto_refresh=False)
        self._phases: list[str] = []
        self._found: dict[str, Figures] = {}
        self._inside = True
        self._drawn_at = -inf

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.stop()

    def begins(self, stage: Stage, scenes: Sequence[Scene]) -> None:
        self._inside = stage.own is not None
        self._phases = [scene.phase for scene in scenes]
        self._live.start()

    def played(self, figures: Figures) -> None:
        self._found[figures.phase] = figures
        # Between two calls: drawing costs no call its time.
        if self._now() - self._drawn_at > REFRESH_INTERVAL:
            self._draw()

    def ended(self, figures: Figures) -> None:
        self._found[figures.phase] = figures
        self._draw()

    def _draw(self) -> None:
        self._live.update(self._table(), refresh=True)
        self._drawn_at = self._now()

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        table.add_column("the client leaves", no_wrap=True)
        for title in INSIDE if self._inside else OUTSIDE:
            table.add_column(title, justify="right", no_wrap=True)
        for phase in self._phases:
            figures = self._found.get(phase)
            if figures is None:
                table.add_row(Text(phase, "dim"))
                continue
            cells = inside(figures) if self._inside else outside(figures)
            table.add_row(phase, *cells, mark(figures))
        return table


def inside(figures: Figures) -> list[str]:
    """Return a row's cells for a gateway whose inside is seen: what was open, and what is left."""
    receipts = lines.numbers_of_receipts(figures.left)
    tasks, sockets = (
        f"{most(figures.open)} → {most(figures.left)}"
        for most in (lines.most_tasks, lines.most_sockets)
    )
    return [short(figures), worst(figures), tasks, sockets, receipts]


def outside(figures: Figures) -> list[str]:
    """Return a row's cells for a gateway that is seen from outside alone."""
    return [*(short(figures.of(way)) for way in Way), worst(figures)]


def short(figures: Figures) -> str:
    """Say in a word or two what became of the upstream."""
    if figures.never:
        return f"never, {figures.never[0].waited:g} s"
    usual = middle(figures.closed)
    if usual is not None:
        return milliseconds(usual)
    if not figures.runs:
        return ""
    return "missed" if all(run.missed for run in figures.runs) else str(figures.fate)


def worst(figures: Figures) -> str:
    """Return the worst of the durations, if there is any."""
    return milliseconds(max(figures.closed)) if figures.closed else ""


def mark(figures: Figures) -> Text:
    """Say whether the promise was kept."""
    return Text("broken", "bold red") if figures.problems() else Text("kept", "green")


def tell_problems(console: Console, found: Sequence[Figures]) -> None:
    """Print what was wrong in each phase."""
    for figures in found:
        for problem in figures.problems():
            console.print(Text(f"{figures.phase}: {problem}", "red"))
