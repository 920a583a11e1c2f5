"""One connection of a gateway to the demonstration's upstream: what it asks, and when it left."""

import socket

import trio

from gateway.downstream.body import Body, body_of
from gateway.downstream.head import Head, end_of_head, read_head

MAX_BODY_BYTES = 4_194_304
SEND_BUFFER_BYTES = 65_536
"""With a small buffer it is soon seen that a gateway reads no more."""

Request = tuple[str, bytes]
"""Path and body."""


class Peer:
    """The connection. `gone_at` is when it was seen to be left, on Trio's clock."""

    def __init__(self, sock: trio.socket.SocketType) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self.gone_at: float | None = None
        self._socket = sock
        self._gone = trio.Event()
        self._unread = b""
        self._reading: tuple[Head, Body] | None = None
        self._parts = bytearray()

    def fileno(self) -> int:
        """Return the descriptor; -1 once it is closed."""
        return self._socket.fileno()

    async def gone(self) -> None:
        """Wait until the gateway has left."""
        await self._gone.wait()

    def note_gone(self) -> None:
        """Note that the gateway was seen to have left."""
        self.gone_at = trio.current_time()
        self._gone.set()

    def close(self) -> None:
        """Close at once. May be called again."""
        self._socket.close()

    async def send(self, data: bytes) -> None:
        """Write it all, unless the gateway leaves meanwhile."""
        view = memoryview(data)
        while view:
            try:
                view = view[await self._socket.send(view) :]
            except OSError:
                return

    async def flood(self, block: bytes, most: int, quiet: float) -> None:
        """Write a block again and again, until no byte is taken for `quiet` seconds."""
        view = memoryview(block)
        sent = 0
        while sent < most:
            with trio.move_on_after(quiet) as patience:
                try:
                    sent += await self._socket.send(view[sent % len(block) :])
                except OSError:
                    return
            if patience.cancelled_caught:
                return

    def take(self, data: bytes) -> list[Request]:
        """Take what has come, and return the requests that are whole now.

        Raises `words.errors.ClientMistake` for what is no HTTP, `ValueError` for too long a body.
        """
        self._unread += data
        found = []
        while (request := self._next()) is not None:
            found.append(request)
        return found

    def _next(self) -> Request | None:
        if self._reading is None:
            end = end_of_head(self._unread)
            if not end:
                return None
            head = read_head(self._unread[:end])
            self._reading, self._unread = (head, body_of(head.length)), self._unread[end:]
        head, body = self._reading
        part, self._unread = body.feed(self._unread)
        self._parts += part
        if len(self._parts) > MAX_BODY_BYTES:
            raise ValueError("a body that no call of the demonstration has")
        if not body.complete:
            return None
        whole, self._parts, self._reading = bytes(self._parts), bytearray(), None
        return head.path, whole
