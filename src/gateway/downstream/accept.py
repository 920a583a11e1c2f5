"""Accepting: connections are taken as they come, many in a row, and each is a wire.

Trio's own listener takes one connection in each round of the scheduler. Under load a round takes
milliseconds, and a thousand clients that come at once would wait for the kernel's retries.
"""

import errno
import socket

import trio
from trio.lowlevel import checkpoint, checkpoint_if_cancelled, notify_closing, wait_readable

from gateway.upstream.wire import Wire

IN_A_ROW = 64
"""Connections that are taken before all others have their turn."""

NOT_SENT_BYTES = 16_384
"""What may wait in the kernel: more would only be stale by the time that it leaves."""

_OF_THE_CONNECTION = frozenset(
    getattr(errno, name)
    for name in (
        "ECONNABORTED", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENONET",
        "ENOPROTOOPT", "EOPNOTSUPP", "EPERM", "EPROTO",
    )
)  # fmt: skip
"""The connection failed before it was taken; the listener is well. See accept(2)."""


class Accepting(trio.abc.Listener[Wire]):
    """A listening socket, which it owns. What is set on it, accepted sockets inherit."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOT_SENT_BYTES)
        self._sock = sock
        self._in_a_row = 0

    async def accept(self) -> Wire:
        """Take the next connection. Raises `OSError`, as when there are too many open files."""
        if self._in_a_row < IN_A_ROW:
            await checkpoint_if_cancelled()
        else:
            self._in_a_row = 0
            await checkpoint()
        while True:
            if self._sock.fileno() < 0:
                raise trio.ClosedResourceError
            try:
                sock, _ = self._sock.accept()
            except BlockingIOError:
                self._in_a_row = 0
                await wait_readable(self._sock)
            except OSError as error:
                if error.errno not in _OF_THE_CONNECTION:
                    raise
            else:
                self._in_a_row += 1
                return Wire(sock)

    async def aclose(self) -> None:
        if self._sock.fileno() >= 0:
            notify_closing(self._sock)
            self._sock.close()
        await checkpoint()
