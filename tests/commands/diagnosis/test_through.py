"""Calls through a proxy, in virtual time: the built-in model behind ways of all sorts."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import httpx2
import pytest
import trio
from trio.testing import MockClock

from gateway.commands.asking import Unanswered
from gateway.commands.diagnosis.proxy import ACCEL
from gateway.commands.diagnosis.through import FIRST_TIMEOUT, SEEN_WITHIN, STAYS, Proxy, Visitor
from gateway.commands.diagnosis.verdict import Level, Verdict
from gateway.downstream.live import SeenCall, SeenConnection, SeenProcess
from gateway.telemetry.endings import SeenEnded
from gateway.upstream.echo import EchoTransport
from gateway.words.secret import Secret
from gateway.words.target import Origin

KEY = "sk-doctor-0123456789abcdef"


@dataclass
class Way(httpx2.AsyncBaseTransport):
    """A proxy with a gateway behind it, both told how to be."""

    holds: bool = False
    deaf: bool = False
    renames: bool = False
    hidden: bool = False
    cuts_after: float = 1e9
    status: int = 200
    fields: dict[str, str] = field(default_factory=dict)
    open: dict[str, float] = field(default_factory=dict)
    ended: list[SeenEnded] = field(default_factory=list)
    heard: list[httpx2.Request] = field(default_factory=list)
    echo: EchoTransport = field(default_factory=EchoTransport)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.heard.append(request)
        name = request.headers["x-request-id"]
        if self.renames:
            name = f"proxy-{len(self.heard)}"
        if request.method == "GET" or self.status != 200:
            return httpx2.Response(
                self.status, headers={"x-request-id": name}, stream=httpx2.ByteStream(b"{}")
            )
        self.open[name] = trio.current_time()
        try:
            with trio.move_on_after(self.cuts_after) as patience:
                answer = await self.echo.handle_async_request(request)
            if patience.cancelled_caught:
                raise httpx2.ReadError("cut")
        except trio.Cancelled:
            self.left(name)
            raise
        stream = Told(self, name, answer.stream)
        if self.holds:
            stream.kept = [await self.whole(answer)]
        return httpx2.Response(
            answer.status_code, headers={"x-request-id": name, **self.fields}, stream=stream
        )

    async def whole(self, answer: httpx2.Response) -> bytes:
        return b"".join([part async for part in answer.aiter_raw()])

    def left(self, name: str) -> None:
        if self.deaf:
            self.ended.append(SeenEnded(id=name, outcome="completed"))
        else:
            self.ended.append(SeenEnded(id=name, outcome="client_gone"))

    async def tree(self, limit: int) -> list[SeenProcess]:
        await trio.lowlevel.checkpoint()
        if self.hidden:
            raise Unanswered("The admin refuses the key.")
        now = trio.current_time()
        seen = [
            SeenConnection("127.0.0.1", now - began + 3, SeenCall(id=name, age=now - began))
            for name, began in self.open.items()
        ]
        return [SeenProcess(worker=1, supervisor=7, connections=seen[:limit], ended=self.ended)]

    async def cancel(self, call: str) -> int:
        raise AssertionError(call)


class Told(httpx2.AsyncByteStream):
    """An answer on its way, which notes whether it was read to its end."""

    def __init__(self, way: Way, name: str, inner: object) -> None:
        assert isinstance(inner, httpx2.AsyncByteStream)
        self.kept: list[bytes] | None = None
        self._way, self._name, self._over = way, name, False
        self._parts: AsyncIterator[bytes] = aiter(inner)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self.kept is not None:
            if not self.kept:
                self._over = True
                raise StopAsyncIteration
            return self.kept.pop()
        try:
            return await anext(self._parts)
        except StopAsyncIteration:
            self._over = True
            raise

    async def aclose(self) -> None:
        if not self._over:
            self._way.left(self._name)
        await trio.lowlevel.checkpoint()


async def visited(way: Way, *, silent: int = 0) -> dict[str, Verdict]:
    proxy = Proxy(Origin("https", "gateway.test", 443), "/v1", "echo", Secret(KEY), silent)
    async with httpx2.AsyncClient(transport=way) as client:
        found = await Visitor(proxy, client, way).visit()
    assert all(each.remedy for each in found if each.level in {Level.WARN, Level.FAIL})
    assert KEY not in str(found)
    return {each.check: each for each in found}


def levels(found: dict[str, Verdict], *names: str) -> Sequence[Level]:
    return [found[name].level for name in names]


ALL = ("answer", "stream", ACCEL, "keep-alive", "leaving a stream", "leaving an answer")


async def test_a_proxy_that_passes_all_on_is_well_and_pays_nobody(
    autojump_clock: MockClock,
) -> None:
    way = Way()
    began = trio.current_time()
    found = await visited(way)
    assert trio.current_time() - began < STAYS + SEEN_WITHIN
    assert levels(found, *ALL) == [Level.OK] * len(ALL)
    assert found["silence of answers"].level is Level.SKIPPED
    assert {request.url.path for request in way.heard} == {"/v1/models", "/v1/chat/completions"}
    assert all(request.headers["authorization"] == f"Bearer {KEY}" for request in way.heard)
    bodies = [json.loads(await each.aread()) for each in way.heard if each.method == "POST"]
    assert {body["model"] for body in bodies} == {"echo"}


async def test_a_proxy_that_holds_words_back_is_found(autojump_clock: MockClock) -> None:
    found = await visited(Way(holds=True))
    assert levels(found, "stream", ACCEL) == [Level.FAIL, Level.WARN]
    assert "12 words in 1 piece" in found["stream"].seen


async def test_a_proxy_that_does_not_pass_on_that_clients_leave_is_found(
    autojump_clock: MockClock,
) -> None:
    found = await visited(Way(deaf=True))
    assert levels(found, "leaving a stream", "leaving an answer") == [Level.FAIL, Level.FAIL]
    assert "the call completed" in found["leaving a stream"].seen
    assert found["stream"].level is Level.OK


async def test_where_no_gateway_can_be_asked_that_is_said_and_the_stream_is_judged(
    autojump_clock: MockClock,
) -> None:
    found = await visited(Way(hidden=True, fields={ACCEL: "no", "content-encoding": "br"}))
    assert found["arrives"].seen == "The admin refuses the key."
    assert levels(found, "arrives", "leaving a stream", "leaving an answer") == [Level.SKIPPED] * 3
    assert levels(found, "stream", ACCEL, "compression") == [Level.OK, Level.OK, Level.WARN]


async def test_a_proxy_that_renames_requests_hides_those_without_an_answer(
    autojump_clock: MockClock,
) -> None:
    found = await visited(Way(renames=True))
    assert levels(found, "stream", "leaving a stream", "leaving an answer") == [
        *(Level.OK, Level.OK, Level.SKIPPED)
    ]


@pytest.mark.parametrize("status", [401, 403, 404, 502])
async def test_where_no_call_is_let_in_the_rest_is_not_tried(
    autojump_clock: MockClock, status: int
) -> None:
    way = Way(status=status)
    found = await visited(way)
    assert list(found) == ["answer"]
    assert str(status) in found["answer"].seen
    assert len(way.heard) == 1


async def test_a_proxy_that_says_nothing_is_told_while_there_is_time(
    autojump_clock: MockClock,
) -> None:
    class Mute(Way):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            await trio.sleep_forever()
            raise AssertionError

    found = await visited(Mute())
    assert (found["answer"].level, found["answer"].seen) == (
        *(Level.FAIL, f"no list of models within {FIRST_TIMEOUT:g} seconds"),
    )


async def test_a_silence_is_tried_only_where_it_is_asked_for(autojump_clock: MockClock) -> None:
    found = await visited(Way(), silent=70)
    assert found["silence of answers"].level is Level.OK
    found = await visited(Way(cuts_after=60), silent=70)
    silence = found["silence of answers"]
    assert (silence.level, "was cut after 60.0 s" in silence.seen) == (Level.FAIL, True)


async def test_a_connection_that_breaks_is_told(autojump_clock: MockClock) -> None:
    class Broken(Way):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.method == "POST":
                raise httpx2.ReadError("it reset the connection")
            return await super().handle_async_request(request)

    class Away(Way):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            raise httpx2.ConnectError("no connection: Connection refused")

    found = await visited(Broken())
    assert (found["stream"].level, found["stream"].seen) == (
        *(Level.FAIL, "it reset the connection"),
    )
    found = await visited(Away())
    assert list(found) == ["answer"]
    assert "Connection refused" in found["answer"].seen
