"""Requests over real sockets: what a scripted provider does, and what becomes of the connection."""

from collections.abc import Awaitable, Callable

import httpx2
import pytest
import trio

from gateway.upstream.dial import Dialer
from gateway.upstream.failures import (
    Malformed,
    Refused,
    Reset,
    TlsFailed,
    TooMuch,
    Truncated,
    WriteStalled,
)
from gateway.upstream.transport import SWEEP_INTERVAL, Body, Transport, origin_of
from gateway.upstream.wire import UpstreamStream
from gateway.words.target import Origin
from tests.memory import MemoryStream
from tests.scripted import Link, Scripted, listen

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BIG = b"x" * 8_000_000

Ask = Callable[..., Awaitable[tuple[httpx2.Response, Body]]]


@pytest.fixture
def transport() -> Transport:
    return Transport(Dialer().connect)


@pytest.fixture
def ask(transport: Transport) -> Ask:
    async def ask(
        server: Scripted,
        method: str = "POST",
        content: bytes = b"{}",
        timeout: dict[str, float] | None = None,  # noqa: ASYNC109 (the extension's name)
        max_connections: int = 10,
        scheme: str = "http",
    ) -> tuple[httpx2.Response, Body]:
        request = httpx2.Request(
            method,
            f"{scheme}://127.0.0.1:{server.port}/v1/x",
            content=content,
            extensions={"timeout": timeout or {}, "max_connections": max_connections},
        )
        response = await transport.handle_async_request(request)
        assert isinstance(response.stream, Body)
        return response, response.stream

    return ask


async def read(body: Body) -> bytes:
    got = b""
    while part := await body.receive_some():
        got += part
    return got


async def stop(transport: Transport, nursery: trio.Nursery) -> None:
    """Nothing may be in anyone's hand at the end of a test."""
    assert transport.pool.busy == 0
    assert transport.pool.waiting == 0
    await transport.aclose()
    assert transport.pool.open == 0
    nursery.cancel_scope.cancel()


def always(*parts: bytes) -> Callable[[Link], Awaitable[None]]:
    async def script(link: Link) -> None:
        while True:
            await link.request()
            await link.send(*parts)

    return script


async def test_a_request_and_its_answer(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    heard = []

    async def script(link: Link) -> None:
        heard.append(await link.request())
        await link.send(HELLO[:-5], b"hel", b"lo")

    server = await listen(nursery, script)
    response, body = await ask(server, content=b'{"a":1}')
    assert response.status_code == 200
    assert response.headers["content-length"] == "5"
    assert body.headers == ((b"content-length", b"5"),)
    assert await read(body) == b"hello"
    assert transport.pool.busy == 1
    body.close()
    assert transport.pool.idle == 1
    (request,) = heard
    assert request.line == b"POST /v1/x HTTP/1.1"
    assert request.body == b'{"a":1}'
    assert request.values(b"host") == [b"127.0.0.1:%d" % server.port]
    assert request.values(b"content-length") == [b"7"]
    assert request.values(b"accept-encoding") == [b"identity"]
    await stop(transport, nursery)


async def test_a_connection_is_used_again(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    server = await listen(nursery, always(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"))
    for _ in range(3):
        _, body = await ask(server)
        assert await read(body) == b"hello"
        body.close()
    assert len(server.links) == 1
    await stop(transport, nursery)


async def test_every_kind_of_answer_reaches_its_end(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    """U32: and whether another may follow on the same connection."""
    kinds: list[tuple[str, bytes, bytes, bool]] = [
        ("POST", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hint\r\n\r\n" + HELLO, b"hello", True),
        ("POST", b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        ("HEAD", HELLO[:-5], b"", True),
        ("POST", CHUNKED + b"5;ext=1\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", b"hello", True),
        ("POST", HELLO + b"leftover", b"hello", False),
        ("POST", HELLO + HELLO, b"hello", False),
        ("POST", HELLO.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), b"hello", False),
    ]
    for method, wire, expected, kept in kinds:
        server = await listen(nursery, always(wire))
        _, body = await ask(server, method, b"" if method == "HEAD" else b"{}")
        assert await read(body) == expected
        body.close()
        assert transport.pool.idle == kept
        if not kept:
            with trio.fail_after(1):
                await server.links[0].gone.wait()
        await transport.aclose()
    await stop(transport, nursery)


async def test_an_answer_that_ends_with_its_connection(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    async def script(link: Link) -> None:
        await link.request()
        await link.send(b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo")
        link.fin()

    server = await listen(nursery, script)
    _, body = await ask(server)
    assert await read(body) == b"hello"
    body.close()
    await stop(transport, nursery)


async def test_an_end_before_the_end_is_told(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    """U13, U14, U15: in a chunked answer, in one of known length, and by reset."""
    for begin, reset, failure in (
        (CHUNKED + b"5\r\nhello\r\n", False, Truncated),
        (HELLO[:-1], False, Truncated),
        (CHUNKED + b"5\r\nhello\r\n", True, Reset),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", True, Reset),
    ):
        read_it = trio.Event()

        async def script(
            link: Link, begin: bytes = begin, reset: bool = reset, read_it: trio.Event = read_it
        ) -> None:
            await link.request()
            await link.send(begin)
            await read_it.wait()
            if reset:
                link.rst()
            else:
                link.fin()

        server = await listen(nursery, script)
        _, body = await ask(server)
        assert (await body.receive_some()).startswith(b"hell")
        read_it.set()
        with pytest.raises(failure):
            await body.receive_some()
        body.close()
        assert transport.pool.open == 0
    await stop(transport, nursery)


@pytest.mark.parametrize("reset", [False, True])
async def test_a_fresh_connection_that_ends_without_an_answer_is_not_tried_again(
    transport: Transport, ask: Ask, nursery: trio.Nursery, *, reset: bool
) -> None:
    async def script(link: Link) -> None:
        await link.request()
        if reset:
            link.rst()
        else:
            link.fin()

    server = await listen(nursery, script)
    with pytest.raises(Reset if reset else Truncated):
        await ask(server)
    assert len(server.links) == 1
    await stop(transport, nursery)


BAD = {
    "switching protocols": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", Malformed),
    "gzip coding": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Malformed),
    "gzip encoding": (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", Malformed),
    "an http/2 server": (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", Malformed),
    "a big head": (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n", TooMuch),
}


@pytest.mark.parametrize(("wire", "failure"), BAD.values(), ids=BAD)
async def test_bad_http_is_told_and_its_connection_closed(
    transport: Transport,
    ask: Ask,
    nursery: trio.Nursery,
    wire: bytes,
    failure: type[Exception],
) -> None:
    """U34, U37."""
    server = await listen(nursery, always(wire))
    with pytest.raises(failure):
        await ask(server)
    with trio.fail_after(1):
        await server.links[0].gone.wait()
    await stop(transport, nursery)


async def test_nobody_listening_is_told(transport: Transport) -> None:
    """U1 in part."""
    sock = trio.socket.socket()
    await sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    with pytest.raises(Refused):
        await transport.handle_async_request(httpx2.Request("GET", f"http://127.0.0.1:{port}/"))
    assert transport.pool.open == 0
    sock.close()


async def test_a_failed_handshake_frees_its_slot(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    server = await listen(nursery, always(HELLO))

    async def close(link: Link) -> None:
        link.close()

    server.script = close
    with pytest.raises(TlsFailed):
        await ask(server, scheme="https")
    await stop(transport, nursery)


async def test_connecting_has_its_own_clock(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    """U2, U4: TCP is answered, TLS is not; the server sees the end."""

    async def silent(link: Link) -> None:
        await trio.sleep_forever()

    server = await listen(nursery, silent)
    with pytest.raises(httpx2.ConnectTimeout, match=r"within 0\.02 seconds"):
        await ask(server, timeout={"connect": 0.02}, scheme="https")
    with trio.fail_after(0.05):
        await server.links[0].gone.wait()
    await stop(transport, nursery)


async def test_a_provider_that_does_not_read_is_given_up(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    """U36."""

    async def silent(link: Link) -> None:
        await trio.sleep_forever()

    server = await listen(nursery, silent, reads=False, receive_buffer=4096)
    with pytest.raises(WriteStalled):
        await ask(server, content=BIG, timeout={"write": 0.03})
    link = await server.link(0)
    link.reading.set()
    with trio.fail_after(1):
        await link.gone.wait()
    await stop(transport, nursery)


async def test_a_refusal_of_a_long_body_is_heard(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    """U35: a server that answers before it has read all, and closes: its answer arrives."""

    async def script(link: Link) -> None:
        link.reading.set()
        await link.wait_for(lambda data: len(data) > 100_000)
        await link.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        link.close()

    server = await listen(nursery, script, reads=False, receive_buffer=4096)
    response, body = await ask(server, content=BIG, timeout={"write": 5.0})
    assert response.status_code == 413
    assert await read(body) == b"big"
    body.close()
    await stop(transport, nursery)


async def stale(link: Link) -> None:
    """Answer once; the second request finds the connection closed."""
    await link.request()
    await link.send(HELLO)
    await link.request()
    link.close()


async def use_once(ask: Ask, server: Scripted) -> None:
    _, body = await ask(server)
    assert await read(body) == b"hello"
    body.close()


async def test_a_stale_connection_is_tried_once_more_on_a_fresh_one(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    """U5 in part."""
    server = await listen(nursery, stale)
    await use_once(ask, server)
    server.script = always(HELLO)
    await use_once(ask, server)
    assert len(server.links) == 2
    await stop(transport, nursery)


async def test_a_stale_connection_is_tried_once_and_no_more(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    """U5 in part: the fresh one fails as well, although another kept one is there."""
    server = await listen(nursery, stale)
    bodies = [(await ask(server))[1] for _ in range(2)]
    for body in bodies:
        assert await read(body) == b"hello"
        body.close()
    assert transport.pool.idle == 2

    async def refuse(link: Link) -> None:
        await link.request()
        link.rst()

    server.script = refuse
    with pytest.raises(Reset):
        await ask(server)
    assert len(server.links) == 3
    await stop(transport, nursery)


async def test_once_a_byte_has_come_nothing_is_tried_again(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    """U5 in part."""

    async def script(link: Link) -> None:
        await link.request()
        await link.send(HELLO)
        await link.request()
        await link.send(b"H")
        link.fin()

    server = await listen(nursery, script)
    await use_once(ask, server)
    with pytest.raises(Truncated):
        await ask(server)
    assert len(server.links) == 1
    await stop(transport, nursery)


async def test_a_connection_closed_meanwhile_is_not_taken_up(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    async def script(link: Link) -> None:
        await link.request()
        await link.send(HELLO)
        link.fin()

    server = await listen(nursery, script)
    await use_once(ask, server)
    await trio.sleep(0.005)
    await use_once(ask, server)
    assert len(server.links) == 2
    await stop(transport, nursery)


async def test_a_parked_connection_is_used_again_once_its_answer_has_ended(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    """U25. The last word was read, the end came later: nobody waited for it."""
    parked = trio.Event()

    async def script(link: Link) -> None:
        await link.request()
        await link.send(CHUNKED + b"5\r\nhello\r\n")
        await parked.wait()
        await link.send(b"0\r\n\r\n")
        await always(HELLO)(link)

    server = await listen(nursery, script)
    _, body = await ask(server)
    assert await body.receive_some() == b"hello"
    body.park()
    body.close()
    assert (transport.pool.parked, transport.pool.busy) == (1, 0)
    parked.set()
    await trio.sleep(0.005)
    await use_once(ask, server)
    assert len(server.links) == 1
    await stop(transport, nursery)


async def test_an_end_that_came_with_the_last_word_is_read_at_once(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    server = await listen(nursery, always(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"))
    _, body = await ask(server)
    assert await body.receive_some() == b"hello"
    body.park()
    assert (transport.pool.parked, transport.pool.idle) == (0, 1)
    await stop(transport, nursery)


async def test_leaving_in_the_middle_closes_the_connection(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    """S21: what was not read to its end is never used again, unless its last word was read."""
    server = await listen(nursery, always(CHUNKED + b"5\r\nhello\r\n"))
    _, body = await ask(server)
    assert await body.receive_some() == b"hello"
    body.close()
    body.park()
    with pytest.raises(trio.ClosedResourceError):
        await body.receive_some()
    with trio.fail_after(0.05):
        await server.links[0].gone.wait()
    await stop(transport, nursery)


async def test_an_answer_that_was_put_away_cannot_read_the_next_one(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    """S21."""
    server = await listen(nursery, always(HELLO))
    _, first = await ask(server)
    assert await read(first) == b"hello"
    first.close()
    _, second = await ask(server)
    assert len(server.links) == 1
    with pytest.raises(trio.ClosedResourceError):
        await first.receive_some()
    first.close()
    first.park()
    assert await read(second) == b"hello"
    second.close()
    await stop(transport, nursery)


async def test_the_limit_is_kept_and_the_wait_has_a_clock(
    transport: Transport, ask: Ask, nursery: trio.Nursery
) -> None:
    server = await listen(nursery, always(HELLO))
    _, body = await ask(server, max_connections=1)
    with pytest.raises(httpx2.PoolTimeout):
        await ask(server, max_connections=1, timeout={"pool": 0.01})
    assert await read(body) == b"hello"
    body.close()
    _, body = await ask(server, max_connections=1, timeout={"pool": 0.01})
    body.close()
    assert len(server.links) == 1
    await stop(transport, nursery)


async def test_httpx2_may_use_it_as_it_is(transport: Transport, nursery: trio.Nursery) -> None:
    heard = []

    async def script(link: Link) -> None:
        while True:
            heard.append(await link.request())
            await link.send(HELLO)

    class Parts(httpx2.AsyncByteStream):
        async def __aiter__(self):  # type: ignore[no-untyped-def]
            yield b"one "
            yield b"two"

    server = await listen(nursery, script)
    url = f"http://127.0.0.1:{server.port}/models"
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
        assert (await client.get(url)).text == "hello"
        assert (await client.post(url, content=Parts())).text == "hello"
        async with client.stream("GET", url) as response:
            assert response.status_code == 200
    assert len(server.links) == 1
    assert [(each.body, each.values(b"transfer-encoding")) for each in heard] == [
        (b"", []),
        (b"one two", []),
        (b"", []),
    ]
    assert heard[0].values(b"connection") == []
    assert heard[0].values(b"accept-encoding") == [b"identity"]
    await stop(transport, nursery)


@pytest.mark.parametrize("url", ["echo://echo:0/", "unix://x/y", "http:///x", "/x"])
async def test_only_http_origins_are_asked(transport: Transport, url: str) -> None:
    with pytest.raises(httpx2.UnsupportedProtocol):
        await transport.handle_async_request(httpx2.Request("GET", url))


def test_the_origin_of_a_url() -> None:
    for url, origin in (
        ("https://API.example/x", Origin("https", "api.example", 443)),
        ("http://api.example:8000", Origin("http", "api.example", 8000)),
        ("http://[::1]/", Origin("http", "::1", 80)),
    ):
        assert origin_of(httpx2.URL(url)) == origin


async def test_the_service_closes_what_was_kept_too_long(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """In virtual time, on connections in memory."""
    streams: list[MemoryStream] = []

    async def connect(origin: Origin) -> UpstreamStream:
        await trio.lowlevel.checkpoint()
        streams.append(MemoryStream(HELLO, HELLO))
        return streams[-1]

    transport = Transport(connect)
    nursery.start_soon(transport.serve)
    response = await transport.handle_async_request(httpx2.Request("GET", "http://a.example/"))
    assert isinstance(response.stream, Body)
    assert await read(response.stream) == b"hello"
    response.stream.close()
    assert transport.pool.idle == 1
    await trio.sleep(60 + 2 * SWEEP_INTERVAL)
    assert streams[0].closed
    assert transport.pool.open == 0
    nursery.cancel_scope.cancel()
