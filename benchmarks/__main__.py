"""`python -m benchmarks`: measure, and write the page."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from benchmarks.bars import BARS, verdicts
from benchmarks.peers.table import PEERS
from benchmarks.play import SAVED, Wish, all_scenarios, play
from benchmarks.report import write
from benchmarks.results import Results, load
from benchmarks.show import Show
from benchmarks.wire.build import NotBuilt

DOCS: Final = Path(__file__).parents[1] / "docs"

ROUNDS, QUICK_ROUNDS = 5, 1
SECONDS, QUICK_SECONDS = 5.0, 1.0

SCENARIO_NAMES: Final = [note.name for note in all_scenarios()]
PEER_NAMES: Final = [peer.name for peer in PEERS]


def default_cache() -> Path:
    """Return where installed peers are kept between runs."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "nursery-gateway-benchmarks"


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    rounds: int | None
    seconds: float | None
    only: tuple[str, ...]
    names: tuple[str, ...]
    quick: bool
    cache: Path | None
    output: Path | None
    report_only: Path | None

    @property
    def kept(self) -> Path:
        """The cache folder."""
        return self.cache or default_cache()

    @property
    def folder(self) -> Path:
        """Where the page goes: what shows a part only does not replace the page of the project."""
        partly = self.quick or self.only or self.names
        return self.output or (self.kept / "page" if partly else DOCS)

    @property
    def wish(self) -> Wish:
        """What is to be measured."""
        return Wish(
            rounds=self.rounds or (QUICK_ROUNDS if self.quick else ROUNDS),
            seconds=self.seconds or (QUICK_SECONDS if self.quick else SECONDS),
            quick=self.quick,
            cache=self.kept,
            peers=[peer for peer in PEERS if not self.names or peer.name in self.names],
            scenarios=self.only or SCENARIO_NAMES,
        )


@click.command()
@click.option(
    "--rounds",
    type=click.IntRange(1, 100),
    help=f"How often each is measured. Default: {ROUNDS}; {QUICK_ROUNDS} with --quick.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.2, 300),
    help=f"The length of one measurement. Default: {SECONDS:g}; {QUICK_SECONDS:g} with --quick.",
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(SCENARIO_NAMES),
    metavar="SCENARIO",
    help=f"This scenario; may be given again. There are: {', '.join(SCENARIO_NAMES)}.",
)
@click.option(
    "--peers",
    "names",
    multiple=True,
    type=click.Choice(PEER_NAMES),
    metavar="NAME",
    help=f"This candidate; may be given again. There are: {', '.join(PEER_NAMES)}.",
)
@click.option("--quick", is_flag=True, help="See that all works: one round, few streams.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where candidates are installed, once. Default: ~/.cache/nursery-gateway-benchmarks.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where the page goes. Default: docs; with --quick, --only or --peers below the cache.",
)
@click.option(
    "--report-only",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Measure nothing; write the page from the results of an earlier run.",
)
def main(**options: Any) -> None:
    """Measure the gateway beside its peers, and write docs/benchmarks.md.

    Each candidate has one core, the load has another; in each round all of them take turns in each
    scenario. Those that cannot be installed here are left out, and the page says so. A whole run
    takes about an hour; leave the machine alone meanwhile. After each round the results are saved:
    what is interrupted can be written with --report-only.

    \b
    Examples:
      python -m benchmarks --quick
      python -m benchmarks --only single --peers gateway --peers vllm-router --rounds 9
      python -m benchmarks
    """  # noqa: D301 (click's mark for lines that stay as they are)
    asked = Options(**options)
    show = Show()
    file = asked.report_only
    finish(_measure(asked, show) if file is None else _read(file), asked.folder, show)


def _measure(asked: Options, show: Show) -> Results:
    try:
        with show:
            return play(asked.wish, show)
    except NotBuilt as problem:
        raise click.ClickException(str(problem)) from None
    except KeyboardInterrupt:
        saved = asked.kept / SAVED
        show.say(f"Stopped. What whole rounds brought is in {saved}; --report-only writes it.")
        raise click.Abort from None


def _read(file: Path) -> Results:
    try:
        return load(file)
    except (OSError, msgspec.MsgspecError) as error:
        raise click.ClickException(f"{file} holds no results: {error}") from None


def finish(results: Results, folder: Path, show: Show) -> None:
    """Write the page, and say how the bars were met."""
    page = write(results, folder)
    for one in verdicts(results, BARS):
        if one.measured is not None:
            show.say(f"{one.words.replace('*', ''):18} {one.bar.text}")
    show.say(f"Written: {page}")


if __name__ == "__main__":
    main()
