"""Writes docs/reliability.md: `python -m tests.house.reliability`.

It is made of the words in docs/reliability.toml, of what the tests say in their docstrings (see
`tests/house/rows.py`) and of what they measured (see `tests/figures.py`). With an id the command
names the tests that show that row: `pytest $(python -m tests.house.reliability C9)`.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence

from tests.figures import Figure, read
from tests.house.rows import LAST, Later, Promises, Row, Shown, promises
from tests.house.source import ROOT

PAGE = ROOT / "docs/reliability.md"
TEXT = ROOT / "docs/reliability.in.md"

COLUMNS = "| id | situation | what the gateway does | state | shown by |\n|---|---|---|---|---|\n"
MARK = "<!-- {} -->"
"""Where the text has a place for what is made: a table by its letter, the machine, the count."""


def page(told: Promises, figures: Sequence[Figure], text: str) -> str:
    """Put the page together."""
    parts = {letter: table(letter, told, figures) for letter in LAST}
    parts |= {"measured": machines(figures), "count": count(told)}
    for name, part in parts.items():
        place = MARK.format(name)
        assert text.count(place) == 1, f"the text has no place for {name}, or several"
        text = text.replace(place, part.rstrip("\n"))
    return text


def table(letter: str, told: Promises, figures: Sequence[Figure]) -> str:
    """Write one of the three tables."""
    rows = (row for row in told.rows if row.id[0] == letter)
    return COLUMNS + "".join(_line(row, told, figures) for row in rows)


def _line(row: Row, told: Promises, figures: Sequence[Figure]) -> str:
    own = [figure for figure in figures if figure.row == row.id]
    does = row.does + "".join(_parts(row, own, told.later.get(row.id)))
    shown = ", ".join(files(told.shown_by(row.id)))
    return f"| {row.id} | {row.situation} | {does} | {told.state(row.id)} | {shown} |\n"


def _parts(row: Row, figures: Sequence[Figure], later: Later | None) -> Iterator[str]:
    if figures:
        yield f"<br>*Measured: {'; '.join(map(amount, figures))}.*"
    if row.off_the_wire:
        yield f"<br>*Not whole in the real process: {row.off_the_wire}.*"
    if later is not None:
        yield f"<br>*Missing since {later.since}: {later.missing} (needs: {later.needs}).*"


def amount(figure: Figure) -> str:
    """Write what was measured and how much it was."""
    return f"{figure.name}: {figure.value:g} {figure.unit}".rstrip()


def files(tests: Iterable[Shown]) -> list[str]:
    """Link to the files of tests, once each; bold where they drive the real process."""
    linked: dict[str, str] = {}
    for test in tests:
        name = test.path.removeprefix("tests/").removesuffix(".py").replace("test_", "", 1)
        link = f"[{name}](../{test.path})"
        linked.setdefault(test.path, f"**{link}**" if test.real else link)
    return list(linked.values())


def machines(figures: Sequence[Figure]) -> str:
    """Say when and where the figures were measured."""
    found = sorted({(figure.day, figure.machine) for figure in figures})
    return " ".join(f"Measured on {day} on {machine}." for day, machine in found)


def count(told: Promises) -> str:
    """Say how many rows are in which state."""
    states = [told.state(row.id) for row in told.rows]
    said = [f"{states.count(each)} {each}" for each in ("kept", "in part", "not yet")]
    return f"Of {len(states)} rows: {', '.join(said)}."


def main(*ids: str) -> None:
    """Write the page, or name the tests of rows."""
    told = promises()
    if ids:
        sys.stdout.writelines(f"{test.place}\n" for row in ids for test in told.shown_by(row))
    else:
        PAGE.write_text(page(told, read(), TEXT.read_text("utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
