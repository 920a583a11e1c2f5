"""The demonstration's upstream: a provider on loopback that sees when its own sockets are left.

Each connection has one task, which reads all the time and so notes the peer's FIN or RST whatever
else goes on. A call that is expected is answered by whoever plays it; what else a gateway may ask
(its models, a probe) is answered at once.
"""

import itertools
import json
import re
import secrets
import socket
from collections.abc import Iterator
from typing import Final, NoReturn

import httptools
import trio

from gateway.commands.demonstration import wire

LOOPBACK: Final = "127.0.0.1"
READ_BYTES = 65_536
MAX_BODY_BYTES = 4_194_304
SEND_BUFFER_BYTES = 65_536
TLS_HANDSHAKE: Final = b"\x16"
"""The first byte of a connection that wants TLS. This upstream takes it, and never answers."""

_MARK = re.compile(rb"demo-call-[0-9a-f]{8}-\d+")


class Peer:
    """One connection of a gateway. `gone_at` is when it was seen to be left, on Trio's clock."""

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self.gone_at: float | None = None
        self._socket = sock
        self._gone = trio.Event()
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._body = bytearray()
        self._requests: list[tuple[bytes, bytes]] = []

    def fileno(self) -> int:
        """Return the descriptor; -1 once it is closed."""
        return self._socket.fileno()

    async def gone(self) -> None:
        """Wait until the gateway has left this connection."""
        await self._gone.wait()

    async def send(self, data: bytes) -> None:
        """Write it all, unless the gateway leaves meanwhile."""
        view = memoryview(data)
        while view and self.gone_at is None:
            try:
                view = view[await self._socket.send(view) :]
            except OSError:
                return

    def close(self) -> None:
        """Close at once."""
        self._socket.close()

    def note_gone(self) -> None:
        """Note when the gateway was seen to have left."""
        self.gone_at = trio.current_time()
        self._gone.set()

    def take(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Take what has come; return the requests that are whole now, each target and body."""
        self._parser.feed_data(data)
        requests, self._requests = self._requests, []
        return requests

    def on_message_begin(self) -> None:
        self._target = b""
        self._body.clear()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_body(self, part: bytes) -> None:
        self._body += part
        if len(self._body) > MAX_BODY_BYTES:
            raise ValueError("a body that no call of the demonstration has")

    def on_message_complete(self) -> None:
        self._requests.append((self._target, bytes(self._body)))


class Asked:
    """An expected call as the upstream sees it: the connections on which it was asked."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.peers: list[Peer] = []
        self._came = trio.Event()

    async def came(self) -> Peer:
        """Wait until the call is asked; return on which connection."""
        await self._came.wait()
        return self.peers[-1]

    def come(self, peer: Peer) -> None:
        """Note that the call is asked on this connection."""
        self.peers.append(peer)
        self._came.set()

    @property
    def left_at(self) -> float | None:
        """Return when the last of its connections was left; None while one is not."""
        times = [peer.gone_at for peer in self.peers]
        return max((at for at in times if at is not None), default=None) if all(times) else None

    async def left(self) -> None:
        """Wait until all its connections have been left."""
        for peer in self.peers:
            await peer.gone()


class Upstream:
    """The listener and its connections."""

    def __init__(self, sock: socket.socket, model: str) -> None:
        self.port: int = sock.getsockname()[1]
        self.peers: set[Peer] = set()
        self.task: trio.lowlevel.Task | None = None
        self.served = 0
        """Requests that were no expected call, such as a probe."""
        self._model = model
        self._expected: dict[bytes, Asked] = {}
        self._tls: Asked | None = None
        self._numbers = itertools.count(1)
        self._token = secrets.token_hex(4)
        self._listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))

    @property
    def base_url(self) -> str:
        """The address that a gateway is to be given."""
        return f"http://{LOOPBACK}:{self.port}/v1"

    def expect(self, *, in_tls: bool = False) -> Asked:
        """Expect a call, by a mark that no other has; or whoever begins a TLS handshake next."""
        asked = Asked(f"demo-call-{self._token}-{next(self._numbers)}")
        if in_tls:
            self._tls = asked
        else:
            self._expected[asked.mark.encode()] = asked
        return asked

    def forget(self, asked: Asked) -> None:
        """Expect a call no longer."""
        self._expected.pop(asked.mark.encode(), None)
        if self._tls is asked:
            self._tls = None

    async def serve(self) -> NoReturn:
        """Accept until cancelled."""
        self.task = trio.lowlevel.current_task()
        await trio.serve_listeners(self._take, [self._listener])

    async def _take(self, stream: trio.SocketStream) -> None:
        # With a small buffer it is soon seen that a gateway reads no more.
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        peer = Peer(stream.socket)
        self.peers.add(peer)
        try:
            data = bytes(await stream.receive_some(READ_BYTES))
            if data[:1] == TLS_HANDSHAKE:
                self._meet(self._tls, peer)
                await _ignore(stream)
            while data:
                for target, body in peer.take(data):
                    await self._answer(peer, target, body)
                data = bytes(await stream.receive_some(READ_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError, httptools.HttpParserError):
            pass  # it was left by a reset, closed by its scene, or speaks no HTTP
        finally:
            peer.note_gone()
            peer.close()
            self.peers.discard(peer)

    async def _answer(self, peer: Peer, target: bytes, body: bytes) -> None:
        mark = _MARK.search(body)
        if mark and mark[0] in self._expected:
            self._meet(self._expected[mark[0]], peer)
            return
        self.served += 1
        if target.partition(b"?")[0].endswith(b"/models"):
            await peer.send(wire.models(self._model))
        elif _streams(body):
            await peer.send(wire.whole_stream(self._model))
        else:
            await peer.send(wire.whole_answer(self._model))

    def _meet(self, asked: Asked | None, peer: Peer) -> None:
        if asked is None:
            peer.close()
        else:
            asked.come(peer)


async def _ignore(stream: trio.SocketStream) -> None:
    """Read without an answer until the peer has gone."""
    while await stream.receive_some(READ_BYTES):
        pass


def _streams(body: bytes) -> bool:
    try:
        fields = json.loads(body)
    except ValueError:
        return False
    return isinstance(fields, dict) and fields.get("stream") is True


def listen(port: int) -> socket.socket:
    """Listen on loopback, on a free port for 0. Raises `OSError`, as when the port is taken."""
    sock = socket.socket()
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((LOOPBACK, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock


def sockets_of(peers: set[Peer]) -> Iterator[int]:
    """Yield the descriptors of connections that are open."""
    yield from (peer.fileno() for peer in peers)
