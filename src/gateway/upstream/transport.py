"""HTTP/1.1 to providers as an httpx2 transport: kept connections, and a close that never waits.

Whatever way a call is left, in the queue, in the handshake, before the head or within the body,
its connection is closed and its slot is free before the next line runs.
"""

from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import NoReturn

import httpx2
import trio

from gateway.upstream.exchange import Connection
from gateway.upstream.failures import Reset, Truncated
from gateway.upstream.outgoing import Clocks, Outgoing, host_of, write_head
from gateway.upstream.pool import Lease, Pool
from gateway.upstream.stream import DirectStream, DirectTransport
from gateway.upstream.wire import UpstreamStream
from gateway.words.receipt import WaitsFor
from gateway.words.target import Origin

MAX_CONNECTIONS = 1000
SWEEP_INTERVAL = 1.0

_PORTS = {"http": 80, "https": 443}

Connect = Callable[[Origin], Awaitable[UpstreamStream]]
"""Opens a connection to an origin, TLS included; raises the connect errors of `failures.py`."""


class Body(DirectStream):
    """An answer's body, and the lease on its connection."""

    def __init__(
        self, lease: Lease[Connection], connection: Connection, bodies: set["Body"]
    ) -> None:
        """`bodies` are all that are being read; it stays among them until it is closed."""
        self._lease = lease
        self._connection = connection
        self._bodies = bodies
        bodies.add(self)
        self.status = connection.answer.status
        self.headers = tuple(connection.answer.headers)

    async def receive_some(self) -> bytes:
        if not self._lease.held:
            raise trio.ClosedResourceError("this answer was closed: its connection is another's")
        return await self._connection.receive_some()

    def close(self) -> None:
        """Keep the connection if the answer has been read to its end, close it otherwise."""
        self._bodies.discard(self)
        if not self._lease.held:
            return
        if self._connection.reusable:
            self._lease.put_back()
        else:
            self._lease.drop()

    def park(self) -> None:
        """Keep the connection; what is left of the answer is read when it is next wanted."""
        self._bodies.discard(self)
        self._lease.put_back()


class Transport(DirectTransport):
    """Sends requests over pooled connections, each made by `connect`.

    It reads these extensions of a request: `timeout`, of which `connect` (TCP and TLS), `write`
    (each write) and `pool` (the wait for a slot) count, in seconds; and `max_connections`.
    Reading has no clock here: whoever reads puts a scope around it.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self.pool: Pool[Connection] = Pool()
        self._bodies: set[Body] = set()

    @property
    def streams(self) -> int:
        """Answers that are being read."""
        return len(self._bodies)

    async def serve(self) -> NoReturn:
        """Close what has been kept too long, until cancelled. A service of the process."""
        while True:
            await trio.sleep(SWEEP_INTERVAL)
            self.pool.sweep()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        origin = origin_of(request.url)
        limit = request.extensions.get("max_connections", MAX_CONNECTIONS)
        clocks = _clocks(request.extensions.get("timeout", {}))
        outgoing = await _outgoing(request, origin)
        body = await self.ask(origin, outgoing, limit, clocks)
        return httpx2.Response(body.status, headers=body.headers, stream=body)

    async def ask(self, origin: Origin, outgoing: Outgoing, limit: int, clocks: Clocks) -> Body:
        outgoing.attempt.waits_for = WaitsFor.SLOT
        lease = await self._acquire(origin, limit, clocks.pool)
        try:
            connection = await self._exchange(lease, origin, outgoing, clocks)
        except BaseException:
            lease.drop()
            raise
        return Body(lease, connection, self._bodies)

    async def aclose(self) -> None:
        self.pool.close_unused()

    async def _acquire(self, origin: Origin, limit: int, patience: float) -> Lease[Connection]:
        if patience == inf:
            return await self.pool.acquire(origin, limit)
        with trio.move_on_after(patience):
            return await self.pool.acquire(origin, limit)
        raise httpx2.PoolTimeout(f"no connection was free within {patience:g} seconds")

    async def _exchange(
        self,
        lease: Lease[Connection],
        origin: Origin,
        outgoing: Outgoing,
        clocks: Clocks,
    ) -> Connection:
        connection = lease.connection
        if connection is not None:
            try:
                await connection.ask(outgoing, clocks.write)
            except (Reset, Truncated):
                # It was closed just as we took it up again (U5): once more on a fresh one.
                if connection.answer.began or outgoing.attempt.alone:
                    raise
                lease.replace()
                outgoing.attempt.stale = True
            else:
                return connection
        outgoing.attempt.upstream, outgoing.attempt.waits_for = None, WaitsFor.CONNECTION
        connection = lease.connection = await self._open(origin, clocks.connect)
        await connection.ask(outgoing, clocks.write)
        return connection

    async def _open(self, origin: Origin, patience: float) -> Connection:
        with trio.move_on_after(patience):
            stream = await self._connect(origin)
            return Connection(stream, host_of(origin).decode())
        raise httpx2.ConnectTimeout(f"no connection within {patience:g} seconds")


def origin_of(url: httpx2.URL) -> Origin:
    """Return where a URL leads. Raises `httpx2.UnsupportedProtocol`."""
    scheme = url.scheme
    if scheme not in _PORTS or not url.host:
        raise httpx2.UnsupportedProtocol("only http and https origins can be asked")
    return Origin(scheme, url.raw_host.decode("ascii"), url.port or _PORTS[scheme])


async def _outgoing(request: httpx2.Request, origin: Origin) -> Outgoing:
    """Build what is sent. The body is read whole, so that it can be sent again."""
    direct = isinstance(request.stream, httpx2.ByteStream)
    body = request.read() if direct else await request.aread()
    target, headers = request.url.raw_path, request.headers.raw
    head = write_head(request.method, target, origin, headers)
    return Outgoing(request.method, head, body)


def _clocks(timeouts: Mapping[str, float | None]) -> Clocks:
    pool, connect, write = (timeouts.get(name) for name in ("pool", "connect", "write"))
    return Clocks(
        inf if pool is None else pool,
        inf if connect is None else connect,
        inf if write is None else write,
    )
