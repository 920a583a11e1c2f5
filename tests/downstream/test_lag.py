"""How late the loop wakes: in virtual time, and where a real loop is held up for a moment."""

import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.lowlevel
import trio.testing
from trio.testing import MockClock

from gateway.downstream.lag import INTERVAL, REMEMBERED, STALL, Lag, stacks_of_all
from gateway.telemetry.log import Log, open_log
from gateway.telemetry.options import LogOptions

QUICK = 0.01
SHORT = 0.03
HELD = 0.08
SOON = 5


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with (tmp_path / "log").open("w") as file, open_log(LogOptions(), file) as log:
        yield log


def told(log: Log, tmp_path: Path) -> list[dict[str, Any]]:
    log.close()
    return [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]


@asynccontextmanager
async def running(lag: Lag) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lag.run)
        await trio.testing.wait_all_tasks_blocked()
        try:
            yield
        finally:
            nursery.cancel_scope.cancel()


def hold_the_loop_up(until: Callable[[], bool]) -> None:
    """Do nothing, and let nobody else do anything."""
    deadline = time.monotonic() + SOON
    while not until():
        assert time.monotonic() < deadline
        threading.Event().wait(QUICK)


async def test_g10_the_worst_of_the_last_minute_is_remembered(
    log: Log, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """G10."""
    lag = Lag(log)
    async with running(lag):
        await trio.sleep(10 * INTERVAL)
        assert lag.worst == 0
        autojump_clock.jump(INTERVAL + 2)
        await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        worst = lag.worst
        assert 2 <= worst <= 2 + INTERVAL
        await trio.sleep(REMEMBERED - 2 * INTERVAL)
        assert lag.worst == worst
        await trio.sleep(4 * INTERVAL)
        assert lag.worst == 0
        autojump_clock.jump(STALL)
        await trio.sleep(INTERVAL)
    (line,) = told(log, tmp_path)
    assert (line["level"], line["event"]) == ("error", "the loop stood still")
    assert STALL - INTERVAL <= line["seconds"] <= STALL


async def test_g10_all_stacks_are_told_while_the_loop_stands_still(
    log: Log, tmp_path: Path
) -> None:
    """G10: once, however long it stands."""
    lag = Lag(log, QUICK, SHORT)
    async with running(lag):
        hold_the_loop_up(until=lambda: "the loop stands still" in (tmp_path / "log").read_text())
        threading.Event().wait(HELD)
        with trio.fail_after(SOON):
            while lag.worst < HELD:
                await trio.sleep(QUICK)
    lines = told(log, tmp_path)
    (line,) = [line for line in lines if line["event"] == "the loop stands still"]
    assert line["level"] == "error"
    first, *_ = line["stacks"].partition("thread log writer")
    assert first.startswith("thread MainThread\n  File ")
    assert "in hold_the_loop_up" in first
    assert "thread loop watch" in line["stacks"]
    assert lines.index(line) == 0
    assert {line["event"] for line in lines[1:]} == {"the loop stood still"}


async def test_g10_nothing_is_told_where_the_loop_goes_on(log: Log, tmp_path: Path) -> None:
    """G10."""
    lag = Lag(log, QUICK, SOON)
    async with running(lag):
        await trio.sleep(5 * QUICK)
    assert told(log, tmp_path) == []


async def test_the_thread_ends_with_the_loops_own_watch(log: Log) -> None:
    lag = Lag(log)
    for _ in range(2):
        async with running(lag):
            assert [each.name for each in threading.enumerate()].count("loop watch") == 1
        assert "loop watch" not in [each.name for each in threading.enumerate()]


def test_the_stacks_of_a_thread_that_changes_all_the_time_can_be_taken() -> None:
    """As those of a process that was stopped and goes on; to read them unlocked would end it."""
    over = threading.Event()

    def deep(depth: int) -> None:
        if depth:
            deep(depth - 1)

    def change() -> None:
        while not over.is_set():
            deep(40)

    changing = threading.Thread(target=change, name="changing")
    changing.start()
    try:
        for _ in range(300):
            assert "thread changing" in "\n".join(stacks_of_all(first=changing.ident or 0))
    finally:
        over.set()
        changing.join()
