"""Receipts to an HTTP sink: batches of few lines, tried again for a while, flushed at the end."""

import json
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from gateway.store.sink_http import LINGER, MAX_BATCH, TRIES, HttpSink
from gateway.words.errors import ConnectFailed
from tests.store.receipts import Today, Told, call, end

AWAY = "receipts cannot be written, they wait"
BACK = "receipts are written again"
GONE = ConnectFailed("http://in.test:80 could not be connected to")


class Collector:
    """A sink that answers by a list: a status, an error, or None for silence."""

    def __init__(self, *answers: int | Exception | None) -> None:
        self.answers = list(answers)
        self.at: list[float] = []
        self.names: list[str] = []
        self.batches: list[list[str]] = []

    @property
    def lines(self) -> list[str]:
        return [line for batch in self.batches for line in batch]

    async def post(self, body: bytes, name: str) -> int:
        self.at.append(trio.current_time())
        self.names.append(name)
        answer = self.answers.pop(0) if self.answers else 200
        if answer is None:
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        if isinstance(answer, Exception):
            raise answer
        assert answer is not None
        if answer < 300:
            self.batches.append([json.loads(line)["request_id"] for line in body.splitlines()])
        return answer


class Desk:
    """A sink in virtual time."""

    def __init__(self, collector: Collector, most_waiting: int = 10_000) -> None:
        self.told = Told()
        self.collector = collector
        self.sink = HttpSink(
            collector.post, "me", Today(), self.told, lambda: 1.0, most_waiting=most_waiting
        )

    def settle(self, count: int = 1) -> list[str]:
        names = [f"req_{number}" for number in range(count)]
        for name in names:
            self.sink.settled(end(call(name)))
        return names


Run = Callable[[Desk], Awaitable[None]]


@pytest.fixture
def run(nursery: trio.Nursery) -> Run:
    async def start(desk: Desk) -> None:
        nursery.start_soon(desk.sink.run)
        await trio.testing.wait_all_tasks_blocked()

    return start


async def test_lines_that_come_close_together_travel_together(
    autojump_clock: MockClock, run: Run
) -> None:
    desk = Desk(Collector())
    await run(desk)
    names = desk.settle(3)
    await trio.sleep(LINGER + 0.1)
    assert desk.collector.batches == [names]
    assert desk.collector.at == [LINGER]
    desk.settle(1)
    await trio.sleep(LINGER + 0.1)
    assert (desk.sink.written, desk.sink.queued) == (4, 0)
    assert desk.collector.names == ["me-0", "me-1"]


async def test_a_batch_has_so_many_lines_at_most(autojump_clock: MockClock, run: Run) -> None:
    desk = Desk(Collector())
    await run(desk)
    names = desk.settle(2 * MAX_BATCH + 1)
    await trio.sleep(LINGER + 0.1)
    assert [len(batch) for batch in desk.collector.batches] == [MAX_BATCH, MAX_BATCH, 1]
    assert desk.collector.lines == names


async def test_a_sink_that_is_away_is_tried_again_ever_more_seldom(
    autojump_clock: MockClock, run: Run
) -> None:
    desk = Desk(Collector(GONE, 503, 429, 401))
    await run(desk)
    desk.settle(2)
    await trio.sleep(20)
    pauses = [
        later - earlier
        for earlier, later in zip(desk.collector.at, desk.collector.at[1:], strict=False)
    ]
    assert pauses == [0.5, 1.0, 2.0, 4.0]
    assert set(desk.collector.names) == {"me-0"}, "the same batch has the same name"
    assert (desk.sink.written, desk.sink.lost, desk.sink.away) == (2, 0, False)
    assert desk.told.events == [AWAY, BACK]
    assert desk.told.fields[0]["error"] == GONE.message


async def test_it_is_not_tried_for_ever(autojump_clock: MockClock, run: Run) -> None:
    desk = Desk(Collector(*[GONE] * TRIES))
    await run(desk)
    desk.settle(3)
    await trio.sleep(600)
    assert (len(desk.collector.at), desk.sink.lost, desk.sink.queued) == (TRIES, 3, 0)
    assert desk.told.events == [AWAY, "receipts lost"]
    desk.settle(1)
    await trio.sleep(2)
    assert desk.told.events[-1] == BACK


async def test_a_batch_that_is_refused_for_good_is_not_offered_again(
    autojump_clock: MockClock, run: Run
) -> None:
    desk = Desk(Collector(413))
    await run(desk)
    desk.settle(2)
    await trio.sleep(60)
    assert (len(desk.collector.at), desk.sink.lost) == (1, 2)


async def test_memory_is_bounded_while_the_sink_hangs(autojump_clock: MockClock, run: Run) -> None:
    desk = Desk(Collector(None), most_waiting=50)
    await run(desk)
    for _ in range(5):
        desk.settle(50)
        await trio.sleep(2)
    assert (desk.sink.queued, desk.sink.dropped) == (50, 150)


async def test_what_waits_is_flushed_at_once(autojump_clock: MockClock, run: Run) -> None:
    desk = Desk(Collector())
    await run(desk)
    names = desk.settle(150)
    assert await desk.sink.flush()
    assert trio.current_time() < 0.1
    assert desk.collector.lines == names
    assert desk.sink.close()
    desk.settle(1)
    assert desk.sink.dropped == 1


async def test_nothing_waits_and_the_end_is_at_once(autojump_clock: MockClock, run: Run) -> None:
    desk = Desk(Collector())
    await run(desk)
    assert await desk.sink.flush()
    assert desk.sink.close()


async def test_a_pause_between_two_tries_is_cut_short_by_the_end(
    autojump_clock: MockClock, run: Run
) -> None:
    desk = Desk(Collector(*[GONE] * 5))
    await run(desk)
    desk.settle(1)
    await trio.sleep(10)
    assert len(desk.collector.at) == 5
    began = trio.current_time()
    assert await desk.sink.flush()
    assert trio.current_time() - began < 1
    assert (desk.sink.written, desk.sink.close()) == (1, True)


async def test_a_sink_that_hangs_at_the_end_has_its_time_and_the_rest_is_counted(
    autojump_clock: MockClock, run: Run
) -> None:
    desk = Desk(Collector(None))
    await run(desk)
    desk.settle(150)
    assert not await desk.sink.flush(patience=3.0)
    assert trio.current_time() == 3.0
    assert not desk.sink.close()
    assert (desk.sink.lost, desk.sink.queued, desk.told.events) == (150, 0, ["receipts lost"])


async def test_a_batch_of_nothing_is_not_sent(autojump_clock: MockClock, run: Run) -> None:
    desk = Desk(Collector())
    await run(desk)
    broken = end(call())
    broken.began = None  # type: ignore[assignment]  # as a bug would have it
    broken.ended = None
    desk.sink.settled(broken)
    await trio.sleep(2)
    assert (desk.collector.at, desk.sink.lost) == ([], 1)
