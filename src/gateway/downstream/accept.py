"""Accepting: connections are taken as they come, many in a row, and each is a wire.

Trio's own listener takes one connection in each round of the scheduler. Under load a round takes
milliseconds, and a thousand clients that come at once would wait for the kernel's retries.

Without descriptors nobody can be taken. A few are kept for that hour, so that health checks are
answered; once those are in use too, accepting pauses, and who comes then waits in the kernel.
"""

import errno
import os
import socket
from math import inf

import trio
from trio.lowlevel import checkpoint, checkpoint_if_cancelled, notify_closing, wait_readable

from gateway.telemetry.log import Log
from gateway.upstream.wire import Wire

IN_A_ROW = 64
"""Connections that are taken before all others have their turn."""

MOST_AT_THE_END = 1024
"""Connections that are still taken as the socket is closed: as many as its queue holds."""

NOT_SENT_BYTES = 16_384
"""What may wait in the kernel: more would only be stale by the time that it leaves."""

KEPT = 16
"""Descriptors that are kept for when there are no others."""

PAUSE = 0.1
"""Seconds until it is tried again where there is no descriptor at all."""

CALM = 1.0
"""Seconds without a failure after which a shortage is over. In a shortage failures come in rows."""

_OF_THE_CONNECTION = frozenset(
    getattr(errno, name)
    for name in (
        "ECONNABORTED", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENONET",
        "ENOPROTOOPT", "EOPNOTSUPP", "EPERM", "EPROTO",
    )
)  # fmt: skip
"""The connection failed before it was taken; the listener is well. See accept(2)."""

_SHORT_OF = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Reserve:
    """Descriptors for when there are no others, and the one who tells of a shortage: once each.

    Without `log` nothing is told; before `open` it holds none.
    """

    def __init__(self, log: Log | None = None, size: int = KEPT) -> None:
        self._log = log
        self._size = size
        self._kept: list[int] = []
        self._open = False
        self._since = self._last = -inf

    @property
    def short(self) -> bool:
        """True while some of the descriptors are in use: there are no others."""
        return len(self._kept) < self._size and self._open

    @property
    def watchful(self) -> bool:
        """True from the first failure of a shortage until it is over."""
        return self._since > -inf

    def spend(self, error: OSError) -> bool:
        """Give one up for a connection that could not be taken; False where none is left."""
        self._last = trio.current_time()
        if not self.watchful:
            self._since = self._last
            if self._log is not None:
                self._log.warning("short of descriptors", reason=os.strerror(error.errno or 0))
        if self._kept and error.errno in {errno.EMFILE, errno.ENFILE}:
            os.close(self._kept.pop())
            return True
        return False

    def refill(self) -> None:
        """Take what is free; the shortage is over if all of it could be had for a while."""
        try:
            while self.short:
                self._kept.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            return
        if self.watchful and trio.current_time() - self._last >= CALM:
            if self._log is not None:
                lasted = round(self._last - self._since, 3)
                self._log.warning("descriptors again", short_for_seconds=lasted)
            self._since = -inf

    def open(self) -> None:
        """Take the descriptors."""
        self._open = True
        self.refill()

    def close(self) -> None:
        """Give them back."""
        self._open = False
        while self._kept:
            os.close(self._kept.pop())


class Accepting(trio.abc.Listener[Wire]):
    """A listening socket, which it owns. What is set on it, accepted sockets inherit."""

    def __init__(self, sock: socket.socket, reserve: Reserve | None = None) -> None:
        """`reserve` is shared by all who accept; without it there is nothing for a shortage."""
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOT_SENT_BYTES)
        self._sock = sock
        self._reserve = reserve or Reserve()
        self._in_a_row = 0

    async def accept(self) -> Wire:
        """Take the next connection. Where there are no descriptors it waits for some."""
        if self._in_a_row < IN_A_ROW:
            await checkpoint_if_cancelled()
        else:
            self._in_a_row = 0
            await checkpoint()
        if self._reserve.watchful:
            self._reserve.refill()
        while True:
            if self._sock.fileno() < 0:
                raise trio.ClosedResourceError
            try:
                sock, _ = self._sock.accept()
            except BlockingIOError:
                self._in_a_row = 0
                await self._wait()
            except OSError as error:
                if error.errno in _SHORT_OF:
                    if not self._reserve.spend(error):
                        self._in_a_row = 0
                        await trio.sleep(PAUSE)
                        self._reserve.refill()
                elif error.errno not in _OF_THE_CONNECTION:
                    raise
            else:
                self._in_a_row += 1
                return Wire(sock)

    async def _wait(self) -> None:
        """Wait for somebody; in a shortage not for ever, for its end must be noticed."""
        if not self._reserve.watchful:
            await wait_readable(self._sock)
            return
        with trio.move_on_after(CALM):
            await wait_readable(self._sock)
        self._reserve.refill()

    def shut(self) -> list[Wire]:
        """Close, and return who stood in the queue: with the socket the kernel would reset them."""
        last: list[Wire] = []
        for _ in range(MOST_AT_THE_END):
            try:
                sock, _ = self._sock.accept()
            except OSError as error:
                if error.errno not in _OF_THE_CONNECTION:
                    break
            else:
                last.append(Wire(sock))
        self._close()
        return last

    def _close(self) -> None:
        if self._sock.fileno() >= 0:
            notify_closing(self._sock)
            self._sock.close()

    async def aclose(self) -> None:
        self._close()
        await checkpoint()
