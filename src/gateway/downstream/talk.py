"""A WebSocket on which responses are asked for, one after the other, each a request of its own.

Every message that asks for one goes through the front as a POST would: with its own nursery, life
and receipt, and with the key that the handshake showed, which is looked at anew each time. While it
is answered the WebSocket is read on, so that a client which says goodbye is gone at once.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

import msgspec
import trio

from gateway.downstream.calls import Calls
from gateway.downstream.client import MIN_BODY_RATE
from gateway.downstream.frames import Frames
from gateway.downstream.head import Head
from gateway.forms.chat import write_error
from gateway.forms.responses_thread import Thread
from gateway.upstream.wire import Wire
from gateway.words.errors import Busy, ClientMistake, GatewayError

READ_BYTES: Final = 8_192
"""So much at once can hold frames enough to keep the process from all else for a while."""
PATIENCE: Final = 3600.0
"""Seconds that a client may take between two turns."""

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
TOO_SLOW: Final = 1008
TRY_LATER: Final = 1013
FAREWELL_TIMEOUT: Final = 2.0
WRITE_TIMEOUT: Final = 60.0
"""Seconds for a write outside of a turn, which has a clock of its own."""

_HANDSHAKE: Final = frozenset(
    {b"connection", b"content-length", b"transfer-encoding", b"upgrade", b"x-request-id"}
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a message may be, in bytes, and how slowly its parts may come, in seconds."""

    most_bytes: int
    body_timeout: float


class Talk:
    """One WebSocket from its handshake to its end."""

    def __init__(
        self, stream: trio.abc.Stream, head: Head, bounds: Bounds, calls: Calls, arrived: bytes
    ) -> None:
        """`head` is the handshake's; `arrived` holds the bytes that came behind it."""
        self._stream = stream
        self._bounds = bounds
        self._calls = calls
        self._held = 0
        self._writing = trio.Lock()
        self._frames = Frames(bounds.most_bytes)
        if arrived:
            self._frames.feed(arrived)
        self.thread = Thread(bounds.most_bytes)
        self.torn = False
        """True where a write was cut half-way: nothing more can be said."""
        self.head = _asking(head)

    @property
    def over(self) -> bool:
        """True once nothing more will be asked."""
        return self._frames.closed and not self._frames.messages

    async def next(self) -> bytes | None:
        """Wait for the next message; None where there will be none. The idle clock is not ours.

        Who has said goodbye hears no answers: what it has asked before that is not taken up.
        """
        try:
            self.count()
        except Busy:
            self.forget()
        began = inf
        await self._reply()
        while not self._frames.closed:
            if self._frames.messages:
                return self._frames.messages.popleft()
            waiting = self._frames.waiting
            began = min(began, trio.current_time()) if waiting else inf
            with trio.move_on_at(self._due(began)) as scope:
                await self._read()
                await self._reply()
            if scope.cancelled_caught:
                await self.say_goodbye(TOO_SLOW)
        return None

    def _due(self, began: float) -> float:
        """Return until when the next part of a message must come: in time, and fast enough."""
        if began == inf:
            return inf
        timeout = self._bounds.body_timeout
        fast = began + timeout + self._frames.size / MIN_BODY_RATE
        return min(trio.current_time() + timeout, fast)

    async def _read(self) -> None:
        """Take in what comes next."""
        data = await self._stream.receive_some(READ_BYTES)
        self._frames.feed(bytes(data))
        try:
            self.count()
        except Busy:
            self._frames.break_off(TRY_LATER)

    async def _reply(self, patience: float = WRITE_TIMEOUT) -> None:
        """Say what is to be said in answer to what has come."""
        if self._frames.owes:
            await self.put(b"", patience)

    async def listen(self) -> None:
        """Read while a turn is answered; return once the client has said goodbye, at once.

        Messages that come early wait. Where there are too many nothing is read, and that the client
        left shows all the same where its connection ends.
        """
        while not self._frames.closed:
            if self._frames.full:
                await trio.sleep_forever()
            try:
                await self._read()
                if not self._frames.closed:  # else it is said behind the turn
                    await self._reply(inf)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    def count(self) -> None:
        """Count what is kept here among the bodies in memory. Raises `Busy`."""
        now = self._frames.held + self.thread.size
        self._calls.keep(self._held, now)
        self._held = now

    def forget(self) -> None:
        """Keep nothing of what was said."""
        self.thread = Thread(self._bounds.most_bytes)
        now = min(self._frames.held, self._held)
        self._calls.keep(self._held, now)
        self._held = now

    def end(self) -> None:
        """Keep nothing at all."""
        self._calls.keep(self._held, 0)
        self._held = 0

    async def tell(self, error: GatewayError) -> None:
        """Tell an error that is all there is to tell of a turn."""
        await self.say(told(error.status, write_error(error)))

    async def say(self, *events: bytes, patience: float = WRITE_TIMEOUT) -> None:
        """Send each of these as a message, all in one write."""
        await self.put(b"".join([self._frames.text(data) for data in events]), patience)

    async def ask_whether_there(self) -> None:
        """Have the waiting client know that it is not forgotten."""
        await self.put(self._frames.ping(), inf)

    async def put(self, data: bytes, patience: float = WRITE_TIMEOUT) -> None:
        """Write this, and what is owed, in turn with whoever else writes.

        A turn has a clock of its own for its writes; who takes nothing at all outside of one is
        taken for gone. Raises Trio's errors of a broken stream.
        """
        async with self._writing:
            data += self._frames.replies()
            if not data:
                return
            self.torn = True
            sent, stream = 0, self._stream
            if isinstance(stream, Wire):
                sent = stream.write_now(data)
            if sent < len(data):
                await self._put_slowly(data[sent:], patience)
            self.torn = False

    async def _put_slowly(self, data: bytes, patience: float) -> None:
        with trio.move_on_after(patience):
            await self._stream.send_all(data)
            return
        raise trio.BrokenResourceError("it takes nothing")

    async def say_goodbye(self, code: int) -> None:
        """Say that nothing more will come; nobody waits long for it to arrive."""
        said = self._frames.goodbye(code)
        self._frames.closed = True
        if said and not self.torn:
            with trio.move_on_after(FAREWELL_TIMEOUT):
                await self.put(said)


def told(status: int, body: bytes) -> bytes:
    """Return an error's body as the message that tells it."""
    return b'{"type":"error","status":%d,%b' % (status, body[1:])


def _asking(head: Head) -> Head:
    """Return the head with which each message of a WebSocket asks."""
    fields: Mapping[bytes, bytes] = {
        name: value
        for name, value in head.headers.items()
        if name not in _HANDSHAKE and not name.startswith(b"sec-websocket-")
    }
    headers = {**fields, b"content-type": b"application/json"}
    return msgspec.structs.replace(head, method="POST", headers=headers)


async def turn_of(talk: Talk, message: bytes, new_id: str) -> bytes | None:
    """Return the body that a message asks with; None where it asks for nothing to be generated."""
    try:
        body = talk.thread.take(message)
    except ClientMistake as mistake:
        await talk.tell(mistake)
        return None
    if body is None:
        today = time.time_ns() // 1_000_000_000
        await talk.say(*talk.thread.lay_down(f"resp_{new_id}", today))
    return body
