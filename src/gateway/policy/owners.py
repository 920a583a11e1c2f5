"""Which caller had which object made, in bounds (API1). Pure.

Whoever has too many loses the oldest of their own: nobody's flood makes another's files unknown.
"""

from collections.abc import Iterable
from typing import Final

from gateway.words.owned import Owned

MOST: Final = 65_536
"""Objects that one process knows by heart."""

LONGEST_ID: Final = 256
"""Bytes."""

_Scope = dict[str, None]
_Scopes = dict[bytes, None]


def is_id(said: str) -> bool:
    """Say whether a text may be the id of an object: 1 to 256 bytes, all of them printable."""
    return 0 < len(said) <= LONGEST_ID and said.isascii() and said.isprintable()


def ids_in(said: Iterable[str]) -> list[str]:
    """Return those of some texts that may be ids, each of them once."""
    return list(dict.fromkeys(each for each in said if is_id(each)))


class Owners:
    """The owners of so many objects. What was asked for last is forgotten last."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._owned: dict[str, Owned] = {}
        self._ids: dict[bytes, _Scope] = {}
        """The ids of each scope, the oldest first."""
        self._sizes: dict[int, _Scopes] = {}
        """The scopes that have so many: who has most is known without looking at all."""
        self._largest = 0

    def __len__(self) -> int:
        return len(self._owned)

    def get(self, id: str) -> Owned | None:
        """Return whose an object is; None where nobody here knows."""
        owned = self._owned.get(id)
        if owned is not None:
            ids = self._ids[owned.scope]
            del ids[id]
            ids[id] = None
        return owned

    def put(self, id: str, owned: Owned) -> None:
        """Note whose an object is. Whoever had it first keeps it."""
        if self.get(id) is not None:
            return
        if len(self._owned) >= self._most:
            self._make_room(owned.scope)
        self._owned[id] = owned
        ids = self._ids.setdefault(owned.scope, {})
        ids[id] = None
        self._resize(owned.scope, len(ids) - 1, len(ids))

    def drop(self, id: str) -> None:
        """Forget an object that is no more."""
        owned = self._owned.pop(id, None)
        if owned is None:
            return
        ids = self._ids[owned.scope]
        del ids[id]
        self._resize(owned.scope, len(ids) + 1, len(ids))
        if not ids:
            del self._ids[owned.scope]

    def _resize(self, scope: bytes, before: int, now: int) -> None:
        """Note that a scope has one more or one less."""
        if before:
            others = self._sizes[before]
            del others[scope]
            if not others:
                del self._sizes[before]
        if now:
            self._sizes.setdefault(now, {})[scope] = None
        if now > self._largest or self._largest not in self._sizes:
            self._largest = now

    def _make_room(self, scope: bytes) -> None:
        """Forget the oldest of a scope that has its share, else of the one that has most."""
        own = self._ids.get(scope, {})
        if len(own) * len(self._ids) < self._most:
            own = self._ids[next(iter(self._sizes[self._largest]))]
        self.drop(next(iter(own)))
