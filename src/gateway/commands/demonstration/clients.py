"""The demonstration's clients: each makes one call on a connection of its own, and leaves it.

How they leave decides what travels: `close` sends FIN (RST where bytes lie unread), a lingering
time of zero makes it RST, and half a close is a FIN from one who could still read.
"""

import socket
import ssl
import struct
from enum import StrEnum
from typing import Final

import trio

from gateway.commands.demonstration.wire import Address

READ_BYTES = 65_536
SMALL_BUFFER_BYTES = 4096
NO_LINGERING: Final = struct.pack("ii", 1, 0)


class Way(StrEnum):
    """How a client leaves."""

    FIN = "FIN"
    RST = "RST"
    HALF_CLOSE = "half-close"


class Client:
    """One client. `received` is what it has read."""

    def __init__(self, stream: trio.abc.Stream, sock: trio.socket.SocketType) -> None:
        self.received = b""
        self._stream = stream
        self._socket = sock

    def fileno(self) -> int:
        """Return the descriptor; -1 once it is closed."""
        return self._socket.fileno()

    async def send(self, data: bytes) -> None:
        """Write it all. Raises `trio.BrokenResourceError`."""
        await self._stream.send_all(data)

    async def read_until(self, wanted: bytes) -> bool:
        """Read until something has come; False where the gateway ends before that."""
        while wanted not in self.received:
            try:
                data = await self._stream.receive_some(READ_BYTES)
            except trio.BrokenResourceError:
                return False
            if not data:
                return False
            self.received += data
        return True

    async def read_line(self) -> str:
        """Return the first line that the gateway said, for people; nothing where it is silent."""
        await self.read_until(b"\r\n")
        return self.received.partition(b"\r\n")[0].decode("latin-1")

    def leave(self, way: Way) -> float:
        """Leave; return when, on Trio's clock."""
        if way is Way.RST:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGERING)
        at = trio.current_time()
        if way is Way.HALF_CLOSE:
            self._socket.shutdown(socket.SHUT_WR)
        else:
            self._socket.close()
        return at

    def close(self) -> None:
        """Close at once. May be called again."""
        self._socket.close()


async def connect(address: Address, *, small: bool = False) -> Client:
    """Connect to a gateway; a `small` client has little room for what it does not read.

    Raises `OSError`, `trio.BrokenResourceError` where TLS fails.
    """
    origin = address.origin
    found = await trio.socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    sock = await _connect_first([(info[0], info[4]) for info in found], small=small)
    stream: trio.abc.Stream = trio.SocketStream(sock)
    if origin.scheme == "https":
        context = ssl.create_default_context()
        secured = trio.SSLStream(
            stream, context, server_hostname=origin.host, https_compatible=True
        )
        try:
            await secured.do_handshake()
        except BaseException:
            sock.close()
            raise
        stream = secured
    return Client(stream, sock)


async def _connect_first(
    found: list[tuple[socket.AddressFamily, object]], *, small: bool
) -> trio.socket.SocketType:
    refused: OSError | None = None
    for family, where in found:
        sock = trio.socket.socket(family, socket.SOCK_STREAM)
        try:
            if small:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
            await sock.connect(where)
        except OSError as error:
            sock.close()
            refused = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise refused or OSError("no such host")
