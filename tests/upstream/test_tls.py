"""A connection's bytes under TLS, on real sockets; the peer is moved by hand."""

import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator

import pytest
import trio
import trustme

from gateway.upstream.tls import TlsWire
from gateway.upstream.wire import Ragged, Wire

BIG = b"x" * 4_000_000


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Peer:
    """The other end of a TLS connection, moved by hand."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self.sock = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)

    def pump(self) -> None:
        if self._out.pending:
            self.sock.sendall(self._out.read())

    async def handshake(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.pump()
                await trio.lowlevel.wait_readable(self.sock)
                self._in.write(self.sock.recv(65_536))
            else:
                self.pump()
                return

    def send(self, *records: bytes) -> None:
        for record in records:
            self._tls.write(record)
        self.pump()

    async def read(self) -> bytes:
        while True:
            try:
                return self._tls.read(65_536)
            except ssl.SSLWantReadError:
                await trio.lowlevel.wait_readable(self.sock)
                self._in.write(self.sock.recv(65_536))

    def farewell(self) -> None:
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.unwrap()
        self.pump()


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A client's and a server's TLS context that trust each other."""
    authority = trustme.CA()
    client, server = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(client)
    authority.issue_cert("localhost").configure_cert(server)
    return client, server


@pytest.fixture
async def secured(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> AsyncIterator[tuple[TlsWire, Peer]]:
    client, server = contexts
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    theirs.setblocking(False)
    tls, peer = TlsWire(Wire(ours), client, "localhost"), Peer(theirs, server)
    with theirs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.handshake)
            await tls.handshake()
        yield tls, peer
    tls.close()


async def test_bytes_pass_under_tls(secured: tuple[TlsWire, Peer]) -> None:
    tls, peer = secured
    await tls.send_all(b"hello")
    assert await peer.read() == b"hello"
    assert tls.read_now(10) is None
    peer.send(b"world")
    assert await tls.receive_some() == b"world"


async def test_records_that_came_together_are_read_together(
    secured: tuple[TlsWire, Peer],
) -> None:
    """One read of the upstream makes one write to the client, under TLS as well."""
    tls, peer = secured
    peer.send(b"one ", b"two ", b"three ", b"four")
    await tls._wire.wait_for_bytes()
    assert await tls.receive_some() == b"one two three four"
    peer.send(b"one ", b"two ")
    await tls._wire.wait_for_bytes()
    assert tls.read_now(6) == b"one tw"
    assert tls.read_now(6) == b"o "


async def test_a_farewell_is_an_end(secured: tuple[TlsWire, Peer]) -> None:
    tls, peer = secured
    peer.send(b"last words")
    peer.farewell()
    await tls._wire.wait_for_bytes()
    assert await tls.receive_some() == b"last words"
    assert await tls.receive_some() == b""
    assert tls.read_now(1) == b""


async def test_an_end_without_farewell_is_no_end(secured: tuple[TlsWire, Peer]) -> None:
    """U13: nobody can tell who closed; but the records before it are not lost."""
    tls, peer = secured
    peer.send(b"last words")
    peer.sock.shutdown(socket.SHUT_WR)
    await tls._wire.wait_for_bytes()
    assert await tls.receive_some() == b"last words"
    for _ in range(2):
        with pytest.raises(Ragged) as caught:
            await tls.receive_some()
    assert isinstance(caught.value.__cause__, ssl.SSLEOFError)


async def test_a_reset_under_tls_is_a_reset(secured: tuple[TlsWire, Peer]) -> None:
    tls, peer = secured
    reset(peer.sock)
    await tls._wire.wait_for_bytes()
    with pytest.raises(trio.BrokenResourceError) as caught:
        await tls.receive_some()
    assert isinstance(caught.value.__cause__, ConnectionResetError)
    with pytest.raises(trio.BrokenResourceError):
        await tls.send_all(b"x")


async def test_a_big_write_under_tls_waits_for_the_peer(secured: tuple[TlsWire, Peer]) -> None:
    tls, peer = secured
    got = bytearray()

    async def read() -> None:
        while len(got) < len(BIG):
            got.extend(await peer.read())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tls.send_all, BIG)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(read)
    assert got == BIG


async def test_a_closed_tls_wire_says_so(secured: tuple[TlsWire, Peer]) -> None:
    tls, peer = secured
    tls.close()
    # A reset, where something was still unread: the tickets that follow a handshake.
    with contextlib.suppress(ConnectionResetError):
        assert peer.sock.recv(1) == b""
    with pytest.raises(trio.ClosedResourceError):
        tls.read_now(1)
    with pytest.raises(trio.ClosedResourceError):
        await tls.send_all(b"x")


async def test_it_waits_for_room_and_closes_as_any_stream(secured: tuple[TlsWire, Peer]) -> None:
    tls, _ = secured
    with trio.testing.assert_checkpoints():
        await tls.wait_send_all_might_not_block()
    with trio.testing.assert_checkpoints():
        await tls.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await tls.wait_send_all_might_not_block()
