"""Answers that are kept for all processes and machines: read in time or not at all, sent aside."""

from collections import deque
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NoReturn

import trio

from gateway.policy.cache import Kept
from gateway.store.line import PREFIX, Line, Lost, Refused
from gateway.store.packing import pack, unpack

KEYS: Final = PREFIX + b"kept:1:"

GET_TIMEOUT: Final = 0.05
"""Seconds that a call waits for an answer that may be there; what comes later is a miss."""

LARGEST_BYTES: Final = 1_048_576
OUTBOX_BYTES: Final = 16_777_216
OUTBOX: Final = 256
"""Answers that wait to be sent."""

LONGEST_TTL: Final = 31_536_000.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class _Parcel:
    name: bytes
    data: bytes
    until: float


class CommonCache:
    """The answers in the shared store, as one process reads and adds to them."""

    def __init__(self, largest_bytes: int = LARGEST_BYTES) -> None:
        self._largest = largest_bytes
        self._line: Line | None = None
        self._outbox: deque[_Parcel] = deque()
        self._waiting_bytes = 0
        self._news = trio.Event()
        self.late = 0
        """How often an answer did not come in time, or was not asked for since others did not."""
        self.foreign = 0
        """How often what was there was none of ours."""
        self.dropped = 0
        """Answers that were not sent: too large, too many, no store, or the store refused."""

    async def get(self, key: bytes) -> Kept | None:
        """Return the answer that is kept under a digest; None, and soon, where there is none."""
        line = self._line
        if line is None:
            return None
        if line.behind:
            self.late += 1
            return None
        try:
            # So much is read and no more, whatever somebody has put there.
            (data,) = await line.ask(
                (b"GETRANGE", _name(key), 0, self._largest), patience=GET_TIMEOUT
            )
        except Lost:
            self.late += 1
            return None
        if data == b"":
            return None
        whole = isinstance(data, bytes) and len(data) <= self._largest
        kept = unpack(key, data) if isinstance(data, bytes) and whole else None
        self.foreign += kept is None
        return kept

    def put(self, key: bytes, kept: Kept, ttl: float) -> None:
        """Keep an answer for `ttl` seconds. It is sent by a service, and dropped where that cannot.

        Of too many the oldest is dropped.
        """
        if self._line is None or not ttl > 0:
            self.dropped += 1
            return
        data = pack(key, kept)
        if len(data) > self._largest:
            self.dropped += 1
            return
        until = trio.current_time() + min(ttl, LONGEST_TTL)
        self._outbox.append(_Parcel(_name(key), data, until))
        self._waiting_bytes += len(data)
        while len(self._outbox) > OUTBOX or self._waiting_bytes > OUTBOX_BYTES:
            self._take()
            self.dropped += 1
        self._news.set()

    async def serve(self, line: Line) -> NoReturn:
        """Send what is put, one after the other. A job of the link."""
        self._line = line
        try:
            while True:
                while self._outbox:
                    await self._send(line, self._take())
                self._news = trio.Event()
                await self._news.wait()
        finally:
            self._line = None
            self.dropped += len(self._outbox)
            self._outbox.clear()
            self._waiting_bytes = 0

    async def _send(self, line: Line, parcel: _Parcel) -> None:
        left = int((parcel.until - trio.current_time()) * 1000)
        if left <= 0:
            self.dropped += 1
            return
        sent = False
        try:
            (reply,) = await line.ask((b"SET", parcel.name, parcel.data, b"PX", left))
            sent = not isinstance(reply, Refused)
        finally:
            self.dropped += not sent

    def _take(self) -> _Parcel:
        parcel = self._outbox.popleft()
        self._waiting_bytes -= len(parcel.data)
        return parcel


def _name(key: bytes) -> bytes:
    return KEYS + sha256(key).hexdigest().encode()
