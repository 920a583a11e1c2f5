"""The demonstration's upstream, asked over real sockets."""

import socket
import struct
from collections.abc import AsyncIterator

import pytest
import trio

from gateway.commands.demonstration import wire
from gateway.commands.demonstration.upstream import LOOPBACK, Asked, Upstream, sockets_of
from gateway.commands.demonstration.wire import Address
from gateway.words.target import Origin

ADDRESS = Address(Origin("http", "localhost", 80))
CLIENT_HELLO = b"\x16\x03\x01\x00\x04\x01\x00\x00\x00"


@pytest.fixture
async def upstream(nursery: trio.Nursery) -> AsyncIterator[Upstream]:
    upstream = Upstream(0, "m")
    nursery.start_soon(upstream.serve)
    with trio.fail_after(5):
        yield upstream
    nursery.cancel_scope.cancel()


async def gateway_to(upstream: Upstream) -> trio.SocketStream:
    return await trio.open_tcp_stream(LOOPBACK, upstream.port)


def call(mark: str, *, stream: bool = False) -> bytes:
    return wire.write_call(ADDRESS, wire.fields_of("m", mark, stream=stream))


async def answer_to(stream: trio.SocketStream, request: bytes, end: bytes) -> bytes:
    await stream.send_all(request)
    said = b""
    while not said.endswith(end):
        said += await stream.receive_some(65_536)
    return said


@pytest.mark.parametrize("way", ["fin", "rst"])
async def test_it_sees_when_an_expected_call_is_left(upstream: Upstream, way: str) -> None:
    asked = upstream.expect()
    stream = await gateway_to(upstream)
    await stream.send_all(call(asked.mark))
    peer = await asked.came()
    assert upstream.peers == {peer}
    assert asked.left_at is None
    if way == "rst":
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    before = trio.current_time()
    stream.socket.close()
    await asked.left()
    assert asked.left_at is not None
    assert 0 < asked.left_at - before < 1
    await trio.testing.wait_all_tasks_blocked()
    assert upstream.peers == set()


async def test_a_call_asked_twice_is_left_when_both_are(upstream: Upstream) -> None:
    asked = upstream.expect()
    streams = []
    for number in (1, 2):
        streams.append(await gateway_to(upstream))
        await streams[-1].send_all(call(asked.mark))
        while len(asked.peers) < number:
            await trio.sleep(0.001)
    await streams[0].aclose()
    await asked.peers[0].gone()
    assert asked.left_at is None
    await streams[1].aclose()
    await asked.left()
    assert asked.left_at == asked.peers[1].gone_at


async def test_ending_a_call_closes_its_connections(upstream: Upstream) -> None:
    asked = upstream.expect()
    async with await gateway_to(upstream) as stream:
        await stream.send_all(call(asked.mark))
        await asked.came()
        assert list(sockets_of(upstream.peers)) == [asked.peers[0].fileno()]
        asked.end()
        assert await stream.receive_some(1) == b""


async def test_two_calls_have_two_marks(upstream: Upstream) -> None:
    assert upstream.expect().mark != upstream.expect().mark


@pytest.mark.parametrize(
    ("request_", "end", "served"),
    [
        (call("probe"), b"}", 1),
        (call("probe", stream=True), wire.END_OF_BODY, 1),
        (b"GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n", b"}", 0),
        (b"POST /v1/x HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n{", b"}", 1),
    ],
)
async def test_what_is_not_expected_is_answered_at_once(
    upstream: Upstream, request_: bytes, end: bytes, served: int
) -> None:
    async with await gateway_to(upstream) as stream:
        assert b" 200 OK" in await answer_to(stream, request_, end)
        assert b" 200 OK" in await answer_to(stream, request_, end)
    assert upstream.served == 2 * served


async def test_a_call_that_was_forgotten_is_answered_too(upstream: Upstream) -> None:
    asked = upstream.expect()
    upstream.forget(asked)
    async with await gateway_to(upstream) as stream:
        assert b" 200 OK" in await answer_to(stream, call(asked.mark), b"}")
    assert asked.peers == []


async def test_what_is_asked_behind_an_open_call_waits(upstream: Upstream) -> None:
    asked = upstream.expect()
    async with await gateway_to(upstream) as stream:
        await stream.send_all(call(asked.mark) + call("another"))
        await asked.came()
        with trio.move_on_after(0.02) as patience:
            await stream.receive_some(1)
    assert patience.cancelled_caught
    assert upstream.served == 0


async def test_a_handshake_that_is_expected_is_met_and_never_answered(upstream: Upstream) -> None:
    asked = upstream.expect(in_tls=True)
    stream = await gateway_to(upstream)
    await stream.send_all(CLIENT_HELLO)
    await asked.came()
    with trio.move_on_after(0.02) as patience:
        await stream.receive_some(1)
    assert patience.cancelled_caught
    await stream.aclose()
    await asked.left()


async def test_another_handshake_is_hung_up_on(upstream: Upstream) -> None:
    upstream.forget(upstream.expect(in_tls=True))
    async with await gateway_to(upstream) as stream:
        await stream.send_all(CLIENT_HELLO)
        assert await stream.receive_some(1) == b""


async def test_what_is_no_gateway_is_hung_up_on(upstream: Upstream) -> None:
    async with await gateway_to(upstream) as stream:
        await stream.send_all(b"\x00 nonsense")
        assert await stream.receive_some(1) == b""


async def test_it_listens_on_loopback_alone(upstream: Upstream) -> None:
    assert upstream.base_url == f"http://127.0.0.1:{upstream.port}/v1"
    async with await gateway_to(upstream) as stream:
        assert stream.socket.getpeername()[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            Upstream(taken.getsockname()[1], "m")


def test_a_call_that_nobody_asked_was_not_left() -> None:
    assert Asked("mark").left_at is None
