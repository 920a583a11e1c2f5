"""How late the loop wakes: in virtual time, and where a real loop is held up for a moment."""

import json
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.lowlevel
import trio.testing
from trio.testing import MockClock

from gateway.downstream.lag import INTERVAL, REMEMBERED, STALL, Lag
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


def hold_the_loop_up() -> None:
    """Do nothing, and let nobody else do anything."""
    threading.Event().wait(HELD)


async def stand_still(lag: Lag) -> None:
    """Hold the loop up, until that has been noted."""
    async with running(lag):
        hold_the_loop_up()
        with trio.fail_after(SOON):
            while lag.worst < HELD / 2:
                await trio.sleep(QUICK)
    lag.close()


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
    lag.close()
    (line,) = told(log, tmp_path)
    assert (line["level"], line["event"]) == ("error", "the loop stood still")
    assert STALL - INTERVAL <= line["seconds"] <= STALL


async def test_g10_all_stacks_are_written_while_the_loop_stands_still(
    log: Log, tmp_path: Path
) -> None:
    """G10."""
    path = tmp_path / "stderr"
    with path.open("w") as file:
        lag = Lag(log, QUICK, SHORT)
        lag.watch(file.fileno())
        await stand_still(lag)
    stacks = path.read_text()
    assert stacks.startswith("Timeout (0:00:00.03")
    assert "hold_the_loop_up" in stacks
    assert "log writer" in stacks or "_take" in stacks
    (line,) = told(log, tmp_path)
    assert line["seconds"] >= HELD / 2
    assert "stack" not in line


async def test_g10_nothing_is_written_where_the_loop_goes_on(log: Log, tmp_path: Path) -> None:
    """G10."""
    path = tmp_path / "stderr"
    with path.open("w") as file:
        lag = Lag(log, QUICK, SOON)
        lag.watch(file.fileno())
        async with running(lag):
            await trio.sleep(5 * QUICK)
        lag.close()
    assert path.read_text() == ""
    assert told(log, tmp_path) == []


async def test_g10_a_full_pipe_does_not_hold_the_loop_up_for_longer(
    log: Log, tmp_path: Path
) -> None:
    """G10, G12: whoever reads stderr has stopped."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    lag = Lag(log, QUICK, SHORT)
    lag.watch(writer)
    with trio.fail_after(SOON):
        await stand_still(lag)
    (line,) = told(log, tmp_path)
    assert "stack" not in line
    for descriptor in (reader, writer):
        os.close(descriptor)


async def test_g10_where_stderr_is_a_socket_the_log_tells_the_loops_own_stack(
    log: Log, tmp_path: Path
) -> None:
    """G10: as under systemd."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        lag = Lag(log, QUICK, SHORT)
        lag.watch(theirs.fileno())
        await stand_still(lag)
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            ours.recv(1)
    line = told(log, tmp_path)[0]
    assert line["stack"].startswith("Thread 0x")
    assert "hold_the_loop_up" in line["stack"]


async def test_without_a_place_for_stacks_lateness_is_measured_all_the_same(log: Log) -> None:
    lag = Lag(log, QUICK, SOON)
    await stand_still(lag)
    assert HELD / 2 <= lag.worst < SOON
