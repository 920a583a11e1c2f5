"""The settings of one start: the file is read by one at a time, and not for each who asks."""

import threading

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gateway.admin.health.settings import (
    FRESH,
    LATE,
    PATIENCE,
    DifferenceTold,
    Places,
    Settings,
    SettingsTold,
    unread,
)

SHOWN = SettingsTold("gateway.toml", [], [])
SAME = DifferenceTold("gateway.toml", refused=False, changes=[], findings=[], warnings=[])


async def test_many_who_ask_in_a_moment_are_one_reading(mock_clock: MockClock) -> None:
    read: list[DifferenceTold] = []

    def again() -> DifferenceTold:
        read.append(SAME)
        return SAME

    settings = Settings(SHOWN, Places(), again)
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(settings.diff)
    assert await settings.diff() is SAME
    assert len(read) == 1
    mock_clock.jump(FRESH)
    await settings.diff()
    assert len(read) == 2


async def test_a_file_that_cannot_be_read_in_time_holds_up_nobody_for_ever(
    mock_clock: MockClock,
) -> None:
    """The clock goes on by hand: a real thread must not be overtaken by one that jumps."""
    away = threading.Event()

    def never() -> DifferenceTold:
        away.wait(5)
        return SAME

    settings = Settings(SHOWN, Places(), never)
    told: list[DifferenceTold] = []

    async def ask() -> None:
        told.append(await settings.diff())

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await wait_all_tasks_blocked()
            mock_clock.jump(PATIENCE - 0.01)
            await wait_all_tasks_blocked()
            assert told == []
            mock_clock.jump(0.01)
        assert told == [unread("gateway.toml", LATE)]
    finally:
        away.set()
    # Once the disk is there again the next one is told, as soon as the thread is free.
    assert await settings.diff() is SAME


async def test_a_reading_that_fails_leaves_the_turn_to_the_next() -> None:
    failures = [ValueError("no")]

    def read() -> DifferenceTold:
        if failures:
            raise failures.pop()
        return SAME

    settings = Settings(SHOWN, Places(), read)
    with pytest.raises(ValueError, match="no"):
        await settings.diff()
    assert await settings.diff() is SAME
