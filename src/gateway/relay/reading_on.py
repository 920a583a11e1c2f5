"""How far an answer is read on whose client has left, where its provider bills all of it anyway.

It is still the same call, in the same nursery: only its writing has ended. See ADR 17.
"""

import trio

from gateway.words.life import Cause
from gateway.words.receipt import Receipt
from gateway.words.target import Conduct


class ReadingOn:
    """How far an answer is read on whose client has left."""

    def __init__(self, conduct: Conduct, receipt: Receipt) -> None:
        self._conduct = conduct
        self._receipt = receipt
        self._most_pieces = 0
        self._writing: trio.CancelScope | None = None

    @property
    def alone(self) -> bool:
        """Say whether the client has left."""
        return self._receipt.drained

    @property
    def may_go_on(self) -> bool:
        """Say whether there may be more of it."""
        return self._receipt.pieces <= self._most_pieces

    def writing(self) -> trio.CancelScope:
        """Return a scope for a write, which the client's leaving ends."""
        self._writing = trio.CancelScope()
        return self._writing

    def begin(self) -> float:
        """Take note that the client has left; return for how many seconds to read on."""
        self._receipt.drained = True
        self._most_pieces = self._receipt.pieces + self._conduct.drain_max_tokens
        if self._writing is not None:
            self._writing.cancel(reason=Cause.CLIENT_GONE)
        return self._conduct.drain_max_seconds
