"""Sends a request to a target and hands back its answer: the border to the HTTP library.

Nothing of httpx2 passes this file towards the corridor: its exceptions become the house's own, by
a table. The address is the target's own; nothing in a request chooses one (R1).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from functools import lru_cache
from typing import Final, Protocol
from urllib.parse import unquote

import httpx2
import trio

from gateway import __version__
from gateway.upstream import failures
from gateway.upstream.outgoing import READ_AT_ONCE_BYTES, Clocks, Outgoing, write_head
from gateway.upstream.stream import DirectStream, DirectTransport
from gateway.words import errors
from gateway.words.body import Body, LongBody
from gateway.words.call import UpstreamRequest
from gateway.words.client import Header
from gateway.words.receipt import Attempt
from gateway.words.target import Origin, Target

WRITE_TIMEOUT = 60.0
CLOSE_TIMEOUT = 1.0
USER_AGENT = f"nursery-gateway/{__version__}".encode()

_PORTS = {"http": 80, "https": 443}

Transports = Mapping[str, httpx2.AsyncBaseTransport]
"""Who carries a request, by the scheme of its target's origin."""

BORDER: Final[tuple[tuple[type[Exception], type[errors.GatewayError], str], ...]] = (
    (failures.NameFailed, errors.NameFailed, "could not be found"),
    (failures.TlsFailed, errors.TlsFailed, "could not be trusted"),
    (failures.Exhausted, errors.Busy, "could not be connected to"),
    (httpx2.ConnectTimeout, errors.ConnectTimeout, "did not answer in time"),
    (httpx2.PoolTimeout, errors.Busy, "has no connection to spare"),
    (httpx2.WriteTimeout, errors.UpstreamWriteTimeout, "did not take the request in time"),
    (httpx2.TimeoutException, errors.Timeout, "did not answer in time"),
    (httpx2.ConnectError, errors.ConnectFailed, "could not be connected to"),
    (failures.Truncated, errors.UpstreamTruncated, "broke off"),
    (httpx2.LocalProtocolError, errors.Internal, "cannot be asked"),
    (httpx2.RemoteProtocolError, errors.UpstreamMalformed, "answered badly"),
    (httpx2.NetworkError, errors.UpstreamReset, "broke off"),
    (httpx2.HTTPError, errors.UpstreamFailure, "failed"),
    (httpx2.StreamError, errors.UpstreamFailure, "failed"),
)
"""The first row that fits says what an exception of the HTTP library is called in the house."""


class Incoming(Protocol):
    """A provider's answer whose head has come."""

    status: int
    content_type: str
    headers: tuple[Header, ...]
    foreign: bool
    """True where another transport than the house's carries it, which `close` cannot end."""

    async def receive(self) -> bytes:
        """Wait for the next part of the body; b"" is the end. Raises `UpstreamFailure` and such."""

    def close(self) -> None:
        """Be done with it at once: kept if it was read to its end, closed if not. Idempotent."""

    def park(self) -> None:
        """Be done with it after its last word, although its end may not have come. Idempotent."""

    async def aclose(self) -> None:
        """As `close`; it also ends a foreign answer, and waits for nothing if there is none."""


async def send(
    target: Target,
    credentials: tuple[Header, ...],
    request: UpstreamRequest,
    transports: Transports,
    attempt: Attempt,
) -> Incoming:
    """Send a request and wait for the head of its answer, whatever its status.

    Connecting is bounded by the target's own clock, each write by `WRITE_TIMEOUT`; all other
    clocks are the caller's. Raises `UpstreamFailure`, `Timeout` and `Busy` of `words.errors`.
    """
    transport = transports[target.origin.scheme]
    try:
        if isinstance(transport, DirectTransport):
            return await _ask(transport, target, credentials, request, attempt)
        asked = _foreign(target, credentials, request, attempt)
        response = await transport.handle_async_request(asked)
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise at_the_border(error, target.name) from error
    if isinstance(response.stream, DirectStream):
        return DirectAnswer(response.status_code, response.stream, target.name)
    return ForeignAnswer(response, target.name)


async def _ask(
    transport: DirectTransport,
    target: Target,
    credentials: tuple[Header, ...],
    request: UpstreamRequest,
    attempt: Attempt,
) -> "DirectAnswer":
    """Ask the house's own transport, which needs no object of httpx2's."""
    given = (*request.headers, *target.headers, *credentials)
    path = request.path + target.query
    # What is shown once, or is another's key, is not to be remembered.
    prepare = prepared.__wrapped__ if target.client_key or target.grant else prepared
    fields = prepare(target.origin, target.base, request.method, path, given)
    if attempt.trace is not None:
        # Said once, and made here or checked: not to be remembered.
        fields += b"".join([b"%b: %b\r\n" % field for field in attempt.trace.headers])
    outgoing = Outgoing(request.method, fields, request.long_body or request.body, attempt)
    clocks = Clocks(connect=target.timeouts.connect, write=WRITE_TIMEOUT)
    body = await transport.ask(target.origin, outgoing, target.max_connections, clocks)
    return DirectAnswer(body.status, body, target.name)


@lru_cache(maxsize=1024)
def prepared(origin: Origin, base: str, method: str, path: str, given: tuple[Header, ...]) -> bytes:
    """Return the head that all such requests have, but for the length: checked and written once."""
    url = url_of(origin, base, path)
    return write_head(method, url.raw_path, origin, _headers(given))


def _foreign(
    target: Target, credentials: tuple[Header, ...], request: UpstreamRequest, attempt: Attempt
) -> httpx2.Request:
    """Return the request as any other transport takes it."""
    length: tuple[Header, ...] = ()
    trace = () if attempt.trace is None else attempt.trace.headers
    if request.long_body is not None:
        length = ((b"content-length", b"%d" % len(request.long_body)),)
    return httpx2.Request(
        request.method,
        url_of(target.origin, target.base, request.path + target.query),
        headers=_headers((*request.headers, *target.headers, *credentials, *length, *trace)),
        stream=_stream_of(request.long_body or request.body),
        extensions={
            "timeout": {"connect": target.timeouts.connect, "write": WRITE_TIMEOUT},
            "max_connections": target.max_connections,
        },
    )


def _stream_of(body: Body) -> httpx2.AsyncByteStream:
    return _Long(body) if isinstance(body, LongBody) else httpx2.ByteStream(body)


class _Long(httpx2.AsyncByteStream):
    """A long body, from its beginning each time that it is gone through."""

    def __init__(self, body: LongBody) -> None:
        self._body = body
        self._at = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Long(self._body)

    async def __anext__(self) -> bytes:
        part = await self._body.read(self._at, READ_AT_ONCE_BYTES)
        if not part:
            raise StopAsyncIteration
        self._at += len(part)
        return part


async def body_within(response: httpx2.Response, most_bytes: int) -> bytes:
    """Read a body, but no further than the part with which it is longer than it may be."""
    body = bytearray()
    async with aclosing(response.aiter_raw()) as parts:
        async for part in parts:
            body += part
            if len(body) > most_bytes:
                break
    return bytes(body)


def at_the_border(error: Exception, name: str) -> errors.GatewayError:
    """Return an exception of the HTTP library as the house tells it of the target `name`."""
    for kind, told, sentence in BORDER:
        if isinstance(error, kind):
            reason = f": {error}" if str(error) else ""
            return told(f"The provider {name} {sentence}{reason}.")
    raise error


def url_of(origin: Origin, base: str, path: str) -> httpx2.URL:
    """Join a target's origin and path with the path of a request, literally.

    Raises `Internal` if what comes out does not lie where it should (R1).
    """
    literal = base + path
    try:
        url = httpx2.URL(f"{origin}{literal}")
    except httpx2.InvalidURL as error:
        raise errors.Internal("A target has no address that can be asked.") from error
    port = _PORTS.get(origin.scheme) if url.port is None else url.port
    segments = unquote(literal.partition("?")[0]).replace("\\", "/").split("/")
    if (
        (url.scheme, url.raw_host.decode(), port) != (origin.scheme, origin.host, origin.port)
        or url.raw_path != literal.encode()
        or not literal.startswith("/")
        or not {".", ".."}.isdisjoint(segments)
    ):
        raise errors.Internal("A request would have left the address of its target.")
    return url


def _headers(given: tuple[Header, ...]) -> list[Header]:
    """Put the fields together; of one name the last counts, and the credentials come last."""
    fields = {b"user-agent": USER_AGENT, b"accept-encoding": b"identity", **dict(given)}
    return list(fields.items())


class DirectAnswer:
    """An answer by one of the house's own transports (see `Incoming`)."""

    foreign = False

    def __init__(self, status: int, stream: DirectStream, name: str) -> None:
        self.status = status
        self.headers = stream.headers
        self.content_type = _content_type(self.headers)
        self.close = stream.close
        self.park = stream.park
        self._stream = stream
        self._name = name

    async def receive(self) -> bytes:
        try:
            return await self._stream.receive_some()
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise at_the_border(error, self._name) from error

    async def aclose(self) -> None:
        self._stream.close()


class ForeignAnswer:
    """An answer by another transport, a recorder or a mock (see `Incoming`).

    It cannot be closed without waiting: `close` only ends the reading, and whoever may wait calls
    `aclose`, which gives it `CLOSE_TIMEOUT` seconds whatever has been cancelled.
    """

    foreign = True

    def __init__(self, response: httpx2.Response, name: str) -> None:
        self.status = response.status_code
        self.headers = tuple((field.lower(), value) for field, value in response.headers.raw)
        self.content_type = _content_type(self.headers)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        self._stream = response.stream
        self._parts = aiter(self._stream)
        self._name = name
        self._over = False

    async def receive(self) -> bytes:
        if self._over:
            return b""
        try:
            return await anext(self._parts, b"")
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise at_the_border(error, self._name) from error

    def close(self) -> None:
        self._over = True

    park = close

    async def aclose(self) -> None:
        self._over = True
        with trio.move_on_after(CLOSE_TIMEOUT, shield=True):
            if isinstance(self._parts, AsyncGenerator):
                await self._parts.aclose()
            await self._stream.aclose()


def _content_type(headers: tuple[Header, ...]) -> str:
    return next((value.decode("latin-1") for name, value in headers if name == b"content-type"), "")
