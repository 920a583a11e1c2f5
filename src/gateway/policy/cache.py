"""Answers that are kept to be given again, in memory and in bounds. Pure.

It keeps what it is given: that an answer was whole, and who may be given it, is decided by whoever
puts it in. Full, it lets go of what has gone unread the longest.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.words.answer import Piece, Usage
from gateway.words.client import Header

LARGEST_SHARE = 8
"""An answer that would take more than this part of the whole is not kept: it would empty it."""

ENTRY_BYTES = 1024
"""What an entry costs beside its pieces: key, places in tables, status, names, usage."""

PIECE_BYTES = 160
"""What a piece costs beside its own bytes."""

USAGE_BYTES = 64 + 40 * len(Usage.__struct_fields__)
"""What a usage costs: the struct and its numbers."""

HEADER_BYTES = 160
"""What a header field costs beside its name and value."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A whole answer as it can be given again: all that a client was sent, and who said it."""

    pieces: tuple[Piece, ...]
    status: int
    headers: tuple[Header, ...]
    target: str
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    kept: Kept
    size: int
    expires_at: float


def weight(pieces: Iterable[Piece]) -> int:
    """Return how many bytes of memory pieces take, about."""
    return sum(
        len(piece.raw) + PIECE_BYTES + (USAGE_BYTES if piece.usage is not None else 0)
        for piece in pieces
    )


class Cache:
    """Answers by digest. Times are seconds on the monotonic clock, `held_bytes` counts memory."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes, now: float) -> Kept | None:
        """Return the answer that is kept under this digest, unless its time is over."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires_at <= now:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.kept

    def put(self, key: bytes, kept: Kept, now: float, ttl: float) -> bool:
        """Keep an answer for `ttl` seconds in place of what was there; say whether it is kept."""
        if key in self._entries:
            self._drop(key)
        size = _size(key, kept)
        if not ttl > 0 or size > self._max_bytes // LARGEST_SHARE:
            return False
        self._entries[key] = _Entry(kept, size, now + ttl)
        self.held_bytes += size
        self._make_room(now)
        return key in self._entries

    def sweep(self, now: float) -> None:
        """Let go of all whose time is over."""
        for key in [key for key, entry in self._entries.items() if entry.expires_at <= now]:
            self._drop(key)

    def _make_room(self, now: float) -> None:
        """Let go of the least recently used while there is too much, or while they are too old."""
        while self._entries:
            key, oldest = next(iter(self._entries.items()))
            if self.held_bytes <= self._max_bytes and oldest.expires_at > now:
                break
            self._drop(key)

    def _drop(self, key: bytes) -> None:
        self.held_bytes -= self._entries.pop(key).size


def _size(key: bytes, kept: Kept) -> int:
    """Return how many bytes of memory an entry takes, about."""
    headers = sum(len(name) + len(value) + HEADER_BYTES for name, value in kept.headers)
    return ENTRY_BYTES + len(key) + len(kept.target) + headers + weight(kept.pieces)
