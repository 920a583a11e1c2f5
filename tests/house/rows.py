"""The rows of docs/reliability.md: their words, the tests that show them, the state of each.

A test shows a row by the first words of its docstring: the row's id, or several with commas
between, then a dot or a colon; `in part` behind an id where the row promises more than the test
shows:

    C9.
    U13, U14: told in band, and the body broken off.
    R11, U1 in part: no other target is tried yet.

The letters are C for the client, U for the provider, G for the gateway; those of other pages (R, S)
may stand among them. An id anywhere else in a docstring is a reference and shows nothing. An id in
a test's name (`test_c9_...`) must stand in its docstring too.

The words are in docs/reliability.toml: a table for each row, and in `[later]` what needs something
that is not built. A row is *kept* where tests show it and it is not on that list, *in part* where
it is on the list and tests say `in part`, and *not yet* where no test does. Whoever builds what is
missing writes a test that shows the row whole, and takes the row off the list.
"""

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tests.house.source import ROOT, Source, sources

WORDS = ROOT / "docs/reliability.toml"

LAST = {"C": 28, "U": 40, "G": 16}
"""How many rows each table has, by their letter."""

IDS = [f"{letter}{number}" for letter, last in LAST.items() for number in range(1, last + 1)]

NOT_BUILT = {"doctor", "reload", "tokens"}
"""What a row on the list may need. What has been built is taken out, and its rows off the list."""

MOST_DAYS = 180
"""So old may an entry of the list be when the project's newest figures are written."""

REAL_PROCESS = {"tests.process.gateway", "tests.partition.found_after"}
"""Whoever imports one of these drives the real process over real sockets."""

_ONE = r"[A-Z]\d{1,2}(\s+in\s+part)?"
_MARKS = re.compile(rf"(?P<marks>{_ONE}(,\s+{_ONE})*)[.:](\s|$)")
_IN_NAME = re.compile(r"(?<=_)[cug]\d{1,2}(?=_|$)")


@dataclass(frozen=True, slots=True)
class Row:
    """What a row says. `off_the_wire` is why no test of it needs the real process."""

    id: str
    situation: str
    does: str
    off_the_wire: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """Why a row is not kept whole yet, since when it is on the list, and what it needs."""

    since: date
    missing: str
    needs: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A test and what it shows: ids, and whether each of them is shown whole."""

    path: str
    name: str
    marks: Mapping[str, bool]
    real: bool

    @property
    def place(self) -> str:
        """Name the test as pytest does."""
        return f"{self.path}::{self.name}"


@dataclass(frozen=True, slots=True)
class Promises:
    """All rows, the list of what comes later, and all tests that show anything."""

    rows: Sequence[Row]
    later: Mapping[str, Later]
    tests: Sequence[Shown]

    def shown_by(self, row: str) -> list[Shown]:
        """Return the tests of a row, those of the real process first."""
        found = [test for test in self.tests if row in test.marks]
        return sorted(found, key=lambda test: (not test.real, test.place))

    def state(self, row: str) -> str:
        """Say how far a row is kept."""
        if row not in self.later:
            return "kept"
        return "in part" if self.shown_by(row) else "not yet"


def marks_of(docstring: str) -> dict[str, bool]:
    """Return the ids that a docstring begins with, and whether each is shown whole."""
    found = _MARKS.match(docstring)
    if found is None:
        return {}
    marks = (mark.split() for mark in found["marks"].split(","))
    return {row: not in_part for row, *in_part in marks}


def tests_of(modules: Iterable[Source]) -> list[Shown]:
    """Return all tests, also those that show no row."""
    return [
        Shown(module.path, function.name, marks_of(ast.get_docstring(function) or ""), real)
        for module in modules
        for real in [drives_the_process(module)]
        for _, function in module.functions()
        if function.name.startswith("test_")
    ]


def drives_the_process(module: Source) -> bool:
    """Say whether a module's tests start the real process."""
    return any(
        isinstance(node, ast.ImportFrom) and f"{node.module}.{alias.name}" in REAL_PROCESS
        for node in module.tree.body
        for alias in getattr(node, "names", [])
    )


def read_words(text: str) -> tuple[list[Row], dict[str, Later]]:
    """Read the rows and the list, in the order of the file."""
    tables = tomllib.loads(text)
    later = {row: Later(**entry) for row, entry in tables.pop("later", {}).items()}
    return [Row(row, **words) for row, words in tables.items()], later


def promises() -> Promises:
    """Put together what the words and the tests say."""
    rows, later = read_words(WORDS.read_text(encoding="utf-8"))
    return Promises(rows, later, [test for test in tests_of(sources("tests")) if test.marks])


def problems(told: Promises, today: date) -> Iterator[str]:
    """Find rows that nothing shows, and entries of the list that have no business there.

    `today` is the project's own: the day of its newest figures. So a build of an old version does
    not fail as time goes by, but whoever measures anew looks at the list too.
    """
    if [row.id for row in told.rows] != IDS:
        yield "docs/reliability.toml has not all rows, or not in their order"
    for row in told.rows:
        yield from _of_a_row(row, told)
    for name, entry in told.later.items():
        if name not in IDS:
            yield f"{name} is on the list and no row"
        if entry.needs not in NOT_BUILT:
            yield f"{name} needs {entry.needs}, which is nothing that is still to be built"
        if (today - entry.since).days > MOST_DAYS:
            yield f"{name} is on the list since {entry.since}: build what it needs, or say why not"


def _of_a_row(row: Row, told: Promises) -> Iterator[str]:
    shown = told.shown_by(row.id)
    whole = [test for test in shown if test.marks[row.id]]
    if row.id in told.later:
        for test in whole:
            yield (
                f"{row.id} is shown whole by {test.place}: take it off the list in "
                f"docs/reliability.toml, or let the test say `{row.id} in part`"
            )
        return
    real = any(test.real for test in whole)
    if not whole:
        yield f"{row.id} is shown {'in part only' if shown else 'by no test'}"
    elif not real and not row.off_the_wire:
        yield f"{row.id} is not shown in the real process, and no `off_the_wire` says why not"
    elif real and row.off_the_wire:
        yield f"{row.id} is shown in the real process: take its `off_the_wire` away"


def misnamed(tests: Iterable[Shown]) -> Iterator[str]:
    """Find ids that stand in a test's name alone, and ids that no row has."""
    for test in tests:
        named = [row.upper() for row in _IN_NAME.findall(test.name)]
        for row in named:
            if row not in test.marks:
                yield f"{test.place} does not begin its docstring with {row}"
        for row in test.marks:
            if row[0] in LAST and row not in IDS:
                yield f"{test.place} shows {row}, which is no row"
