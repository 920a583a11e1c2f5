"""Listening: sockets and TLS from Hypercorn's `Config`, connections in one nursery, a way to stop.

Accepting and serving end apart: `stop_accepting` closes the listeners and the idle connections,
while busy connections go on until their calls have ended.
"""

import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf

import msgspec
import trio
from hypercorn.config import Config

from gateway.downstream.accept import KEPT, Accepting, Reserve
from gateway.downstream.connection import Connection, Hall, linger
from gateway.downstream.gone import socket_of, wire_of
from gateway.downstream.options import ListenOptions
from gateway.downstream.refusal import refusal
from gateway.words.errors import Busy

TLS_HANDSHAKE_TIMEOUT = 10.0
SPARE_TIMEOUT = 1.0
"""Seconds for a head, and for a handshake, on a connection beyond the limits."""

MOST_FAREWELLS = 64
KEEPALIVE_IDLE = 30
KEEPALIVE_INTERVAL = 10
KEEPALIVE_COUNT = 3
BACKLOG = 1024
UNIX_PEER = "unix"


def open_sockets(options: ListenOptions, write_timeout: float) -> list[socket.socket]:
    """Bind what the options name. Raises `OSError`, as when the port is taken.

    A peer that vanished without FIN or RST is found by TCP's own keepalive, and one that takes
    nothing by TCP_USER_TIMEOUT, a little after `write_timeout` seconds (C20). Accepted sockets
    inherit both.
    """
    return _listening(_bound(options), write_timeout)


def open_worker_sockets(
    options: ListenOptions, write_timeout: float
) -> list[Sequence[socket.socket]]:
    """Bind what the options name for each worker: one port, among whose sockets the kernel chooses.

    Raises `OSError`, as when the port is taken. A Unix socket cannot be bound twice: all share it.
    """
    if options.workers == 1 or options.unix:
        return [open_sockets(options, write_timeout)] * options.workers
    # Sockets that share a port would share it with another gateway of this user too. This one
    # shares with nobody, and as long as it does not listen it is in nobody's way.
    (probe,) = _bound(options)
    with probe:
        there = msgspec.structs.replace(options, port=probe.getsockname()[1])
        places = [_bound(there, shared=True) for _ in range(options.workers)]
        return [_listening(place, write_timeout) for place in places]


def _bound(options: ListenOptions, *, shared: bool = False) -> list[socket.socket]:
    config = _config(options)
    # Above one Hypercorn sets SO_REUSEPORT.
    config.workers = 2 if shared else 1
    sockets = config.create_sockets()
    return [*sockets.secure_sockets, *sockets.insecure_sockets]


def _listening(opened: list[socket.socket], write_timeout: float) -> list[socket.socket]:
    for sock in opened:
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in (
                (socket.TCP_KEEPIDLE, KEEPALIVE_IDLE),
                (socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL),
                (socket.TCP_KEEPCNT, KEEPALIVE_COUNT),
                (socket.TCP_USER_TIMEOUT, int((write_timeout + 5) * 1000)),
            ):
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
        sock.listen(BACKLOG)
    return opened


def _config(options: ListenOptions) -> Config:
    config = Config()
    host = f"[{options.host}]" if ":" in options.host else options.host
    config.bind = [f"unix:{options.unix}" if options.unix else f"{host}:{options.port}"]
    config.alpn_protocols = ["http/1.1"]
    if options.tls is not None:
        config.certfile, config.keyfile = options.tls.certificate, options.tls.key
    return config


def tls_context(options: ListenOptions) -> ssl.SSLContext | None:
    """Return what TLS needs; None where it is not to be spoken.

    Raises `ValueError` with a sentence where the certificate and the key are no good.
    """
    config = _config(options)
    config.keyfile_password = ""  # without one, a key that wants a word would ask the terminal
    try:
        return config.create_ssl_context()
    except ssl.SSLError as error:
        reason = (error.reason or "one is broken, or the key has a passphrase").lower()
        told = reason.replace("_", " ")
        raise ValueError(f"certificate and key are no pair that TLS can use: {told}") from None
    except OSError as error:
        raise ValueError(f"certificate and key cannot be read: {error.strerror}") from None


class Listening:
    """The listeners and connections of one process."""

    def __init__(
        self,
        options: ListenOptions,
        sockets: Sequence[socket.socket],
        hall: Hall,
        most: int,
        reserve: Reserve | None = None,
    ) -> None:
        """`most` connections may be open; a few more are there for probes, and say 503 to others.

        So are those that `reserve` had to give up descriptors for.
        """
        self._hall = hall
        self._spare_hall = replace(
            hall,
            options=msgspec.structs.replace(
                hall.options, head_timeout=min(SPARE_TIMEOUT, hall.options.head_timeout)
            ),
            spare=True,
        )
        self._most = most
        self._reserve = reserve or Reserve()
        self._farewells = 0
        self._accepting = trio.CancelScope()
        self._connections: dict[Connection, None] = {}
        self._ended = trio.Event()
        self._tls = tls_context(options)
        self._doors = [Accepting(sock, self._reserve) for sock in sockets]
        self._late: list[trio.abc.Stream] = []

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._connections)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Accept and serve until cancelled, or until stopped and the last connection has ended."""
        async with trio.open_nursery() as connections:
            try:
                with self._accepting:
                    await trio.serve_listeners(
                        self._serve,
                        [self._listener(door) for door in self._doors],
                        handler_nursery=connections,
                        task_status=task_status,  # type: ignore[arg-type]
                    )
            finally:
                for stream in self._late:
                    connections.start_soon(self._serve_late, stream)
        self._ended.set()

    def _listener(self, door: Accepting) -> trio.abc.Listener[trio.abc.Stream]:
        if self._tls is None:
            return door
        return trio.SSLListener(door, self._tls, https_compatible=True)

    async def ended(self) -> None:
        """Wait until the last connection has ended, after `stop_accepting`."""
        await self._ended.wait()

    def stop_accepting(self) -> None:
        """Close the listeners and the idle connections; busy ones end after their request.

        Whoever stands at a door in this moment is let in: a proxy has asked there already.
        """
        self._accepting.cancel(reason="drain")
        for wire in [wire for door in self._doors for wire in door.shut()]:
            self._late.append(
                wire
                if self._tls is None
                else trio.SSLStream(wire, self._tls, server_side=True, https_compatible=True)
            )
        for connection in self._connections:
            connection.drain()

    async def _serve_late(self, stream: trio.abc.Stream) -> None:
        try:
            await self._serve(stream)
        finally:
            wire_of(stream).close()

    async def _serve(self, stream: trio.abc.Stream) -> None:
        over = len(self._connections) - self._most
        if over >= KEPT:
            await self._turn_away(stream)
            return
        spare = over >= 0 or self._reserve.short
        peer: str | None = None
        with trio.move_on_after(SPARE_TIMEOUT if spare else inf):
            peer = await self._welcome(stream)
        if peer is None:
            return
        connection = Connection(stream, peer, self._spare_hall if spare else self._hall)
        self._connections[connection] = None
        if self._accepting.cancel_called:
            connection.drain()  # it was on its way in as the doors were closed
        try:
            await connection.run()
        finally:
            self._connections.pop(connection, None)

    async def _welcome(self, stream: trio.abc.Stream) -> str | None:
        """Return the peer's address; None for one that left, or failed its TLS handshake."""
        try:
            if isinstance(stream, trio.SSLStream):
                with trio.fail_after(TLS_HANDSHAKE_TIMEOUT):
                    await stream.do_handshake()
            name = socket_of(stream).getpeername()
        except (OSError, trio.BrokenResourceError, trio.TooSlowError):
            return None
        return name[0] if isinstance(name, tuple) else UNIX_PEER

    async def _turn_away(self, stream: trio.abc.Stream) -> None:
        """Say that it is full. To a few at a time it is said so that they will hear it."""
        self._farewells += 1
        try:
            with trio.move_on_after(1):
                await stream.send_all(refusal(Busy("Too many connections."), self._hall.new_id()))
            if self._farewells <= MOST_FAREWELLS:
                await linger(stream, 1, unread=True)
        except trio.BrokenResourceError:
            pass
        finally:
            self._farewells -= 1
