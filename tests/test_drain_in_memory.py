"""The end of the gateway for those who are in it, in virtual time (G1, G2).

The process as a whole, with its signals, is in `test_drain.py`.
"""

import os
import socket
from itertools import starmap

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway.config.compose import Config
from gateway.downstream.connection import FRESH_TIMEOUT
from gateway.downstream.idle import SWEEP_INTERVAL
from gateway.downstream.listen import Listening
from gateway.downstream.options import CallOptions, ListenOptions
from gateway.drain import DRAIN, RELOAD, Ending, Post
from gateway.relay.options import ClockOptions
from gateway.words.life import Cause
from tests.simulation.sink import memory_log
from tests.stage import (
    COMPLETION,
    STREAM_HEAD,
    WHOLE_STREAM,
    Stage,
    answer,
    chat,
    chunk,
    event,
    get,
    post,
)

pytest_plugins = ("tests.onstage",)

MODELS = get("/v1/models")
SOON = 5


async def test_draining_closes_what_is_idle_and_ends_what_is_busy_after_its_answer(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G1."""
    provider = stage.provider()
    fresh, idle, begun, busy = (stage.connect() for _ in range(4))
    idle.send(MODELS)
    await idle.reply()
    begun.send(b"GET /v1/mo")
    busy.send(chat())
    await provider.asked.wait()
    await trio.sleep(4)
    stage.calls.draining = True
    for connection in stage.connections:
        connection.drain()
    for caller in (fresh, idle, begun):
        assert await caller.hung_up() == 4
    assert (fresh.line.writes, begun.line.writes) == ([], [])
    await trio.sleep(4)
    provider.say(*WHOLE_STREAM)
    reply = await busy.reply()
    assert (reply.text, reply.get("connection")) == ("hello", "close")
    busy.leave()
    assert await busy.hung_up() == 8


async def test_g1_one_that_was_only_just_let_in_may_still_ask(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G1. What it wrote as it connected may be on its way still."""
    quick, silent, served, begun = (stage.connect() for _ in range(4))
    served.send(MODELS)
    await served.reply()
    begun.send(b"GET /v1/mo")
    await trio.testing.wait_all_tasks_blocked()
    stage.calls.draining = True
    for connection in stage.connections:
        connection.drain()
    for caller in (served, begun):  # they have had their first word
        assert await caller.hung_up() == 0
    await trio.sleep(FRESH_TIMEOUT / 2)
    quick.send(MODELS)
    reply = await quick.reply()
    assert (reply.status, reply.get("connection")) == (200, "close")
    quick.leave()
    assert FRESH_TIMEOUT <= await silent.hung_up() <= FRESH_TIMEOUT + SWEEP_INTERVAL
    assert silent.line.writes == []
    assert len(stage.hall.idle) == 0


@pytest.mark.parametrize(("behind", "more"), [(b"", 0), (MODELS, 1), (b"GET /v1/mod", 0)])
async def test_draining_lets_the_requests_end_that_have_come(
    stage: Stage, behind: bytes, more: int, autojump_clock: MockClock
) -> None:
    """G1: the answer said keep-alive in good faith, so what came behind the request is answered."""
    provider = stage.provider(*WHOLE_STREAM[:2])
    caller = stage.ask(chat() + behind)
    await caller.read_to(b"hel")
    stage.calls.draining = True
    stage.connections[0].drain()
    provider.say(*WHOLE_STREAM[2:])
    await caller.read_to(b"[DONE]\n\n\r\n0\r\n\r\n")
    for _ in range(more):
        assert (await caller.reply()).get("connection") == "close"
        caller.leave()
    await caller.hung_up()
    assert stage.accepted == 1 + more


class Doors(Listening):
    """The listening of a stage whose clients have all been let in."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(ListenOptions(), [], stage.hall, 100)
        self._stage = stage

    def stop_accepting(self) -> None:
        for connection in self._stage.connections:
            connection.drain()

    async def ended(self) -> None:
        while self._stage.ended < len(self._stage.connections):
            await trio.sleep(0.1)


@pytest.mark.parametrize("drain_timeout", [60.0, 20.0])
async def test_g1_what_came_behind_a_request_has_the_time_to_end_too(
    stage: Stage, drain_timeout: float, autojump_clock: MockClock
) -> None:
    """G1. Between the two no call is open, and yet another is to come."""
    provider = stage.provider(*WHOLE_STREAM[:2])
    log, _ = memory_log(lambda who, what: None)
    config = Config(calls=CallOptions(drain_timeout=drain_timeout))
    ending = Ending(config, stage.calls, Doors(stage), log)
    caller = stage.connect()
    caller.send(chat() + chat(stream=False))
    await caller.read_to(b"hel")
    ending.signalled("SIGTERM")
    stage.nursery.start_soon(ending.run)
    await trio.sleep(1)
    provider.say(*WHOLE_STREAM[2:])
    await caller.read_to(b"0\r\n\r\n")
    await trio.sleep(29)
    provider.say(answer(200, COMPLETION))
    assert (await caller.reply()).status == (200 if drain_timeout > 30 else 503)
    await stage.calls.ended()
    assert stage.book.receipts[-1].ended == min(30, drain_timeout)


@pytest.mark.parametrize("stream", [True, False])
async def test_g1_whose_head_is_read_after_the_drains_time_is_told_too(
    stage: Stage, stream: bool, autojump_clock: MockClock
) -> None:
    """G1. No call was open when the time was over, and yet one was on its way in."""
    log, _ = memory_log(lambda who, what: None)
    ending = Ending(Config(calls=CallOptions(drain_timeout=0.0)), stage.calls, Doors(stage), log)
    busy = stage.ask(get("/v1/models"))
    await busy.reply()
    ending.signalled("SIGTERM")
    stage.nursery.start_soon(ending.run)
    await trio.sleep(1)
    reply = await stage.ask(chat(stream=stream)).reply()
    assert (reply.status, reply.error["code"]) == (503, "gateway_shutdown")
    assert trio.current_time() == 1
    await stage.calls.ended()
    receipt = stage.book.receipts[-1]
    assert (receipt.outcome, receipt.cause) == ("stopped", "drain")
    assert stage.dialled == []


async def test_the_order_to_drain_is_obeyed_whatever_came_with_it(stage: Stage) -> None:
    """A reload that is ordered in the same moment must not swallow it."""
    log, _ = memory_log(lambda who, what: None)
    config = Config(calls=CallOptions(drain_delay=0.0))
    ending, reloaded = Ending(config, stage.calls, Doors(stage), log), trio.Event()
    supervisor, lifeline = socket.socketpair()
    lifeline.setblocking(False)
    with supervisor, lifeline, trio.fail_after(SOON):
        async with trio.open_nursery() as heeding:
            place = Post(1, os.getpid(), lifeline, -1)
            heeding.start_soon(ending.heed_supervisor, place, reloaded.set)
            supervisor.send(RELOAD)
            await reloaded.wait()
            supervisor.send(RELOAD + DRAIN)
            await ending.run()
            heeding.cancel_scope.cancel()


async def test_g1_a_request_of_which_the_head_alone_has_come_is_answered(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G1. Its connection is hung up on in that very moment; its body is read all the same."""
    stage.provider(answer(200, COMPLETION))
    caller = stage.connect()
    await trio.sleep(1)
    wire = chat(stream=False)
    caller.send(wire[:-20])
    stage.calls.draining = True
    stage.connections[0].drain()
    await trio.sleep(1)
    caller.send(wire[-20:])
    reply = await caller.reply()
    assert (reply.status, reply.get("connection")) == (200, "close")
    caller.leave()
    assert (await stage.receipt()).outcome == "completed"


async def test_g1_readiness_is_red_while_draining_and_connections_end(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G1."""
    caller = stage.ask(get("/readyz"))
    reply = await caller.reply()
    assert (reply.status, reply.body) == (200, b'{"status":"ready"}')
    stage.calls.draining = True
    caller.send(get("/readyz"))
    reply = await caller.reply()
    assert (reply.status, reply.body) == (503, b'{"status":"draining"}')
    assert (reply.get("connection"), reply.get("content-type")) == ("close", "application/json")
    other = stage.ask(get("/healthz"))
    reply = await other.reply()
    assert (reply.status, reply.get("connection")) == (200, "close")


STOPPED: dict[str, tuple[bytes, list[bytes], str]] = {
    "body": (post(b"{", "Content-Length: 100"), [], "body"),
    "waiting": (chat(), [], "waiting"),
    "whole": (chat(stream=False), [], "waiting"),
}


@pytest.mark.parametrize(("wire", "script", "phase"), STOPPED.values(), ids=STOPPED)
async def test_g1_a_call_that_is_stopped_before_its_answer_is_a_503(
    stage: Stage, wire: bytes, script: list[bytes], phase: str, autojump_clock: MockClock
) -> None:
    """G1."""
    provider = stage.provider(*script)
    caller = stage.ask(wire)
    await trio.sleep(5)
    stage.calls.draining = True
    stage.calls.stop_all()
    reply = await caller.reply()
    assert (reply.status, reply.error["code"]) == (503, "gateway_shutdown")
    assert (reply.get("x-should-retry"), reply.get("connection")) == (None, "close")
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.cause, receipt.phase) == ("stopped", "drain", phase)
    assert receipt.ended == 5
    assert phase == "body" or provider.closed_at == 5


@pytest.mark.parametrize("kept_waiting", [True, False])
async def test_g1_a_call_that_is_stopped_within_its_answer_is_told_in_band(
    stage: Stage, kept_waiting: bool, autojump_clock: MockClock
) -> None:
    """G1."""
    provider = stage.provider(*[] if kept_waiting else WHOLE_STREAM[:2])
    caller = stage.ask(chat())
    await trio.sleep(25)
    stage.calls.stop_all()
    reply = await caller.reply()
    assert reply.events[-1]["error"]["code"] == "gateway_shutdown"
    assert (reply.status, reply.whole) == (200, False)
    assert b"[DONE]" not in reply.body
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.status) == ("stopped", 200)
    assert receipt.phase == ("waiting" if kept_waiting else "streaming")
    assert provider.closed_at == receipt.ended == 25


async def test_g1_the_last_word_waits_for_a_keepalive_under_way(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G1. They are written one after the other, never into each other."""
    stage.provider()
    caller = stage.connect(window=8)
    caller.send(chat())
    await trio.sleep(25)
    stage.calls.stop_all()
    await trio.sleep(5)
    assert len(caller.line.writes) == 1
    reply = await caller.reply()
    assert reply.body.startswith(b": keepalive\n\ndata: {")
    assert reply.events[-1]["error"]["code"] == "gateway_shutdown"
    assert (await stage.receipt()).outcome == "stopped"


async def test_g1_a_write_that_was_cut_is_followed_by_nothing(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G1. Half an event is out: an error behind it would be read as its end."""
    provider = stage.provider(STREAM_HEAD, chunk(event("word " * 100)))
    caller = stage.connect(window=400)
    caller.send(chat())
    await trio.sleep(5)
    stage.calls.stop_all()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase, receipt.ended) == ("stopped", "streaming", 5)
    assert provider.closed_at == 5
    reply = await caller.reply()
    assert (reply.body, reply.whole) == (b"", False)
    assert len(caller.line.writes) == 1


@pytest.mark.parametrize("begun", [True, False])
async def test_g1_a_stop_that_comes_with_the_providers_words_is_told(
    stage: Stage, begun: bool, autojump_clock: MockClock
) -> None:
    """G1: what was not written yet is not torn."""
    provider = stage.provider(STREAM_HEAD, *[chunk(event("a"))] * begun)
    caller = stage.ask(chat())
    await trio.sleep(5)
    provider.say(chunk(event("b")))
    stage.calls.stop_all()
    reply = await caller.reply()
    assert reply.status == (200 if begun else 503)
    error = reply.events[-1]["error"] if begun else reply.error
    assert error["code"] == "gateway_shutdown"
    assert (await stage.receipt()).ended == provider.closed_at == 5


async def test_g1_a_last_word_that_nobody_takes_is_not_waited_for_for_ever(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C9, G1."""
    stage.clocks = ClockOptions(write_timeout=7.0)
    stage.provider(STREAM_HEAD, chunk(event("a")))
    caller = stage.connect(window=500)
    caller.send(chat())
    await trio.sleep(5)
    stage.calls.stop_all()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.cause, receipt.ended) == ("stopped", "drain", 12)


async def test_g2_calls_that_are_cut_end_without_a_word(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G2."""
    scripts = [[], WHOLE_STREAM[:2], WHOLE_STREAM[:1]]
    providers = list(starmap(stage.provider, scripts))
    callers = [stage.ask(chat()) for _ in scripts]
    await trio.sleep(5)
    stage.calls.cut_all()
    await stage.calls.ended()
    assert [(receipt.outcome, receipt.cause) for receipt in stage.book.receipts] == [
        ("stopped", "drain")
    ] * 3
    assert {provider.closed_at for provider in providers} == {5}
    assert sum(len(caller.line.writes) for caller in callers) == 1


async def test_g2_a_server_that_ends_around_its_calls_has_their_receipts(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G2. As stock Hypercorn does: nobody has named a cause, everything is just cancelled."""
    providers = [stage.provider(*WHOLE_STREAM[:2]), stage.provider()]
    async with trio.open_nursery() as server:
        stage.nursery = server
        for _ in providers:
            stage.ask(chat())
        await trio.sleep(25)
        server.cancel_scope.cancel()
    assert [(receipt.outcome, receipt.cause) for receipt in stage.book.receipts] == [
        ("stopped", Cause.DRAIN)
    ] * 2
    assert {provider.closed_at for provider in providers} == {25}


async def test_the_first_ending_stands(stage: Stage, autojump_clock: MockClock) -> None:
    """A client that leaves while it is told of the end was stopped all the same."""
    stage.provider(STREAM_HEAD, chunk(event("a")))
    caller = stage.connect(window=500)
    caller.send(chat())
    await trio.sleep(5)
    stage.calls.stop_all()
    await trio.sleep(1)
    caller.leave()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.cause, receipt.ended) == ("stopped", "drain", 6)
