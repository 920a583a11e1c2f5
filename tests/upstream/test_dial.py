"""Connecting: who answers, who is trusted, and what is closed when it does not come to it."""

import errno
import os
import resource
import socket
import ssl
from pathlib import Path

import pytest
import trio
import trustme

from gateway.upstream.dial import Dialer, tls_context
from gateway.upstream.failures import Exhausted, NameFailed, Refused, TlsFailed
from gateway.upstream.wire import Wire
from gateway.words.target import Origin
from tests.scripted import Link, Scripted, listen

SOON = 0.05


async def silent(link: Link) -> None:
    await trio.sleep_forever()


def at(server: Scripted, scheme: str = "http", host: str = "127.0.0.1") -> Origin:
    return Origin(scheme, host, server.port)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


class AlwaysHere(trio.abc.HostnameResolver):
    async def getaddrinfo(  # type: ignore[override]  # as much of it as is asked here
        self, host: object, port: object, *_: object
    ) -> list[object]:
        await trio.lowlevel.checkpoint()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async def getnameinfo(self, sockaddr: object, flags: int) -> tuple[str, str]:
        raise NotImplementedError


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def test_a_connection_is_quick_to_send_and_kept_alive(nursery: trio.Nursery) -> None:
    server = await listen(nursery, silent)
    wire = await Dialer().connect(at(server))
    assert isinstance(wire, Wire)
    assert wire.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert wire.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    wire.close()


async def test_a_plain_connection_carries_bytes(nursery: trio.Nursery) -> None:
    async def script(link: Link) -> None:
        await link.wait_for(lambda data: data == b"hello")
        await link.send(b"world")

    server = await listen(nursery, script)
    wire = await Dialer().connect(at(server))
    await wire.send_all(b"hello")
    assert await wire.receive_some() == b"world"
    wire.close()
    nursery.cancel_scope.cancel()


async def test_a_refused_connection_is_told(nursery: trio.Nursery) -> None:
    """U1 in part."""
    sock = trio.socket.socket()
    await sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    with pytest.raises(Refused, match="Connection refused"):
        await Dialer().connect(Origin("http", "127.0.0.1", port))
    sock.close()


async def test_a_name_that_does_not_resolve_is_told() -> None:
    """U3."""
    with pytest.raises(NameFailed, match="does not resolve"):
        await Dialer().connect(Origin("http", "999.999.999.999.invalid..", 80))


async def test_a_machine_without_descriptors_says_so(nursery: trio.Nursery) -> None:
    """G8: not a fault of the provider's."""
    server = await listen(nursery, silent)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(list(Path("/proc/self/fd").iterdir()))
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 8, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            while True:
                held.append(trio.socket.socket())
        with pytest.raises(Exhausted, match="Too many open files") as caught:
            await Dialer().connect(at(server))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for sock in held:
            sock.close()
    causes = getattr(caught.value.__cause__.__cause__, "exceptions", ())  # type: ignore[union-attr]
    assert [cause.errno for cause in causes] == [errno.EMFILE]
    nursery.cancel_scope.cancel()


class NoDescriptors(trio.abc.HostnameResolver):
    """Looks names up as the C library does where no descriptor is left."""

    async def getaddrinfo(self, *question: object) -> list[tuple[object, ...]]:  # type: ignore[override]
        raise socket.gaierror(errno.EMFILE, os.strerror(errno.EMFILE))

    async def getnameinfo(self, sockaddr: object, flags: int) -> tuple[str, str]:
        raise AssertionError


async def test_g8_a_name_that_cannot_be_looked_up_for_want_of_descriptors_exists_all_the_same() -> (
    None
):
    """G8."""
    trio.socket.set_custom_hostname_resolver(NoDescriptors())
    with pytest.raises(Exhausted, match="Too many open files"):
        await Dialer().connect(Origin("http", "provider.test", 80))


async def test_g8_certificates_that_cannot_be_read_for_want_of_descriptors_are_no_fault_of_theirs(
    nursery: trio.Nursery, ca_file: str, authority: trustme.CA
) -> None:
    """G8: the trust store is read with the first connection."""
    server = await listen(nursery, silent, tls=server_context(authority, "localhost"))
    dialer = Dialer(ca_file)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as probe:
        lowest = probe.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, hard))  # the connection's own, no more
    try:
        with pytest.raises(Exhausted, match="no certificate could be read: Too many open files"):
            await dialer.connect(at(server, "https", "localhost"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wire = await dialer.connect(at(server, "https", "localhost"))
    wire.close()
    nursery.cancel_scope.cancel()


async def test_tls_is_trusted_and_speaks_http_1_1(
    nursery: trio.Nursery, authority: trustme.CA, ca_file: str
) -> None:
    """U37, R19: nothing but http/1.1 is offered, and the name is sent."""
    named = []
    context = server_context(authority, "localhost")
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.sni_callback = lambda _, name, __: named.append(name)

    async def script(link: Link) -> None:
        assert link.secured is not None
        await link.send((link.secured.selected_alpn_protocol() or "none").encode())

    server = await listen(nursery, script, tls=context)
    dialer = Dialer(ca_file)
    for _ in range(2):
        wire = await dialer.connect(at(server, "https", "localhost"))
        assert await wire.receive_some() == b"http/1.1"
        wire.close()
    assert named == ["localhost", "localhost"]
    nursery.cancel_scope.cancel()


async def test_an_address_can_be_certified_too(
    nursery: trio.Nursery, authority: trustme.CA, ca_file: str
) -> None:
    server = await listen(nursery, silent, tls=server_context(authority, "127.0.0.1"))
    wire = await Dialer(ca_file).connect(at(server, "https"))
    wire.close()
    nursery.cancel_scope.cancel()


async def seen_closed(server: Scripted, number: int = 0) -> float:
    """Return how long after now the server's own socket saw the end."""
    began = trio.current_time()
    link = await server.link(number)
    with trio.fail_after(1):
        await link.gone.wait()
    return link.saw_at - began


@pytest.mark.parametrize(
    ("names", "reason"),
    [(["other.example"], "mismatch"), (["localhost"], "unable to get local issuer")],
    ids=["another name", "another authority"],
)
async def test_a_certificate_that_is_not_trusted_ends_the_connection(
    nursery: trio.Nursery, authority: trustme.CA, ca_file: str, names: list[str], reason: str
) -> None:
    """U4: and its socket is closed at once."""
    signer = authority if names != ["localhost"] else trustme.CA()
    server = await listen(nursery, silent, tls=server_context(signer, *names))
    with pytest.raises(TlsFailed, match=reason):
        await Dialer(ca_file).connect(at(server, "https", "localhost"))
    assert await seen_closed(server) < SOON
    nursery.cancel_scope.cancel()


async def test_the_system_does_not_trust_a_stranger(
    nursery: trio.Nursery, authority: trustme.CA
) -> None:
    server = await listen(nursery, silent, tls=server_context(authority, "localhost"))
    with pytest.raises(TlsFailed, match=r"certificate|issuer"):
        await Dialer().connect(at(server, "https", "localhost"))
    nursery.cancel_scope.cancel()


async def test_a_server_without_tls_is_told_and_never_spoken_to_in_plain_text(
    nursery: trio.Nursery,
) -> None:
    """U4."""

    async def script(link: Link) -> None:
        await link.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    server = await listen(nursery, script)
    with pytest.raises(TlsFailed, match="the TLS handshake failed"):
        await Dialer().connect(at(server, "https"))
    assert await seen_closed(server) < SOON
    nursery.cancel_scope.cancel()


async def test_a_reset_in_the_handshake_is_told(nursery: trio.Nursery) -> None:
    async def script(link: Link) -> None:
        await link.wait_for(bool)
        link.rst()

    server = await listen(nursery, script)
    with pytest.raises(TlsFailed, match="reset"):
        await Dialer().connect(at(server, "https"))
    nursery.cancel_scope.cancel()


async def test_an_end_in_the_handshake_is_told(nursery: trio.Nursery) -> None:
    async def script(link: Link) -> None:
        await link.wait_for(bool)
        link.close()

    server = await listen(nursery, script)
    with pytest.raises(TlsFailed, match="handshake failed"):
        await Dialer().connect(at(server, "https"))
    nursery.cancel_scope.cancel()


async def test_leaving_in_the_handshake_closes_the_socket_at_once(nursery: trio.Nursery) -> None:
    """C5: a server that accepts and never speaks sees the end."""
    server = await listen(nursery, silent)
    with trio.CancelScope() as scope:

        async def leave() -> None:
            link = await server.link(0)
            await link.wait_for(bool)
            scope.cancel()

        nursery.start_soon(leave)
        await Dialer().connect(at(server, "https"))
    assert scope.cancelled_caught
    assert await seen_closed(server) < SOON
    nursery.cancel_scope.cancel()


async def test_leaving_while_connecting_leaves_no_socket(nursery: trio.Nursery) -> None:
    """C5: the listener's queue is full, so the connection stays half open."""
    listener = trio.socket.socket()
    await listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    filling = [trio.socket.socket() for _ in range(2)]
    for sock in filling:
        with trio.move_on_after(SOON):
            await sock.connect(("127.0.0.1", port))
    before = len(list(Path("/proc/self/fd").iterdir()))
    with trio.move_on_after(SOON) as scope:
        await Dialer().connect(Origin("http", "127.0.0.1", port))
    assert scope.cancelled_caught
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    for sock in (*filling, listener):
        sock.close()


async def test_a_trust_store_that_cannot_be_read_is_told(nursery: trio.Nursery) -> None:
    server = await listen(nursery, silent)
    with pytest.raises(TlsFailed, match="TLS could not begin: No such file"):
        await Dialer("/nonexistent/ca.pem").connect(at(server, "https"))
    assert await seen_closed(server) < SOON
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("host", ["localhost..", ".localhost", "a" * 70])
async def test_a_host_that_tls_cannot_name_is_told(nursery: trio.Nursery, host: str) -> None:
    server = await listen(nursery, silent)
    resolver = AlwaysHere()
    trio.socket.set_custom_hostname_resolver(resolver)
    with pytest.raises((TlsFailed, NameFailed), match=r"TLS could not begin|does not resolve"):
        await Dialer().connect(at(server, "https", host))
    assert server.open == 0 or await seen_closed(server) < SOON
    nursery.cancel_scope.cancel()


def test_old_versions_of_tls_are_refused() -> None:
    context = tls_context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
