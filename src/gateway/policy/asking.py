"""What a plan depends on beside the name: the moment, the conversation, how the homes are. Pure."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from gateway.words.target import Target


class KnowsHealth(Protocol):
    """Who knows how targets have fared; `policy.health.Health` does. Seconds throughout."""

    def rests_for(self, target: Target, now: float) -> float:
        """Return how long the target's home is still to be left alone; 0 where it may be asked."""

    def key_rests_for(self, target: Target, now: float) -> float:
        """Return how long the target's key is still to be left alone."""

    def open_calls(self, target: Target) -> int:
        """Return how many calls are open at the target's home."""

    def speed(self, target: Target) -> float | None:
        """Return the home's usual time to first token, longer if it fails; None: no figures."""


class Ask(msgspec.Struct, frozen=True, gc=False):
    """One call's question for a plan.

    `now` is on the monotonic clock; `turn` numbers the calls, `draw` is below 1 and by chance.
    `thread` names the conversation; it is asked only where there is a choice to make.
    """

    now: float
    turn: int
    draw: float
    thread: Callable[[], bytes]
    health: KnowsHealth
