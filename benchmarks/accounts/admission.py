"""What it costs to let a call in, with its limits, its money and its prices; and to settle it."""

import gc
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Final

import trio

from benchmarks.accounts.records import Figure, Row, at_most, exactly, told
from benchmarks.accounts.settings import PEPPER, PEPPER_NAME
from gateway.assembly import App, assemble
from gateway.commands.job import COLLECT_EVERY
from gateway.config.homes import keyring_of
from gateway.config.load import load_config
from gateway.forms.chat import read_request
from gateway.policy.keys import KeyRecord, digest_of, presented
from gateway.policy.wishes import NOTHING
from gateway.relay.admission import Admission, let_in
from gateway.relay.house import House
from gateway.telemetry.log import open_log
from gateway.words.answer import Usage
from gateway.words.budget import Budget
from gateway.words.caller import Limits
from gateway.words.errors import GatewayError
from gateway.words.receipt import Attempt, Receipt
from tests.store.plain_client import PlainClient
from tests.store.real_store import real_store, until

KEYS: Final = 10_000
TEAMS: Final = 20
USERS: Final = 2_000
CALLS: Final = 20_000
ALOFT: Final = 100
"""Calls that are open while another is let in."""

MOST_US: Final = 40.0
TRIPS: Final = 1.0
SPARE_TRIPS: Final = 0.05
"""The store hears of more than calls: a pulse a second, leases that are renewed."""

MOST: Final = 1_000_000_000
KEY_LIMITS: Final = Limits(MOST, MOST * 1000, 100_000)
CALL: Final = read_request(
    "chat",
    b'{"model": "m", "stream": true, "max_tokens": 4000, "messages": [{"role": "user", "content":'
    b' "Tell me the tale of the boat that went over the hills, and of the one that did not."}]}',
)

CONFIGURATION: Final = """\
[auth]
pepper = {{ env = "{pepper}" }}
required = true

[store]
database = "sqlite:///admission.db"
{shared}
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:9/v1"
models = ["m"]

[models.m]
prices = {{ input = 2.5, output = 10.0 }}
"""
TEAM: Final = """
[teams.team-{number}]
limits = {{ requests_per_minute = {most}, tokens_per_minute = {most}000, concurrency = 1_000_000 }}
budgets = [{{ usd = 8_000_000, per = "month" }}, {{ usd = 8_000_000, per = "year", each = "user" }}]
"""


Aloft = tuple[Admission, Receipt]


@dataclass(slots=True)
class Took:
    """Microseconds, of each step of each call."""

    known: list[float] = field(default_factory=list)
    let_in: list[float] = field(default_factory=list)
    passed: list[float] = field(default_factory=list)
    settled: list[float] = field(default_factory=list)
    refused: int = 0
    """Calls that were not let in, though nothing was in their way."""

    @property
    def admission(self) -> list[float]:
        return [sum(each) for each in zip(self.known, self.let_in, strict=True)]


def secret_of(number: int) -> bytes:
    return b"ngw-%039d" % number


def record(number: int) -> KeyRecord:
    """Return a key with limits and a budget of its own, in a team with limits and two."""
    return KeyRecord(
        f"key-{number}",
        digest_of(secret_of(number), PEPPER.encode()),
        team=f"team-{number % TEAMS}",
        user=f"user-{number % USERS}",
        models=("m", "other-*"),
        limits=KEY_LIMITS,
        budgets=(Budget(8_000_000 * 10**9, "year"),),
    )


@contextmanager
def app_in(folder: Path, keys: int, shared: str = "") -> Iterator[App]:
    """Lend a process's rooms, put together as `gateway serve` does, with so many keys."""
    file = folder / "gateway.toml"
    text = CONFIGURATION.format(pepper=PEPPER_NAME, shared=shared and f'shared = "{shared}"\n')
    teams = [TEAM.format(number=number, most=MOST) for number in range(TEAMS)]
    file.write_text(text + "".join(teams))
    config = load_config(file, {PEPPER_NAME: PEPPER}, folder)
    with (folder / "log").open("a") as stream, open_log(config.log, stream) as log:
        app = assemble(config, log)
        ring = keyring_of(config, map(record, range(keys)))
        app.current.house = replace(app.current.house, keys=ring)
        before = gc.get_threshold()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT_EVERY)
        try:
            yield app
        finally:
            gc.set_threshold(*before)
            gc.unfreeze()
            app.watcher.close()
            assert app.outside.ledger is not None
            app.outside.ledger.close()


async def calls(house: House, keys: int, number: int) -> Took:
    """Let so many calls in, have an event of each pass, and settle them; take the times."""
    took, draw, aloft = Took(), Random(3), list[Aloft]()  # noqa: S311
    for each in count():
        if each < number:
            one = await _let_in(house, secret_of(draw.randrange(keys)), each, took)
            aloft += [] if one is None else [one]
        if not aloft and each >= number:
            return took
        if len(aloft) > ALOFT or (aloft and each >= number):
            await _settle(house, *aloft.pop(0), took)
    raise AssertionError


async def _let_in(house: House, secret: bytes, number: int, took: Took) -> Aloft | None:
    headers = {b"host": b"localhost", b"authorization": b"Bearer " + secret}
    receipt = Receipt(f"req_{number}", "POST", "/v1/chat/completions", "127.0.0.1", 0.0, "chat")
    receipt.began, receipt.model = trio.current_time(), "m"
    assert house.keys is not None
    began = time.perf_counter_ns()
    caller = house.keys.identify(presented(headers) or b"", house.today())
    middle = time.perf_counter_ns()
    assert caller is not None
    receipt.caller = caller
    once = time.perf_counter_ns()
    try:
        admission = await let_in(CALL, NOTHING, receipt, house)
    except GatewayError:
        took.refused += 1
        return None
    end = time.perf_counter_ns()
    took.known.append((middle - began) / 1000)
    took.let_in.append((end - once) / 1000)
    return admission, receipt


async def _settle(house: House, admission: Admission, receipt: Receipt, took: Took) -> None:
    target = admission.plan.targets[0]
    attempt = Attempt(target.name, receipt.began)
    receipt.attempts, receipt.pieces = [attempt], 1
    began = time.perf_counter_ns()
    try:
        await admission.go_on()
    except GatewayError:
        took.refused += 1
    passed = time.perf_counter_ns()
    receipt.usage = attempt.usage = Usage(60, 30)
    attempt.close(receipt.began, None)
    assert house.costs is not None
    once = time.perf_counter_ns()
    house.costs.charge(attempt, target, CALL, receipt)
    with admission:
        pass
    took.settled.append((time.perf_counter_ns() - once) / 1000)
    took.passed.append((passed - began) / 1000)


async def course(folder: Path, keys: int = KEYS, number: int = CALLS) -> list[Figure]:
    """Measure it in memory."""
    with app_in(folder, keys) as app:
        await calls(app.current.house, keys, keys)
        took = await calls(app.current.house, keys, number)
    return [
        told("keys, budgets that each call is paid from", f"{keys:,}, 3"),
        at_most("admission, median", round(median(took.admission), 1), MOST_US, " µs"),
        told("admission, median and 99 %", _spread(took.admission)),
        told("of these, to know the key", _spread(took.known)),
        told("to pay for an event that passes", _spread(took.passed)),
        told("to price and settle", _spread(took.settled)),
    ]


async def shared_course(folder: Path, keys: int = KEYS, number: int = CALLS) -> list[Figure]:
    """Measure it with a shared store, and count how often a call has to ask it."""
    async with _joined(folder, keys) as (app, client):
        house = app.current.house
        await calls(house, keys, keys)
        took = await calls(house, keys, number)
        await trio.sleep(0.1)
        before, draw = _counted(client), Random(4)  # noqa: S311
        aloft = [
            await _let_in(house, secret_of(draw.randrange(keys)), each, Took())
            for each in range(number // 4)
        ]
        after = _counted(client)
        for one in aloft:
            if one is not None:
                await _settle(house, *one, Took())
        alone = app.outside.shared.gate.alone if app.outside.shared is not None else 0
    reads, run = ((after[each] - before[each]) / (number // 4) for each in range(2))
    return [
        at_most("round trips for a call to come in", round(reads, 3), TRIPS + SPARE_TRIPS),
        told("programs that the store runs in them", round(run, 2)),
        told("admission over a Unix socket, median and 99 %", _spread(took.admission)),
        told("to pay for an event that passes", _spread(took.passed)),
        told("to price and settle", _spread(took.settled)),
        exactly("calls that were refused, and nothing was in their way", took.refused, 0),
        at_most("calls that were decided on without the store", alone, 0),
    ]


@asynccontextmanager
async def _joined(folder: Path, keys: int) -> AsyncIterator[tuple[App, PlainClient]]:
    """Have a process that is joined to a store of its own."""
    with real_store() as store:
        await store.start()
        with PlainClient(store.path) as client, app_in(folder, keys, store.url) as app:
            shared = app.outside.shared
            assert shared is not None
            async with trio.open_nursery() as nursery:
                nursery.start_soon(shared.run)
                await until(lambda: not shared.gate.away)
                try:
                    yield app, client
                finally:
                    nursery.cancel_scope.cancel()


def _counted(client: PlainClient) -> tuple[int, int]:
    """Return how often the store has read from anybody, and run a program."""
    reads = re.search(rb"total_reads_processed:(\d+)", client.say(b"INFO", b"stats"))
    run = re.search(rb"cmdstat_evalsha:calls=(\d+)", client.say(b"INFO", b"commandstats"))
    assert reads is not None
    return int(reads[1]), int(run[1]) if run else 0


def _spread(took: list[float]) -> str:
    parts = quantiles(took, n=100)
    return f"{parts[49]:.1f} µs, {parts[98]:.1f} µs"


async def play(name: str, title: str, folder: Path, *, shared: bool, size: int) -> Row:
    """Play it, one part in `size` of it; return its row."""
    began = time.monotonic()
    measure = shared_course if shared else course
    figures = await measure(folder, KEYS // size, CALLS // size)
    return Row(name, title, figures, time.monotonic() - began)
