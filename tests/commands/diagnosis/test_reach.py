"""The way to an origin: what is told where it ends."""

import ssl
import time
from functools import cache, partial
from typing import Any

import pytest
import trio
import trustme
from trio.testing import MockClock

from gateway.commands.demonstration.inside import FarAway
from gateway.commands.diagnosis.reach import STEP_TIMEOUT, judge_certificate, reach
from gateway.commands.diagnosis.verdict import Level
from gateway.upstream.dial import tls_context
from gateway.words.target import Origin
from tests.scripted import Link, listen

NOW = 1_800_000_000.0


class Hangs(trio.abc.HostnameResolver):
    """A resolver that never answers."""

    async def getaddrinfo(self, *_: object) -> list[Any]:
        await trio.sleep_forever()
        raise AssertionError

    async def getnameinfo(self, sockaddr: object, flags: int) -> tuple[str, str]:
        raise NotImplementedError


async def silent(link: Link) -> None:
    await trio.sleep_forever()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def secured(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def way(scheme: str, host: str, port: int, ca: str = "") -> list[tuple[str, Level, str]]:
    trust = cache(partial(tls_context, ca))
    outcome = await reach(Origin(scheme, host, port), trust, lambda: time.time_ns() / 1e9)
    assert outcome.arrived is all(each.level in {Level.OK, Level.WARN} for each in outcome.verdicts)
    assert all(each.remedy for each in outcome.verdicts if each.level is Level.FAIL)
    return [(each.check, each.level, each.seen) for each in outcome.verdicts]


async def test_each_step_is_told_and_nothing_is_asked(
    nursery: trio.Nursery, authority: trustme.CA, ca_file: str
) -> None:
    server = await listen(nursery, silent, tls=secured(authority, "localhost", "127.0.0.1"))
    dns, tcp, tls = await way("https", "localhost", server.port, ca_file)
    assert (dns[:2], tcp[:2], tls[:2]) == (
        *(("dns", Level.OK), ("tcp", Level.OK), ("tls", Level.OK)),
    )
    assert "its certificate is trusted and ends in " in tls[2]
    assert [each[0] for each in await way("https", "127.0.0.1", server.port, ca_file)] == [
        *("tcp", "tls")
    ]
    link = await server.link(0)
    await link.gone.wait()
    assert link.received == b""
    nursery.cancel_scope.cancel()


async def test_an_untrusted_certificate_is_told_from_one_of_another_name(
    nursery: trio.Nursery, authority: trustme.CA, ca_file: str
) -> None:
    server = await listen(nursery, silent, tls=secured(authority, "other.test"))
    stranger = (await way("https", "127.0.0.1", server.port))[-1]
    assert stranger[1] is Level.FAIL
    assert "certificate is refused: unable to get local issuer" in stranger[2]
    misnamed = (await way("https", "127.0.0.1", server.port, ca_file))[-1]
    assert misnamed[1] is Level.FAIL
    assert "IP address mismatch" in misnamed[2]
    nursery.cancel_scope.cancel()


async def test_a_port_that_speaks_no_tls_and_one_that_hangs_up_are_told(
    nursery: trio.Nursery,
) -> None:
    async def plain(link: Link) -> None:
        await link.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def gone(link: Link) -> None:
        link.rst()

    for script in (plain, gone):
        server = await listen(nursery, script)
        *_, tls = await way("https", "127.0.0.1", server.port)
        assert tls[:2] == ("tls", Level.FAIL)
        assert tls[2].startswith("the TLS handshake ")
    nursery.cancel_scope.cancel()


async def test_where_nobody_listens_the_rest_is_skipped() -> None:
    far = FarAway()
    far.close()
    tcp, tls = await way("https", "127.0.0.1", far.port)
    assert tcp[:2] == ("tcp", Level.FAIL)
    assert "Connection refused" in tcp[2]
    assert tls == ("tls", Level.SKIPPED, "not reached")


async def test_a_name_that_is_none_is_told_and_one_that_hangs_takes_no_longer_than_a_step(
    autojump_clock: MockClock,
) -> None:
    dns, tcp, tls = await way("https", "xn--" + "a" * 70, 443)
    assert (dns[1], tcp[1], tls[1]) == (Level.FAIL, Level.SKIPPED, Level.SKIPPED)

    trio.socket.set_custom_hostname_resolver(Hangs())
    try:
        began = trio.current_time()
        dns, tcp = await way("http", "hangs.test", 80)
        assert trio.current_time() - began == STEP_TIMEOUT
    finally:
        trio.socket.set_custom_hostname_resolver(None)
    assert (dns[1], tcp[1]) == (Level.FAIL, Level.SKIPPED)
    assert dns[2] == "no answer about hangs.test within 1.5 seconds"


@pytest.mark.parametrize(
    ("ends", "level"),
    [
        ("Feb  1 00:00:00 2027 GMT", Level.OK),
        ("Jan 20 00:00:00 2027 GMT", Level.WARN),
        ("", Level.OK),
        (None, Level.OK),
    ],
)
def test_a_certificate_that_ends_soon_is_warned_of(ends: str | None, level: Level) -> None:
    verdict = judge_certificate("TLSv1.3", ends, NOW)
    assert verdict.level is level
    assert verdict.seen.startswith("TLSv1.3, its certificate is trusted")
