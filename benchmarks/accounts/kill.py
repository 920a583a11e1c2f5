"""SIGKILL under load: what was settled is in the ledger, what was open is closed as lost."""

import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import trio

from benchmarks.accounts.books import Entry, settled
from benchmarks.accounts.client import Heard, ask
from benchmarks.accounts.provider import Provider
from benchmarks.accounts.records import Figure, Row, at_most, exactly, told
from benchmarks.accounts.settings import Wanted
from benchmarks.accounts.stage import Gateway, kill
from benchmarks.accounts.wording import Asked, body_of, read
from gateway.store.database import Database
from gateway.store.rows import LOST
from tests.store.real_postgres import RealPostgres
from tests.store.real_store import RealStore, real_store, until

PROMISED: Final = 50.0
MARGIN: Final = 10.0
"""Milliseconds for the harness: a client hears of an answer's end before the gateway has settled
it, and both share two cores with all others."""

IN_FLIGHT: Final = 100.0
"""Milliseconds after a death in which what was sent before it is still read."""

REPLACED: Final = 15.0
"""Seconds in which a worker that was killed has been replaced."""

NANOS: Final = 1_000_000 * 10**9
LIMITS: Final = "{ requests_per_minute = 100_000_000 }"


@dataclass(frozen=True, slots=True)
class Deaths:
    """So many, while so many clients ask again and again, about so many seconds each."""

    times: int = 20
    clients: int = 40
    seconds: float = 0.8
    workers: int = 1


@dataclass(slots=True)
class Seen:
    """What all others have seen of the gateway's deaths. Times are on the monotonic clock."""

    heard: list[tuple[Heard, int]] = field(default_factory=list)
    """Calls, each with the number of the life that it began in."""
    died: list[float] = field(default_factory=list)
    unreplaced: int = 0
    """Workers that were not there again in time."""

    def age(self, life: int, moment: float) -> float | None:
        """Return how many milliseconds before the end of a life a moment was."""
        return (self.died[life] - moment) * 1000 if life < len(self.died) else None


async def course(
    deaths: Deaths, folder: Path, postgres: RealPostgres | None = None
) -> list[Figure]:
    """Play it in a folder, with SQLite unless a server is lent; return what came of it."""
    address = "sqlite:///accounts.db" if postgres is None else postgres.url(postgres.create())
    database = Database(folder / "accounts.db")
    if postgres is not None:
        database = Database(postgres.place(folder, address.partition("@/")[2].partition("?")[0]))
    provider, seen = Provider(), Seen()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(provider.serve)
        async with _shared(deaths) as store:
            wanted = Wanted(
                NANOS, deaths.workers, "" if store is None else store.url, address, LIMITS
            )
            draw = Random(5)  # noqa: S311 (no secret is made of it)
            for life in range(deaths.times):
                await _live(Gateway(folder, provider.port, wanted), deaths, life, draw, seen)
            with Gateway(folder, provider.port, wanted) as last:
                await last.wait_for_all()
                rows = await settled(database)
        nursery.cancel_scope.cancel()
    return _figures(seen, rows, provider)


@asynccontextmanager
async def _shared(deaths: Deaths) -> AsyncIterator[RealStore | None]:
    if deaths.workers == 1:
        yield None
        return
    with real_store() as store:
        await store.start()
        yield store


async def _live(gateway: Gateway, deaths: Deaths, life: int, draw: Random, seen: Seen) -> None:
    """Have clients ask, and kill what serves them; of several workers one."""
    with gateway:
        await gateway.wait_for_all()
        victim = draw.choice(gateway.pids())
        async with trio.open_nursery() as nursery:
            for client in range(deaths.clients):
                name = f"life-{life:02}-{client:03}"
                nursery.start_soon(_ask_again, gateway.port, name, life, Random(name), seen)  # noqa: S311
            await trio.sleep(deaths.seconds * draw.uniform(0.5, 1.5))
            seen.died.append(time.monotonic())
            kill(victim)
            if deaths.workers > 1:
                seen.unreplaced += not await _replaced(gateway, victim)
                await trio.sleep(0.3)
            nursery.cancel_scope.cancel()
        if deaths.workers > 1:
            gateway.drain()


async def _replaced(gateway: Gateway, victim: int) -> bool:
    """Wait for another worker in the place of one that was killed; say whether it came."""

    def done() -> bool:
        return victim not in gateway.pids() and len(gateway.seen()) == gateway.workers

    try:
        await until(done, REPLACED)
    except trio.TooSlowError:
        return False
    return True


async def _ask_again(port: int, name: str, life: int, draw: Random, seen: Seen) -> None:
    for number in itertools.count():
        stream = draw.random() < 0.7
        asked = read(
            body_of(Asked(f"{name}-{number:04}", draw.randint(1, 40), draw.randint(0, 8), stream))
        )
        assert asked is not None
        heard = await ask(port, asked)
        seen.heard.append((heard, life))
        if not heard.status:
            await trio.sleep(0.02)


def _figures(seen: Seen, rows: list[Entry], provider: Provider) -> list[Figure]:
    outcomes = Counter(str(row.outcome) for row in rows)
    settled_ones = {row.request_id for row in rows if row.outcome not in {None, LOST}}
    known = {row.request_id for row in rows}
    whole = [
        (heard, seen.age(life, heard.ended))
        for heard, life in seen.heard
        if heard.kind == "whole" and heard.ended is not None
    ]
    missing = [age for heard, age in whole if heard.asked.id not in settled_ones]
    lives = {each.asked.id: int(each.asked.id[5:7]) for each in provider.served}
    unopened = [
        seen.age(lives[each.asked.id], each.at)
        for each in provider.served
        if each.asked.id not in known
    ]
    return [
        told("killed", len(seen.died)),
        told("answers that clients have whole", len(whole)),
        told(
            "rows in the ledger", ", ".join(f"{n:,} {name}" for name, n in outcomes.most_common())
        ),
        told("whole answers without a settled row", len(missing)),
        at_most("age of the oldest of them at the kill", oldest(missing), PROMISED + MARGIN, " ms"),
        told("calls that a provider was asked for, without any row", len(unopened)),
        at_most(
            "age of the oldest of them at the kill", oldest(unopened), PROMISED + MARGIN, " ms"
        ),
        exactly("rows that are still open after the next start", outcomes["None"], 0),
        exactly("workers that were not replaced", seen.unreplaced, 0),
        exactly("calls with two rows", len(rows) - len(known), 0),
    ]


def oldest(ages: list[float | None]) -> float:
    """Return the greatest age; of a process that was not killed nothing must be missing at all."""
    return max((_judged(age) for age in ages), default=0.0)


def _judged(age: float | None) -> float:
    # What was on its way to a client when its gateway died is read a little later.
    return 1e9 if age is None or age < -IN_FLIGHT else max(age, 0.0)


async def play(
    deaths: Deaths, name: str, title: str, folder: Path, postgres: RealPostgres | None = None
) -> Row:
    """Play it; return its row."""
    began = trio.current_time()
    figures = await course(deaths, folder, postgres)
    return Row(name, title, figures, trio.current_time() - began)
