"""Which names follow a name that has failed: by the name itself, else by a pattern. Pure."""

from collections.abc import Mapping
from typing import Generic, TypeVar

ANYTHING = "*"

T = TypeVar("T")


class Patterns(Generic[T]):
    """A table whose keys are names, or patterns in which `*` is anything.

    The exact name precedes the patterns, among those the one with the most literal characters,
    and of two that have as many the first.
    """

    def __init__(self, table: Mapping[str, T]) -> None:
        self._exact = {key: value for key, value in table.items() if ANYTHING not in key}
        self._patterns = sorted(
            ((key, value) for key, value in table.items() if ANYTHING in key),
            key=lambda item: len(item[0].replace(ANYTHING, "")),
            reverse=True,
        )

    def find(self, name: str) -> tuple[str, T] | None:
        """Return the key that this name falls under, and what stands there."""
        if name in self._exact:
            return name, self._exact[name]
        for pattern, value in self._patterns:
            if fits(name, pattern):
                return pattern, value
        return None


def fits(name: str, pattern: str) -> bool:
    """Say whether a name is one that the pattern means; it takes time for its length alone."""
    first, *middle, last = pattern.split(ANYTHING)
    if len(name) < len(first) + len(last):
        return False
    if not (name.startswith(first) and name.endswith(last)):
        return False
    # Each literal part is taken where it first occurs: no later place could leave more room.
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
