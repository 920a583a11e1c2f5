"""A connection of a gateway, as the demonstration's upstream reads it."""

import socket
from collections.abc import AsyncIterator

import pytest
import trio

from gateway.commands.demonstration import peer as module
from gateway.commands.demonstration.peer import Peer
from gateway.words.errors import BadRequest

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n"
BY_LENGTH = HEAD + b"content-length: 5\r\n\r\nhello"
IN_CHUNKS = HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
UPGRADE = HEAD + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 5\r\n\r\nhello"
ASKED = ("/v1/chat/completions", b"hello")


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Peer, trio.socket.SocketType]]:
    ours, theirs = trio.socket.socketpair()
    with ours, theirs:
        yield Peer(ours), theirs


@pytest.mark.parametrize("request_", [BY_LENGTH, IN_CHUNKS, UPGRADE])
async def test_a_request_is_read_wherever_it_is_cut(
    ends: tuple[Peer, trio.socket.SocketType], request_: bytes
) -> None:
    peer, _ = ends
    for cut in range(1, len(request_)):
        found = peer.take(request_[:cut]) + peer.take(request_[cut:])
        assert found == [ASKED]


async def test_pipelined_requests_are_told_apart(
    ends: tuple[Peer, trio.socket.SocketType],
) -> None:
    peer, _ = ends
    get = b"GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n"
    assert peer.take(BY_LENGTH + get) == [ASKED, ("/v1/models", b"")]


async def test_what_is_no_http_is_refused(ends: tuple[Peer, trio.socket.SocketType]) -> None:
    peer, _ = ends
    with pytest.raises(BadRequest):
        peer.take(b"\x00\x01\x02\x03")


async def test_a_body_without_end_is_refused(ends: tuple[Peer, trio.socket.SocketType]) -> None:
    peer, _ = ends
    length = module.MAX_BODY_BYTES + 1
    with pytest.raises(ValueError, match="no call of the demonstration"):
        peer.take(HEAD + b"content-length: %d\r\n\r\n" % length + b"x" * length)


async def test_what_is_sent_arrives_and_a_peer_that_has_gone_is_no_error(
    ends: tuple[Peer, trio.socket.SocketType],
) -> None:
    peer, theirs = ends
    await peer.send(b"hello")
    assert await theirs.recv(10) == b"hello"
    theirs.close()
    await peer.send(b"hello")
    await peer.flood(b"hello", 100, 1.0)


async def test_a_flood_ends_when_nothing_more_is_taken(
    ends: tuple[Peer, trio.socket.SocketType],
) -> None:
    peer, theirs = ends
    block = bytes(range(251)) * 40
    with trio.fail_after(5):
        await peer.flood(block, 100_000_000, 0.01)
    taken = b""
    with trio.move_on_after(0.02):
        while True:
            taken += await theirs.recv(1_000_000)
    assert taken
    assert taken == (block * (len(taken) // len(block) + 1))[: len(taken)]


async def test_a_flood_has_its_bound(ends: tuple[Peer, trio.socket.SocketType]) -> None:
    peer, theirs = ends
    await peer.flood(b"x" * 100, 250, 1.0)
    assert len(await theirs.recv(1000)) == 300


async def test_the_moment_of_leaving_is_kept(ends: tuple[Peer, trio.socket.SocketType]) -> None:
    peer, _ = ends
    assert peer.gone_at is None
    before = trio.current_time()
    peer.note_gone()
    await peer.gone()
    assert peer.gone_at is not None
    assert before <= peer.gone_at <= trio.current_time()


async def test_it_may_be_closed_twice(ends: tuple[Peer, trio.socket.SocketType]) -> None:
    peer, theirs = ends
    assert peer.fileno() > 0
    peer.close()
    peer.close()
    assert peer.fileno() == -1
    assert await theirs.recv(1) == b""


def test_its_buffer_is_small() -> None:
    async def size() -> int:
        ours, theirs = trio.socket.socketpair()
        with ours, theirs:
            Peer(ours)
            return int(ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))

    # The kernel doubles it for its own books.
    assert trio.run(size) <= 2 * module.SEND_BUFFER_BYTES
