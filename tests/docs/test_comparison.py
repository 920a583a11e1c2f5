"""docs/comparison.md has no figure of its own: each is one that a run has written."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.docs.pages import pages

Table = dict[str, dict[str, str]]

MEASURED: Final = pages()["docs/benchmarks.md"].text
PAGE: Final = pages()["docs/comparison.md"].text

PACED: Final = "300 streams at 50 events/s"
FIRST: Final = "Time to the first token at 50 requests/s"
LEFT: Final = "Client gone to upstream closed, 1,000 open streams"
MEMORY: Final = "Memory, idle and for each open stream"

ROWS: Final = (
    ("Answers in one piece, 32 connections", "requests/s"),
    ("Streams of 100 tokens in bursts, 32 connections", "chunks/s"),
    (PACED, "delay of an event, p50, ms"),
    (PACED, "delay of an event, p99, ms"),
    (PACED, "processor, % of a core"),
    (FIRST, "p50, ms"),
    (FIRST, "p99, ms"),
    (LEFT, "p50, ms"),
    (LEFT, "p99, ms"),
    (MEMORY, "idle, MB"),
    (MEMORY, "each of 1,000 streams, KB"),
    ("Start to ready", "until the first whole answer, s"),
    ("Installed size", "MB of files"),
    ("Installed size", "packages"),
)
"""Where each row is measured: under which heading, in which column."""


def table(text: str, heading: str) -> Table:
    """Read the first table below a heading, by the names of its rows and columns."""
    below = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in below.splitlines() if line.startswith("|")]
    assert lines, f"no table below {heading}"
    (_, *columns), _, *rows = map(list, map(cells, lines))
    return {name: dict(zip(columns, rest, strict=True)) for name, *rest in rows}


def cells(line: str) -> Iterator[str]:
    return (cell.strip() for cell in line.strip().strip("|").split("|"))


def median(cell: str) -> str:
    """Return a figure without the range that stands behind it."""
    return cell.partition(" (")[0]


def test_no_figure_is_another_than_the_measured_one() -> None:
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]
    (_, *peers), _, *rows = map(list, map(cells, lines))
    wrong = []
    for (name, *told), (heading, column) in zip(rows, ROWS, strict=True):
        measured = table(MEASURED, heading)
        for peer, cell in zip(peers, told, strict=True):
            there = median(measured.get(peer, {}).get(column, ""))
            if cell != there:
                wrong.append(f"{name}, {peer}: {cell}, measured was {there}")
    assert wrong == []


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [("13,323", "4,700", 2.8), ("7,395", "4,700", 1.6), ("4,700", "509", 9), ("4,700", "115", 38)],
)
def test_what_is_told_in_words_is_near_the_figures(ours: str, theirs: str, said: float) -> None:
    ratio = float(ours.replace(",", "")) / float(theirs.replace(",", ""))
    assert abs(ratio / said - 1) < 0.1
    assert {ours, theirs} <= {cell for line in PAGE.splitlines() for cell in cells(line)}
    assert f"{said:g}" in PAGE


def test_the_two_bars_that_were_missed_and_the_passes_are_as_many_as_told() -> None:
    assert MEASURED.count("**missed**") == 2
    assert "50 of 50 passed" in pages()["docs/failover.md"].text
