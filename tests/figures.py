"""What tests measure: the figures of docs/reliability.md.

A test notes a figure for a row: `measured("C1", "the provider sees it, median", 0.4, "ms")`. The id
and the name stand in its module as they are, so that a figure can be found. Figures are kept in
docs/reliability.figures.json, and only where that is asked for: `pytest --write-figures`. What was
not measured in that run stays as it was, and so each figure has its own day and machine.
"""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from benchmarks.machine import describe

FILE = Path(__file__).parents[1] / "docs/reliability.figures.json"

Measured = Callable[[str, str, float, str], None]
"""Takes the row, what was measured, how much, and in what unit."""


class Figure(msgspec.Struct, frozen=True):
    """One figure, and where it comes from: a test, as pytest names it."""

    row: str
    name: str
    value: float
    unit: str
    test: str
    day: str
    machine: str


def read(file: Path = FILE) -> list[Figure]:
    """Return the figures that are kept."""
    return msgspec.json.decode(file.read_bytes(), type=list[Figure]) if file.exists() else []


def write(taken: Iterable[Figure], file: Path = FILE) -> None:
    """Keep what was measured; older figures of the same tests go, those of others stay."""
    new = list(taken)
    tests = {figure.test for figure in new}
    kept = [figure for figure in read(file) if figure.test not in tests] + new
    kept.sort(key=lambda figure: (figure.row[0], int(figure.row[1:]), figure.test, figure.name))
    text = msgspec.json.format(msgspec.json.encode(kept), indent=1)
    file.write_bytes(text + b"\n")


class Notes:
    """The figures of one run of pytest."""

    def __init__(self) -> None:
        self.taken: dict[tuple[str, str], Figure] = {}
        machine = describe()
        self._machine = (
            f"{machine.cores} cores of {machine.processor}, {machine.kernel}, "
            f"Python {machine.python}"
        )
        self._day = f"{datetime.fromtimestamp(time.time_ns() / 1e9, UTC):%Y-%m-%d}"

    def of(self, test: str) -> Measured:
        """Return what this test is handed to note its figures with."""

        def measured(row: str, name: str, value: float, unit: str) -> None:
            assert (row, name) not in self.taken, f"{row}: {name} was measured already"
            rounded = float(f"{value:.3g}")
            self.taken[row, name] = Figure(row, name, rounded, unit, test, self._day, self._machine)

        return measured


def name_of(node: pytest.Item) -> str:
    """Name a test without its parameters."""
    return node.nodeid.partition("[")[0]
