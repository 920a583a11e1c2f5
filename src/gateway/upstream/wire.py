"""A connection's bytes: a Trio stream on a non-blocking socket that can be closed without waiting.

Trio's own streams close asynchronously, which a cancelled task cannot do. Here `close` is an
ordinary call: the peer sees it at once, and whoever waits on the wire is woken.
"""

import socket
import struct
from contextlib import suppress
from typing import Final, Protocol

import trio
from trio.lowlevel import checkpoint_if_cancelled, notify_closing, wait_readable, wait_writable

READ_BYTES = 65_536
_NO_LINGERING: Final = struct.pack("ii", 1, 0)


class UpstreamStream(Protocol):
    """All that the transport asks of a connection; a simulated network offers the same."""

    async def receive_some(self, max_bytes: int | None = None, /) -> bytes:
        """Wait for bytes; b"" is the end. Raises `BrokenResourceError`, `ClosedResourceError`."""

    async def send_all(self, data: bytes | bytearray | memoryview, /) -> None:
        """Write it all. Raises as above; after a failure the connection is of no more use."""

    def read_now(self, max_bytes: int, /) -> bytes | None:
        """Return what has come already, None if nothing has, b"" at the end. Raises as above."""

    def write_now(self, data: bytes | bytearray | memoryview, /) -> int:
        """Write what is taken at once, and return how much that is. Raises as above."""

    def close(self) -> None:
        """Close at once; whoever waits gets `ClosedResourceError`. May be called again."""


class Ragged(trio.BrokenResourceError):
    """A peer closed without the farewell of TLS: the end of the data cannot be trusted."""


class Wire(trio.abc.HalfCloseableStream):
    """A plain TCP connection at either end of the house, for one reader and one writer at a time.

    It takes over the descriptor; how the socket is tuned is the business of whoever made it.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._fd = sock.fileno()
        self._closed = self._no_more = False
        sock.setblocking(False)

    @property
    def sock(self) -> socket.socket:
        """The socket beneath, to look at; only `close` may close it."""
        return self._socket

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait first, then read: what is read for is seldom there yet, and to wait is to yield."""
        size = max_bytes or READ_BYTES
        data = None
        while data is None:
            if self._closed:
                raise trio.ClosedResourceError
            if self._no_more and (data := self.read_now(size)) is None:
                raise trio.ClosedResourceError("nobody waits here any more")
            if data is None:
                await wait_readable(self._fd)
                data = self.read_now(size)
        return data

    def stop_reading(self) -> None:
        """Wake whoever waits to read with `ClosedResourceError`; what has come is still read."""
        self._no_more = True
        notify_closing(self._fd)

    def read_again(self) -> None:
        """Let whoever reads from now on wait again, after `stop_reading`."""
        self._no_more = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write it all; yields only where it must wait, as whoever writes also reads."""
        await checkpoint_if_cancelled()
        sent = self.write_now(data)
        if sent == len(data):
            return
        with memoryview(data) as view:
            while sent < len(view):
                await wait_writable(self._socket)
                sent += self.write_now(view[sent:])

    async def wait_send_all_might_not_block(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError
        await wait_writable(self._socket)

    async def wait_for_bytes(self) -> None:
        """Wait until there is something to read, be it the end. Raises `ClosedResourceError`."""
        if self._closed:
            raise trio.ClosedResourceError
        await wait_readable(self._socket)

    def read_now(self, max_bytes: int) -> bytes | None:
        if self._closed:
            raise trio.ClosedResourceError
        try:
            return self._socket.recv(max_bytes)
        except BlockingIOError:
            return None
        except OSError as error:
            raise trio.BrokenResourceError(f"reading failed: {error}") from error

    def write_now(self, data: bytes | bytearray | memoryview) -> int:
        """Write what there is room for, and return how much. Raises as `send_all`."""
        if self._closed:
            raise trio.ClosedResourceError
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise trio.BrokenResourceError(f"writing failed: {error}") from error

    async def send_eof(self) -> None:
        """Say that no more will be written. Raises `BrokenResourceError`."""
        await checkpoint_if_cancelled()
        if self._closed:
            raise trio.ClosedResourceError
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise trio.BrokenResourceError(f"closing one way failed: {error}") from error

    def break_off(self) -> None:
        """Have `close` tell the peer by a reset that this was no end."""
        with suppress(OSError):  # macOS: the peer is gone already
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            notify_closing(self._socket)
            self._socket.close()

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint()
