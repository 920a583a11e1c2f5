"""Clients that leave at any moment, by FIN and by RST: afterwards nothing may still be held."""

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, get_args

import trio

from benchmarks.accounts.books import Entry, settled, spent
from benchmarks.accounts.client import Heard, Leave, Where, ask
from benchmarks.accounts.provider import Provider
from benchmarks.accounts.records import Figure, Row, exactly, told
from benchmarks.accounts.settings import Wanted
from benchmarks.accounts.stage import Fields, Gateway, sum_of
from benchmarks.accounts.wording import Asked, body_of, read
from gateway.store.database import Database
from tests.store.plain_client import PlainClient
from tests.store.real_gates import open_leases
from tests.store.real_store import RealStore, real_store

NANOS: Final = 1_000_000 * 10**9
LIMITS: Final = (
    "{{ concurrency = {open}, requests_per_minute = 100_000_000, tokens_per_minute ="
    " 100_000_000_000 }}"
)
PATIENCE: Final = 10.0
REFUSED: Final = "rate_limit_exceeded"
UNPAID: Final = "insufficient_quota"


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many calls that are left, so many at once; a key may have no more than `limit` open."""

    calls: int = 10_000
    at_once: int = 200
    limit: int = 256
    workers: int = 1
    beat: int = 100
    """Milliseconds between the 20 events of those that are open at once afterwards."""

    def leaves(self) -> list[tuple[Asked, Leave]]:
        """Draw what is asked, and when each client leaves."""
        draw = Random(11)  # noqa: S311 (no secret is made of it)
        return [self._one(f"leave-{number:05}", draw) for number in range(self.calls)]

    def _one(self, name: str, draw: Random) -> tuple[Asked, Leave]:
        stream = draw.random() < 0.6
        asked = read(body_of(Asked(name, draw.randint(1, 30), draw.randint(0, 6), stream)))
        assert asked is not None
        where: Where = draw.choice(get_args(Where))
        after = draw.expovariate(1 / 0.02) if where != "connect" else draw.uniform(0, 0.01)
        events = draw.randint(1, 30) if where == "events" else 0
        return asked, Leave(where, min(after, 0.3), events, draw.choice(["fin", "rst"]))


async def course(crowd: Crowd, folder: Path) -> list[Figure]:
    """Play it in a folder; return what came of it."""
    provider = Provider()
    with ExitStack() as stack:
        store = stack.enter_context(real_store()) if crowd.workers > 1 else None
        if store is not None:
            await store.start()
        limits = LIMITS.format(open=crowd.limit)
        wanted = Wanted(NANOS, crowd.workers, "" if store is None else store.url, limits=limits)
        gateway = stack.enter_context(Gateway(folder, provider.port, wanted))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(provider.serve)
            await gateway.wait_for_all()
            heard = await _crowd(crowd, gateway)
            await _at_rest(gateway)
            rows = await settled(Database(folder / "accounts.db"))
            held = sum_of(gateway.seen())
            lines = gateway.lines()
            leased = await _leased(store, held.open)
            again = await _open_again(crowd, gateway)
            figures = _figures(heard, rows, lines)
            figures += [
                exactly("places still leased", leased, 0),
                exactly("held afterwards, in nano-dollars", held.reserved, 0),
                exactly("purse less ledger, in nano-dollars", held.spent - spent(rows), 0),
                exactly("calls that can be open again", again, crowd.limit),
            ]
            nursery.cancel_scope.cancel()
    return figures


async def _crowd(crowd: Crowd, gateway: Gateway) -> list[Heard]:
    heard: list[Heard] = []
    room = trio.CapacityLimiter(crowd.at_once)

    async def one(asked: Asked, leave: Leave) -> None:
        async with room:
            heard.append(await ask(gateway.port, asked, leave))

    async with trio.open_nursery() as nursery:
        for asked, leave in crowd.leaves():
            nursery.start_soon(one, asked, leave)
    return heard


async def _at_rest(gateway: Gateway) -> None:
    """Wait until the log tells of no further call for a while."""
    before = -1
    with trio.move_on_after(PATIENCE):
        while (count := gateway.log.stat().st_size) != before:
            before = count
            await trio.sleep(0.5)


async def _leased(store: RealStore | None, local: int) -> int:
    """Return how many places are leased, in the shared store where there is one."""
    if store is None:
        return local
    with PlainClient(store.path) as client:
        return open_leases(client)


async def _open_again(crowd: Crowd, gateway: Gateway) -> int:
    """Open one call more than there may be; return how many were let in."""
    heard: list[Heard] = []

    async def one(number: int) -> None:
        asked = read(body_of(Asked(f"again-{number:05}", 20, crowd.beat)))
        assert asked is not None
        heard.append(await ask(gateway.port, asked))

    async with trio.open_nursery() as nursery:
        for number in range(crowd.limit + 1):
            nursery.start_soon(one, number)
    kinds = Counter(one.code or one.kind for one in heard)
    return kinds["whole"] if kinds[REFUSED] else sum(kinds.values())


def _figures(heard: list[Heard], rows: list[Entry], lines: list[Fields]) -> list[Figure]:
    asked = [line["request_id"] for line in lines if line["attempts"]]
    outcomes = Counter(str(line["outcome"]) for line in lines)
    return [
        told("calls begun by clients", len(heard)),
        told(
            "seen by the gateway", ", ".join(f"{n:,} {name}" for name, n in outcomes.most_common())
        ),
        told("of these a provider was asked for", len(asked)),
        exactly("rows in the ledger", len(rows), len(asked)),
        exactly(
            "rows without their line, lines without their row",
            len({row.request_id for row in rows} ^ set(asked)),
            0,
        ),
        exactly("rows that are still open", sum(row.outcome is None for row in rows), 0),
        exactly(
            "refused by a limit that was not reached",
            sum(line["cause"] == REFUSED for line in lines),
            0,
        ),
        exactly(
            "refused by a budget that was not spent",
            sum(line["cause"] == UNPAID for line in lines),
            0,
        ),
    ]


async def play(crowd: Crowd, name: str, title: str, folder: Path) -> Row:
    """Play it; return its row."""
    began = trio.current_time()
    figures = await course(crowd, folder)
    return Row(name, title, figures, trio.current_time() - began)
