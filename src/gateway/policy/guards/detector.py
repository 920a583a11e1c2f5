"""What looks for something in a text, also in one of which more is to come. Pure.

The law of a detector: what it finds that begins before `settled` is found whatever follows, and
ends where it ends. So a text can be looked at as it arrives, however it is cut.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Found(NamedTuple):
    """A match, from `begin` up to `end`; it goes on as far as `grows` goes on behind that.

    What is `allowed` is no match, but nothing within it is one either.
    """

    begin: int
    end: int
    grows: re.Pattern[str] | None = None
    allowed: bool = False


class Detector(Protocol):
    """Looks for something in a text."""

    @property
    def longest(self) -> int:
        """How many characters are at most held back until it is known what they are."""

    def find(self, text: str, begin: int) -> Iterator[Found]:
        """Yield what is found from `begin` on, in order, none within another.

        What stands before `begin` is only looked at for what may stand before a match.
        """

    def settled(self, text: str) -> int:
        """Return from where on it matters what follows, at most `longest` before the end."""


class Allowing:
    """A detector (see `Detector`) that passes over what is allowed, in whatever case."""

    def __init__(self, inner: Detector, allowed: frozenset[str]) -> None:
        self._inner = inner
        self._allowed = allowed

    @property
    def longest(self) -> int:
        return self._inner.longest

    def find(self, text: str, begin: int) -> Iterator[Found]:
        for found in self._inner.find(text, begin):
            said = text[found.begin : found.end].casefold()
            yield found._replace(allowed=True) if said in self._allowed else found

    def settled(self, text: str) -> int:
        return self._inner.settled(text)


def tail(pattern: re.Pattern[str], text: str, longest: int) -> int:
    """Return where at the end of a text something may begin that `pattern` tells, within bounds."""
    least = max(0, len(text) - longest)
    begun = pattern.search(text, least)
    return len(text) if begun is None else begun.start()
