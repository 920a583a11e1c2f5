"""SIGUSR1: the live tree in the log, once for each signal, however many ways that comes."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.downstream.showing import AGAIN_AFTER, Showing
from gateway.telemetry.log import Log, open_log
from gateway.telemetry.options import LogOptions
from tests.downstream.test_questions import DOWN, Worker, home, try_at


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with (tmp_path / "log").open("w") as file, open_log(LogOptions(), file) as log:
        yield log


def lines(log: Log, folder: Path) -> list[Any]:
    log.close()
    return [json.loads(line) for line in (folder / "log").read_text().splitlines()]


async def test_what_is_open_is_shown_once_however_many_ask_in_one_moment(
    log: Log, tmp_path: Path, autojump_clock: MockClock
) -> None:
    worker = Worker(log, tmp_path)
    worker.open("req_1")
    showing = Showing(worker.questions, log)
    showing.show()
    showing.show()
    await trio.sleep(AGAIN_AFTER)
    showing.show()
    told = lines(log, tmp_path)
    assert [(line["event"], line["worker"]) for line in told] == [("open now", 2)] * 2
    first, second, *_ = told[0]["tree"].splitlines()
    assert first.startswith("worker 2 · pid 71")
    assert "127.0.0.1" in second
    assert "req_1 · POST /x · body 0.0 s" in told[0]["tree"]


async def test_what_rests_is_shown_below(
    log: Log, tmp_path: Path, autojump_clock: MockClock
) -> None:
    worker = Worker(log, tmp_path)
    worker.open("req_1")
    try_at(worker.health, home("m\x1b"), DOWN, 2)
    Showing(worker.questions, log).show()
    (line,) = lines(log, tmp_path)
    assert line["tree"].splitlines()[-1] == (
        "rests: up/m\\x1b for 1 min 0 s more (2 failures) · worker 2"
    )


async def test_it_is_shown_at_a_signal(log: Log, tmp_path: Path, nursery: trio.Nursery) -> None:
    showing = Showing(Worker(log, tmp_path).questions, log)
    await nursery.start(showing.heed_signal)
    signal.raise_signal(signal.SIGUSR1)
    await trio.testing.wait_all_tasks_blocked(0.01)
    nursery.cancel_scope.cancel()
    assert [line["event"] for line in lines(log, tmp_path)] == ["open now"]


async def test_a_bug_in_the_picture_is_told_and_ends_nobody(log: Log, tmp_path: Path) -> None:
    worker = Worker(log, tmp_path)
    del worker.open("req_1").client
    Showing(worker.questions, log).show()
    (line,) = lines(log, tmp_path)
    assert (line["event"], line["level"]) == ("bug in the live tree", "error")
