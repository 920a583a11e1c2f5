"""What a process bears: crowds of sockets that are opened at once, and what they cost it.

The crowds are plain sockets without a loop, so that they take little from the processors that the
process under test and its honest clients need.
"""

import os
import resource
import select
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.callgrind import COVERAGE

UNMEASURED = ("env", *(word for name in COVERAGE for word in ("-u", name)))
"""What stands before the command of a process whose speed is measured, and so not its coverage."""

RESET = struct.pack("ii", 1, 0)
KIB = 1024


@contextmanager
def many_descriptors() -> Iterator[None]:
    """Raise the limit of descriptors meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def crowd(port: int, count: int, wire: bytes = b"") -> Iterator[list[socket.socket]]:
    """Open so many connections, each of which sends this; all are closed at the end."""
    opened: list[socket.socket] = []
    with many_descriptors():
        try:
            for _ in range(count):
                opened.append(socket.create_connection(("127.0.0.1", port), 5))
                opened[-1].sendall(wire)
                opened[-1].setblocking(False)
            yield opened
        finally:
            for sock in opened:
                sock.close()


class Begun:
    """A provider that begins an answer to each request and never ends it, in a thread of its own.

    It takes the first bytes on a connection for a request. `open` counts its connections.
    """

    def __init__(self, said: bytes) -> None:
        self._said = said
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._epoll = select.epoll()
        self._links: dict[int, socket.socket] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.port = int(self._listener.getsockname()[1])

    @property
    def open(self) -> int:
        return len(self._links)

    def say(self, more: bytes, count: int) -> None:
        """Go on in so many of the answers."""
        for sock in list(self._links.values())[:count]:
            sock.send(more)

    def __enter__(self) -> "Begun":
        self._listener.setblocking(False)
        self._epoll.register(self._listener, select.EPOLLIN)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join()
        self._epoll.close()
        for sock in (self._listener, *self._links.values()):
            sock.close()

    def _run(self) -> None:
        while not self._end.is_set():
            for fd, _ in self._epoll.poll(0.05):
                if fd == self._listener.fileno():
                    self._accept()
                else:
                    self._answer(fd)

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            while True:
                sock, _ = self._listener.accept()
                sock.setblocking(False)
                self._links[sock.fileno()] = sock
                self._epoll.register(sock, select.EPOLLIN)

    def _answer(self, fd: int) -> None:
        sock = self._links[fd]
        try:
            asked = sock.recv(65_536)
        except ConnectionResetError:
            asked = b""
        if asked:
            sock.send(self._said)
        else:
            self._epoll.unregister(fd)
            self._links.pop(fd).close()


def all_hear(crowd: Sequence[socket.socket], mark: bytes, patience: float = 30.0) -> bool:
    """Wait until each of them has been sent what ends with this."""
    heard = 0
    waiting = select.poll()
    for sock in crowd:
        waiting.register(sock, select.POLLIN)
    by_number = {sock.fileno(): sock for sock in crowd}
    while heard < len(crowd) and (ready := waiting.poll(patience * 1000)):
        for fd, _ in ready:
            data = by_number[fd].recv(65_536)
            if not data or data.endswith(mark):
                heard += data.endswith(mark)
                waiting.unregister(fd)
    return heard == len(crowd)


def reset(sock: socket.socket) -> None:
    """Leave as one whose machine has gone: what lies unread is lost."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has in use."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def worked(pid: int) -> float:
    """Return the seconds that the first thread of a process, its loop, has worked."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
