"""The scorecard in the terminal: a line for each scenario as it ends, then all of them."""

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.failover.records import Row, Scorecard
from benchmarks.progress import Progress

MOST_TIMES: Final = 6
"""Attempts that are told one by one."""


class Show(Progress):
    """The terminal. Progress goes to stderr, the scorecard to stdout."""

    def __init__(self, console: Console | None = None, progress: Console | None = None) -> None:
        super().__init__(progress)
        self.console = console or Console(highlight=False)

    def tell(self, row: Row) -> None:
        """Tell of a scenario that has ended."""
        words = f"{verdict(row):7}{row.scenario} ({row.mode}) {row.seconds:.1f} s: {row.got}"
        self.move(words)
        if not self.progress.is_terminal or row.problems:
            self.say(words)

    def table(self, card: Scorecard) -> None:
        """Print all of it."""
        table = Table(title="Fail-over")
        for head in ("scenario", "answer", "", "the caller got", "primary", "secondary", "s"):
            table.add_column(head, overflow="fold")
        for row in card.rows:
            colour = "green" if row.passed else "bold red"
            table.add_row(
                row.scenario,
                row.mode,
                Text(verdict(row), colour),
                Text(row.got),
                times(row.primary, seen=row.seen),
                times(row.secondary),
                f"{row.seconds:.2f}",
            )
        self.console.print(table)
        for row in card.rows:
            for problem in row.problems:
                words = f"{row.scenario} ({row.mode}): {problem}"
                self.console.print(Text(words, "red"), soft_wrap=True)
        self.console.print(total(card), markup=False)


def verdict(row: Row) -> str:
    """Say how a scenario ended."""
    return "passed" if row.passed else "failed"


def total(card: Scorecard) -> str:
    """Say how all of them ended, in a line."""
    failed = len(card.rows) - card.passed
    left = f", {failed} failed" if failed else ""
    return f"{card.passed} of {len(card.rows)} passed{left}, in {card.seconds:.0f} s"


def times(at: list[float], *, seen: bool = True) -> str:
    """Return when attempts came, in seconds since the call began."""
    if not seen:
        return "refused"
    if len(at) > MOST_TIMES:
        return f"{len(at)} attempts, {min(at):.2f}–{max(at):.2f}"
    return "  ".join(f"{each:.2f}" for each in at) or "–"
