"""Spans are taken to a collector: tried again for a while, given up, and never waited for."""

import threading
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from gateway.telemetry.traces import Batch
from gateway.upstream.collector import FLUSH_PATIENCE, LINGER, MAX_BATCH, TRIES, Collector
from gateway.words.errors import ConnectFailed

GONE = ConnectFailed("http://in.test:80 could not be connected to")


class Place:
    """A collector that answers by a list: a status, an error, or None for silence."""

    def __init__(self, *answers: int | Exception | None) -> None:
        self.answers = list(answers)
        self.at: list[float] = []
        self.bodies: list[bytes] = []

    async def post(self, body: bytes) -> tuple[int, bytes]:
        self.at.append(trio.current_time())
        self.bodies.append(body)
        answer = self.answers.pop(0) if self.answers else 200
        if answer is None:
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        if isinstance(answer, Exception):
            raise answer
        assert answer is not None
        return answer, b"said"


class Source:
    """Has batches of one span each, and counts as the tap does."""

    def __init__(self) -> None:
        self.shut = False
        self.empty = False
        self.waiting = 0
        self.asked: list[int] = []
        self.taken: list[bytes] = []
        self.reasons: list[str] = []
        self.lost = 0

    def batch(self, most: int) -> Batch | None:
        self.asked.append(most)
        if not self.waiting:
            return None
        self.waiting -= 1
        return Batch(b"%d" % self.waiting, 0 if self.empty else 1)

    def took(self, batch: Batch, answer: bytes) -> None:
        assert answer == b"said"
        self.taken.append(batch.body)

    def failed(self, reason: str) -> None:
        self.reasons.append(reason)

    def give_up(self, spans: int) -> None:
        self.lost += spans

    def close(self) -> None:
        self.give_up(self.waiting)
        self.waiting = 0


async def at_once(make: Callable[[], None]) -> None:
    """Run it here: virtual time waits for no thread."""
    await trio.lowlevel.checkpoint()
    make()


class Desk:
    def __init__(self, *answers: int | Exception | None) -> None:
        self.place, self.source = Place(*answers), Source()
        self.collector = Collector(self.source, self.place.post, lambda: 1.0, at_once)


Run = Callable[[Desk, int], Awaitable[None]]


@pytest.fixture
def run(nursery: trio.Nursery) -> Run:
    async def start(desk: Desk, waiting: int) -> None:
        desk.source.waiting = waiting
        nursery.start_soon(desk.collector.run)
        await trio.testing.wait_all_tasks_blocked()

    return start


async def test_what_comes_close_together_travels_once_a_second(
    autojump_clock: MockClock, run: Run
) -> None:
    desk = Desk()
    await run(desk, 2)
    assert desk.place.bodies == []
    await trio.sleep(LINGER + 0.1)
    assert (desk.source.taken, desk.place.at) == ([b"1", b"0"], [LINGER, LINGER])
    assert set(desk.source.asked) == {MAX_BATCH}
    desk.source.waiting = 1
    await trio.sleep(LINGER)
    assert desk.place.at[2:] == [2 * LINGER]
    assert (desk.source.lost, desk.source.reasons) == (0, [])


async def test_what_may_be_tried_again_is_ever_more_seldom(
    autojump_clock: MockClock, run: Run
) -> None:
    desk = Desk(GONE, 503, 429)
    await run(desk, 1)
    await trio.sleep(10)
    assert [at - LINGER for at in desk.place.at] == [0.0, 0.5, 1.5, 3.5]
    assert set(desk.place.bodies) == {b"0"}
    assert (desk.source.taken, desk.source.lost) == ([b"0"], 0)
    assert desk.source.reasons[:2] == [GONE.message, "the collector answered 503"]


async def test_it_is_not_tried_for_ever(autojump_clock: MockClock, run: Run) -> None:
    desk = Desk(*[GONE] * TRIES)
    await run(desk, 2)
    await trio.sleep(60)
    assert (desk.source.taken, desk.source.lost) == ([b"0"], 1)
    assert len(desk.place.bodies) == TRIES + 1


@pytest.mark.parametrize("status", [302, 400, 401, 404, 500])
async def test_what_is_refused_for_good_is_not_tried_again(
    status: int, autojump_clock: MockClock, run: Run
) -> None:
    desk = Desk(status)
    await run(desk, 1)
    await trio.sleep(60)
    assert (len(desk.place.bodies), desk.source.lost) == (1, 1)
    assert desk.source.reasons == [f"the collector answered {status}"]


async def test_at_the_end_what_waits_is_taken_at_once(autojump_clock: MockClock, run: Run) -> None:
    desk = Desk()
    await run(desk, 3)
    await desk.collector.flush()
    assert trio.current_time() == 0
    assert (desk.source.shut, len(desk.source.taken), desk.source.lost) == (True, 3, 0)


async def test_a_collector_that_hangs_is_left_at_the_end(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    desk = Desk(None)
    desk.source.waiting = 3
    async with trio.open_nursery() as services:
        services.start_soon(desk.collector.run)
        await trio.sleep(LINGER)
        await desk.collector.flush()
        assert trio.current_time() == LINGER + FLUSH_PATIENCE
        services.cancel_scope.cancel()
    desk.collector.close()
    assert (desk.source.taken, desk.source.lost) == ([], 3)


async def test_a_batch_without_spans_is_not_sent(autojump_clock: MockClock, run: Run) -> None:
    desk = Desk()
    desk.source.empty = True
    await run(desk, 2)
    await trio.sleep(LINGER + 0.1)
    assert (desk.place.bodies, desk.source.waiting) == ([], 0)


async def test_at_the_end_nobody_waits_between_tries(autojump_clock: MockClock, run: Run) -> None:
    desk = Desk(*[GONE] * 99)
    await run(desk, 3)
    await desk.collector.flush()
    assert (trio.current_time(), desk.source.lost) == (0, 3)


async def test_a_batch_is_made_in_a_thread() -> None:
    made: list[int] = []

    class Own(Source):
        def batch(self, most: int) -> Batch | None:
            made.append(threading.get_ident())
            return super().batch(most)

    collector = Collector(Own(), Place().post, lambda: 1.0)
    async with trio.open_nursery() as services:
        services.start_soon(collector.run)
        await collector.flush()
        services.cancel_scope.cancel()
    assert made
    assert threading.get_ident() not in made
