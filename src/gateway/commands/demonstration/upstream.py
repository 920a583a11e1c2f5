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

import trio

from gateway.commands.demonstration import wire
from gateway.commands.demonstration.peer import Peer
from gateway.words.errors import ClientMistake

LOOPBACK: Final = "127.0.0.1"
READ_BYTES = 65_536
TLS_HANDSHAKE: Final = b"\x16"
"""The first byte of a connection that wants TLS. This upstream takes it, and never answers."""

_MARK = re.compile(rb"demo-call-[0-9a-f]{8}-\d+")


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
        """When the last of its connections was left; None while one is not."""
        times = [peer.gone_at for peer in self.peers if peer.gone_at is not None]
        return max(times) if times and len(times) == len(self.peers) else None

    async def left(self) -> None:
        """Wait until all its connections have been left."""
        for peer in self.peers:
            await peer.gone()

    def end(self) -> None:
        """Close its connections, so that a gateway which keeps them is rid of the call too."""
        for peer in self.peers:
            peer.close()


class Upstream:
    """The listener and its connections."""

    def __init__(self, port: int, model: str) -> None:
        """Listen on loopback, on a free port for 0. Raises `OSError`, as when it is taken."""
        sock = _listen(port)
        self.port: int = sock.getsockname()[1]
        self.peers: set[Peer] = set()
        self.task: trio.lowlevel.Task | None = None
        self.served = 0
        """Calls that were not expected, such as a probe."""
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

    def close(self) -> None:
        """Stop to listen, where it may be that nobody serves. May be called again."""
        self._listener.socket.close()

    async def _take(self, stream: trio.SocketStream) -> None:
        peer = Peer(stream.socket)
        self.peers.add(peer)
        try:
            data = bytes(await stream.receive_some(READ_BYTES))
            if data[:1] == TLS_HANDSHAKE:
                self._meet(self._tls, peer)
                while data:
                    data = bytes(await stream.receive_some(READ_BYTES))
            while data:
                for path, body in peer.take(data):
                    await self._answer(peer, path, body)
                data = bytes(await stream.receive_some(READ_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError, ClientMistake, ValueError):
            pass  # it was left by a reset, closed by its scene, or is no gateway
        finally:
            peer.note_gone()
            peer.close()
            self.peers.discard(peer)

    async def _answer(self, peer: Peer, path: str, body: bytes) -> None:
        mark = _MARK.search(body)
        if mark and mark[0] in self._expected:
            self._meet(self._expected[mark[0]], peer)
            return
        if any(peer in asked.peers for asked in self._expected.values()):
            return  # asked behind a call that is not answered yet
        if path.endswith("/models"):
            await peer.send(wire.models(self._model))
            return
        self.served += 1
        if _streams(body):
            await peer.send(wire.whole_stream(self._model))
        else:
            await peer.send(wire.whole_answer(self._model))

    def _meet(self, asked: Asked | None, peer: Peer) -> None:
        if asked is None:
            peer.close()
        else:
            asked.come(peer)


def _streams(body: bytes) -> bool:
    try:
        fields = json.loads(body)
    except ValueError:
        return False
    return isinstance(fields, dict) and fields.get("stream") is True


def _listen(port: int) -> socket.socket:
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
