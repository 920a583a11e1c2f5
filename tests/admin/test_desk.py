"""The desk: many ask, few questions are asked, and each has its end."""

from collections.abc import Mapping
from typing import Any

import pytest
import trio
import trio.testing

from gateway.admin.desk import FRESH, MOST_SIZES, MOST_TREES, PATIENCE, Desk


class Room:
    """Workers that answer after a while, and remember how many asked at a time."""

    def __init__(self, wait: float = 1.0, answers: list[dict[str, Any]] | None = None) -> None:
        self.asked: list[Mapping[str, object]] = []
        self.most = 0
        self._now = 0
        self.wait = wait
        self._answers = answers or []

    async def ask(self, question: Mapping[str, object]) -> list[dict[str, Any]]:
        self.asked.append(question)
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await trio.sleep(self.wait)
        finally:
            self._now -= 1
        return self._answers


async def test_a_hundred_who_ask_for_figures_are_one_question(autojump_clock: object) -> None:
    room = Room(answers=[{"worker": 1}])
    desk = Desk(room.ask)
    told: list[list[dict[str, Any]]] = []

    async def ask() -> None:
        told.append(await desk.gauges())

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(ask)
    assert told == [[{"worker": 1}]] * 100
    assert room.asked == [{"ask": "gauges"}]
    await trio.sleep(FRESH)
    await desk.gauges()
    assert len(room.asked) == 2


async def test_metrics_are_a_question_of_their_own(autojump_clock: object) -> None:
    room = Room(answers=[{"worker": 1}])
    desk = Desk(room.ask)
    for _ in range(2):
        await desk.gauges()
        await trio.sleep(FRESH / 4)
        assert await desk.metrics() == [{"worker": 1}]
    assert {"ask": "metrics"} in room.asked


async def test_who_leaves_while_asking_leaves_the_turn_to_the_next(autojump_clock: object) -> None:
    room = Room()
    desk = Desk(room.ask)
    with trio.move_on_after(0.5):
        await desk.gauges()
    await desk.gauges()
    assert len(room.asked) == 2


async def test_ten_who_look_at_the_tree_each_second_are_one_question_a_second(
    autojump_clock: object,
) -> None:
    room = Room(wait=0.01, answers=[{"worker": 1}])
    desk = Desk(room.ask)

    async def look(begin: float) -> None:
        await trio.sleep(begin)
        for _ in range(10):
            assert await desk.tree(7) == [{"worker": 1}]
            await trio.sleep(1.0)

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(look, number / 10)
    assert room.asked == [{"ask": "tree", "limit": 7}] * len(room.asked)
    assert 10 <= len(room.asked) <= 12


async def test_who_cancels_sees_a_tree_that_is_newer_than_that(autojump_clock: object) -> None:
    room = Room()
    desk = Desk(room.ask)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.tree, 7)
        await trio.testing.wait_all_tasks_blocked()
        await desk.cancel("req_1")
        await desk.tree(7)
    assert [asked["ask"] for asked in room.asked] == ["tree", "cancel", "tree"]
    room.wait = 0.1
    await desk.tree(7)
    await desk.tree(7)
    assert len(room.asked) == 4


async def test_few_trees_are_drawn_at_a_time(autojump_clock: object) -> None:
    room = Room()
    desk = Desk(room.ask)
    async with trio.open_nursery() as nursery:
        for limit in range(2 * MOST_TREES):
            nursery.start_soon(desk.tree, limit)
    assert room.most == MOST_TREES
    assert len(room.asked) == 2 * MOST_TREES


async def test_few_sizes_of_trees_are_kept(autojump_clock: object) -> None:
    room = Room(wait=0.001)
    desk = Desk(room.ask)
    for limit in (0, *range(MOST_SIZES), 0, MOST_SIZES, 0, 1):
        await desk.tree(limit)
    asked = [each["limit"] for each in room.asked]
    assert asked == [*range(MOST_SIZES + 1), 1], "the one that nobody has asked for longest went"


async def test_a_cancel_needs_no_turn_among_the_trees(autojump_clock: object) -> None:
    room = Room(answers=[{"cancelled": 0}, {"cancelled": 1}, {}])
    desk = Desk(room.ask)
    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(desk.tree, 1)
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        assert await desk.cancel("req_1") == 1
        assert trio.current_time() - began == 1.0
        nursery.cancel_scope.cancel()
    assert {"ask": "cancel", "id": "req_1"} in room.asked


async def test_nobody_waits_for_ever(autojump_clock: object) -> None:
    desk = Desk(Room(wait=1000.0).ask)
    for asking in (desk.gauges, lambda: desk.tree(1), lambda: desk.cancel("x")):
        began = trio.current_time()
        with pytest.raises(trio.TooSlowError):
            await asking()
        assert trio.current_time() - began == PATIENCE


async def test_each_question_is_kept_for_a_moment_by_itself(autojump_clock: object) -> None:
    room = Room(wait=0.01)
    desk = Desk(room.ask)
    for _ in range(3):
        for question in (desk.gauges, desk.health, desk.models, desk.lines, desk.budgets):
            await question()
    asked = [each["ask"] for each in room.asked]
    assert asked == ["gauges", "health", "models", "log", "budgets"]
