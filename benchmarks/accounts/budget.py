"""Many callers at once on one key with money for few calls: what is spent, and is it passed."""

import re
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import trio

from benchmarks.accounts.books import settled, spent
from benchmarks.accounts.client import Heard, ask
from benchmarks.accounts.provider import Provider
from benchmarks.accounts.records import Figure, Row, at_least, at_most, exactly, told
from benchmarks.accounts.settings import TOKEN_NANOS, Wanted
from benchmarks.accounts.stage import Fields, Gateway, Standing, moment_of, standing_at, sum_of
from benchmarks.accounts.watched import STEPS
from benchmarks.accounts.wording import Asked, body_of, read
from gateway.policy.stakes import SLICE_TOKENS
from gateway.store.database import Database
from tests.store.plain_client import PlainClient
from tests.store.real_gates import taken
from tests.store.real_store import RealStore, real_store, until

SHARE: Final = 98.0
WARM_UPS: Final = 20
IDLE_PATIENCE: Final = 5.0
TRANSIT: Final = 20
"""Hundredths of a second in which what the store has granted has come to who asked for it."""

AGAIN: Final = 0.25
"""Seconds until a caller that was refused an answer in one piece asks again."""

_LEFT: Final = re.compile(r"and \$([0-9.,]+) of")


@dataclass(frozen=True, slots=True)
class Rush:
    """One course: `callers` ask at once, and there is money for `worth` of their calls."""

    stream: bool
    workers: int = 1
    callers: int = 500
    worth: int = 100
    pause: int = 120
    shortest: int = 100
    longest: int = 400
    share: float = SHARE
    """Per cent that must be spent or held; less where a single call is much of the budget."""
    limits: str = ""
    """Limits of the key that nobody reaches, so that each call takes a lease too."""

    @property
    def shared(self) -> bool:
        return self.workers > 1

    @property
    def need(self) -> int:
        """What the largest of them may hold when it begins, in nano-dollars."""
        return (100 + (SLICE_TOKENS if self.stream else self.longest)) * TOKEN_NANOS

    def calls(self, draw: Random) -> list[Asked]:
        """Return what is asked for; whole answers take no longer than some tenths of a second."""
        pause = self.pause if self.stream else 1
        return [self._call(f"call-{each:05}", draw, pause) for each in range(self.callers)]

    def warm_ups(self, draw: Random) -> list[Asked]:
        """Return the calls that teach what is typical of an answer in one piece."""
        if self.stream:
            return []
        return [self._call(f"warm-{each:05}", draw, 1) for each in range(WARM_UPS * self.workers)]

    def _call(self, name: str, draw: Random, pause: int) -> Asked:
        tokens = draw.randint(self.shortest, self.longest)
        asked = read(body_of(Asked(name, tokens, pause, self.stream)))
        assert asked is not None
        return asked


async def course(rush: Rush, folder: Path) -> list[Figure]:
    """Play it in a folder; return what came of it."""
    draw = Random(7)  # noqa: S311 (no secret is made of it)
    warm, calls = rush.warm_ups(draw), rush.calls(draw)
    each = sum(call.cost_tokens for call in calls) // len(calls)
    nanos = (each * rush.worth + sum(call.cost_tokens for call in warm)) * TOKEN_NANOS
    provider = Provider()
    with ExitStack() as stack:
        store = stack.enter_context(real_store()) if rush.shared else None
        if store is not None:
            await store.start()
        shared = "" if store is None else store.url
        wanted = Wanted(nanos, rush.workers, shared, limits=rush.limits)
        gateway = stack.enter_context(Gateway(folder, provider.port, wanted))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(provider.serve)
            await gateway.wait_for_all()
            for call in warm:
                await ask(gateway.port, call)
            heard = await _rush(gateway, calls, again=not rush.stream)
            figures = await _judged(rush, nanos, heard, gateway, provider, store)
            nursery.cancel_scope.cancel()
    return figures


async def _rush(gateway: Gateway, calls: list[Asked], *, again: bool) -> list[Heard]:
    """Have all of them made at once."""
    heard: list[Heard] = []

    async def one(call: Asked) -> None:
        heard.append(told := await ask(gateway.port, call))
        while again and told.kind == "refused" and _open(gateway):
            await trio.sleep(AGAIN)
            heard.append(told := await ask(gateway.port, call))

    async with trio.open_nursery() as nursery:
        for call in calls:
            nursery.start_soon(one, call)
    return heard


def _open(gateway: Gateway) -> bool:
    """Say whether any call still holds money that may come back."""
    return sum_of(gateway.seen()).reserved > 0


@dataclass(frozen=True, slots=True)
class Books:
    """What all sides say afterwards. Money is nano-dollars."""

    budget: int
    spent: int
    first: Standing
    """How it stood when the first caller was refused or cut."""
    written: int
    """What the provider has written, prompts included, as it would bill it."""
    reserved: int
    taken: int | None
    """What the shared store has granted; None where there is none."""


async def _judged(
    rush: Rush,
    budget: int,
    heard: list[Heard],
    gateway: Gateway,
    provider: Provider,
    store: RealStore | None,
) -> list[Figure]:
    rows = await settled(Database(gateway.folder / "accounts.db"))
    cost = spent(rows)
    seen = gateway.seen(STEPS)
    refused = sorted((moment, left) for each in seen for moment, left in each["refused"])
    cut = [moment_of(line) for line in gateway.lines() if line["outcome"] == "stopped"]
    first = _first(rush, budget, seen, min([*refused, *((moment, 0) for moment in cut)]))
    taken_now = None if store is None else await _all_given_back(store, cost)
    tokens = sum(each.asked.prompt + each.written for each in provider.served)
    books = Books(
        budget, cost, first, tokens * TOKEN_NANOS, sum_of(gateway.seen()).reserved, taken_now
    )
    wrongly = sum(left >= rush.need for _, left in refused)
    return [
        *_figures(rush, books, heard),
        exactly("refused while there was money that nobody had taken", wrongly, 0),
    ]


def _first(rush: Rush, budget: int, seen: list[Fields], refused: tuple[float, int]) -> Standing:
    """Return how money stood when the first caller was refused or cut.

    What a shared store has granted to a call may be on its way to it still. So there all is held
    that has been taken out of the store, as far as its last word says, and does not lie idle.
    """
    moment, left = refused
    if not rush.shared:
        return standing_at(seen, moment)
    idle = max(standing_at(seen, moment + each / 100).idle for each in range(TRANSIT))
    return Standing(budget - max(0, left) - idle, idle)


async def _all_given_back(store: RealStore, cost: int) -> int:
    """Wait until the store has granted no more than was spent; return what it has granted."""
    with PlainClient(store.path) as client:
        with suppress(trio.TooSlowError):
            await until(lambda: taken(client) == cost, IDLE_PATIENCE)
        return taken(client)


def _figures(rush: Rush, books: Books, heard: list[Heard]) -> list[Figure]:
    kinds = Counter(one.kind for one in heard)
    if not rush.stream:
        # Who was refused has asked again while money might come back.
        kinds["refused"] = rush.callers - kinds["whole"]
    beyond = max(0, books.spent - books.budget)
    first = [left for one in heard if (left := left_of(one)) is not None]
    figures = [
        told("budget", f"${books.budget / 1e9:,.3f}"),
        told("whole, cut, refused", f"{kinds['whole']}, {kinds['cut']}, {kinds['refused']}"),
        at_least(
            "spent or held when the first was refused or cut",
            100 * books.first.held / books.budget,
            rush.share,
            " %",
        ),
        told("idle in processes then", f"{100 * books.first.idle / books.budget:.2f} %"),
        at_least("spent at the end", 100 * books.spent / books.budget, rush.share, " %"),
        told("passed by", f"${beyond / 1e9:,.6f}"),
        at_most(
            "passed by, in reads of a token for each open call",
            beyond / TOKEN_NANOS / max(1, kinds["cut"] + kinds["whole"]),
            1.0 if rush.stream else 0.0,
        ),
        told("the provider has written", f"${books.written / 1e9:,.3f}"),
        exactly("held afterwards, in nano-dollars", books.reserved, 0),
        exactly("answers that broke off for another reason", kinds["broken"], 0),
    ]
    if not rush.shared and first:
        share = 100 * (1 - max(first) * 1e9 / books.budget)
        figures.append(told("spent or held, as the first refusal says", f"{share:.2f} %"))
    if books.taken is not None:
        figures.append(
            exactly(
                "granted by the store and not spent, nano-dollars", books.taken - books.spent, 0
            )
        )
    return figures


def left_of(heard: Heard) -> float | None:
    """Return how many dollars a refusal says are free; None where it says nothing."""
    found = _LEFT.search(heard.text) if heard.kind == "refused" else None
    return None if found is None else float(found[1].replace(",", ""))


async def play(rush: Rush, name: str, title: str, folder: Path) -> Row:
    """Play it; return its row."""
    began = trio.current_time()
    figures = await course(rush, folder)
    return Row(name, title, figures, trio.current_time() - began)
