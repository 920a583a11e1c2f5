"""Kept answers in common: a call waits a moment at most, what is put is sent aside, in bounds."""

import pytest
import trio
import trio.testing

from gateway.policy.cache import Kept
from gateway.store.kept import GET_TIMEOUT, OUTBOX, OUTBOX_BYTES, CommonCache
from gateway.store.line import Refused
from gateway.store.packing import pack
from gateway.words.answer import Piece
from tests.store.fakes import FakeLine

KEY = b"k" * 32
KEPT = Kept((Piece(b"data: 1\n\n", True),), 200, (), "openai/gpt")


async def connected(nursery: trio.Nursery, cache: CommonCache, line: FakeLine) -> None:
    nursery.start_soon(cache.serve, line)
    await trio.sleep(0.001)


async def test_a_kept_answer_is_found_and_no_more_of_it_read_than_may_be(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    cache = CommonCache(largest_bytes=1000)
    line = FakeLine(lambda _: pack(KEY, KEPT))
    await connected(nursery, cache, line)
    assert await cache.get(KEY) == KEPT
    ((command, _, *span),) = line.asked
    assert (command, span) == (b"GETRANGE", [0, 1000])


@pytest.mark.parametrize(
    "value", [b"junk", pack(b"other", KEPT), b"x" * 2000, Refused("WRONGTYPE"), None, 7]
)
async def test_a_foreign_value_is_a_miss(
    value: object, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    cache = CommonCache(largest_bytes=1000)
    await connected(nursery, cache, FakeLine(lambda _: value))
    assert await cache.get(KEY) is None
    assert cache.foreign == 1


async def test_nothing_there_is_a_plain_miss(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    cache = CommonCache()
    await connected(nursery, cache, FakeLine())
    assert await cache.get(KEY) is None
    assert (cache.foreign, cache.late) == (0, 0)


async def test_a_late_answer_is_a_miss(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    cache = CommonCache()
    line = FakeLine()
    line.held = True
    await connected(nursery, cache, line)
    began = trio.current_time()
    assert await cache.get(KEY) is None
    assert trio.current_time() - began == pytest.approx(GET_TIMEOUT)
    assert cache.late == 1


async def test_while_others_wait_nobody_else_does(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    cache = CommonCache()
    line = FakeLine()
    line.behind = True
    await connected(nursery, cache, line)
    assert await cache.get(KEY) is None
    assert (cache.late, line.asked) == (1, [])


async def test_without_a_store_all_is_local_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    cache = CommonCache()
    assert await cache.get(KEY) is None
    cache.put(KEY, KEPT, 60.0)
    assert cache.dropped == 1


async def test_what_is_put_is_sent_with_the_time_that_is_left(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    cache = CommonCache()
    line = FakeLine()
    await connected(nursery, cache, line)
    cache.put(KEY, KEPT, 60.0)
    await trio.sleep(0.01)
    ((command, _, data, *expiry),) = line.asked
    assert (command, data, expiry) == (b"SET", pack(KEY, KEPT), [b"PX", 60_000])


@pytest.mark.parametrize("ttl", [0.0, -1.0, float("nan")])
async def test_what_lasts_no_time_is_not_sent(
    ttl: float, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    cache = CommonCache()
    line = FakeLine()
    await connected(nursery, cache, line)
    cache.put(KEY, KEPT, ttl)
    await trio.sleep(0.01)
    assert (cache.dropped, line.asked) == (1, [])


async def test_what_is_over_when_its_turn_comes_is_not_sent(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    cache = CommonCache()
    line = FakeLine()
    await connected(nursery, cache, line)
    cache.put(KEY, KEPT, 0.0005)
    await trio.sleep(0.01)
    assert (cache.dropped, line.asked) == (1, [])


async def test_too_large_an_answer_is_dropped(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    cache = CommonCache(largest_bytes=10)
    line = FakeLine()
    await connected(nursery, cache, line)
    cache.put(KEY, KEPT, 60.0)
    await trio.sleep(0.01)
    assert (cache.dropped, line.asked) == (1, [])


async def test_of_too_many_answers_the_oldest_are_dropped(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    cache = CommonCache()
    line = FakeLine()
    await connected(nursery, cache, line)
    for number in range(OUTBOX + 5):
        cache.put(b"%d" % number, KEPT, 60.0)
    assert cache.dropped == 5
    await trio.sleep(0.01)
    assert len(line.asked) == OUTBOX


async def test_the_outbox_has_a_bound_of_bytes(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    cache = CommonCache()
    line = FakeLine()
    await connected(nursery, cache, line)
    large = Kept((Piece(b"x" * 1_000_000, True),), 200, (), "openai/gpt")
    for number in range(40):
        cache.put(b"%d" % number, large, 60.0)
    await trio.sleep(0.01)
    assert len(line.asked) == OUTBOX_BYTES // 1_000_100
    assert cache.dropped == 40 - len(line.asked)


async def test_a_refused_answer_is_counted(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    cache = CommonCache()
    await connected(nursery, cache, FakeLine(lambda _: Refused("OOM")))
    cache.put(KEY, KEPT, 60.0)
    await trio.sleep(0.01)
    assert cache.dropped == 1


async def test_a_lost_line_takes_what_waits_with_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    cache = CommonCache()
    line = FakeLine()
    line.held = True
    async with trio.open_nursery() as nursery:
        await connected(nursery, cache, line)
        for number in range(3):
            cache.put(b"%d" % number, KEPT, 60.0)
        await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert cache.dropped == 3
    assert await cache.get(KEY) is None
