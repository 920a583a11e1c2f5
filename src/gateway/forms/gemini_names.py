"""The names of functions, and the ids of their calls, as Gemini takes and tells them. Pure.

A name that the provider would refuse goes out as another, the same each time, and comes back as
its own. The provider may leave a call without an id; then it gets one, made from what is known, so
that one answer always has the same ids.

https://ai.google.dev/api/caching#FunctionDeclaration
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from msgspec import Raw

from gateway.forms.chat_request import names_of

MADE: Final = "gcall_"
"""With this an id begins that was made here: the provider is not told it, for it knows none."""

_GOOD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_BAD_LETTER: Final = re.compile(r"[^A-Za-z0-9_.-]")
_KEPT: Final = 50
_MARK: Final = 12
_LENGTH_OF_ID: Final = 24
LONGEST_ID: Final = 256
_READ_BYTES: Final = 65_536
_NONE: Final = Raw(b"[]")


def told_name(name: str) -> str:
    """Return the name by which the provider is told of a function: its own, where it may be."""
    if _GOOD.fullmatch(name):
        return name
    mark = sha256(name.encode(errors="replace")).hexdigest()[:_MARK]
    return f"_{_BAD_LETTER.sub('_', name[:_KEPT])}_{mark}"


def names_back(fields: Mapping[str, Raw]) -> dict[str, str]:
    """Return the own names of a request's tools, by those that the provider is told instead."""
    return names_of(fields, told_name)


class Ids:
    """Makes ids for one answer and its calls, where the provider gives none."""

    __slots__ = ("_fields", "_made", "_seed")

    def __init__(self, fields: Mapping[str, Raw]) -> None:
        """`fields` are the request's: what was said so far tells answers without an id apart."""
        self._fields = fields
        self._made = 0
        self._seed = b""

    def of_answer(self, own: str | None) -> str:
        """Return the answer's id, its own where it has one; those of its calls follow from it.

        It stands in every chunk: one that is longer than any is known to be is taken for none.
        """
        if own and len(own) <= LONGEST_ID:
            self._seed = own.encode(errors="replace")
            return own
        said = bytes(self._fields.get("messages", _NONE))
        self._seed = sha256(b"%d:%b" % (len(said), said[-_READ_BYTES:])).digest()
        return f"chatcmpl-{self._made_of(0)}"

    def next(self) -> str:
        """Return the id of the next call that has none."""
        self._made += 1
        return MADE + self._made_of(self._made)

    def _made_of(self, number: int) -> str:
        return sha256(b"%b %d" % (self._seed, number)).hexdigest()[:_LENGTH_OF_ID]
