"""How a call's life may end from outside: its cause, and who may bring it about."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol


class Cause(StrEnum):
    """Why a life was ended before its story was told. The first cause stands."""

    CLIENT_GONE = "client_gone"
    CLIENT_STALLED = "client_stalled"
    TOTAL_TIMEOUT = "total_timeout"
    IDLE_SILENCE = "idle_silence"
    IDLE_TRICKLE = "idle_trickle"
    DRAIN = "drain"
    OPERATOR = "operator"


class Life(Protocol):
    """The two scopes of a call as the rooms below see them: the link to the client, and the work.

    `cut` ends the link and all within it: nobody is left to hear. `stop` ends the work alone:
    the client can still be told why.
    """

    @property
    def cause(self) -> Cause | None:
        """The first cause given, or None while nobody has ended this life."""

    def cut(self, cause: Cause) -> None:
        """End link and work."""

    def stop(self, cause: Cause) -> None:
        """End the work; the link remains for the farewell."""

    def spare(self, read_on: Callable[[], None]) -> None:
        """Have the work go on where the client leaves once a provider has been asked.

        `read_on` is then called, once, in place of ending link and work.
        """

    def expire_at(self, moment: float) -> None:
        """Let the work end at this moment of Trio's clock: the call's total time is over then."""
