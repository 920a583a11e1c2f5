"""What a worker answers at its control socket."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from gateway.admin.figures.families import HELP as HELP_OF_FAMILIES
from gateway.admin.figures.metrics import HELP
from gateway.downstream.calls import Calls, OpenCall
from gateway.downstream.control import Control
from gateway.downstream.lag import Lag
from gateway.downstream.live import MOST_RESTING
from gateway.downstream.questions import HOMES, MOST_MODELS, Place, Questions
from gateway.policy.health import MOST_HOMES, Health
from gateway.telemetry.log import Log, open_log
from gateway.telemetry.options import LogOptions
from gateway.upstream.transport import Transport
from gateway.words.budget import Account, Budget
from gateway.words.errors import ConnectFailed, GatewayError, UpstreamAuth
from gateway.words.life import Cause
from gateway.words.receipt import Receipt
from gateway.words.target import Conduct, Cooldown, Origin, Target


async def nowhere(_: object) -> Any:
    raise AssertionError("nobody is asked")


class Worker:
    """A worker's questions, asked as they come from the socket."""

    def __init__(self, log: Log, folder: Path) -> None:
        self.calls = Calls(5)
        place = Place(71, 70, 2, "1.2.3", trio.current_time())
        self.health = Health()
        self.listed: dict[str, tuple[str, ...]] = {}
        self.questions = Questions(
            place,
            self.calls,
            Transport(nowhere),
            None,
            Lag(log),
            log,
            health=self.health,
            listed=self.listed,
        )
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


DOWN = ConnectFailed("Nothing listens there.")


def home(model: str, *, failures: int = 2, key: int = 0) -> Target:
    """Return a target that rests for a minute after so many failures."""
    cooldown = Cooldown(failures=failures, window=30.0, rest=60.0)
    origin = Origin("https", "up.test", 443)
    conduct = Conduct(cooldown=cooldown)
    return Target("up", "openai", "chat", origin, "/v1", model, conduct=conduct, key_number=key)


def try_at(health: Health, target: Target, error: GatewayError | None, times: int = 1) -> None:
    """Make attempts that end at once."""
    for _ in range(times):
        now = trio.current_time()
        health.begin(target, now, must=True)
        health.ended(target, now, error, left=False)


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


async def test_a_talk_between_its_turns_is_nothing_that_outlives_a_call(
    log: Log, tmp_path: Path
) -> None:
    worker = Worker(log, tmp_path)
    worker.calls.keep(0, 700)
    worker.calls.hold(worker.open("a"), 50)
    gauges = worker.ask(ask="gauges")["gauges"]
    assert (gauges["request_body_bytes"], gauges["talk_bytes"]) == (50, 700)


async def test_metrics_are_what_is_counted_what_is_open_and_budgets_but_for_users(
    log: Log, tmp_path: Path
) -> None:
    worker = Worker(log, tmp_path)
    worker.questions.metrics.settled(worker.open("a").receipt)
    for of in ("key", "team", "user"):
        account = Account(f"{of} a day", of, Budget(100, "day"), key="a", team="a", user="a")
        worker.questions.purses.of(account, worker.questions.today())
    told = worker.ask(ask="metrics")
    assert (told["worker"], told["pid"]) == (2, 71)
    series = {each["name"]: each["series"] for each in told["families"]}
    assert set(series) == set(HELP_OF_FAMILIES)
    assert [["none", "internal"], [1]] in series["gateway_requests_total"]
    assert [["body"], [1]] in series["gateway_open_calls_in_phase"]
    assert {each["name"] for each in told["budgets"]} == {"key a day", "team a day"}


async def test_a_tree_has_as_many_connections_as_are_wanted(log: Log, tmp_path: Path) -> None:
    worker = Worker(log, tmp_path)
    for name in ("a", "b", "c"):
        worker.open(name)
    for limit, shown in ((2, 2), (99, 3), (-1, 0), (10**12, 3), ("x", 3)):
        tree = worker.ask(ask="tree", limit=limit)
        assert (len(tree["connections"]), tree["left_out"]) == (shown, 3 - shown)
    assert [each["call"]["id"] for each in tree["connections"]] == ["a", "b", "c"]
    assert tree["gauges"]["open_calls"] == 3


async def test_a_tree_tells_which_calls_ended_last(log: Log, tmp_path: Path) -> None:
    worker = Worker(log, tmp_path)
    call = worker.open("a")
    call.stop(Cause.OPERATOR)
    call.receipt.end(Cause.OPERATOR)
    worker.questions.endings.settled(call.receipt)
    (ended,) = worker.ask(ask="tree")["ended"]
    assert (ended["id"], ended["outcome"], ended["cause"]) == ("a", "stopped", "operator")


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


async def test_homes_are_told_of_with_those_in_trouble_first(
    log: Log, tmp_path: Path, autojump_clock: MockClock
) -> None:
    worker = Worker(log, tmp_path)
    try_at(worker.health, home("sound"), None)
    worker.health.spoke(home("sound"), trio.current_time(), 0.25)
    worker.health.begin(home("busy"), trio.current_time(), must=False)
    try_at(worker.health, home("shaky"), DOWN)
    try_at(worker.health, home("keyless", key=2), UpstreamAuth("No."))
    try_at(worker.health, home("down"), DOWN, 2)
    await trio.sleep(10)
    told = worker.ask(ask="health")
    assert (told["worker"], told["pid"], told["left_out"]) == (2, 71, 0)
    assert told["homes"] == [
        seen("down", state="open", rests_for=50.0, failures=2, share=1.0, calls=2, failed=2),
        seen("keyless", resting_keys=[{"number": 2, "rests_for": 3590.0}]),
        seen("shaky", failures=1, share=1.0, failed=1),
        seen("busy", open_calls=1),
        seen("sound", ttft=0.25),
    ]
    assert worker.ask(ask="gauges")["homes"] == told["homes"]
    assert [each["name"] for each in worker.ask(ask="tree")["resting"]] == [
        "up/down", "up/keyless",
    ]  # fmt: skip
    await trio.sleep(50)
    (down, *_) = worker.ask(ask="health")["homes"]
    assert down == seen("down", state="half_open", failures=2, share=1.0, calls=2, failed=2)
    assert len(worker.ask(ask="tree")["resting"]) == 2


def seen(model: str, **more: object) -> dict[str, object]:
    """Return what is told of a home, sound and idle unless it is said."""
    sound: dict[str, object] = {
        "state": "closed", "rests_for": 0.0, "failures": 0, "open_calls": 0, "resting_keys": [],
        "ttft": None, "share": 0.0, "calls": 1, "failed": 0,
    }  # fmt: skip
    return {"name": f"up/{model}", **sound, **more}


async def test_as_many_homes_are_told_of_as_are_wanted_and_the_rest_is_counted(
    log: Log, tmp_path: Path, autojump_clock: MockClock
) -> None:
    worker = Worker(log, tmp_path)
    for number in range(MOST_HOMES + 10):
        try_at(worker.health, home(f"m{number:05}", failures=1), DOWN)
    for limit, shown in ((0, 0), (7, 7), (-1, 0), (10**9, MOST_HOMES), ("x", HOMES), (None, HOMES)):
        told = worker.ask(ask="health", limit=limit)
        assert (len(told["homes"]), told["left_out"]) == (shown, MOST_HOMES - shown)
    tree = worker.ask(ask="tree")
    assert (len(tree["resting"]), tree["resting_left_out"]) == (
        MOST_RESTING, MOST_HOMES - MOST_RESTING,
    )  # fmt: skip
    assert len(worker.ask(ask="gauges")["homes"]) == MOST_HOMES


async def test_r20_a_homes_name_is_told_escaped_and_in_bounds(log: Log, tmp_path: Path) -> None:
    """R20. Behind a prefix a client chooses it, and half a surrogate pair is no JSON."""
    worker = Worker(log, tmp_path)
    for hostile in ("m\x1b[2J\u202e", "\ud800", "x" * 1000):
        try_at(worker.health, home(hostile), None)
    names = [each["name"] for each in worker.ask(ask="health")["homes"]]
    assert names == ["up/m\\x1b[2J\\u202e", "up/" + "x" * 196 + "…", "up/\\ud800"]


async def test_a_provider_that_does_not_answer_its_probe_is_told_of(
    log: Log, tmp_path: Path, autojump_clock: MockClock
) -> None:
    worker = Worker(log, tmp_path)
    worker.health.missed("up", trio.current_time() + 9.0)
    worker.health.missed("gone", trio.current_time())
    assert worker.ask(ask="health")["absent"] == {"up": 9.0}
    assert worker.ask(ask="gauges")["absent"] == ["up"]


async def test_whole_lists_of_providers_are_told_in_bounds(log: Log, tmp_path: Path) -> None:
    """Part of one would say of all other names that they do not exist."""
    worker = Worker(log, tmp_path)
    assert worker.ask(ask="models")["listed"] == {}
    many = tuple(f"b{number}" for number in range(MOST_MODELS - 2))
    worker.listed.update(b=many, a=("m", "n"))
    worker.listed["c"] = ("last",)
    told = worker.ask(ask="models")
    assert (told["worker"], told["listed"]) == (2, {"c": ["last"], "a": ["m", "n"]})
    assert told["counts"] == {"b": MOST_MODELS - 2, "a": 2, "c": 1}


async def test_the_last_lines_of_the_log_are_told(log: Log, said: Path, tmp_path: Path) -> None:
    worker = Worker(log, tmp_path)
    log.warning("no room", path="/x")
    log.close()
    (line,) = worker.ask(ask="log")["lines"]
    assert (line["level"], line["event"], line["said"]) == ("warning", "no room", "path=/x")
    assert line["at_ms"] > 0


async def test_how_full_budgets_are_is_told_of_users_too(log: Log, tmp_path: Path) -> None:
    worker = Worker(log, tmp_path)
    purses = worker.questions.purses
    budget = Budget(10_000_000_000, "day", models=("m-*",))
    for spent, name in ((1, "anna"), (2, "bert")):
        purses.of(Account(name, "user", budget, team="research", user=name), 0.0).spent = spent
    told = worker.ask(ask="budgets")
    assert (told["worker"], told["left_out"]) == (2, 0)
    assert {each["whose"]: each["spent"] for each in told["budgets"]} == {"anna": 1, "bert": 2}
    assert told["budgets"][0]["models"] == ["m-*"]
