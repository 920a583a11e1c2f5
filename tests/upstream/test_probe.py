"""Asking servers which models they have."""

from collections.abc import Awaitable, Callable

import httpx2
import pytest
import trio

from gateway.upstream.dial import Dialer
from gateway.upstream.probe import (
    MAX_LIST_BYTES,
    client_on,
    is_loopback,
    list_models,
    probe_one,
)
from gateway.upstream.transport import Transport
from gateway.words.errors import (
    ConnectFailed,
    GatewayError,
    UpstreamAuth,
    UpstreamFailure,
    UpstreamMalformed,
    UpstreamReset,
    UpstreamTruncated,
)
from gateway.words.target import Origin
from tests.scripted import Link, Received, Scripted, listen


@pytest.fixture
def transport() -> Transport:
    return Transport(Dialer().connect)


def answering(body: bytes, status: bytes = b"200 OK") -> Callable[[Link], Awaitable[None]]:
    async def script(link: Link) -> None:
        while True:
            await link.request()
            await link.send(
                b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n" % (status, len(body)), body
            )

    return script


def at(server: Scripted) -> Origin:
    return Origin("http", "127.0.0.1", server.port)


async def test_a_list_of_gemini_holds_those_that_can_be_asked(
    transport: Transport, nursery: trio.Nursery
) -> None:
    body = (
        b'{"models":[{"name":"models/gemini-3","supportedGenerationMethods":["generateContent"]},'
        b'{"name":"models/imagen","supportedGenerationMethods":["predict"]},'
        b'{"name":"models/gemini-embedding","supportedGenerationMethods":["embedContent"]}]}'
    )
    server = await listen(nursery, answering(body))
    client, lists = client_on(transport), "/models?pageSize=9"
    listed = await list_models(at(server), "/v1beta", (), client, lists)
    assert listed == ("gemini-3", "gemini-embedding")
    await transport.aclose()
    nursery.cancel_scope.cancel()


async def test_a_list_of_models_is_read(transport: Transport, nursery: trio.Nursery) -> None:
    heard: list[Received] = []
    body = b'{"object":"list","data":[{"id":"b","object":"model"},{"id":"a/b"},{"id":"b"}]}'

    async def script(link: Link) -> None:
        heard.append(await link.request())
        await link.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await link.chunk(body[:9], body[9:], b"")

    server = await listen(nursery, script)
    headers = ((b"authorization", b"Bearer k"),)
    async with client_on(transport) as client:
        assert await list_models(at(server), "/v1", headers, client) == ("b", "a/b")
        assert transport.pool.busy == 0
    assert heard[0].line == b"GET /v1/models HTTP/1.1"
    assert heard[0].values(b"authorization") == [b"Bearer k"]
    nursery.cancel_scope.cancel()


async def test_what_cannot_be_asked_for_is_left_out(
    transport: Transport, nursery: trio.Nursery
) -> None:
    """R10."""
    long = b"x" * 257
    ids = b'{"id":"ok"},{"id":""},{"id":"a\\nb"},{"id":"%b"},{}' % long
    server = await listen(nursery, answering(b'{"data":[%b]}' % ids))
    assert await list_models(at(server), "", (), client_on(transport)) == ("ok",)
    await transport.aclose()
    nursery.cancel_scope.cancel()


REFUSED = {
    "401": (answering(b"no", b"401 Unauthorized"), UpstreamAuth),
    "403": (answering(b"no", b"403 Forbidden"), UpstreamAuth),
    "404": (answering(b"no", b"404 Not Found"), UpstreamFailure),
    "a redirect": (
        answering(b"", b"302 Found\r\nLocation: http://127.0.0.1:1/models"),
        UpstreamFailure,
    ),
    "a page": (answering(b"<html>"), UpstreamMalformed),
    "no list": (answering(b'{"data":{}}'), UpstreamMalformed),
    "deep JSON": (answering(b'{"x":' + b"[" * 20_000), UpstreamMalformed),
    "no UTF-8": (answering(b'{"data":[{"id":"\xff"}]}'), UpstreamMalformed),
    "too long": (answering(b" " * (MAX_LIST_BYTES + 1)), UpstreamMalformed),
}


@pytest.mark.parametrize(("script", "told"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_list_is_told(
    transport: Transport,
    nursery: trio.Nursery,
    script: Callable[[Link], Awaitable[None]],
    told: type[GatewayError],
) -> None:
    """U33 in part: redirects are not followed."""
    server = await listen(nursery, script)
    with pytest.raises(told) as caught:
        await list_models(at(server), "/v1", (), client_on(transport))
    assert type(caught.value) is told
    assert transport.pool.busy == 0
    assert await probe_one(at(server), "/v1", transport) is None
    await transport.aclose()
    nursery.cancel_scope.cancel()


async def test_what_breaks_off_is_told(transport: Transport, nursery: trio.Nursery) -> None:
    async def script(link: Link) -> None:
        await link.request()
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{")
        await trio.sleep(0.005)
        link.rst()

    server = await listen(nursery, script)
    with pytest.raises((UpstreamReset, UpstreamTruncated)):
        await list_models(at(server), "/v1", (), client_on(transport))
    nursery.cancel_scope.cancel()
    with pytest.raises(ConnectFailed), trio.CancelScope(shield=True):
        await list_models(Origin("http", "127.0.0.1", 1), "/v1", (), client_on(transport))
    assert transport.pool.open == 0


async def test_a_server_on_this_machine_is_found(
    transport: Transport, nursery: trio.Nursery
) -> None:
    server = await listen(nursery, answering(b'{"data":[{"id":"llama"}]}'))
    assert await probe_one(at(server), "/v1", transport) == ("llama",)
    await transport.aclose()
    nursery.cancel_scope.cancel()


async def test_where_nobody_listens_nothing_is_found(transport: Transport) -> None:
    assert await probe_one(Origin("http", "127.0.0.1", 1), "/v1", transport) is None
    assert transport.pool.open == 0


async def test_a_silent_server_is_passed_over(transport: Transport, nursery: trio.Nursery) -> None:
    async def silent(link: Link) -> None:
        await trio.sleep_forever()

    server = await listen(nursery, silent)
    assert await probe_one(at(server), "/v1", transport, 0.02) is None
    with trio.fail_after(0.05):
        await server.links[0].gone.wait()
    assert transport.pool.open == 0
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "host", ["192.168.1.1", "8.8.8.8", "localhost", "127.0.0.1.example", "0.0.0.0", "::", ""]
)
async def test_probes_never_leave_this_machine(host: str) -> None:
    """Another address is not even connected to; nor is a name, whoever it may belong to."""

    class Forbidden(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            raise AssertionError("asked")

    assert await probe_one(Origin("http", host, 80), "/v1", Forbidden()) is None


def test_loopback_has_many_addresses() -> None:
    assert all(map(is_loopback, ["127.0.0.1", "127.1.2.3", "::1"]))


async def test_a_list_may_lie_elsewhere_and_name_its_models(
    transport: Transport, nursery: trio.Nursery
) -> None:
    heard: list[Received] = []
    body = b'{"models":[{"name":"command-a"},{"name":""},{"name":"models/embed-v4"}]}'

    async def script(link: Link) -> None:
        heard.append(await link.request())
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body)

    server = await listen(nursery, script)
    with trio.fail_after(1):
        listed = await list_models(
            at(server), "", (), client_on(transport), "/v1/models?page_size=9"
        )
    assert listed == ("command-a", "embed-v4")
    await transport.aclose()
    assert heard[0].line == b"GET /v1/models?page_size=9 HTTP/1.1"
    nursery.cancel_scope.cancel()


async def test_an_answer_without_a_list_is_no_list(
    transport: Transport, nursery: trio.Nursery
) -> None:
    server = await listen(nursery, answering(b"{}"))
    with trio.fail_after(1), pytest.raises(UpstreamMalformed):
        await list_models(at(server), "", (), client_on(transport))
    await transport.aclose()
    nursery.cancel_scope.cancel()
