"""The border to coredis: one connection in RESP3, for commands and for messages.

Of coredis its connection is used, not its client. The client's pool loses a place for good when
whoever waits for a new connection is cancelled, and here each question has a deadline. Whoever is
cancelled here leaves nothing but a reply, which is read in its turn, and taken for no other (S21).

This module alone imports the extra `shared`.
"""

import os
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NoReturn

import anyio
import trio
from anyio.abc import ByteStream
from coredis.connection import BaseConnection, Location
from coredis.exceptions import ConnectionError as ConnectionLost
from coredis.exceptions import NoScriptError, RedisError

from gateway.store.address import StoreAddress
from gateway.store.line import PATIENCE, UNKNOWN_SCRIPT, Command, Late, Line, Lost, Refused

OVERDUE: Final = 0.05
"""Seconds after which a reply is late."""

MOST_OPEN: Final = 64
"""Commands whose replies are out; with more of them nobody asks for what he can do without."""

MOST_UNREAD_BYTES: Final = 33_554_432
"""So much may come in without a reply or a message getting whole: coredis itself has no bounds."""

LONGEST_REASON: Final = 200

_UNREACHED = (OSError, ValueError, anyio.BrokenResourceError, anyio.EndOfStream)
"""What connecting ends with, TLS and names included."""


class _Stream(ByteStream):
    """The bytes of a connection, and how many of them nobody has made use of."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.unread = 0

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        if self.unread > MOST_UNREAD_BYTES:
            raise anyio.BrokenResourceError("the store sends more than can be taken")
        data = await self._stream.receive(max_bytes)
        self.unread += len(data)
        return data

    async def send(self, item: bytes) -> None:
        await self._stream.send(item)

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()


@dataclass(unsafe_hash=True)
class _Place(Location):
    address: StoreAddress

    def __repr__(self) -> str:
        return str(self.address)

    async def check(self) -> bool:
        return True


class _Connection(BaseConnection):
    """A connection over a stream that is there already.

    One that could not connect would leave its channels unclosed.
    """

    def __init__(self, address: StoreAddress, stream: _Stream) -> None:
        super().__init__(
            _Place(address),
            username=address.user or None,
            password=address.password.reveal() if address.password else None,
            db=address.db,
        )
        self.bytes = stream

    async def _connect(self) -> ByteStream:
        return self.bytes

    def describe(self) -> str:
        return f"connection to {self.location}"


class Valkey:
    """A connection to Valkey or Redis that has been made (see `store.line.Line`)."""

    def __init__(self, connection: _Connection, channel: bytes) -> None:
        self._connection = connection
        self._channel = channel
        self._out: deque[tuple[float, Any]] = deque()
        """Commands without a reply, in order, each with the time when it was asked."""
        self._left: deque[tuple[Sequence[Any], Late]] = deque()
        """Commands that were left before their replies came, and who takes those."""

    @property
    def behind(self) -> bool:
        self._settle()
        if not self._out:
            return False
        return len(self._out) >= MOST_OPEN or trio.current_time() - self._out[0][0] > OVERDUE

    async def ask(
        self, *commands: Command, patience: float = PATIENCE, late: Late | None = None
    ) -> Sequence[object]:
        now = trio.current_time()
        try:
            requests = [
                self._connection.create_request(bytes(name), *arguments, raise_exceptions=False)
                for name, *arguments in commands
            ]
        except RedisError as error:
            raise Lost(str(error)) from None
        self._out.extend((now, request) for request in requests)
        replies: list[object] = []
        try:
            with trio.move_on_after(patience):
                for request in requests:
                    replies.append(_plain(await request))  # noqa: PERF401 (what came is counted)
        finally:
            if len(replies) < len(requests) and late is not None:
                self._left.append((requests, late))
        if len(replies) < len(requests):
            raise Lost(f"it did not reply within {patience:g} seconds")
        self._took()
        if self._left:
            await self._hand_on()
        return replies

    async def _hand_on(self) -> None:
        """Give the replies that came late to whoever takes them."""
        waiting, self._left = self._left, deque()
        for requests, late in waiting:
            if not all(request.complete for request in requests):
                self._left.append((requests, late))
                continue
            with suppress(Lost):
                late([_plain(await request) for request in requests])

    async def hear(self, take: Callable[[bytes], None]) -> NoReturn:
        try:
            async with aclosing(self._connection.push_messages) as pushes:
                async for push in pushes:
                    self._took()
                    match push:
                        case [b"message", self._channel, bytes(message)]:
                            take(message)
        except RedisError:
            pass
        raise Lost("the connection ended")

    async def subscribe(self, _: object) -> None:
        """Subscribe to the channel, while nobody else can ask yet."""
        self._connection.send_command(b"SUBSCRIBE", self._channel)
        # A refusal would come as the reply to whatever is asked next.
        await self._connection.create_request(b"PING")

    def _settle(self) -> None:
        """Forget the commands that have their replies, read or not."""
        while self._out and self._out[0][1].complete:
            self._out.popleft()

    def _took(self) -> None:
        """Take note that what came was made use of, unless messages are still waiting."""
        self._settle()
        if self._connection.reusable:
            self._connection.bytes.unread = 0


class _Started:
    """Tells Trio's nursery that the line is there when coredis says that it has connected."""

    def __init__(self, task_status: trio.TaskStatus[Line], line: Line) -> None:
        self._task_status = task_status
        self._line = line

    def started(self, value: object = None) -> None:
        self._task_status.started(self._line)


async def open_line(
    address: StoreAddress,
    channel: bytes,
    ca: str = "",
    *,
    task_status: trio.TaskStatus[Line] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Connect, subscribe to a channel, and hold the line until it is lost; then raise `Lost`.

    `ca` names a file of certificates to trust, PEM; by default the system's trust store.
    """
    try:
        stream = _Stream(await _dial(address, ca))
    except _UNREACHED as error:
        raise Lost(_reason(error, address)) from None
    connection = _Connection(address, stream)
    line = Valkey(connection, channel)
    connection.register_connect_callback(line.subscribe)
    try:
        await connection.run(task_status=_Started(task_status, line))
    except RedisError as error:
        raise Lost(_reason(error, address)) from None
    raise Lost("the connection ended")


async def _dial(address: StoreAddress, ca: str) -> ByteStream:
    if address.path:
        return await anyio.connect_unix(address.path)
    if not address.tls:
        return await anyio.connect_tcp(address.host, address.port)
    return await anyio.connect_tcp(
        address.host, address.port, ssl_context=_trust(ca), tls_standard_compatible=False
    )


@lru_cache(maxsize=1)
def _trust(ca: str) -> ssl.SSLContext:
    """Read the trust store, once."""
    # Without a free descriptor the system's store would be taken for empty, from then on.
    os.close(os.open(os.devnull, os.O_RDONLY))
    context = ssl.create_default_context(cafile=ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _plain(reply: object) -> object:
    """Return a reply without the names of coredis."""
    if isinstance(reply, ConnectionLost):
        raise Lost(str(reply))
    if isinstance(reply, NoScriptError):
        return Refused(UNKNOWN_SCRIPT)
    return Refused(str(reply)[:LONGEST_REASON]) if isinstance(reply, Exception) else reply


def _reason(error: BaseException, address: StoreAddress) -> str:
    """Say why there is no line. A server may repeat what it was sent, the password included."""
    while error.__cause__ is not None:
        error = error.__cause__
    said = str(error)
    if address.password is not None:
        said = said.replace(address.password.reveal(), "***")
    return said[:LONGEST_REASON] or type(error).__name__
