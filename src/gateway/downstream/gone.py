"""One watcher for all clients: it sees FIN and RST without reading, whatever lies unread.

One epoll and one task for the process. A socket is taken out before it is closed, inside one
`with`, or a descriptor used anew would cut the wrong call. What it cannot see: a FIN behind more
unread bytes than the receive window holds, which never arrives; a reset still does.
"""

import select
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import trio

from gateway.upstream.wire import Wire

_GONE = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Gone(Protocol):
    """Who tells that a client has gone. The simulator brings its own."""

    def watching(
        self, stream: trio.abc.Stream, on_gone: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """Return a `with` that holds while the stream is watched; `on_gone` is called once."""

    def hang_up(self, stream: trio.abc.Stream) -> None:
        """Wake whoever reads the stream, as if it were closed; it is not closed yet."""

    def take_up(self, stream: trio.abc.Stream) -> None:
        """Let the stream be read again: what came as we hung up is still to be answered."""


def wire_of(stream: trio.abc.Stream) -> Wire:
    """Return the wire beneath a stream, TLS or not. Raises `TypeError` where there is none."""
    if isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    if not isinstance(stream, Wire):
        raise TypeError(f"no wire beneath {stream!r}")
    return stream


def socket_of(stream: trio.abc.Stream) -> socket.socket:
    """Return the socket beneath a stream, TLS or not. Raises `TypeError` where there is none."""
    return wire_of(stream).sock


class Watcher:
    """The epoll and its task."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, Callable[[], None]] = {}

    def __len__(self) -> int:
        return len(self._watched)

    @contextmanager
    def watching(self, stream: trio.abc.Stream, on_gone: Callable[[], None]) -> Iterator[None]:
        """Watch a client's socket: `on_gone` is called once, when its FIN or RST arrives."""
        fd = socket_of(stream).fileno()
        self._watched[fd] = on_gone
        self._epoll.register(fd, _GONE | select.EPOLLET)
        try:
            yield
        finally:
            del self._watched[fd]
            self._epoll.unregister(fd)

    def hang_up(self, stream: trio.abc.Stream) -> None:
        """Wake the reader with `ClosedResourceError`; the descriptor stays, and stays watched."""
        wire_of(stream).stop_reading()

    def take_up(self, stream: trio.abc.Stream) -> None:
        wire_of(stream).read_again()

    async def run(self) -> None:
        """Call those whose clients have gone, until cancelled.

        Each of them is called, whatever the others raise; an `ExceptionGroup` tells it afterwards.
        """
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            bugs: list[Exception] = []
            for fd, _events in self._epoll.poll(0):
                if (on_gone := self._watched.get(fd)) is not None:
                    try:
                        on_gone()
                    except* Exception as group:
                        bugs.append(group)
            if bugs:
                raise ExceptionGroup("told of a client that has gone", bugs)

    def close(self) -> None:
        """Give the descriptor back, once nobody is watched any more."""
        self._epoll.close()
