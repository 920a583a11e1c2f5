"""The bars in the terminal: a line for each course as it ends, then all of them."""

import sys
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.accounts.records import Figure, Row, Scorecard
from benchmarks.progress import Progress

WIDE: Final = 120
"""Columns where nobody looks on."""

WORDS: Final = {True: "passed", False: "missed", None: ""}
COLOURS: Final = {True: "green", False: "bold red", None: ""}


class Show(Progress):
    """The terminal. Progress goes to stderr, the table to stdout."""

    def __init__(self, console: Console | None = None, progress: Console | None = None) -> None:
        super().__init__(progress)
        width = None if sys.stdout.isatty() else WIDE
        self.console = console or Console(highlight=False, width=width)

    def begin(self, title: str) -> None:
        """Tell what is being done."""
        self.move(title)

    def tell(self, row: Row) -> None:
        """Tell of a course that has ended."""
        missed = [figure.what for figure in row.figures if figure.passed is False]
        said = f"missed: {'; '.join(missed)}" if missed else "all bars cleared"
        self.say(f"{row.name}, {row.seconds:.0f} s: {said}")

    def table(self, card: Scorecard) -> None:
        """Print all of it."""
        for row in card.rows:
            table = Table(title=Text(f"{row.name}: {row.title}"), title_justify="left", width=110)
            for head, share in (("", 5), ("measured", 4), ("asked", 3), ("", 1)):
                table.add_column(head, overflow="fold", ratio=share)
            for figure in row.figures:
                table.add_row(figure.what, figure.measured, figure.bar, _verdict(figure))
            self.console.print(table)
        self.console.print(total(card), markup=False)


def total(card: Scorecard) -> str:
    """Say how all of them ended, in a line."""
    missed = f", {card.missed} missed" if card.missed else ""
    return f"{card.bars - card.missed} of {card.bars} bars cleared{missed}, in {card.seconds:.0f} s"


def _verdict(figure: Figure) -> Text:
    return Text(WORDS[figure.passed], COLOURS[figure.passed])
