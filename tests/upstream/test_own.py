"""The way to the gateway's own listener: by address, by path, under its own certificate."""

import socket
import ssl
from pathlib import Path

import pytest
import trio
import trustme

from gateway.upstream.failures import Refused, TlsFailed
from gateway.upstream.own import OwnDoor
from gateway.words.target import Origin
from tests.scripted import Link, listen


async def echo(link: Link) -> None:
    await link.wait_for(bool)
    await link.send(b"heard " + bytes(link.received))


def made(directory: Path, authority: trustme.CA, name: str) -> tuple[str, ssl.SSLContext]:
    """Return the file of a certificate with its chain, and who shows it."""
    certificate = authority.issue_cert(name)
    path = directory / f"{name}.pem"
    path.write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return str(path), context


async def said(door: OwnDoor) -> bytes:
    stream = await door.connect(door.origin)
    await stream.send_all(b"hi")
    heard = await stream.receive_some()
    stream.close()
    return heard


async def test_an_address_is_asked_in_the_clear(nursery: trio.Nursery) -> None:
    server = await listen(nursery, echo)
    assert await said(OwnDoor(Origin("http", "127.0.0.1", server.port))) == b"heard hi"


async def test_a_path_is_asked_whatever_its_origin_is_called(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    path = tmp_path / "own.sock"
    with trio.socket.socket(socket.AF_UNIX) as listener:
        await listener.bind(str(path))
        listener.listen()

        async def answer() -> None:
            peer, _ = await listener.accept()
            await peer.send(b"heard " + await peer.recv(100))
            peer.close()

        nursery.start_soon(answer)
        assert await said(OwnDoor(Origin("http", "localhost", 0), str(path))) == b"heard hi"


async def test_nobody_at_a_path_is_told_as_at_an_address(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        await said(OwnDoor(Origin("http", "localhost", 0), str(tmp_path / "none.sock")))


async def test_its_own_certificate_is_trusted_whatever_name_it_bears_and_whoever_signed_it(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    path, context = made(tmp_path, trustme.CA(), "gateway.example.com")
    server = await listen(nursery, echo, tls=context)
    assert await said(OwnDoor(Origin("https", "127.0.0.1", server.port), "", path)) == b"heard hi"


async def test_another_certificate_is_not_trusted_not_even_of_the_same_signer(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    authority = trustme.CA()
    path, _ = made(tmp_path, authority, "gateway.example.com")
    _, other = made(tmp_path, authority, "other.example.com")
    server = await listen(nursery, echo, tls=other)
    with pytest.raises(TlsFailed):
        await said(OwnDoor(Origin("https", "127.0.0.1", server.port), "", path))
    link = await server.link(0)
    await link.gone.wait()


async def test_a_certificate_that_cannot_be_read_is_told(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    server = await listen(nursery, echo)
    missing = str(tmp_path / "none.pem")
    with pytest.raises(TlsFailed, match="could not begin"):
        await said(OwnDoor(Origin("https", "127.0.0.1", server.port), "", missing))
