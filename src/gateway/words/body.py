"""The body of a request: bytes, or a long one that rests elsewhere and is read piece by piece."""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Stored(Protocol):
    """Bytes that rest outside of memory, and may be read as often as need be."""

    async def read(self, at: int, size: int) -> bytes:
        """Return `size` bytes from `at` on. Raises `Internal` where they cannot be had."""


class Span(msgspec.Struct, frozen=True):
    """A part of what is stored: from `begin` up to `end`."""

    stored: Stored
    begin: int
    end: int

    def __len__(self) -> int:
        return self.end - self.begin

    def __getitem__(self, part: slice) -> "Span":
        """Return a part of the part; nothing is read for it."""
        begin, end, _ = part.indices(len(self))
        return Span(self.stored, self.begin + begin, self.begin + max(begin, end))


class LongBody:
    """A body of several parts, some of them stored. It is replayable, and never held whole."""

    __slots__ = ("_length", "_parts")

    def __init__(self, parts: Sequence[bytes | Span]) -> None:
        self._parts = tuple(parts)
        self._length = sum(len(part) for part in self._parts)

    def __len__(self) -> int:
        return self._length

    async def read(self, at: int, size: int) -> bytes:
        """Return what stands from `at` on, `size` bytes at most; b"" only at the end."""
        for part in self._parts:
            if at < len(part):
                piece = part[at : at + size]
                if isinstance(piece, bytes):
                    return piece
                return await piece.stored.read(piece.begin, len(piece))
            at -= len(part)
        return b""


Body = bytes | LongBody
"""What a request says: at once, or piece by piece."""


def joined(*parts: bytes | Span) -> Body:
    """Put the parts of a body together: in memory, unless one of them is stored."""
    held = [part for part in parts if isinstance(part, bytes)]
    return b"".join(held) if len(held) == len(parts) else LongBody(parts)
