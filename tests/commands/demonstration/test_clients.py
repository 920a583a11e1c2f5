"""The demonstration's clients, seen from the other end of their connections."""

import socket
import ssl
from collections.abc import AsyncIterator

import pytest
import trio
import trustme

from gateway.commands.demonstration.clients import SMALL_BUFFER_BYTES, Client, Way, connect
from gateway.commands.demonstration.wire import Address
from gateway.words.target import Origin
from tests.scripted import Link, Scripted, listen


async def quiet(link: Link) -> None:
    """A gateway that says nothing."""


async def telling(link: Link) -> None:
    """A gateway that says three words and ends."""
    await link.send(b"HTTP/1.1 200 OK\r\n", b"one ", b"two")
    link.fin()


@pytest.fixture
async def server(nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    with trio.fail_after(5):
        yield await listen(nursery, quiet)
    nursery.cancel_scope.cancel()


def address_of(server: Scripted, scheme: str = "http", host: str = "127.0.0.1") -> Address:
    return Address(Origin(scheme, host, server.port))


@pytest.mark.parametrize(
    ("way", "seen"), [(Way.FIN, "fin"), (Way.RST, "rst"), (Way.HALF_CLOSE, "fin")]
)
async def test_each_way_of_leaving_is_seen_as_what_it_is(
    server: Scripted, way: Way, seen: str
) -> None:
    client = await connect(address_of(server))
    await client.send(b"hello")
    link = await server.link(0)
    await link.wait_for(lambda data: data == b"hello")
    at = client.leave(way)
    await link.gone.wait()
    assert link.saw == seen
    assert 0 <= link.saw_at - at < 1
    assert (client.fileno() == -1) == (way is not Way.HALF_CLOSE)
    client.close()
    client.close()


async def test_who_closes_half_can_still_read(server: Scripted) -> None:
    server.script = telling
    client = await connect(address_of(server))
    link = await server.link(0)
    while link.sent < len(b"HTTP/1.1 200 OK\r\none two"):
        await trio.sleep(0.001)
    client.leave(Way.HALF_CLOSE)
    await link.gone.wait()
    assert await client.read_until(b"two")
    client.close()


async def test_it_reads_until_it_has_what_it_wants(server: Scripted) -> None:
    server.script = telling
    client = await connect(address_of(server))
    assert await client.read_until(b"one")
    assert await client.read_line() == "HTTP/1.1 200 OK"
    assert not await client.read_until(b"three")
    assert client.received == b"HTTP/1.1 200 OK\r\none two"
    client.close()


async def test_it_notices_that_a_gateway_breaks_off(server: Scripted) -> None:
    async def reset(link: Link) -> None:
        link.rst()

    server.script = reset
    client = await connect(address_of(server))
    assert not await client.read_until(b"word")
    client.close()


async def test_a_small_client_has_little_room(server: Scripted) -> None:
    async def room(*, small: bool) -> int:
        client: Client = await connect(address_of(server), small=small)
        with socket.socket(fileno=socket.dup(client.fileno())) as twin:
            client.close()
            return twin.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    assert await room(small=True) <= 2 * SMALL_BUFFER_BYTES < await room(small=False)


async def test_a_name_is_tried_by_each_of_its_addresses(server: Scripted) -> None:
    client = await connect(address_of(server, host="localhost"))
    await server.link(0)
    client.close()


async def test_nobody_there_is_an_error() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            await connect(Address(Origin("http", "127.0.0.1", port)))


async def test_a_connect_that_hangs_can_be_given_up() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        where = full.getsockname()
        with socket.create_connection(where), trio.move_on_after(0.02) as patience:
            await connect(Address(Origin("http", "127.0.0.1", where[1])))
    assert patience.cancelled_caught


@pytest.fixture
async def secured(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scripted]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with authority.cert_pem.tempfile() as trusted, trio.fail_after(5):
        monkeypatch.setenv("SSL_CERT_FILE", trusted)
        yield await listen(nursery, telling, tls=context)
    nursery.cancel_scope.cancel()


async def test_a_gateway_may_want_tls(secured: Scripted) -> None:
    client = await connect(address_of(secured, "https", "localhost"))
    assert await client.read_until(b"two")
    client.leave(Way.FIN)
    link = await secured.link(0)
    await link.gone.wait()


async def test_a_gateway_of_another_name_is_not_trusted(secured: Scripted) -> None:
    with pytest.raises(trio.BrokenResourceError):
        await connect(address_of(secured, "https", "127.0.0.1"))
