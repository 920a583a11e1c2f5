"""The watcher sees clients leave without reading, over real sockets."""

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import ExitStack
from functools import partial

import pytest
import trio
import trio.testing

from gateway.downstream.accept import Accepting
from gateway.downstream.gone import Watcher, socket_of
from gateway.upstream.wire import Wire

SOON = 0.5


@pytest.fixture
async def watcher(nursery: trio.Nursery) -> AsyncIterator[Watcher]:
    watcher = Watcher()
    nursery.start_soon(watcher.run)
    yield watcher
    nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        await trio.testing.wait_all_tasks_blocked()
    watcher.close()


@pytest.fixture
async def pair() -> AsyncIterator[tuple[trio.SocketStream, Wire]]:
    sock = socket.create_server(("127.0.0.1", 0))
    async with (
        Accepting(sock) as listener,
        await trio.open_tcp_stream(*sock.getsockname()) as ours,
        await listener.accept() as theirs,
    ):
        yield ours, theirs


def reset(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


@pytest.mark.parametrize("way", ["fin", "rst", "half-close"])
@pytest.mark.parametrize("unread", [b"", b"unread bytes"])
async def test_c14_a_client_that_leaves_is_seen_whatever_lies_unread(
    watcher: Watcher,
    pair: tuple[trio.SocketStream, Wire],
    way: str,
    unread: bytes,
) -> None:
    """C14."""
    ours, theirs = pair
    gone = trio.Event()
    with watcher.watching(theirs, gone.set):
        if unread:
            await ours.send_all(unread)
        await trio.sleep(0.01)
        assert not gone.is_set()
        if way == "rst":
            reset(ours)
        elif way == "fin":
            ours.socket.close()
        else:
            await ours.send_eof()
        with trio.fail_after(SOON):
            await gone.wait()
    assert len(watcher) == 0


async def test_a_descriptor_used_anew_cuts_nobody_else(
    watcher: Watcher, pair: tuple[trio.SocketStream, Wire]
) -> None:
    ours, theirs = pair
    wrong = trio.Event()
    with watcher.watching(theirs, wrong.set):
        pass
    ours.socket.close()
    await trio.sleep(0.02)
    assert not wrong.is_set()


async def test_it_wakes_once_for_a_client_that_left(
    watcher: Watcher, pair: tuple[trio.SocketStream, Wire]
) -> None:
    ours, theirs = pair
    calls: list[int] = []
    with watcher.watching(theirs, lambda: calls.append(1)):
        await ours.send_eof()
        await trio.sleep(0.03)
        assert calls == [1]


async def test_g4_a_bug_in_telling_one_keeps_nobody_from_being_told(nursery: trio.Nursery) -> None:
    """G4: they left in one moment, so one look of the watcher sees them all."""
    watcher = Watcher()
    pairs = [socket.socketpair() for _ in range(3)]
    told: list[int] = []

    def tell(number: int) -> None:
        told.append(number)
        if number != 1:
            raise ZeroDivisionError(number)

    with ExitStack() as watched:
        for number, (ours, theirs) in enumerate(pairs):
            watched.enter_context(watcher.watching(Wire(theirs), partial(tell, number)))
            ours.close()
        bug = pytest.RaisesGroup(ZeroDivisionError)
        with pytest.RaisesGroup(bug, bug):
            await watcher.run()
    assert sorted(told) == [0, 1, 2]
    for _, theirs in pairs:
        theirs.close()
    watcher.close()


def test_a_stream_without_a_socket_is_refused() -> None:
    stream, _ = trio.testing.memory_stream_pair()
    with pytest.raises(TypeError, match="no wire"):
        socket_of(stream)
