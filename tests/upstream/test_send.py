"""The border to the HTTP library: addresses, headers, and what its exceptions become."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest
import trio

from gateway import __version__
from gateway.upstream import failures
from gateway.upstream.dial import Dialer
from gateway.upstream.outgoing import READ_AT_ONCE_BYTES
from gateway.upstream.send import (
    BORDER,
    CLOSE_TIMEOUT,
    Incoming,
    Transports,
    at_the_border,
    prepared,
    send,
    url_of,
)
from gateway.upstream.stream import DirectStream
from gateway.upstream.transport import Transport
from gateway.words import errors
from gateway.words.body import LongBody, Span
from gateway.words.call import UpstreamRequest
from gateway.words.client import Header
from gateway.words.receipt import Attempt
from gateway.words.secret import Secret
from gateway.words.target import Origin, Target, Timeouts
from tests.scripted import Link, listen

HERE = Origin("https", "api.example", 443)
REQUEST = UpstreamRequest(
    "POST",
    "/chat/completions",
    ((b"content-type", b"application/json"), (b"accept", b"text/event-stream")),
    b'{"model":"m"}',
)
KEY = "sk-canary-0123456789"


def target(
    origin: Origin = HERE,
    path: str = "/v1",
    headers: tuple[Header, ...] = (),
    connect: float = 5.0,
) -> Target:
    return Target(
        "acme", "openai", "chat", origin, path, "m", Secret(KEY), headers, Timeouts(connect), 7
    )


async def asked(
    target: Target,
    credentials: tuple[Header, ...],
    request: UpstreamRequest,
    transports: Transports,
) -> Incoming:
    return await send(target, credentials, request, transports, Attempt(target.name, 0.0))


class Recorder(httpx2.AsyncBaseTransport):
    """Keeps what it is asked, and answers as it is told."""

    def __init__(self, answer: Callable[[], httpx2.Response]) -> None:
        self.asked: list[httpx2.Request] = []
        self._answer = answer

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        self.asked.append(request)
        return self._answer()


async def test_a_request_is_put_together_from_the_targets_parts() -> None:
    recorder = Recorder(lambda: httpx2.Response(200, content=b"yes"))
    configured = ((b"openai-organization", b"org-1"), (b"accept", b"*/*"))
    credentials = ((b"authorization", b"Bearer " + KEY.encode()),)
    incoming = await asked(target(headers=configured), credentials, REQUEST, {"https": recorder})
    (request,) = recorder.asked
    assert (request.method, str(request.url)) == (
        "POST",
        "https://api.example/v1/chat/completions",
    )
    assert request.headers.raw == [
        (b"user-agent", f"nursery-gateway/{__version__}".encode()),
        (b"accept-encoding", b"identity"),
        (b"content-type", b"application/json"),
        (b"accept", b"*/*"),
        (b"openai-organization", b"org-1"),
        (b"authorization", b"Bearer " + KEY.encode()),
    ]
    assert await request.aread() == REQUEST.body
    assert request.extensions == {
        "timeout": {"connect": 5.0, "write": 60.0},
        "max_connections": 7,
    }
    await incoming.aclose()


async def test_nobody_overrides_the_credentials() -> None:
    recorder = Recorder(lambda: httpx2.Response(200))
    headers = ((b"authorization", b"Bearer stolen"),)
    request = UpstreamRequest("POST", "/x", headers, b"")
    credentials = ((b"authorization", b"Bearer ours"),)
    incoming = await asked(target(headers=headers), credentials, request, {"https": recorder})
    assert recorder.asked[0].headers.get_list("authorization") == ["Bearer ours"]
    await incoming.aclose()


@pytest.mark.parametrize(
    ("origin", "base", "path", "url"),
    [
        (HERE, "/v1", "/models", "https://api.example/v1/models"),
        (HERE, "", "/models?limit=5", "https://api.example/models?limit=5"),
        (HERE, "/v1", "/models/a%2Fb", "https://api.example/v1/models/a%2Fb"),
        (Origin("http", "::1", 8000), "/v1", "/x", "http://[::1]:8000/v1/x"),
        (Origin("http", "127.0.0.1", 80), "/v1", "/x", "http://127.0.0.1/v1/x"),
        (Origin("echo", "echo", 0), "", "/x", "echo://echo:0/x"),
    ],
)
def test_an_address_is_joined_literally(origin: Origin, base: str, path: str, url: str) -> None:
    """R1."""
    assert str(url_of(origin, base, path)) == url


@pytest.mark.parametrize(
    "path",
    [
        "/../admin",
        "/a/../../admin",
        "/./x",
        "/%2e%2e/admin",
        "/..%2fadmin",
        "/a%5c..%5cadmin",
        "/a\\..\\admin",
        "/x#fragment",
        "/x y",
        "/ä",
        "@evil.example/",
        ".evil.example/",
        ":99/x",
        "//..",
        "http://evil.example/",
        "x",
        "/x\r\nHost: evil",
    ],
)
def test_no_path_leads_away_from_the_target(path: str) -> None:
    """R1: with and without a path of the provider's own before it."""
    with pytest.raises(errors.Internal):
        url_of(HERE, "", path)
    if path.startswith("/"):
        with pytest.raises(errors.Internal):
            url_of(HERE, "/v1", path)


def test_an_origin_that_is_no_origin_is_refused() -> None:
    for origin in (
        Origin("https", "a.example/x", 443),
        Origin("https", "user@a.example", 443),
        Origin("https", "A.example", 443),
        Origin("https", "a b", 443),
    ):
        with pytest.raises(errors.Internal):
            url_of(origin, "/v1", "/x")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (failures.NameFailed, errors.NameFailed),
        (failures.Refused, errors.ConnectFailed),
        (failures.TlsFailed, errors.TlsFailed),
        (failures.Exhausted, errors.Busy),
        (failures.Reset, errors.UpstreamReset),
        (failures.Truncated, errors.UpstreamTruncated),
        (failures.Malformed, errors.UpstreamMalformed),
        (failures.TooMuch, errors.UpstreamMalformed),
        (failures.WriteStalled, errors.UpstreamWriteTimeout),
        (httpx2.ConnectTimeout, errors.ConnectTimeout),
        (httpx2.ConnectError, errors.ConnectFailed),
        (httpx2.PoolTimeout, errors.Busy),
        (httpx2.ReadTimeout, errors.Timeout),
        (httpx2.WriteTimeout, errors.UpstreamWriteTimeout),
        (httpx2.ReadError, errors.UpstreamReset),
        (httpx2.WriteError, errors.UpstreamReset),
        (httpx2.RemoteProtocolError, errors.UpstreamMalformed),
        (httpx2.LocalProtocolError, errors.Internal),
        (httpx2.ProxyError, errors.UpstreamFailure),
        (httpx2.UnsupportedProtocol, errors.UpstreamFailure),
    ],
)
async def test_every_exception_has_its_name_in_the_house(
    raised: type[httpx2.HTTPError], told: type[errors.GatewayError]
) -> None:
    """U1 in part, U2, U3, U4, U13, U15, U34, U36: told with the target's name and what happened."""

    def fail() -> httpx2.Response:
        raise raised("what happened")

    with pytest.raises(told) as caught:
        await asked(target(), (), REQUEST, {"https": Recorder(fail)})
    assert type(caught.value) is told
    assert caught.value.message.startswith("The provider acme/m ")
    assert caught.value.message.endswith(": what happened.")
    assert isinstance(caught.value.__cause__, raised)


def test_the_table_names_the_special_before_the_general() -> None:
    for number, (kind, _, _) in enumerate(BORDER):
        assert not any(issubclass(kind, earlier) for earlier, _, _ in BORDER[:number]), kind


def test_what_is_not_of_the_http_library_is_a_bug_and_stays_one() -> None:
    with pytest.raises(KeyError):
        at_the_border(KeyError("x"), "acme/m")
    assert at_the_border(httpx2.StreamClosed(), "acme/m").status == 502
    assert at_the_border(failures.Reset(""), "acme/m").message == "The provider acme/m broke off."


async def test_an_answer_over_a_real_socket(nursery: trio.Nursery) -> None:
    async def script(link: Link) -> None:
        request = await link.request()
        assert request.line == b"POST /v1/chat/completions HTTP/1.1"
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-A: \xe4\r\n")
        await link.send(b"Content-Length: 5\r\n\r\n", b"hel", b"lo")
        await link.request()
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
        await trio.sleep(0.005)
        link.rst()

    server = await listen(nursery, script)
    transport = Transport(Dialer().connect)
    here = target(Origin("http", "127.0.0.1", server.port))
    incoming = await asked(here, (), REQUEST, {"http": transport})
    assert (incoming.status, incoming.content_type, incoming.foreign) == (
        200,
        "text/event-stream",
        False,
    )
    assert (b"x-a", b"\xe4") in incoming.headers
    got = b""
    while part := await incoming.receive():
        got += part
    assert got == b"hello"
    incoming.park()
    incoming.close()
    await incoming.aclose()
    assert transport.pool.idle == 1
    incoming = await asked(here, (), REQUEST, {"http": transport})
    assert incoming.content_type == ""
    assert await incoming.receive() == b"hel"
    with pytest.raises(errors.UpstreamReset, match="The provider acme/m broke off"):
        await incoming.receive()
    incoming.close()
    assert transport.pool.open == 0
    nursery.cancel_scope.cancel()


async def test_no_error_shows_a_secret_or_an_address() -> None:
    """R11: the message reaches clients."""
    here = target(Origin("http", "127.0.0.1", 1))
    credentials = ((b"authorization", b"Bearer " + KEY.encode() + b"\n"),)
    for shown in (credentials, ()):
        with pytest.raises(errors.GatewayError) as caught:
            await asked(here, shown, REQUEST, {"http": Transport(Dialer().connect)})
        assert KEY not in caught.value.message
        assert "127.0.0.1" not in caught.value.message


async def test_a_clock_of_the_targets_own_bounds_connecting(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def never(origin: Origin) -> None:
        await trio.sleep_forever()

    with pytest.raises(errors.ConnectTimeout):
        await asked(target(connect=3.0), (), REQUEST, {"https": Transport(never)})  # type: ignore[arg-type]
    assert trio.current_time() == pytest.approx(3.0, abs=1.0)


class Slow(httpx2.AsyncByteStream):
    """A foreign body; closing it takes time."""

    def __init__(self, closing: float) -> None:
        self.closing = closing
        self.state = "open"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"
        raise httpx2.ReadError("gone")

    async def aclose(self) -> None:
        self.state = "closing"
        await trio.sleep(self.closing)
        self.state = "closed"


async def test_a_foreign_transport_fits_as_well() -> None:
    stream = Slow(0.0)
    headers = {"Content-Type": "text/event-stream", "X-A": "1"}
    recorder = Recorder(lambda: httpx2.Response(201, headers=headers, stream=stream))
    incoming = await asked(target(), (), REQUEST, {"https": recorder})
    assert (incoming.status, incoming.content_type, incoming.foreign) == (
        201,
        "text/event-stream",
        True,
    )
    assert (b"x-a", b"1") in incoming.headers
    assert [await incoming.receive() for _ in range(2)] == [b"one", b"two"]
    with pytest.raises(errors.UpstreamReset):
        await incoming.receive()
    incoming.park()
    assert await incoming.receive() == b""
    await incoming.aclose()
    assert stream.state == "closed"


async def test_the_end_of_a_foreign_answer() -> None:
    recorder = Recorder(lambda: httpx2.Response(200, content=b"whole"))
    incoming = await asked(target(), (), REQUEST, {"https": recorder})
    assert [await incoming.receive() for _ in range(3)] == [b"whole", b"", b""]
    await incoming.aclose()


@pytest.mark.parametrize(("closing", "state"), [(0.5, "closed"), (5.0, "closing")])
async def test_a_foreign_answer_is_closed_even_when_the_call_is_cancelled_but_not_for_ever(
    autojump_clock: trio.testing.MockClock, closing: float, state: str
) -> None:
    """The one cleanup that waits: shielded, and for `CLOSE_TIMEOUT` at most."""
    stream = Slow(closing)
    recorder = Recorder(lambda: httpx2.Response(200, stream=stream))
    incoming = await asked(target(), (), REQUEST, {"https": recorder})
    assert await incoming.receive() == b"one"
    began = trio.current_time()
    with trio.CancelScope() as scope:
        scope.cancel()
        await incoming.aclose()
    assert stream.state == state
    assert trio.current_time() - began == min(closing, CLOSE_TIMEOUT)


async def test_the_houses_own_answer_is_closed_without_waiting() -> None:
    class Direct(DirectStream):
        closed = False

        def close(self) -> None:
            self.closed = True

    stream = Direct()
    recorder = Recorder(lambda: httpx2.Response(200, stream=stream))
    incoming = await asked(target(), (), REQUEST, {"https": recorder})
    with trio.CancelScope() as scope, trio.testing.assert_no_checkpoints():
        scope.cancel()
        await incoming.aclose()
    assert stream.closed
    with pytest.raises(NotImplementedError):
        await incoming.receive()
    with pytest.raises(NotImplementedError):
        DirectStream().park()


class Stored:
    """Holds bytes as a file would."""

    async def read(self, at: int, size: int) -> bytes:
        await trio.lowlevel.checkpoint()
        return (b"0123456789" * READ_AT_ONCE_BYTES)[at : at + size]


async def test_a_long_body_is_streamed_to_a_foreign_transport_as_often_as_need_be() -> None:
    length = 2 * READ_AT_ONCE_BYTES + 5
    body = LongBody([b"head", Span(Stored(), 0, length)])
    request = UpstreamRequest("POST", "/audio", (), b"", long_body=body)
    recorder = Recorder(lambda: httpx2.Response(200, content=b"yes"))
    incoming = await asked(target(), (), request, {"https": recorder})
    await incoming.aclose()
    (sent,) = recorder.asked
    assert sent.headers["content-length"] == str(length + 4)
    assert isinstance(sent.stream, httpx2.AsyncByteStream)
    for _ in range(2):
        parts = [part async for part in sent.stream]
        assert max(map(len, parts)) <= READ_AT_ONCE_BYTES
        assert b"".join(parts) == b"head" + (b"0123456789" * READ_AT_ONCE_BYTES)[:length]


@pytest.mark.parametrize("direct", [True, False])
async def test_a_query_stands_behind_the_path_and_a_model_in_front_of_it(
    direct: bool, nursery: trio.Nursery
) -> None:
    paths: list[bytes] = []

    async def script(link: Link) -> None:
        paths.append((await link.request()).line.split()[1])
        await link.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    def other(request: httpx2.Request) -> httpx2.Response:
        paths.append(request.url.raw_path)
        return httpx2.Response(200, stream=httpx2.ByteStream(b""))

    server = await listen(nursery, script)
    transport = Transport(Dialer().connect)
    carrier = transport if direct else httpx2.MockTransport(other)
    origin = Origin("http", "127.0.0.1", server.port)
    place = replace(target(origin, "/openai"), by_model="/deployments/", query="?api-version=1")
    incoming = await asked(place, (), REQUEST, {"http": carrier})
    assert paths == [b"/openai/deployments/m/chat/completions?api-version=1"]
    await incoming.aclose()
    await transport.aclose()
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("more", "kept"), [({}, 1), ({"client_key": True}, 0), ({"grant": "acme"}, 0)]
)
async def test_r11_a_head_with_a_callers_key_is_not_kept(
    more: dict[str, Any], kept: int, nursery: trio.Nursery
) -> None:
    """R11: nor one with credentials that are shown once."""

    async def script(link: Link) -> None:
        await link.request()
        await link.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    server = await listen(nursery, script)
    transport = Transport(Dialer().connect)
    place = replace(target(Origin("http", "127.0.0.1", server.port)), **more)
    prepared.cache_clear()
    shown = ((b"authorization", b"Bearer callers-own"),)
    incoming = await asked(place, shown, REQUEST, {"http": transport})
    assert prepared.cache_info().currsize == kept
    await incoming.aclose()
    await transport.aclose()
    nursery.cancel_scope.cancel()
