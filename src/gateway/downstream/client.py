"""Those who ask: what the front needs of a client, and the client on our own HTTP/1.1.

The other implementation, for stock Hypercorn, is `asgi_client.py`.
"""

import time
from collections.abc import Sequence
from email.utils import formatdate
from functools import lru_cache
from math import inf
from typing import Protocol

import trio

from gateway.downstream.body import body_of
from gateway.downstream.calls import Calls, OpenCall
from gateway.downstream.head import Head
from gateway.downstream.options import HttpOptions
from gateway.forms.http import status_line, write_fields
from gateway.upstream.wire import Wire
from gateway.words.client import Client, Header, Take
from gateway.words.errors import BadRequest, BodyTimeout, TooLarge
from gateway.words.life import Cause

BODILESS = frozenset({204, 304})
"""What is answered so has no body, and nothing says how long it is."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MIN_BODY_RATE = 16_384
"""Bytes a second, on average after the first `body_timeout` (R17)."""


class Guest(Client, Protocol):
    """A client as the front sees it: it can also be answered in one piece. Sizes in bytes."""

    status: int
    bytes_in: int
    bytes_out: int

    def attach(self, life: OpenCall) -> None:
        """Take the life that ends when this client goes away."""

    spare: bool
    """True on a connection beyond the limits, which is there for probes alone."""

    id_name: bytes
    """Another name for `x-request-id`, by which clients of some form look for it; empty if none."""

    listens: bool
    """True where no watcher of sockets notices the client's leaving, so that `listen` must."""

    async def listen(self) -> None:
        """Notice the client's leaving."""

    async def respond(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        """Answer in one piece, in one write."""

    async def switch(self, headers: Sequence[Header]) -> None:
        """Go on in another protocol than HTTP, as the fields of the answer say."""


def now_as_date() -> bytes:
    """Return the Date field's value for now."""
    return _date(time.time_ns() // 1_000_000_000)


@lru_cache(maxsize=1)
def _date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode()


class HttpClient:
    """One request's client on our own connection. Every write that fails means: gone."""

    listens = False

    def __init__(
        self,
        stream: trio.abc.Stream,
        head: Head,
        options: HttpOptions,
        calls: Calls,
        arrived: bytes,
    ) -> None:
        """`arrived` holds the bytes that came behind the head."""
        self._stream = stream
        self._head = head
        self._options = options
        self._calls = calls
        self.life: OpenCall | None = None
        self._request_id = b""
        self._body = body_of(head.length)
        self._pending = b""
        self._chunked = False
        self._invited = False
        self._may_keep = False
        self._ends_in_silence = False
        self.gone = self.spare = False
        self.started = False
        self.torn = False
        self.status = self.bytes_in = self.bytes_out = 0
        self.id_name = b""
        self.rest = arrived
        """Bytes behind the request: the next one, pipelined."""
        self.switched = False
        """True once the connection speaks another protocol."""
        self.reusable = False
        """True once request and answer are whole and the connection may carry another request."""

    def attach(self, life: OpenCall) -> None:
        self.life = life
        self._request_id = life.receipt.request_id.encode()
        if self.gone:
            life.cut(Cause.CLIENT_GONE)

    def went_away(self) -> None:
        """Take note, from the watcher or from a write, that nobody is there any more."""
        self.gone = True
        if self.life is not None:
            self.life.cut(Cause.CLIENT_GONE)

    @property
    def unread(self) -> bool:
        """True while a part of the request's body is still to come."""
        return not self._body.complete

    @property
    def cut_unseen(self) -> bool:
        """True where an answer was cut that ends with its connection: only a reset can tell so."""
        return self.torn and self._ends_in_silence

    async def body(self) -> bytes:
        """Read the body whole (see `words.client.Client`)."""
        most = self._options.max_body_bytes
        if (self._head.length or 0) > most:
            raise TooLarge(f"The body is longer than {most} bytes.")
        parts: list[bytes] = []
        size = self._take(parts, self.rest)
        if self.life is not None:
            self._calls.hold(self.life, size, self._head.length or 0)
        if self._body.complete and size <= most:
            return parts[0] if parts else b""
        began = trio.current_time()
        while not self._body.complete and size <= most:
            size += await self._next_part(parts, size, began)
        if size > most:
            raise TooLarge(f"The body is longer than {most} bytes.")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def pour(self, take: Take) -> None:
        """Give the body to `take`, part by part (see `words.client.Client`)."""
        most = self._options.max_body_bytes
        if (self._head.length or 0) > most:
            raise TooLarge(f"The body is longer than {most} bytes.")
        parts: list[bytes] = []
        size = self._take(parts, self.rest)
        if self.life is not None:
            self._calls.hold(self.life, size, self._head.length or 0)
        began = trio.current_time()
        while size <= most:
            paused = trio.current_time()
            for part in parts:
                await take(part)
            parts.clear()
            if self._body.complete:
                return
            began += trio.current_time() - paused  # that time was ours
            size += await self._next_part(parts, size, began)
        raise TooLarge(f"The body is longer than {most} bytes.")

    async def _next_part(self, parts: list[bytes], size: int, began: float) -> int:
        """Wait for the next part, and take it; `size` has come since `began`."""
        with trio.CancelScope(deadline=self._patience(began, size)) as scope:
            if not self._invited:
                self._invited = True
                if self._awaits_leave():
                    await self._put(CONTINUE)
            more = self._take(parts, await self._receive())
            if self.life is not None:
                self._calls.hold(self.life, more)
        if scope.cancelled_caught:
            raise BodyTimeout("The request's body arrived too slowly.")
        return more

    def _awaits_leave(self) -> bool:
        """Say whether the client sends its body only once it is told to; HTTP/1.0 knows no 1xx."""
        expects = self._head.headers.get(b"expect", b"").lower() == b"100-continue"
        return expects and not self._head.http10

    def _take(self, parts: list[bytes], data: bytes) -> int:
        part, self.rest = self._body.feed(data)
        if part:
            parts.append(part)
            self.bytes_in += len(part)
        return len(part)

    def _patience(self, began: float, size: int) -> float:
        """Return until when the next piece must come: in time, and fast enough on average."""
        timeout = self._options.body_timeout
        return min(trio.current_time() + timeout, began + timeout + size / MIN_BODY_RATE)

    async def _receive(self) -> bytes:
        try:
            data = await self._stream.receive_some(65_536)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            data = b""
        if not data:
            await self._gone()
        return bytes(data)

    async def _gone(self) -> None:
        """End the life: the next checkpoint of this call unwinds it."""
        self.went_away()
        await trio.lowlevel.checkpoint()

    async def listen(self) -> None:
        """The watcher of sockets does this."""
        await trio.sleep_forever()

    def start(self, status: int, headers: Sequence[Header]) -> None:
        """Set the head of a streamed answer; it leaves with the first bytes, in one write."""
        self._chunked = not self._head.http10 and status not in BODILESS
        self._ends_in_silence = not self._chunked and not _are_events(headers)
        framing = [(b"transfer-encoding", b"chunked")] if self._chunked else []
        self._pending = self._write_head(status, [*headers, *framing], framed=self._chunked)

    async def send(self, data: bytes) -> None:
        """Write whole events."""
        if self._chunked:
            data = b"%b%x\r\n%b\r\n" % (self._pending, len(data), data)
        else:
            data = self._pending + data
        await self._write(data)

    async def finish(self, data: bytes, patience: float = inf) -> None:
        """Write the last part and the end of the body in one write."""
        if not self._chunked:
            await self._write(self._pending + data, patience)
            return
        last = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        await self._write(b"%b%b0\r\n\r\n" % (self._pending, last), patience)
        self.reusable = self._may_keep

    async def respond(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        """Answer in one piece."""
        length = (b"content-length", b"%d" % len(body))
        head = self._write_head(status, [*headers, length], framed=True)
        await self._write(head if self._head.method == "HEAD" else head + body)
        self.reusable = self._may_keep

    async def switch(self, headers: Sequence[Header]) -> None:
        """Say that what follows is no HTTP."""
        own = ((b"x-request-id", self._request_id), (b"date", now_as_date()))
        self.status = 101
        await self._write(b"%b%b\r\n" % (status_line(101), write_fields([*headers, *own])))
        self.switched = True

    def abort(self) -> None:
        """Leave the body without its end; the connection closes."""
        self.reusable = False
        self.torn = True

    def _write_head(self, status: int, headers: Sequence[Header], *, framed: bool) -> bytes:
        """Return the head. An answer that is not `framed` ends with its connection."""
        self._drop_arrived_body()
        kept = self._head.keep_alive and framed and not self._calls.draining
        self._may_keep = kept and self._body.complete and not self.spare
        connection = b"keep-alive" if self._may_keep else b"close"
        fields = write_fields(
            [
                *headers,
                (b"x-request-id", self._request_id),
                *([(self.id_name, self._request_id)] if self.id_name else ()),
                (b"date", now_as_date()),
                (b"connection", connection),
            ]
        )
        self.status = status
        return b"%b%b\r\n" % (status_line(status), fields)

    def _drop_arrived_body(self) -> None:
        """A refused request whose body is here already need not cost the connection."""
        if not self._body.complete:
            try:
                self._take([], self.rest)
            except BadRequest:
                self.rest = b""

    async def _write(self, data: bytes, patience: float = inf) -> None:
        """Write a part of the answer. Cancelled before that, it has said nothing and is whole."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self.started = self.torn = True
        self._pending = b""
        await self._put(data, patience)
        self.torn = False
        self.bytes_out += len(data)

    async def _put(self, data: bytes, patience: float = inf) -> None:
        stream, sent = self._stream, 0
        try:
            if isinstance(stream, Wire):
                # Mostly the socket takes it all at once, and no clock need be set.
                sent = stream.write_now(data)
            if sent < len(data):
                with trio.fail_after(patience):
                    await stream.send_all(data[sent:])
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await self._gone()


def _are_events(headers: Sequence[Header]) -> bool:
    """Say whether an answer tells in words how it ends."""
    return any(
        name == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in headers
    )
