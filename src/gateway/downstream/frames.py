"""A WebSocket's bytes, both ways, once its handshake is done (RFC 6455). Sans-io: bytes in and out.

What is longer than it may be, or no text, ends the WebSocket with the code that says so.
"""

import base64
from collections import deque
from hashlib import sha1

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason

from gateway.downstream.head import Head
from gateway.words.client import Header
from gateway.words.errors import UpgradeNeeded

MOST_WAITING = 8
"""Messages that may wait for their turn; whoever sends more at once breaks the rules."""

SPOKEN = (b"upgrade", b"websocket")
"""Names the protocol; whoever is refused for not asking for it is told it, too (RFC 9110)."""

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES = 16


def handshake(head: Head) -> tuple[Header, ...]:
    """Return the header fields that accept a WebSocket. Raises `UpgradeNeeded` for another head."""
    said = head.headers
    wants = {token.strip() for token in said.get(b"connection", b"").lower().split(b",")}
    key = said.get(b"sec-websocket-key", b"")
    asked = said.get(b"upgrade", b"").lower() == b"websocket" and b"upgrade" in wants
    spoken = said.get(b"sec-websocket-version") == b"13" and _is_key(key)
    bodiless = head.length == 0  # else what follows would be a body and no frame
    if not (asked and spoken and bodiless) or head.http10:
        raise UpgradeNeeded("Here is a WebSocket (version 13), or POST.", headers=(SPOKEN,))
    accepted = base64.b64encode(sha1(key + _MAGIC, usedforsecurity=False).digest())
    return (
        SPOKEN,
        (b"connection", b"Upgrade"),
        (b"sec-websocket-accept", accepted),
    )


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except ValueError:
        return False


class Frames:
    """What has come over one WebSocket and is not done with, and how what goes out is written."""

    def __init__(self, most_bytes: int) -> None:
        self._wire = Connection(ConnectionType.SERVER)
        self._most_bytes = most_bytes
        self._message = bytearray()  # its parts may be of a byte each, or of none
        self._replies = bytearray()
        self.messages: deque[bytes] = deque()
        """Whole messages, in order, as UTF-8."""
        self.waiting = False
        """True while a message has begun and is not whole."""
        self.closed = False
        """True once no more will come: it was closed, or broken off for breaking the rules."""

    @property
    def size(self) -> int:
        """The bytes of the message that has begun."""
        return len(self._message)

    @property
    def held(self) -> int:
        """The bytes of all that has come and is not done with."""
        return len(self._message) + sum(map(len, self.messages))

    @property
    def full(self) -> bool:
        """True while what waits is as much as may wait."""
        return len(self.messages) >= MOST_WAITING or self.held > self._most_bytes

    @property
    def owes(self) -> bool:
        """True while something is to be sent in answer to what has come."""
        return bool(self._replies)

    def feed(self, data: bytes) -> None:
        """Take in what has come; b"" is the end of the connection."""
        if self.closed:
            return
        self._wire.receive_data(data or None)
        for event in self._wire.events():
            self._take(event)
            if self.closed:
                break

    def _take(self, event: Event) -> None:
        match event:
            case TextMessage():
                self._take_text(event)
            case BytesMessage():
                self.break_off(CloseReason.UNSUPPORTED_DATA)
            case Ping():
                self._replies += self._wire.send(event.response())
            case CloseConnection() if self._wire.state is ConnectionState.OPEN:
                self.break_off(event.code)  # it was no frame, and nobody said goodbye
            case CloseConnection():
                self.closed = True
                if self._wire.state is ConnectionState.REMOTE_CLOSING:
                    self._replies += self._wire.send(event.response())

    def _take_text(self, event: TextMessage) -> None:
        self.waiting = not event.message_finished
        self._message += event.data.encode()
        if len(self._message) > self._most_bytes:
            self.break_off(CloseReason.MESSAGE_TOO_BIG)
        elif event.message_finished:
            self.messages.append(bytes(self._message))
            self._message.clear()
            if len(self.messages) > MOST_WAITING:
                self.break_off(CloseReason.POLICY_VIOLATION)

    def break_off(self, code: int) -> None:
        """Take in no more, and say why."""
        self._replies += self.goodbye(code)
        self.closed = True

    def replies(self) -> bytes:
        """Return what is to be sent in answer to what has come; once."""
        said, self._replies = bytes(self._replies), bytearray()
        return said

    def text(self, data: bytes) -> bytes:
        """Write a message of UTF-8; nothing once goodbye has been said."""
        if self._wire.state is not ConnectionState.OPEN:
            return b""
        return self._wire.send(TextMessage(data=data.decode()))

    def ping(self) -> bytes:
        """Write a question whether the other end is still there; nothing as above."""
        if self._wire.state is not ConnectionState.OPEN:
            return b""
        return self._wire.send(Ping())

    def goodbye(self, code: int) -> bytes:
        """Write that nothing more will come, and why; nothing where that has been said."""
        if self._wire.state not in {ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING}:
            return b""
        return self._wire.send(CloseConnection(code=code))
