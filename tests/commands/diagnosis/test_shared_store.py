"""The shared store is asked how it is, over a line of its own."""

from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from gateway.commands.diagnosis.shared_store import (
    CONNECT_TIMEOUT,
    ask_store,
    judge_memory,
    judge_version,
    shared_store,
)
from gateway.commands.diagnosis.verdict import Level
from gateway.store.address import StoreAddress
from gateway.store.line import Line, Lost, Refused
from gateway.words.secret import Secret
from tests.store.fakes import FakeLine
from tests.store.real_store import RealStore, real_store

PLACE = StoreAddress("store.test")


@pytest.fixture(scope="module")
def store() -> Iterator[RealStore]:
    with real_store() as server:
        server.start_now()
        yield server


async def test_a_real_one_says_its_version_and_how_near_it_is(store: RealStore) -> None:
    before = store.clients()
    ping, version, memory = await shared_store(Secret(store.url), "")
    assert ping.level in {Level.OK, Level.WARN}
    assert ping.seen.endswith("ms for a round trip")
    assert (version.level, version.seen[:8]) == (Level.OK, "Redis 6.")
    assert (memory.level, memory.seen) == (
        Level.OK,
        "maxmemory-policy noeviction, and no maxmemory",
    )
    assert store.say(b"KEYS", b"*") == b"*0\r\n"
    while store.clients() > before:
        await trio.sleep(0.005)


async def test_one_that_is_away_is_told_with_the_reason(tmp_path: object) -> None:
    address = Secret(f"unix://{tmp_path}/none?db=0")
    ping, version = await shared_store(address, "")
    assert (ping.level, version.level) == (Level.FAIL, Level.SKIPPED)
    assert "No such file" in ping.seen


async def test_one_that_never_answers_is_given_up(autojump_clock: MockClock) -> None:
    async def never(*, task_status: trio.TaskStatus[Line]) -> None:
        await trio.sleep_forever()

    began = trio.current_time()
    ping, _ = await ask_store(PLACE, never)
    assert trio.current_time() - began == CONNECT_TIMEOUT
    assert ping.seen == "store.test:6379: no connection within 1.5 seconds"


async def test_one_that_is_far_away_or_falls_silent_is_told(autojump_clock: MockClock) -> None:
    class Far(FakeLine):
        async def ask(self, *commands: object, **more: object) -> list[object]:
            await trio.sleep(0.03)
            return [b"" for _ in commands]

    async def far(*, task_status: trio.TaskStatus[Line]) -> None:
        task_status.started(Far())
        await trio.sleep_forever()

    async def silent(*, task_status: trio.TaskStatus[Line]) -> None:
        line = FakeLine()
        line.held = True
        task_status.started(line)
        await trio.sleep_forever()

    async def refuses(*, task_status: trio.TaskStatus[Line]) -> None:
        raise Lost("WRONGPASS")

    ping, version, memory = await ask_store(PLACE, far)
    assert (ping.level, ping.seen) == (
        Level.WARN,
        "store.test:6379, 30.00 ms for a round trip",
    )
    assert version.level is memory.level is Level.SKIPPED
    assert (await ask_store(PLACE, silent))[0].seen == "store.test:6379: late"
    assert (await ask_store(PLACE, refuses))[0].seen == "store.test:6379: WRONGPASS"


@pytest.mark.parametrize(
    ("said", "level", "seen"),
    [
        (b"# Server\r\nredis_version:7.2.4\r\nvalkey_version:8.1.0\r\n", Level.OK, "Valkey 8.1.0"),
        (b"redis_version:5.0.14\r\n", Level.FAIL, "Redis 5.0.14"),
        ("redis_version:7.0.1\n", Level.OK, "Redis 7.0.1"),
        (Refused("NOPERM"), Level.SKIPPED, "it does not say"),
        (b"\xff\x00redis_version:seven", Level.SKIPPED, "it does not say"),
    ],
)
def test_the_version_is_read_of_what_it_says(said: object, level: Level, seen: str) -> None:
    verdict = judge_version(said)
    assert (verdict.level, verdict.seen) == (level, seen)


@pytest.mark.parametrize(
    ("said", "level"),
    [
        (b"maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n", Level.OK),
        (b"maxmemory:9\r\nmaxmemory_policy:allkeys-lru\r\n", Level.WARN),
        (b"maxmemory:9\r\nmaxmemory_policy:noeviction\r\n", Level.OK),
        (None, Level.SKIPPED),
    ],
)
def test_a_store_that_forgets_is_warned_of(said: object, level: Level) -> None:
    assert judge_memory(said).level is level
