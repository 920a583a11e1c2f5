"""A provider on a real socket whose script decides every byte, delay, reset and end.

Each connection is a `Link`. A task reads it all the time and notes when *this* socket saw the
peer's FIN or RST, whatever the script is doing: that is how the tests know when an upstream
connection was really closed.
"""

import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import trio

LINGER_NONE = struct.pack("ii", 1, 0)
READ_BYTES = 65_536
BLANK_LINE = b"\r\n\r\n"


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    head: bytes
    body: bytes

    @property
    def line(self) -> bytes:
        return self.head.split(b"\r\n", 1)[0]

    def values(self, name: bytes) -> list[bytes]:
        fields = (line.partition(b":") for line in self.head.split(b"\r\n")[1:])
        return [value.strip() for field, _, value in fields if field.lower() == name]


class Link:
    """One accepted connection, as its script sees it.

    `saw` is "fin" or "rst" once the peer has gone, `saw_at` the time on Trio's clock; `closed` is
    True where the script has closed it. A script that ends leaves its connection open. `asked` is
    set once a whole request has come, `sent` counts the bytes that the kernel has taken.
    """

    def __init__(self, stream: trio.SocketStream, number: int) -> None:
        self.number = number
        self.received = bytearray()
        self.saw: str | None = None
        self.saw_at = float("inf")
        self.gone = trio.Event()
        self.reading = trio.Event()
        self.closed = False
        self.sent = 0
        self.asked = trio.Event()
        self.tls_error: Exception | None = None
        self.secured: trio.SSLStream[trio.SocketStream] | None = None
        self._arrived = trio.Condition()
        self._raw = stream

    @property
    def _stream(self) -> trio.abc.Stream:
        return self.secured or self._raw

    async def request(self) -> Received:
        """Wait for a whole request, its body by `content-length`, and take it."""
        await self.wait_for(lambda data: BLANK_LINE in data)
        head, _, _ = bytes(self.received).partition(BLANK_LINE)
        length = next(iter(Received(head, b"").values(b"content-length")), b"0")
        whole = len(head) + len(BLANK_LINE) + int(length)
        await self.wait_for(lambda data: len(data) >= whole)
        body = bytes(self.received[len(head) + len(BLANK_LINE) : whole])
        del self.received[:whole]
        self.asked.set()
        return Received(head, body)

    async def wait_for(self, enough: Callable[[bytearray], bool]) -> None:
        """Wait until what has come is enough."""
        async with self._arrived:
            while not enough(self.received):
                await self._arrived.wait()

    async def send(self, *parts: bytes) -> None:
        """Write each part by itself."""
        for part in parts:
            await self._stream.send_all(part)
            self.sent += len(part)

    async def chunk(self, *parts: bytes) -> None:
        """Write each part as a chunk of a chunked body; an empty one ends it."""
        for part in parts:
            await self.send(b"%x\r\n%b\r\n" % (len(part), part))

    def fin(self) -> None:
        """End our half, as a server does that has no more to say."""
        self._raw.socket.shutdown(socket.SHUT_WR)

    def rst(self) -> None:
        """Reset the connection."""
        self._raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
        self._raw.socket.close()

    def close(self) -> None:
        """Close the socket, without a farewell under TLS."""
        self._raw.socket.close()

    async def read_all(self) -> None:
        """Read until the peer has gone, and note when that was seen."""
        await self.reading.wait()
        try:
            while data := await self._stream.receive_some(READ_BYTES):
                async with self._arrived:
                    self.received += data
                    self._arrived.notify_all()
            self._note("fin")
        except trio.ClosedResourceError:
            self.closed = True
        except trio.BrokenResourceError as error:
            truncated = isinstance(error.__cause__, ssl.SSLError)
            self._note("fin" if truncated else "rst")

    def _note(self, what: str) -> None:
        self.saw, self.saw_at = what, trio.current_time()
        self.gone.set()


Script = Callable[[Link], Awaitable[None]]


class Scripted:
    """A listening provider; `links` holds its connections in the order in which they came."""

    def __init__(self, listener: trio.SocketListener, script: Script) -> None:
        self.host, self.port = listener.socket.getsockname()[:2]
        self.script = script
        self.links: list[Link] = []
        self._listener = listener
        self._came = trio.Condition()
        self._errors: list[BaseException] = []

    @property
    def open(self) -> int:
        """Connections that neither side has closed."""
        return sum(not (link.closed or link.saw) for link in self.links)

    async def link(self, number: int) -> Link:
        """Wait for a connection; the first is 0."""
        async with self._came:
            while len(self.links) <= number:
                await self._came.wait()
        return self.links[number]

    async def serve(
        self,
        tls: ssl.SSLContext | None = None,
        *,
        reads: bool = True,
    ) -> None:
        """Accept until cancelled. Without `reads` a link reads only once its script says so."""

        async def handle(stream: trio.SocketStream) -> None:
            async with stream:
                link = Link(stream, len(self.links))
                if reads:
                    link.reading.set()
                async with self._came:
                    self.links.append(link)
                    self._came.notify_all()
                if tls is None or await _secure(link, tls):
                    await _follow(link, self.script)

        await trio.serve_listeners(handle, [self._listener])


async def _secure(link: Link, tls: ssl.SSLContext) -> bool:
    secured = trio.SSLStream(link._raw, tls, server_side=True, https_compatible=True)
    try:
        await secured.do_handshake()
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        link.tls_error = error
        link._note("fin")
        return False
    link.secured = secured
    return True


async def _follow(link: Link, script: Script) -> None:
    """Follow the script until the peer has gone, or until it has closed the connection itself."""

    async def act() -> None:
        # The peer may go before the script is through.
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await script(link)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(act)
        await link.read_all()
        nursery.cancel_scope.cancel()


async def listen(
    nursery: trio.Nursery,
    script: Script,
    *,
    tls: ssl.SSLContext | None = None,
    reads: bool = True,
    receive_buffer: int = 0,
    port: int = 0,
) -> Scripted:
    """Start a scripted provider on loopback, on a free port unless one is named."""
    sock = trio.socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    await sock.bind(("127.0.0.1", port))
    sock.listen(512)
    server = Scripted(trio.SocketListener(sock), script)
    nursery.start_soon(partial(server.serve, tls, reads=reads))
    return server
