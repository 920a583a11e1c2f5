"""The client behind stock Hypercorn: the same `Guest`, told in ASGI messages.

ASGI has no word for abort, for a write's deadline, or for "gone" apart from a message that one
must be waiting for. What follows from that is listed in docs/hypercorn.md.
"""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from math import inf
from typing import Any

import trio

from gateway.downstream.calls import Calls, OpenCall
from gateway.downstream.client import MIN_BODY_RATE
from gateway.downstream.connection import LINGER_BYTES, LINGER_TIMEOUT
from gateway.downstream.head import Head, make_head
from gateway.downstream.options import HttpOptions
from gateway.forms.http import check_header
from gateway.words.client import Header, Take
from gateway.words.errors import BodyTimeout, TooLarge, UpgradeNeeded
from gateway.words.life import Cause

UNREAD_BYTES = 262_144
"""So much of a body may wait while it is poured out."""

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def head_of(scope: Scope) -> Head:
    """Read the head from an ASGI scope. Raises `BadRequest`, `HeadTooLarge`."""
    target: bytes = scope.get("raw_path") or scope["path"].encode()
    if b"?" not in target and (query := scope.get("query_string")):
        target += b"?" + query
    return make_head(
        scope["method"], target, scope["headers"], http10=scope["http_version"] == "1.0"
    )


class AsgiClient:
    """One request's client behind an ASGI server."""

    listens = True
    spare = False

    def __init__(
        self, head: Head, receive: Receive, send: Send, options: HttpOptions, calls: Calls
    ) -> None:
        self._head = head
        self._receive = receive
        self._send = send
        self._options = options
        self._calls = calls
        self._life: OpenCall | None = None
        self._parts: list[bytes] = []
        self._arrived = trio.Event()
        self._taken = trio.Event()
        self._whole = self._pours = False
        self._over = trio.Event()
        self._finishing = False
        self._pending: Message | None = None
        self.started = False
        self.torn = False
        self.status = self.bytes_in = self.bytes_out = 0
        self.id_name = b""

    def attach(self, life: OpenCall) -> None:
        self._life = life

    async def listen(self) -> None:
        """Take what the server tells: parts of the body, then the client's leaving.

        The server also says `http.disconnect` at every normal end, from inside the final send:
        while that is under way it means nothing.
        """
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._over.set()
                if not self._finishing and self._life is not None:
                    self._life.cut(Cause.CLIENT_GONE)
                return
            self._take(message)
            while self._pours and sum(map(len, self._parts)) > UNREAD_BYTES:
                await self._taken.wait()

    def _take(self, message: Message) -> None:
        part = message.get("body", b"")
        self.bytes_in += len(part)
        most = self._options.max_body_bytes
        if self.bytes_in <= most and not self._finishing:
            self._parts.append(part)
        self._whole = not message.get("more_body", False)
        if self._whole or self.bytes_in > most + LINGER_BYTES:
            self._over.set()
        self._arrived.set()
        self._arrived = trio.Event()

    async def body(self) -> bytes:
        """Read the body whole (see `words.client.Client`)."""
        most, timeout = self._options.max_body_bytes, self._options.body_timeout
        began = trio.current_time()
        while (self._head.length or self.bytes_in) <= most and self.bytes_in <= most:
            self._hold()
            if self._whole:
                return b"".join(self._parts)
            await self._wait_for_more(began + timeout)
        raise TooLarge(f"The body is longer than {most} bytes.")

    async def pour(self, take: Take) -> None:
        """Give the body to `take`, part by part (see `words.client.Client`)."""
        most, timeout = self._options.max_body_bytes, self._options.body_timeout
        began = trio.current_time()
        self._pours = True
        try:
            while (self._head.length or self.bytes_in) <= most and self.bytes_in <= most:
                self._hold()
                paused = trio.current_time()
                while self._parts:
                    parts = self._hand_out()
                    for part in parts:
                        await take(part)
                if self._whole:
                    return
                began += trio.current_time() - paused  # that time was ours
                await self._wait_for_more(began + timeout)
        finally:
            self._pours = False
            self._hand_out()
        raise TooLarge(f"The body is longer than {most} bytes.")

    def _hand_out(self) -> list[bytes]:
        """Return what has come, and let more come."""
        parts, self._parts = self._parts, []
        self._taken.set()
        self._taken = trio.Event()
        return parts

    async def _wait_for_more(self, patient_until: float) -> None:
        """Wait for the next part, in time; the whole may last longer the more of it has come."""
        slowest = patient_until + self.bytes_in / MIN_BODY_RATE
        soon = trio.current_time() + self._options.body_timeout
        with trio.CancelScope(deadline=min(soon, slowest)) as scope:
            await self._arrived.wait()
        if scope.cancelled_caught:
            raise BodyTimeout("The request's body arrived too slowly.")

    def _hold(self) -> None:
        if self._life is not None:
            held = self._life.body_bytes
            self._calls.hold(self._life, self.bytes_in - held, (self._head.length or 0) - held)

    def start(self, status: int, headers: Sequence[Header]) -> None:
        """Set the head of a streamed answer; it leaves before the first bytes."""
        fields = list(headers)
        if self._life is not None:
            request_id = self._life.receipt.request_id.encode()
            fields.append((b"x-request-id", request_id))
            if self.id_name:
                fields.append((self.id_name, request_id))
        for name, value in fields:
            check_header(name, value)
        self.status = status
        self._pending = {"type": "http.response.start", "status": status, "headers": fields}

    async def send(self, data: bytes) -> None:
        """Write whole events."""
        await self._write(data, more=True)

    async def finish(self, data: bytes, patience: float = inf) -> None:
        """Write the last part. The server's `http.disconnect` comes from inside this send."""
        self._finishing = True
        with trio.fail_after(patience):
            await self._write(data, more=False)

    async def respond(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        """Answer in one piece.

        The server closes at the end of an answer to a request whose body is still arriving, and a
        reset would eat the answer on its way: so the end is held back for a moment.
        """
        self.start(status, (*headers, (b"content-length", b"%d" % len(body))))
        data = b"" if self._head.method == "HEAD" else body
        if self._head.length == 0:
            await self.finish(data)
            return
        self._finishing = True
        await self._write(data, more=True)
        with trio.move_on_after(LINGER_TIMEOUT):
            await self._over.wait()
        await self._write(b"", more=False)

    async def switch(self, headers: Sequence[Header]) -> None:
        """Never asked: the server hands over no request that wants another protocol."""
        raise UpgradeNeeded("This server hands over no WebSocket: ask with POST.")

    def abort(self) -> None:
        """Return early: the server closes the connection without the terminating chunk."""
        self.torn = True

    async def _write(self, data: bytes, *, more: bool) -> None:
        """Write a part of the answer. Cancelled before that, it has said nothing and is whole."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self.started = self.torn = True
        if self._pending is not None:
            pending, self._pending = self._pending, None
            await self._send(pending)
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
        self.torn = False
        self.bytes_out += len(data)
