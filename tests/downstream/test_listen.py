"""Listening over real sockets: TCP, TLS, Unix; the most connections; the way to stop."""

import socket
import ssl
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing
import trustme
from trio.testing import MockClock

from gateway.downstream.accept import KEPT, Reserve
from gateway.downstream.gone import Watcher
from gateway.downstream.idle import SWEEP_INTERVAL
from gateway.downstream.listen import (
    SPARE_TIMEOUT,
    TLS_HANDSHAKE_TIMEOUT,
    Listening,
    open_sockets,
    open_worker_sockets,
    tls_context,
)
from gateway.downstream.options import HttpOptions, ListenOptions, TlsFiles
from tests.stage import STREAM_HEAD, WHOLE_STREAM, Stage, chat, chunk, event, get

SOON = 2
MODELS = get("/v1/models")
LOOPBACK = ListenOptions(port=0)


class Place:
    """A listening gateway whose provider is in memory."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.stage = Stage(nursery)
        self.watcher = Watcher()
        self.reserve: Reserve | None = None
        self.port = 0

    async def open(self, options: ListenOptions = LOOPBACK, most: int = 10) -> Listening:
        sockets = open_sockets(options, 60.0)
        if not options.unix:
            self.port = sockets[0].getsockname()[1]
        hall = replace(self.stage.hall, gone=self.watcher)
        self.nursery.start_soon(self.watcher.run)
        listening = Listening(options, sockets, hall, most, self.reserve)
        await self.nursery.start(listening.run)
        return listening

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with trio.open_nursery() as nursery:
        place = Place(nursery)
        yield place
        nursery.cancel_scope.cancel()
    place.watcher.close()
    await place.stage.strike()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return issue(authority, tmp_path_factory.mktemp("tls"))


def issue(authority: trustme.CA, folder: Path) -> TlsFiles:
    """Write a certificate and its key into a folder."""
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for part in issued.cert_chain_pems:
        part.write_to_path(folder / "chain.pem", append=True)
    return TlsFiles(str(folder / "chain.pem"), str(folder / "key.pem"))


async def receive(stream: trio.abc.Stream, mark: bytes = b"}") -> bytes:
    """Read until the mark, or to the end."""
    got = b""
    with trio.fail_after(SOON):
        while not got.endswith(mark) and (data := await stream.receive_some(65_536)):
            got += data
    return got


def reset(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


async def settled(place: Place, listening: Listening, count: int = 0) -> None:
    """Wait until so many connections are open."""
    with trio.fail_after(SOON):
        while len(listening) != count:
            await trio.sleep(0.002)


async def test_requests_are_served_and_connections_counted(place: Place) -> None:
    listening = await place.open()
    async with await place.connect() as client:
        await client.send_all(MODELS)
        assert (await receive(client)).startswith(b"HTTP/1.1 200 OK\r\n")
        assert len(listening) == 1
    await settled(place, listening)
    assert (await place.stage.receipt()).peer == "127.0.0.1"


async def test_c20_a_peer_that_vanished_is_found_by_the_kernel() -> None:
    """C20 in part: an accepted connection has inherited what is to find it."""
    (sock,) = open_sockets(LOOPBACK, 60.0)
    with sock, socket.create_connection(sock.getsockname()):
        accepted, _ = sock.accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 65_000
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 10
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 3


async def test_an_ipv6_address_is_listened_on(place: Place) -> None:
    try:
        await place.open(ListenOptions(host="::1", port=0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with await trio.open_tcp_stream("::1", place.port) as client:
        await client.send_all(MODELS)
        assert (await receive(client)).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_unix_socket_is_served(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    listening = await place.open(ListenOptions(unix=str(path)))
    provider = place.stage.provider(STREAM_HEAD, chunk(event("a")))
    async with await trio.open_unix_socket(path) as client:
        await client.send_all(chat())
        await provider.asked.wait()
    await settled(place, listening)
    (receipt,) = place.stage.book.receipts
    assert (receipt.peer, receipt.outcome) == ("unix", "client_gone")
    assert provider.closed


async def test_one_connection_too_many_is_told_and_closed(place: Place) -> None:
    """G8."""
    listening = await place.open(most=2)
    first, second = [await place.connect() for _ in range(2)]
    await settled(place, listening, 2)
    async with await place.connect() as third:
        await third.send_all(chat())
        said = await receive(third, b"never")
    assert said.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nretry-after: 1\r\n" in said
    assert b"\r\nconnection: close\r\n" in said
    assert b'"code":"overloaded"' in said
    assert (await place.stage.receipt()).outcome == "refused"
    await first.aclose()
    await settled(place, listening, 1)
    async with await place.connect() as fourth:
        await fourth.send_all(MODELS)
        assert (await receive(fourth)).startswith(b"HTTP/1.1 200 OK\r\n")
    await second.aclose()


async def test_g8_beyond_the_most_connections_probes_are_still_answered(place: Place) -> None:
    """G8."""
    await place.open(most=0)
    for path in ("/healthz", "/readyz"):
        async with await place.connect() as probe:
            await probe.send_all(get(path) + get(path))
            said = await receive(probe, b"never")
        assert said.count(b"HTTP/1.1 200 OK\r\n") == 1
        assert b"\r\nconnection: close\r\n" in said


async def test_g8_one_beyond_the_most_connections_that_says_nothing_is_soon_sent_away(
    place: Place,
) -> None:
    """G8."""
    listening = await place.open(most=0)
    async with await place.connect() as silent:
        await settled(place, listening, 1)
        with trio.fail_after(SPARE_TIMEOUT + SWEEP_INTERVAL + SOON):
            assert await silent.receive_some() == b""


async def test_g8_where_those_for_probes_are_taken_too_nobody_is_waited_for(place: Place) -> None:
    """G8: and what is said is heard, although the request is not read before."""
    listening = await place.open(most=1)
    waiting = [await place.connect() for _ in range(1 + KEPT)]
    await settled(place, listening, 1 + KEPT)
    async with await place.connect() as another:
        await another.send_all(chat() * 100)
        said = await receive(another, b"never")
    assert said.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nretry-after: 1\r\n" in said
    assert b'"code":"overloaded"' in said
    assert b"\r\nx-request-id: req_" in said
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(body) in head
    assert len(listening) == 1 + KEPT
    for client in waiting:
        await client.aclose()
    await settled(place, listening, 0)


class Spent(Reserve):
    """A reserve of which something is always in use."""

    @property
    def short(self) -> bool:
        return True


async def test_g8_on_a_descriptor_of_the_reserve_calls_are_refused_and_probes_answered(
    place: Place,
) -> None:
    """G8."""
    place.reserve = Spent()
    await place.open()
    for wire, status in ((chat(), b"503"), (MODELS, b"503"), (get("/healthz"), b"200")):
        async with await place.connect() as client:
            await client.send_all(wire)
            assert (await receive(client, b"never")).startswith(b"HTTP/1.1 " + status)
    outcomes = [receipt.outcome for receipt in place.stage.book.receipts]
    assert outcomes == ["refused", "refused", "completed"]


async def test_one_too_many_that_has_left_already_hurts_nobody(place: Place) -> None:
    listening = await place.open(most=1)
    async with await place.connect() as client:
        await settled(place, listening, 1)
        # Nothing else runs between its coming and its leaving.
        with socket.create_connection(("127.0.0.1", place.port)) as hasty:
            hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await trio.sleep(0.01)
        await client.send_all(MODELS)
        assert (await receive(client)).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_one_that_left_before_it_was_accepted_is_not_served(nursery: trio.Nursery) -> None:
    place = Place(nursery)
    sockets = open_sockets(LOOPBACK, 60.0)
    place.port = sockets[0].getsockname()[1]
    reset(await place.connect())
    hall = replace(place.stage.hall, gone=place.watcher)
    listening = Listening(LOOPBACK, sockets, hall, 10)
    await nursery.start(listening.run)
    async with await place.connect() as client:
        await client.send_all(MODELS)
        assert (await receive(client)).startswith(b"HTTP/1.1 200 OK\r\n")
        await place.stage.receipt()
        listening.stop_accepting()
        with trio.fail_after(SOON):
            await listening.ended()
    place.watcher.close()


async def test_g1_to_stop_closes_what_is_idle_and_waits_for_what_is_busy(place: Place) -> None:
    """G1."""
    listening = await place.open()
    provider = place.stage.provider(*WHOLE_STREAM[:2])
    idle, busy = await place.connect(), await place.connect()
    await idle.send_all(MODELS)
    await receive(idle)
    await busy.send_all(chat())
    await provider.asked.wait()
    await settled(place, listening, 2)
    place.stage.calls.draining = True
    listening.stop_accepting()
    assert await receive(idle) == b""
    with pytest.raises(OSError):
        await place.connect()
    with trio.move_on_after(0.01):
        await listening.ended()
        pytest.fail("a call is still open")
    provider.say(*WHOLE_STREAM[2:])
    assert (await receive(busy, b"\r\n0\r\n\r\n")).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    await busy.aclose()
    with trio.fail_after(SOON):
        await listening.ended()
    await idle.aclose()


async def test_g1_whoever_stands_at_the_door_as_it_closes_is_answered(place: Place) -> None:
    """G1. A proxy has connected and asked; a reset would lose what it may not ask again."""
    listening = await place.open()
    address = ("127.0.0.1", place.port)
    clients = [socket.create_connection(address) for _ in range(3)]
    clients[0].sendall(MODELS)
    place.stage.calls.draining = True
    listening.stop_accepting()
    streams = [trio.SocketStream(trio.socket.from_stdlib_socket(client)) for client in clients]
    await settled(place, listening, 3)
    await streams[1].send_all(MODELS)
    for stream in streams[:2]:
        answer = await receive(stream)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"connection: close\r\n" in answer
    for stream in streams[:2]:
        await stream.aclose()
    # Whoever says nothing holds nobody up.
    with trio.fail_after(SOON):
        await listening.ended()
    await streams[2].aclose()


async def test_g2_whoever_stood_at_the_door_goes_with_all_others(place: Place) -> None:
    """G2."""
    async with trio.open_nursery() as place.nursery:
        listening = await place.open()
        client = socket.create_connection(("127.0.0.1", place.port))
        listening.stop_accepting()
        place.nursery.cancel_scope.cancel()
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(client))
    assert await receive(stream) == b""
    await stream.aclose()
    assert len(listening) == 0


async def test_a_connection_that_is_idle_for_too_long_is_closed(place: Place) -> None:
    place.stage.http = HttpOptions(keep_alive=0.2)
    listening = await place.open()
    client = await place.connect()
    await client.send_all(MODELS)
    assert (await receive(client)).startswith(b"HTTP/1.1 200 OK\r\n")
    with trio.fail_after(SOON + SWEEP_INTERVAL):
        assert await client.receive_some() == b""
    await settled(place, listening, 0)
    await client.aclose()


async def secure(place: Place, authority: trustme.CA) -> trio.SSLStream[trio.SocketStream]:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    stream = trio.SSLStream(
        await place.connect(), context, server_hostname="localhost", https_compatible=True
    )
    with trio.fail_after(SOON):
        await stream.do_handshake()
    return stream


async def test_g1_to_stop_closes_what_is_idle_under_tls(
    place: Place, authority: trustme.CA, files: TlsFiles
) -> None:
    """G1."""
    listening = await place.open(ListenOptions(port=0, tls=files))
    client = await secure(place, authority)
    await client.send_all(MODELS)
    await receive(client)
    listening.stop_accepting()
    with trio.fail_after(SOON):
        await listening.ended()
        assert await client.receive_some() == b""
    await trio.aclose_forcefully(client)


async def test_g1_whoever_is_still_in_its_handshake_as_the_doors_close_may_ask_once(
    place: Place, authority: trustme.CA, files: TlsFiles
) -> None:
    """G1."""
    listening = await place.open(ListenOptions(port=0, tls=files))
    raw = await place.connect()
    await trio.testing.wait_all_tasks_blocked(0.01)
    listening.stop_accepting()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    client = trio.SSLStream(raw, context, server_hostname="localhost", https_compatible=True)
    with trio.fail_after(SOON):
        await client.send_all(MODELS)
        assert (await receive(client)).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await client.receive_some() == b""
        await listening.ended()
    await trio.aclose_forcefully(client)


async def test_g1_whoever_stands_at_the_door_under_tls_is_answered(
    place: Place, authority: trustme.CA, files: TlsFiles
) -> None:
    """G1."""
    listening = await place.open(ListenOptions(port=0, tls=files))
    raw = socket.create_connection(("127.0.0.1", place.port))
    listening.stop_accepting()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    client = trio.SSLStream(
        trio.SocketStream(trio.socket.from_stdlib_socket(raw)),
        context,
        server_hostname="localhost",
        https_compatible=True,
    )
    with trio.fail_after(SOON):
        await client.send_all(MODELS)
        assert (await receive(client)).startswith(b"HTTP/1.1 200 OK\r\n")
        await listening.ended()
    await trio.aclose_forcefully(client)


async def test_r19_tls_is_served_as_http_1_1(
    place: Place, authority: trustme.CA, files: TlsFiles
) -> None:
    await place.open(ListenOptions(port=0, tls=files))
    async with await secure(place, authority) as client:
        assert client.selected_alpn_protocol() == "http/1.1"
        await client.send_all(MODELS)
        assert (await receive(client)).startswith(b"HTTP/1.1 200 OK\r\n")
    assert (await place.stage.receipt()).peer == "127.0.0.1"


@pytest.mark.parametrize("way", ["farewell", "fin", "rst"])
async def test_a_client_that_leaves_under_tls_is_seen_at_once(
    place: Place, authority: trustme.CA, files: TlsFiles, way: str
) -> None:
    """C1, C2: with the farewell of TLS and without."""
    listening = await place.open(ListenOptions(port=0, tls=files))
    provider = place.stage.provider(STREAM_HEAD, chunk(event("a")))
    client = await secure(place, authority)
    await client.send_all(chat())
    await receive(client, b"\n\n\r\n")
    if way == "rst":
        reset(client.transport_stream)
    elif way == "fin":
        client.transport_stream.socket.close()
    else:
        await client.aclose()
    await settled(place, listening)
    assert (await place.stage.receipt()).outcome == "client_gone"
    assert provider.closed


async def test_g4_one_that_does_not_speak_tls_hurts_nobody(
    place: Place, authority: trustme.CA, files: TlsFiles
) -> None:
    """G4."""
    listening = await place.open(ListenOptions(port=0, tls=files))
    async with await place.connect() as plain:
        await plain.send_all(MODELS)
        assert b"HTTP" not in await receive(plain, b"never")
    reset(await place.connect())
    async with await secure(place, authority) as client:
        await client.send_all(MODELS)
        assert (await receive(client)).startswith(b"HTTP/1.1 200 OK\r\n")
        assert len(listening) == 1


async def test_c11_a_silent_handshake_is_closed(
    files: TlsFiles, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """C11."""
    place = Place(nursery)
    listening = await place.open(ListenOptions(port=0, tls=files))
    async with await place.connect() as silent:
        assert await silent.receive_some(1) == b""
        assert trio.current_time() >= TLS_HANDSHAKE_TIMEOUT
        assert len(listening) == 0
    nursery.cancel_scope.cancel()


async def test_one_too_many_under_tls_that_says_nothing_is_not_waited_for(
    files: TlsFiles, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    place = Place(nursery)
    await place.open(ListenOptions(port=0, tls=files), most=0)
    async with await place.connect() as silent:
        await silent.receive_some(1)
        assert trio.current_time() < TLS_HANDSHAKE_TIMEOUT
    nursery.cancel_scope.cancel()


def test_certificate_and_key_that_are_no_pair_are_told(
    authority: trustme.CA, tmp_path: Path
) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    one, other = (issue(authority, tmp_path / name) for name in ("one", "other"))
    assert tls_context(ListenOptions()) is None
    assert tls_context(ListenOptions(tls=one)) is not None
    mixed = TlsFiles(one.certificate, other.key)
    with pytest.raises(ValueError, match="no pair that TLS can use: key values mismatch"):
        tls_context(ListenOptions(tls=mixed))
    missing = TlsFiles(one.certificate, str(tmp_path / "none"))
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        tls_context(ListenOptions(tls=missing))


def test_each_worker_has_its_own_socket_on_one_port() -> None:
    places = open_worker_sockets(ListenOptions(port=0, workers=3), 60.0)
    socks = [sock for (sock,) in places]
    assert len({sock.fileno() for sock in socks}) == 3
    (port,) = {sock.getsockname()[1] for sock in socks}
    assert all(sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) for sock in socks)
    assert port
    for sock in socks:
        sock.close()


def test_one_worker_shares_its_port_with_nobody() -> None:
    ((sock,),) = open_worker_sockets(LOOPBACK, 60.0)
    with sock:
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)


def test_a_unix_socket_is_one_for_all_workers(tmp_path: Path) -> None:
    options = ListenOptions(unix=str(tmp_path / "g.sock"), workers=2)
    (first,), (second,) = open_worker_sockets(options, 60.0)
    with first:
        assert first is second
