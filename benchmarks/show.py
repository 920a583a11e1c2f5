"""Tells the person who waits: what is being done, how long it will take, what came out so far."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from benchmarks.figures import figure, written
from benchmarks.keys import headlines, label
from benchmarks.results import Measurement, Results

VALUES_TOLD: Final = 4
"""Of each measurement; all of them are in the results."""


class Show:
    """The terminal; where there is none, the same in plain lines."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self.console.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def steps(self, count: int) -> Iterator[None]:
        """Show a bar of so many steps."""
        self._task = self._progress.add_task("", total=count)
        try:
            yield
        finally:
            self._progress.remove_task(self._task)
            self._task = None

    def now(self, text: str) -> None:
        """Say what is being done."""
        if self._task is not None:
            self._progress.update(self._task, description=text)

    def done(self, steps: int = 1) -> None:
        """Go on by a step."""
        if self._task is not None:
            self._progress.advance(self._task, steps)

    def measured(self, one: Measurement) -> None:
        """Tell one measurement."""
        told = [*one.values.items()][:VALUES_TOLD]
        values = ", ".join(f"{key} {written(value)}" for key, value in told)
        said = f"failed: {one.failure}" if one.failure else values
        self.say(f"{one.round + 1}  {one.scenario:12} {one.peer:14} {said}")

    def table(self, results: Results) -> None:
        """Print the medians so far: a line for each scenario, a column for each peer."""
        table = Table(title=f"medians after {results.rounds} of {results.wanted_rounds} rounds")
        table.add_column("")
        for peer in results.peers:
            table.add_column(peer.name, justify="right")
        for note in results.scenarios:
            for key in headlines(note):
                found = [figure(results, note.name, peer.name, key) for peer in results.peers]
                cells = ["" if one is None else written(one.middle) for one in found]
                if any(cells):
                    table.add_row(f"{note.name}: {label(note, key)}", *cells)
        self.console.print(table)
