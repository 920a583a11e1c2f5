"""Lines are posted to a place of the operator's, and no sentence about it holds a secret."""

from collections.abc import Awaitable, Callable

import pytest
import trio

from gateway.upstream.dial import Dialer
from gateway.upstream.posting import MAX_ANSWER_BYTES, Posting
from gateway.upstream.probe import client_on
from gateway.upstream.transport import Transport
from gateway.words.errors import ConnectFailed, Timeout, UpstreamReset
from gateway.words.secret import Secret
from gateway.words.target import Origin
from tests.process import free_port
from tests.scripted import Link, Received, listen

TARGET = Secret("/in?token=token-0123456789")
WHO = Secret("Basic bWU6cGFzc3dvcmQtMDEyMzQ1Njc4OQ==")


@pytest.fixture
def transport() -> Transport:
    return Transport(Dialer().connect)


def posting(transport: Transport, port: int, timeout: float = 5.0) -> Posting:
    origin = Origin("http", "127.0.0.1", port)
    return Posting(client_on(transport), origin, TARGET, WHO, timeout)


def answering(status: bytes, body: bytes = b"") -> Callable[[Link], Awaitable[None]]:
    async def script(link: Link) -> None:
        while True:
            await link.request()
            head = b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
            await link.send(head + body)

    return script


async def test_a_batch_is_one_request(transport: Transport, nursery: trio.Nursery) -> None:
    heard: list[Received] = []

    async def script(link: Link) -> None:
        while True:
            heard.append(await link.request())
            await link.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok")

    server = await listen(nursery, script)
    post = posting(transport, server.port)
    assert await post(b"{}\n{}\n", "me-0") == 202
    assert await post(b"{}\n", "me-1") == 202
    first = heard[0]
    assert (first.line, first.body) == (b"POST /in?token=token-0123456789 HTTP/1.1", b"{}\n{}\n")
    assert first.values(b"content-type") == [b"application/x-ndjson"]
    assert first.values(b"authorization") == [WHO.reveal().encode()]
    assert [each.values(b"idempotency-key") for each in heard] == [[b"me-0"], [b"me-1"]]
    assert len(server.links) == 1, "the connection is kept"
    assert transport.pool.busy == 0
    await transport.aclose()
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("status", [b"503 No", b"400 Bad", b"302 Found"])
async def test_a_refusal_is_a_status(
    status: bytes, transport: Transport, nursery: trio.Nursery
) -> None:
    server = await listen(nursery, answering(status, b"x" * 100))
    assert await posting(transport, server.port)(b"{}\n", "a") == int(status[:3])
    await transport.aclose()
    nursery.cancel_scope.cancel()


async def test_a_long_answer_is_not_read_to_its_end(
    transport: Transport, nursery: trio.Nursery
) -> None:
    server = await listen(nursery, answering(b"200 OK", b"x" * 100 * MAX_ANSWER_BYTES))
    assert await posting(transport, server.port)(b"{}\n", "a") == 200
    assert (transport.pool.busy, transport.pool.idle) == (0, 0)
    nursery.cancel_scope.cancel()


async def test_silence_has_an_end(transport: Transport, nursery: trio.Nursery) -> None:
    async def silent(link: Link) -> None:
        await link.request()

    server = await listen(nursery, silent)
    with pytest.raises(Timeout) as caught:
        await posting(transport, server.port, 0.05)(b"{}\n", "a")
    assert "token-" not in caught.value.message
    assert transport.pool.busy == 0
    nursery.cancel_scope.cancel()


async def test_nobody_there_and_a_reset_are_told(
    transport: Transport, nursery: trio.Nursery
) -> None:
    async def reset(link: Link) -> None:
        await link.request()
        link.rst()

    server = await listen(nursery, reset)
    with pytest.raises(UpstreamReset) as caught:
        await posting(transport, server.port)(b"{}\n", "a")
    assert "token-" not in caught.value.message
    with pytest.raises(ConnectFailed):
        await posting(transport, free_port())(b"{}\n", "a")
    nursery.cancel_scope.cancel()
