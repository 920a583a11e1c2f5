"""Regular expressions of the operator's own. Pure: the engine is handed in, compiled.

It must be one that takes a time in proportion to the text. A match that is longer than what is held
back is found in parts.
"""

from collections.abc import Iterator
from typing import Protocol

from gateway.policy.guards.detector import Found


class Match(Protocol):
    """Where an expression has matched."""

    def start(self) -> int: ...

    def end(self) -> int: ...


class Expression(Protocol):
    """A compiled expression of a linear engine."""

    def finditer(self, text: str, begin: int, /) -> Iterator[Match]:
        """Yield the matches from `begin` on; what stands before may still be looked at."""


class Expressions:
    """What one expression matches (see `Detector`)."""

    def __init__(self, expression: Expression, longest: int) -> None:
        self._expression = expression
        self.longest = longest

    def find(self, text: str, begin: int) -> Iterator[Found]:
        for match in self._expression.finditer(text, begin):
            if match.end() > match.start():
                yield Found(match.start(), match.end())

    def settled(self, text: str) -> int:
        return max(0, len(text) - self.longest)
