"""The keys of issuers, fetched as the gateway fetches them."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from gateway.commands.diagnosis.issuers import issuers_in, keys_of_issuer
from gateway.commands.diagnosis.verdict import Level
from gateway.upstream.dial import Dialer
from gateway.upstream.probe import client_on
from gateway.upstream.transport import Transport
from tests.config.texts import load
from tests.issuer import Signer, document
from tests.scripted import Link, listen

CONFIG = """
[auth]
pepper = "0123456789abcdef0123"
[[auth.issuers]]
issuer = "https://id.example.com"
audience = "gateway"
jwks_url = "https://keys.example.com/jwks"
[admin.sign_in]
issuer = "https://staff.example.com"
client_id = "gateway"
"""


def answering(body: bytes, status: int = 200) -> Callable[[Link], Awaitable[None]]:
    async def script(link: Link) -> None:
        await link.request()
        head = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        await link.send(head, body)

    return script


def test_those_for_callers_and_for_operators_are_found(tmp_path: Path) -> None:
    assert issuers_in(load(CONFIG, tmp_path)) == {
        "https://id.example.com": "https://keys.example.com/jwks",
        "https://staff.example.com": "",
    }
    assert issuers_in(load("", tmp_path)) == {}


async def test_keys_that_are_there_are_counted_and_those_that_are_not_are_told(
    nursery: trio.Nursery,
) -> None:
    transport = Transport(Dialer().connect)
    client = client_on(transport)
    there = await listen(nursery, answering(document(Signer())))
    away = await listen(nursery, answering(b"no", 503))
    none = await listen(nursery, answering(b'{"keys": []}'))
    found = {}
    for name, server in (("there", there), ("away", away), ("none", none)):
        url = f"http://127.0.0.1:{server.port}/jwks"
        (found[name],) = await keys_of_issuer("https://id.example.com", url, client)
    assert (found["there"].level, found["there"].seen) == (
        *(Level.OK, "1 that tokens may be signed with"),
    )
    assert found["away"].level is found["none"].level is Level.FAIL
    assert "answered 503" in found["away"].seen
    assert all(each.remedy for each in (found["away"], found["none"]))
    transport.pool.close_unused()
    nursery.cancel_scope.cancel()


async def test_an_issuer_that_tells_of_another_is_told(nursery: trio.Nursery) -> None:
    transport = Transport(Dialer().connect)
    said = b'{"issuer": "https://other.example.com", "jwks_uri": "http://127.0.0.1/x"}'
    server = await listen(nursery, answering(said))
    name = f"http://127.0.0.1:{server.port}"
    (found,) = await keys_of_issuer(name, "", client_on(transport))
    assert (found.level, "another issuer's" in found.seen) == (Level.FAIL, True)
    transport.pool.close_unused()
    nursery.cancel_scope.cancel()
