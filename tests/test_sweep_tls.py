"""The sweep over real sockets: a call to a provider under TLS, left at each of its points."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path

import pytest
import trio
import trustme

from gateway.upstream.dial import Dialer
from gateway.upstream.outgoing import Clocks, Outgoing
from gateway.upstream.transport import Transport
from gateway.words.target import Origin
from tests.scripted import Link, listen
from tests.sweep import Bug, Points, Way

REQUEST = Outgoing("POST", b"POST / HTTP/1.1\r\nhost: a\r\n", b"{}")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello"
MOST_POINTS = 200


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    """A server's context, and the file that makes a client trust it."""
    authority = trustme.CA()
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context, str(path)


@contextmanager
def following(points: Points) -> Iterator[None]:
    """Count the points of this task within this `with`."""
    points.follow()
    trio.lowlevel.add_instrument(points)
    try:
        yield
    finally:
        trio.lowlevel.remove_instrument(points)


async def say_hello(link: Link) -> None:
    await link.request()
    await link.send(HEAD)
    await trio.sleep(0.001)
    await link.send(b"world")
    await link.wait_for(lambda _: False)


async def ask(transport: Transport, origin: Origin) -> bytes:
    """Ask, read to the end, close."""
    body = await transport.ask(origin, REQUEST, 1, Clocks(inf, 5.0, 5.0))
    try:
        got = b""
        while part := await body.receive_some():
            got += part
        return got
    finally:
        body.close()


@pytest.mark.parametrize("way", [Way.GONE, Way.BUG])
async def test_a_connection_under_tls_may_be_left_at_each_of_its_points(
    way: Way, tls: tuple[ssl.SSLContext, str], nursery: trio.Nursery
) -> None:
    """C5: connecting, the handshake, the request, the head, the body."""
    server = await listen(nursery, say_hello, tls=tls[0])
    dialer = Dialer(tls[1])
    for nth in range(1, MOST_POINTS):
        transport = Transport(dialer.connect)
        points = Points(way, nth)
        got = b""
        try:
            with trio.CancelScope() as scope:
                points.act = scope.cancel
                with following(points):
                    got = await ask(transport, Origin("https", "127.0.0.1", server.port))
        except* Bug:
            pass  # what has found its way out is what was thrown in
        pool = transport.pool
        assert (pool.busy, pool.waiting) == (0, 0)
        assert pool.open == (got == b"helloworld")
        await transport.aclose()
        with trio.fail_after(1):
            while server.open:
                await trio.sleep(0.001)
        if not points.acted:
            break
    assert 6 <= nth < MOST_POINTS - 1
    assert got == b"helloworld"
    nursery.cancel_scope.cancel()
