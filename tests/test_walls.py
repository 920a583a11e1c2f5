"""A bug costs one call or one connection. Fifty other open streams go on, untouched (G4)."""

from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
import trio

from gateway.downstream.client import Guest
from gateway.downstream.connection import Hall
from gateway.downstream.head import Head
from gateway.upstream.stream import DirectStream
from tests.inside import Inside, start
from tests.process import provider
from tests.scripted import Link, listen
from tests.test_audit import FINISH, STREAM
from tests.test_client_leaves import CHUNK, STREAM_HEAD

OTHERS = 50


class CannotClose(DirectStream):
    """A stream with a bug in its cleanup."""

    def __init__(self, stream: DirectStream) -> None:
        self._stream = stream
        self.headers = stream.headers

    async def receive_some(self) -> bytes:
        return await self._stream.receive_some()

    def close(self) -> None:
        self._stream.close()
        raise ZeroDivisionError("a bug in cleanup")

    def park(self) -> None:
        self._stream.park()


class BugForMarked(httpx2.AsyncBaseTransport):
    """Brings the bug into calls that ask for it in their body."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        if b'"marked"' in request.read():
            assert isinstance(response.stream, DirectStream)
            response.stream = CannotClose(response.stream)
        return response


class Streams:
    """Fifty clients in mid-stream, whose provider goes on at a sign."""

    def __init__(self, inside: Inside, nursery: trio.Nursery) -> None:
        self.inside = inside
        self.answers: list[bytes] = []
        self.go_on = trio.Event()
        self.begun = 0
        self._nursery = nursery

    async def provide(self, link: Link) -> None:
        await link.request()
        await link.send(STREAM_HEAD)
        await link.chunk(CHUNK % b"one")
        await self.go_on.wait()
        await link.chunk(CHUNK % b"two", FINISH, b"data: [DONE]\n\n", b"")

    async def open(self) -> None:
        for _ in range(OTHERS):
            self._nursery.start_soon(self._ask)
        with trio.fail_after(5):
            while self.begun < OTHERS:
                await trio.sleep(0.005)

    async def _ask(self) -> None:
        async with await trio.open_tcp_stream("127.0.0.1", self.inside.port) as client:
            await client.send_all(STREAM)
            answer = b""
            while not answer.endswith(b"\r\n0\r\n\r\n"):
                data = await client.receive_some(65_536)
                if not answer:
                    self.begun += 1
                answer += data
            self.answers.append(answer)

    async def finish(self) -> None:
        """Let them end, and see that each got its whole answer."""
        self.go_on.set()
        with trio.fail_after(5):
            while len(self.answers) < OTHERS:
                await trio.sleep(0.005)
        assert all(b'"two"' in answer and b"[DONE]" in answer for answer in self.answers)


async def test_a_bug_in_cleanup_while_being_cancelled_hurts_nobody_else(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G4."""
    upstream = await listen(nursery, _nothing)
    inside = await start(nursery, tmp_path, provider(upstream.port, models='["m", "marked"]'))
    inside.exchange_transport(BugForMarked)
    streams = Streams(inside, nursery)
    upstream.script = streams.provide
    await streams.open()
    async with await trio.open_tcp_stream("127.0.0.1", inside.port) as client:
        body = STREAM.partition(b"\r\n\r\n")[2].replace(b'"m"', b'"marked"')
        await client.send_all(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        await client.receive_some(1000)
    with trio.fail_after(2):
        while not inside.tap.receipts:
            await trio.sleep(0.005)
    await streams.finish()
    with trio.fail_after(2):
        while len(inside.tap.receipts) < OTHERS + 1:
            await trio.sleep(0.005)
    assert "a bug in cleanup" in inside.log.read_text()
    assert len(inside.app.calls) == 0
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("bug", [ZeroDivisionError("a bug"), RuntimeError("another")])
async def test_a_bug_in_a_connections_protocol_hurts_nobody_else(
    tmp_path: Path, nursery: trio.Nursery, bug: Exception
) -> None:
    """G4."""

    def with_bug(hall: Hall) -> Hall:
        async def answer(client: Guest, head: Head, peer: str) -> None:
            if head.path == "/bug":
                raise bug
            await hall.answer(client, head, peer)

        return replace(hall, answer=answer)

    upstream = await listen(nursery, _nothing)
    inside = await start(nursery, tmp_path, provider(upstream.port), hall=with_bug)
    streams = Streams(inside, nursery)
    upstream.script = streams.provide
    await streams.open()
    async with await trio.open_tcp_stream("127.0.0.1", inside.port) as client:
        await client.send_all(b"GET /bug HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with trio.fail_after(2):
            assert await client.receive_some(1000) == b""
    assert len(inside.listening) == OTHERS
    await streams.finish()
    assert str(bug) in inside.log.read_text()
    nursery.cancel_scope.cancel()


async def _nothing(link: Link) -> None:
    await link.request()
