"""A provider that says what it was told to say, right or wrong, whatever it is asked."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"

Answer = Callable[[], Sequence[bytes]]
"""Gives the parts of one answer; a connection is closed after an empty part."""


def event(number: int = 0, space: bytes = b"") -> bytes:
    """Write an event of content as the tools' own upstream does, sent at some time."""
    content = b'{"choices":[{"delta":{"content":%b"t=%018d "}}]}' % (space, number)
    return b"data: %b\n\n" % content


def chunk(payload: bytes) -> bytes:
    """Frame a chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def stream(*events: bytes) -> bytes:
    """Write a whole answer of these events, one chunk each."""
    return CHUNKED + b"".join(map(chunk, events)) + LAST_CHUNK


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Answer each request so; give the origin. A request is taken for whole at its last brace."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        threads = [threading.Thread(target=_accept, args=(listener, answer))]
        threads[0].start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            threads[0].join()


def _accept(listener: socket.socket, answer: Answer) -> None:
    threads: list[threading.Thread] = []
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threads.append(threading.Thread(target=_serve, args=(connection, answer)))
            threads[-1].start()
    for thread in threads:
        thread.join()


def _serve(connection: socket.socket, answer: Answer) -> None:
    with connection, suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asked = b""
        while got := connection.recv(65_536):
            asked += got
            if not asked.endswith(b"}"):
                continue
            asked = b""
            for part in answer():
                if not part:
                    return
                connection.sendall(part)
