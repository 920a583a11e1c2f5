"""A bug costs one call or one connection, in virtual time (G4). Each is told, once.

The same over real sockets, with fifty streams beside it, is in `test_walls.py`.
"""

from dataclasses import replace

import httpx2
import trio
from trio.testing import MockClock

from gateway.downstream.client import Guest
from gateway.downstream.connection import Connection
from gateway.downstream.head import Head
from gateway.upstream.stream import DirectStream
from gateway.words.receipt import Receipt
from tests.caller import Caller, Line
from tests.stage import (
    PEER,
    STREAM_HEAD,
    WHOLE_STREAM,
    Provider,
    Stage,
    chat,
    chunk,
    event,
    get,
)
from tests.test_walls import CannotClose

pytest_plugins = ("tests.onstage",)

MODELS = get("/v1/models")


class Broken(httpx2.AsyncBaseTransport):
    """A transport with a bug."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        raise RuntimeError("a bug that knows the key sk-1")


async def test_a_bug_is_a_500_in_the_right_shape_and_is_told_once(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.others["http"] = Broken()
    caller = stage.ask(chat() + MODELS)
    reply = await caller.reply()
    assert (reply.status, reply.error["code"]) == (500, "internal_error")
    assert "req_1" in reply.error["message"]
    assert "sk-1" not in reply.error["message"]
    assert (reply.get("x-should-retry"), reply.get("x-request-id")) == ("false", "req_1")
    assert (await caller.reply()).status == 200
    assert stage.take_bugs() == [("request", "req_1")]
    await stage.calls.ended()
    receipt = stage.book.receipts[0]
    assert (receipt.outcome, receipt.cause, receipt.status) == ("internal", "internal_error", 500)
    assert receipt.attempts[0].outcome == "cancelled"


async def test_a_bug_within_an_answer_is_told_in_band(
    stage: Stage, autojump_clock: MockClock
) -> None:
    class Stumbling(Provider):
        def read_now(self, max_bytes: int, /) -> bytes | None:
            if self.taken > len(STREAM_HEAD):
                raise RuntimeError("a bug")
            return super().read_now(max_bytes)

    provider = Stumbling(STREAM_HEAD, chunk(event("a")))
    stage.prepare(provider)
    reply = await stage.ask(chat()).reply()
    assert reply.text == "a"
    assert reply.events[-1]["error"]["code"] == "internal_error"
    assert not reply.whole
    assert stage.take_bugs() == [("request", "req_1")]
    assert (await stage.receipt()).outcome == "internal"
    assert provider.closed


async def test_a_tap_that_raises_hurts_nobody(stage: Stage, autojump_clock: MockClock) -> None:
    class Sour:
        def settled(self, receipt: Receipt) -> None:
            raise RuntimeError("a bug in a tap")

    stage.taps = (Sour(), Sour())
    stage.provider(*WHOLE_STREAM)
    caller = stage.ask(chat() + MODELS)
    assert (await caller.reply()).text == "hello"
    assert (await caller.reply()).status == 200
    await stage.calls.ended()
    assert stage.take_bugs() == [("tap", "req_1")] * 2 + [("tap", "req_2")] * 2


async def test_a_bug_in_cleanup_when_the_client_leaves_is_told(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """The client is gone, so nobody is told but the log; the receipt says that it was our bug."""

    class Stumbling(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            response = await stage.transport.handle_async_request(request)
            assert isinstance(response.stream, DirectStream)
            response.stream = CannotClose(response.stream)
            return response

    stage.others["http"] = Stumbling()
    provider = stage.provider(STREAM_HEAD, chunk(event("a")))
    caller = stage.ask(chat())
    await trio.sleep(5)
    caller.leave()
    assert (await stage.receipt()).outcome == "internal"
    assert provider.closed_at == 5
    assert stage.take_bugs() == [("request", "req_1")]
    assert (await stage.ask(MODELS).reply()).status == 200


async def test_a_bug_on_one_connection_leaves_fifty_streams_untouched(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C21 in part, G4."""
    others = []
    for _ in range(50):
        provider = stage.provider(*WHOLE_STREAM[:2])
        caller = stage.ask(chat())
        await provider.asked.wait()
        others.append((provider, caller))

    class Broken(Line):
        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            raise RuntimeError("a bug in the protocol's handling")

    line = Broken()
    await Connection(line, PEER, stage.hall).run()
    assert stage.take_bugs() == [("connection", "")]
    for provider, caller in others:
        provider.say(*WHOLE_STREAM[2:])
        assert (await caller.reply()).text == "hello"


async def test_a_bug_in_cleanup_that_comes_with_a_cancellation_stays_on_its_connection(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G4: it arrives in a group that also holds Cancelled, and is no `Exception` itself."""

    class Broken(Line):
        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise RuntimeError("a bug in cleanup")

    stage.provider()
    caller = stage.accept(Broken())
    caller.send(chat())
    await trio.sleep(stage.clocks.head_after + 1)
    caller.leave()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase) == ("client_gone", "waiting")
    assert stage.take_bugs() == [("connection", "")]
    other = stage.ask(MODELS)
    assert (await other.reply()).status == 200


async def test_a_bug_that_comes_with_a_cancellation_from_outside_is_told(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """The server ends around the connection, and a task of its own stumbles on the way out."""

    async def stumble() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise RuntimeError("a bug in cleanup")

    async def answer(client: Guest, head: Head, peer: str) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stumble)
            await trio.sleep_forever()

    line = Line()
    Caller(line).send(MODELS)
    with trio.move_on_after(3) as scope:
        await Connection(line, PEER, replace(stage.hall, answer=answer)).run()
    assert scope.cancelled_caught
    assert stage.take_bugs() == [("connection", "")]


async def test_a_bug_beside_the_story_ends_its_call_alone(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """In the clock's own task: it is told by the connection, and the call has its receipt."""

    class Broken(Line):
        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            raise RuntimeError("a bug")

    provider = stage.provider()
    other_provider = stage.provider(*WHOLE_STREAM[:2])
    caller = stage.accept(Broken())
    caller.send(chat())
    await provider.asked.wait()
    other = stage.ask(chat())
    await trio.sleep(stage.clocks.head_after + 1)
    assert provider.closed_at == stage.clocks.head_after
    assert stage.take_bugs() == [("connection", "")]
    other_provider.say(*WHOLE_STREAM[2:])
    assert (await other.reply()).text == "hello"
    await stage.calls.ended()
    assert [receipt.outcome for receipt in stage.book.receipts] == ["internal", "completed"]
