"""What the room asks of a connection to the shared store, whoever stands behind it.

All that comes from the store is from outside: other programs may write there too.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

PREFIX: Final = b"gateway:"
"""What the names of all our keys and channels begin with."""

PATIENCE: Final = 1.0
"""Seconds of silence after which the store counts as lost, where nobody else is waiting."""

Command = tuple[bytes | int, ...]
"""A command's name and its arguments."""


class Lost(Exception):
    """The store cannot be asked now: it is away or silent. It says why, without any secret."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What the store says in place of a reply that it does not want to give."""

    reason: str


UNKNOWN_SCRIPT: Final = "NOSCRIPT"
"""What a refusal begins with where the store was not told of a program, or has forgotten it."""

Late = Callable[[Sequence[object]], None]
"""Takes the replies that came after all, when whoever had asked was gone. It raises nothing."""


class Line(Protocol):
    """A connection that has been made. Nothing on it waits for longer than it is told to."""

    @property
    def behind(self) -> bool:
        """True while replies are late or many are out: who can do without asks nothing now."""

    async def ask(
        self, *commands: Command, patience: float = PATIENCE, late: Late | None = None
    ) -> Sequence[object]:
        """Return the reply to each command; all leave in one write.

        A reply is a number, bytes, a list, None or `Refused`. Raises `Lost`, also after `patience`
        seconds. Replies that come after that, or after a cancellation, are given to `late`, at the
        latest with the link's next pulse; where the connection ends before them they are not.
        """

    async def hear(self, take: Callable[[bytes], None]) -> NoReturn:
        """Hand on each message of the channel that the line has been opened with. Raises `Lost`."""


Job = Callable[[Line], Awaitable[None]]
"""What is done while there is a line, until cancelled."""


class Journal(Protocol):
    """Where it is told that the store was lost, and that it is back."""

    def info(self, event: str, **fields: object) -> None: ...

    def warning(self, event: str, **fields: object) -> None: ...
