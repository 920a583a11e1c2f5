"""Tells the person who waits how the run is going: a line that moves, or one each half minute."""

import time
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.figures import written
from benchmarks.progress import Progress
from benchmarks.soak.books import Books
from benchmarks.soak.gauges import DESCRIPTORS, TASKS
from benchmarks.soak.results import Results, Sample
from benchmarks.soak.verdict import Verdict

EVERY: Final = 30.0
MOST_EXAMPLES: Final = 10
COLOURS: Final = {True: "green", False: "bold red", None: "yellow"}


class Show(Progress):
    """The terminal; where there is none, the same in plain lines."""

    def __init__(self, console: Console | None = None) -> None:
        super().__init__(console)
        self.console = self.progress
        self._next = 0.0
        self._told = 0

    @staticmethod
    def later(seconds: float) -> str:
        """Return what the clock on the wall will show."""
        return time.strftime("%H:%M", time.localtime(time.time_ns() / 1e9 + seconds))

    def tell(self, sample: Sample, books: Books) -> None:
        """Tell of a moment; what cannot be explained is told at once."""
        for example in books.samples[self._told : MOST_EXAMPLES]:
            self.say(f"unexplained: {example.id} {example.what}")
        self._told = len(books.samples)
        words = line(sample, books)
        self.move(words)
        if not self.console.is_terminal and sample.at >= self._next:
            self._next = sample.at + EVERY
            self.say(words)

    def table(self, results: Results, found: list[Verdict]) -> None:
        """Print how it ended."""
        table = Table(title=f"{results.wish.minutes:g} minutes, seed {results.wish.seed}")
        for head in ("", "promised", "measured", ""):
            table.add_column(head)
        for each in found:
            word = Text(each.word.replace("*", ""), COLOURS[each.holds])
            table.add_row(each.text, each.bound, each.measured, word)
        for text, measured in told(results):
            table.add_row(text, "", measured, "")
        self.console.print(table)


def line(sample: Sample, books: Books) -> str:
    """Return a moment in a line."""
    minutes, seconds = divmod(int(sample.at), 60)
    leaving = books.latencies
    return (
        f"{minutes:02}:{seconds:02}  calls {sample.calls:,}"
        f"  open {sample.gauges['open_calls']:.0f}"
        f"  RSS {sample.rss_bytes / 1e6:.1f} MB"
        f"  descriptors {sample.gauges[DESCRIPTORS]:.0f}"
        f"  tasks {sample.gauges[TASKS]:.0f}"
        f"  left, heard after {1000 * leaving.below(0.5):.1f} ms,"
        f" {1000 * leaving.longest:.0f} ms at most"
        f"  unexplained {books.unexplained}"
    )


def told(results: Results) -> list[tuple[str, str]]:
    """Return what else a run is told by, beside what was promised."""
    leaving = results.leaving
    return [
        ("calls not begun, since too many were open", f"{results.skipped:,}"),
        ("providers killed, or ended, and begun again", f"{len(results.outages):,}"),
        ("clients that left while a provider was answering", f"{leaving.count:,}"),
        ("... until the provider heard of it, p50", f"{written(leaving.p50_ms)} ms"),
        ("... p99", f"{written(leaving.p99_ms)} ms"),
        ("... longest", f"{written(leaving.longest_ms)} ms"),
        ("scrapes of the admin that failed", f"{results.unscraped:,}"),
    ]
