"""An answer from the cache: it is said again as it was said once, without waiting for anybody."""

from collections.abc import Sequence

from gateway.policy.cache import Kept
from gateway.words.answer import Piece
from gateway.words.client import Header

BATCH_BYTES = 65_536
"""So much is handed on at once of what is there already: a slow client must be able to take it
within the time of one write."""


def batch(pieces: Sequence[Piece], start: int) -> list[Piece]:
    """Return the pieces from `start` on that are handed on at once: one, or more within bounds."""
    size = 0
    for end in range(start, len(pieces)):
        size += len(pieces[end].raw)
        if size > BATCH_BYTES and end > start:
            return list(pieces[start:end])
    return list(pieces[start:])


class Replayed:
    """A kept answer (see `words.answer.Answer`). It has no socket, and nothing to close."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._said = 0
        self.ended = False

    @property
    def status(self) -> int:
        return self._kept.status

    @property
    def headers(self) -> tuple[Header, ...]:
        return self._kept.headers

    async def next(self) -> list[Piece]:
        pieces = batch(self._kept.pieces, self._said)
        self._said += len(pieces)
        self.ended = self._said == len(self._kept.pieces)
        return pieces

    async def __aenter__(self) -> "Replayed":
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass
