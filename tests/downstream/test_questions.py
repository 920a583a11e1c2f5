"""What a worker answers at its control socket."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from gateway.admin.metrics import HELP
from gateway.downstream.calls import Calls, OpenCall
from gateway.downstream.control import Control
from gateway.downstream.lag import Lag
from gateway.downstream.questions import Place, Questions
from gateway.telemetry.log import Log, open_log
from gateway.telemetry.options import LogOptions
from gateway.upstream.transport import Transport
from gateway.words.life import Cause
from gateway.words.receipt import Receipt


async def nowhere(_: object) -> Any:
    raise AssertionError("nobody is asked")


class Worker:
    """A worker's questions, asked as they come from the socket."""

    def __init__(self, log: Log, folder: Path) -> None:
        self.calls = Calls(5)
        place = Place(71, 70, 2, "1.2.3", trio.current_time())
        self.questions = Questions(place, self.calls, Transport(nowhere), None, Lag(log), log)
        self._control = Control(folder / "a.sock", self.questions.table(), log)

    def open(self, request_id: str) -> OpenCall:
        call = OpenCall(Receipt(request_id, "POST", "/x", "127.0.0.1", trio.current_time()))
        call.client = Quiet()
        self.calls.add(call)
        return call

    def ask(self, **question: object) -> Any:
        told = self._control.answer(json.dumps(question).encode())
        return msgspec.json.decode(msgspec.json.encode(told))


class Quiet:
    torn = False
    bytes_in = bytes_out = 0


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with (tmp_path / "log").open("w") as file, open_log(LogOptions(), file) as log:
        yield log


@pytest.fixture
def said(tmp_path: Path) -> Path:
    return tmp_path / "log"


async def test_every_gauge_has_its_words_in_the_metrics(log: Log, tmp_path: Path) -> None:
    worker = Worker(log, tmp_path)
    worker.open("a")
    told = worker.ask(ask="gauges")
    assert (told["worker"], told["pid"], told["draining"]) == (2, 71, False)
    gauges = told["gauges"]
    assert set(gauges) <= set(HELP)
    assert (gauges["open_calls"], gauges["open_upstream_streams"]) == (1, 0)
    assert gauges["live_tasks"] > 0
    assert gauges["resident_memory_bytes"] > 1_000_000


async def test_a_tree_has_as_many_connections_as_are_wanted(log: Log, tmp_path: Path) -> None:
    worker = Worker(log, tmp_path)
    for name in ("a", "b", "c"):
        worker.open(name)
    for limit, shown in ((2, 2), (99, 3), (-1, 0), (10**12, 3), ("x", 3)):
        tree = worker.ask(ask="tree", limit=limit)
        assert (len(tree["connections"]), tree["left_out"]) == (shown, 3 - shown)
    assert [each["call"]["id"] for each in tree["connections"]] == ["a", "b", "c"]
    assert tree["gauges"]["open_calls"] == 3


async def test_a_call_is_cancelled_once(log: Log, tmp_path: Path, said: Path) -> None:
    worker = Worker(log, tmp_path)
    other, call = worker.open("a"), worker.open("b")
    assert worker.ask(ask="cancel", id="b")["cancelled"] == 1
    assert (other.cause, call.cause) == (None, Cause.OPERATOR)
    assert worker.ask(ask="cancel", id="b")["cancelled"] == 0
    assert worker.ask(ask="cancel", id="c")["cancelled"] == 0
    assert "error" in worker.ask(ask="cancel")
    log.close()
    (line,) = [json.loads(line) for line in said.read_text().splitlines()]
    assert (line["event"], line["request_id"]) == ("cancelled by the operator", "b")
