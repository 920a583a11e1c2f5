"""The client as the corridor sees it: one who is answered, piece by piece or at once."""

from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import Final, Protocol

Header = tuple[bytes, bytes]
"""One header field; names are lower case, values are checked at the border (R5)."""

RETRY_SOON: Final[tuple[Header, ...]] = ((b"retry-after", b"1"),)

NO_RETRY: Final[tuple[Header, ...]] = ((b"x-should-retry", b"false"),)
"""What OpenAI's own clients are told, so that they do not ask again in vain."""

Take = Callable[[bytes], Awaitable[None]]
"""Takes a part of a body; while it does, no more is read."""


class Client(Protocol):
    """Whoever asked. Bytes go out in order; `await` carries the client's back-pressure."""

    @property
    def started(self) -> bool:
        """True once the status line has been put on the wire, so that no other can follow."""

    @property
    def torn(self) -> bool:
        """True where a write was cut half-way: nothing more can be said on this link."""

    async def body(self) -> bytes:
        """Read the request's body whole, within its limit and deadline.

        Raises `TooLarge`, `BodyTimeout`, `BadRequest`; a client that goes away cuts the life.
        """

    async def pour(self, take: Take) -> None:
        """Read the body part by part, within its limit and deadline, and give each to `take`.

        Raises as `body`, and what `take` raises. Either is called, and once.
        """

    def start(self, status: int, headers: Sequence[Header]) -> None:
        """Set the head of the answer. It leaves with the first bytes of the body, in one write."""

    async def send(self, data: bytes) -> None:
        """Write a part of the body: whole events only."""

    async def finish(self, data: bytes, patience: float = inf) -> None:
        """Write the last part and the end of the body in one write.

        Raises `TooSlowError` of Trio if that takes longer than `patience` seconds.
        """

    def abort(self) -> None:
        """End the answer so that the client can see it was not whole: no terminating chunk."""
