"""Plants bugs and looks how soon the simulator finds them: `python -m tests.simulation.planted`.

    python -m tests.simulation.planted                          # all, one after another
    python -m tests.simulation.planted NAME ... --seeds 500     # some
    python -m tests.simulation.planted --keep                   # and write planted.txt anew

`planted.txt` keeps the first seed that finds each bug, so that a test needs one schedule for it. It
is written anew when a change of the plans has given the seeds another meaning. What can be planted
stands in `bugs.py`, `routing_bugs.py`, `money_bugs.py` and `spoken_bugs.py`.
"""

import argparse
import inspect
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.simulation import bugs, money_bugs, routing_bugs, spoken_bugs
from tests.simulation.bugs import Bug
from tests.simulation.schedule import run_schedule
from tests.simulation.spoken import SPOKEN

SEEDS = 1_000
"""Schedules within which every bug must be found."""

KEPT = Path(__file__).with_name("planted.txt")
_NOTHING = object()

BUGS: dict[str, Bug] = {
    name: bug
    for room in (bugs, routing_bugs, money_bugs, spoken_bugs)
    for name, bug in vars(room).items()
    if inspect.isfunction(bug) and bug.__module__ == room.__name__ and not name.startswith("_")
}
"""All bugs by their names."""


@contextmanager
def changed(owner: Any, name: str, instead: object) -> Iterator[None]:
    """Put something else in the place of a name, within this `with`."""
    before = vars(owner).get(name, _NOTHING)
    setattr(owner, name, instead)
    try:
        yield
    finally:
        if before is _NOTHING:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """Let the house have a bug, within this `with`."""
    with ExitStack() as changes:
        for owner, name, instead in bug():
            changes.enter_context(changed(owner, name, instead))
        yield


def broken_in(seed: int) -> set[str]:
    """Return the invariants that complain of a schedule."""
    return {problem.partition(":")[0] for problem in run_schedule(seed).problems}


def find(bug: Bug, seeds: Iterable[int]) -> tuple[int, list[str]] | None:
    """Run schedules until the bug is found; return the seed, and which invariants say so.

    What an invariant complains of without the bug too is not its finding.
    """
    for seed in seeds:
        with planted(bug):
            broken = broken_in(seed)
        if broken and (found := broken - broken_in(seed)):
            return seed, sorted(found)
    return None


def find_named(name: str, seeds: int) -> tuple[int, list[str]] | None:
    """Find a bug by its name, in a process of its own."""
    bug = BUGS[name]
    first = SPOKEN if bug.__module__ == spoken_bugs.__name__ else 0
    return find(bug, range(first, first + seeds))


def kept_seeds() -> dict[str, int]:
    """Return the seed that is kept for each bug."""
    lines = KEPT.read_text(encoding="utf-8").splitlines()
    return {name: int(seed) for name, seed in (line.split() for line in lines)}


def main() -> int:
    """Return how many bugs were not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.planted")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a bug; all without")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many schedules each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--keep", action="store_true", help="write the seeds that find them")
    chosen = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    seeds: dict[str, int] = kept_seeds() if chosen.keep and chosen.names else {}
    missed = 0
    names = chosen.names or list(BUGS)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(chosen.jobs, mp_context=context) as pool:
        results = pool.map(partial(find_named, seeds=chosen.seeds), names)
        for name, found in zip(names, results, strict=True):
            if found is None:
                missed += 1
                console.print(f"{name:45} [red]not found[/]")
                continue
            seeds[name] = found[0]
            console.print(f"{name:45} {found[0] % SPOKEN + 1:5}  {', '.join(found[1])}")
    if chosen.keep:
        KEPT.write_text("".join(f"{name} {seed}\n" for name, seed in seeds.items()), "utf-8")
    return missed


if __name__ == "__main__":
    sys.exit(min(1, main()))
