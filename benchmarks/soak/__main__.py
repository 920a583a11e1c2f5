"""`python -m benchmarks.soak`: load and faults at once, for as long as is asked."""

import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from benchmarks.__main__ import DOCS, default_cache
from benchmarks.soak.plan import planned
from benchmarks.soak.processes import Failed
from benchmarks.soak.report import write
from benchmarks.soak.results import Results, Wish, load
from benchmarks.soak.run import Course
from benchmarks.soak.show import MOST_EXAMPLES, Show
from benchmarks.soak.verdict import failed, verdicts

MINUTES: Final = 30.0
RATE: Final = 30.0
AGAIN: Final = "python -m benchmarks.soak --seed {seed} --show {number}"


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    minutes: float
    seed: int | None
    rate: float
    workers: int
    out: Path | None
    publish: bool
    number: int | None
    report_only: Path | None
    cache: Path | None

    @property
    def kept(self) -> Path:
        """Where the files of a run are."""
        return (self.cache or default_cache()) / "soak"

    @property
    def folder(self) -> Path:
        """Where page, picture and results go."""
        return DOCS if self.publish else self.out or self.kept

    @property
    def wish(self) -> Wish:
        """What is to be run."""
        seed = secrets.randbelow(1_000_000) if self.seed is None else self.seed
        return Wish(seed=seed, minutes=self.minutes, rate=self.rate, workers=self.workers)


@click.command()
@click.option("--minutes", default=MINUTES, show_default=True, type=click.FloatRange(0.2, 10_080))
@click.option("--seed", type=click.IntRange(0), help="Of all that happens. Default: a new one.")
@click.option(
    "--rate",
    default=RATE,
    show_default=True,
    type=click.FloatRange(0.1, 1_000),
    help="Calls that begin in a second, however many are open.",
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where page, picture and results go. Default: soak below the cache.",
)
@click.option("--write", "publish", is_flag=True, help="Write them into docs: soak.md and soak/.")
@click.option(
    "--show",
    "number",
    type=click.IntRange(0),
    metavar="NUMBER",
    help="Run nothing; print what call NUMBER of this --seed is.",
)
@click.option(
    "--report-only",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Run nothing; judge the results of an earlier run, and write their page.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where the files of a run are. Default: ~/.cache/nursery-gateway-benchmarks.",
)
def main(**options: Any) -> None:
    """Run the real gateway between clients and providers that misbehave, and explain every call.

    Streams and answers; readers that are slow or stand still; resets, silence, trickles, 429s,
    broken events; clients that leave at any moment; providers that are killed and begin again. What
    each call may come to is drawn from the seed before it is asked, and its client, its provider
    and the gateway's log must agree. Once a second memory, descriptors and tasks are read.

    The exit code is 1 where an outcome cannot be explained, where something grows (judged from
    runs of twenty minutes on), or where something is open two seconds after the last client has
    left.

    \b
    Examples:
      python -m benchmarks.soak --minutes 3            does it all work?
      python -m benchmarks.soak --minutes 30 --write   docs/soak.md tells of it
      python -m benchmarks.soak --minutes 480 --rate 60 --workers 2
      python -m benchmarks.soak --seed 7 --show 1234   what is call 1234?
    """  # noqa: D301 (click's mark for lines that stay as they are)
    asked = Options(**options)
    if asked.number is not None:
        if asked.seed is None:
            raise click.UsageError("--show needs the --seed of the run.")
        plan = msgspec.json.encode(planned(asked.seed, asked.number))
        click.echo(msgspec.json.format(plan, indent=2).decode())
        return
    show = Show()
    file = asked.report_only
    results = _run(asked, show) if file is None else _read(file)
    found = verdicts(results)
    show.table(results, found)
    tell_unexplained(results, show)
    show.say(f"Written: {write(results, asked.folder)}")
    if failed(found):
        show.say(f"Log and journals of the run are in {asked.kept / 'run'}.")
        sys.exit(1)


def _run(asked: Options, show: Show) -> Results:
    """Run it; its log and journals stay until the next run."""
    folder = asked.kept / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wish = asked.wish
    show.say(
        f"{wish.minutes:g} minutes, {wish.rate:g} calls a second, seed {wish.seed}; "
        f"ends at {show.later(wish.seconds)}"
    )
    try:
        with show:
            return Course(wish, folder, show.tell).run()
    except Failed as problem:
        raise click.ClickException(f"{problem} (seed {wish.seed}; see {folder})") from None


def _read(file: Path) -> Results:
    try:
        return load(file)
    except (OSError, msgspec.MsgspecError) as error:
        raise click.ClickException(f"{file} holds no results: {error}") from None


def tell_unexplained(results: Results, show: Show) -> None:
    """Print what could not be explained, and how to see what it was to be."""
    for each in results.examples[:MOST_EXAMPLES]:
        name = str(each["id"])
        show.say(f"unexplained: {name or 'the log'}: {each['what']}")
        show.say(f"  {msgspec.json.encode(each['told']).decode()}")
        if name:
            number = name.rpartition("-")[2]
            show.say(f"  {AGAIN.format(seed=results.wish.seed, number=number)}")


if __name__ == "__main__":
    main()
