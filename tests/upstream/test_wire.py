"""A connection's bytes on real sockets."""

import socket
import struct
from collections.abc import AsyncIterator

import pytest
import trio

from gateway.upstream.wire import Wire

BIG = b"x" * 4_000_000


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Wire, socket.socket]]:
    """A wire, and the blocking socket of its peer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    wire = Wire(ours)
    with theirs:
        yield wire, theirs
    wire.close()


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


async def test_bytes_pass_both_ways(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    await wire.send_all(b"hello")
    assert peer.recv(100) == b"hello"
    peer.sendall(b"world")
    assert await wire.receive_some() == b"world"
    peer.sendall(b"world")
    assert await wire.receive_some(3) == b"wor"
    assert await wire.receive_some(3) == b"ld"


async def test_whoever_reads_waits_for_bytes(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    got = []

    async def read() -> None:
        got.append(await wire.receive_some())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        assert got == []
        peer.sendall(b"late")
    assert got == [b"late"]


async def test_all_but_a_write_that_is_taken_at_once_yields(
    pair: tuple[Wire, socket.socket],
) -> None:
    wire, peer = pair
    peer.sendall(b"at once")
    with trio.testing.assert_checkpoints():
        await wire.receive_some()
    task = trio.lowlevel.current_task()
    before = task._schedule_points
    await wire.send_all(b"taken")
    assert task._schedule_points == before
    with trio.testing.assert_checkpoints():
        await wire.wait_send_all_might_not_block()
    with trio.testing.assert_checkpoints():
        await wire.aclose()


async def test_a_cancelled_read_loses_nothing(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    peer.sendall(b"kept")
    with trio.CancelScope() as scope:
        scope.cancel()
        await wire.receive_some()
    assert await wire.receive_some() == b"kept"


async def test_a_cancelled_write_puts_out_nothing(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    with trio.CancelScope() as scope:
        scope.cancel()
        await wire.send_all(b"late")
    assert scope.cancelled_caught
    wire.close()
    assert peer.recv(10) == b""


async def test_a_big_write_waits_for_the_peer(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    got = bytearray()

    async def read() -> None:
        while len(got) < len(BIG):
            got.extend(await trio.to_thread.run_sync(peer.recv, 1_000_000))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wire.send_all, BIG)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(read)
    assert got == BIG


async def test_reading_now_does_not_wait(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    assert wire.read_now(10) is None
    peer.sendall(b"there")
    assert wire.read_now(3) == b"the"
    assert wire.read_now(10) == b"re"
    peer.close()
    assert wire.read_now(10) == b""
    assert await wire.receive_some() == b""


async def test_a_reset_breaks_the_wire_and_its_cause_is_kept(
    pair: tuple[Wire, socket.socket],
) -> None:
    wire, peer = pair
    reset(peer)
    with pytest.raises(trio.BrokenResourceError) as caught:
        await wire.receive_some()
    assert isinstance(caught.value.__cause__, ConnectionResetError)
    with pytest.raises(trio.BrokenResourceError) as caught:
        await wire.send_all(b"x")
    assert isinstance(caught.value.__cause__, BrokenPipeError)


async def test_closing_wakes_reader_and_writer(pair: tuple[Wire, socket.socket]) -> None:
    wire, _ = pair
    woken = []

    async def expect_closed(what: str) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await (wire.receive_some() if what == "read" else wire.send_all(BIG))
        woken.append(what)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(expect_closed, "read")
        nursery.start_soon(expect_closed, "write")
        await trio.testing.wait_all_tasks_blocked()
        wire.close()
        wire.close()
    assert sorted(woken) == ["read", "write"]


async def test_a_closed_wire_says_so(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    wire.close()
    assert peer.recv(1) == b""
    with pytest.raises(trio.ClosedResourceError):
        await wire.receive_some()
    with pytest.raises(trio.ClosedResourceError):
        await wire.send_all(b"x")
    with pytest.raises(trio.ClosedResourceError):
        await wire.wait_send_all_might_not_block()
    with pytest.raises(trio.ClosedResourceError):
        await wire.wait_for_bytes()
    with pytest.raises(trio.ClosedResourceError):
        wire.read_now(1)


async def test_what_is_broken_off_is_no_end(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    await wire.send_all(b"half")
    assert peer.recv(10) == b"half"
    wire.break_off()
    wire.close()
    with pytest.raises(ConnectionResetError):
        peer.recv(10)


async def test_one_way_can_be_closed_before_the_other(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    await wire.send_eof()
    assert peer.recv(10) == b""
    peer.sendall(b"goodbye")
    assert await wire.receive_some() == b"goodbye"
    wire.close()
    with pytest.raises(trio.ClosedResourceError):
        await wire.send_eof()


async def test_an_end_that_a_reset_overtook_is_told(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    reset(peer)
    await wire.wait_for_bytes()
    with pytest.raises(trio.BrokenResourceError):
        await wire.receive_some()
    with pytest.raises(trio.BrokenResourceError, match="closing one way"):
        await wire.send_eof()


async def test_who_stops_reading_gets_what_has_come_and_waits_for_no_more(
    pair: tuple[Wire, socket.socket],
) -> None:
    wire, peer = pair

    async def read() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await wire.receive_some()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        wire.stop_reading()
    peer.sendall(b"in time")
    assert await wire.receive_some() == b"in time"
    with pytest.raises(trio.ClosedResourceError):
        await wire.receive_some()
    await wire.send_all(b"still said")
    assert peer.recv(100) == b"still said"
