"""Reads the JSON that is told within a text, such as a tool's arguments, piece by piece. Pure.

What is looked at is what the JSON means: an escaped character counts as itself. What is put in the
place of a part leaves it JSON: quotes and braces stay, a digit that is no text becomes another.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from gateway.policy.guards.scan import Edit

_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_CODE: Final = 4
_ESCAPED: Final = re.compile(r"\\(?:u(?P<code>[0-9A-Fa-f]{4})|(?P<sign>.))", re.DOTALL)
_HALF: Final = range(0xD800, 0xE000)
_NONE: Final = "\ufffd"
_HEX: Final = re.compile(r"[0-9A-Fa-f]{0,4}")
_DIGITS: Final = frozenset("0123456789")

DIGIT: Final = "1"
QUOTE: Final = "\n"
"""What a quote around a text is taken for: nothing that is looked for goes on over it."""


class _Kind(Enum):
    """What a sign of JSON is."""

    TEXT = auto()
    DIGIT = auto()
    OTHER = auto()


class JsonText:
    """One text of JSON. `read` returns what it means, and remembers where each sign stood."""

    __slots__ = ("_base", "_in_text", "_length", "_places", "_rest")

    def __init__(self) -> None:
        self._in_text = False
        self._rest = ""
        self._length = 0
        self._base = 0
        self._places: list[tuple[int, int, _Kind]] = []

    def read(self, raw: str) -> str:
        """Return what these signs mean; an escape that is not whole waits."""
        begun = self._length - len(self._rest)
        self._length += len(raw)
        raw = self._rest + raw
        at, meant = 0, []
        while at < len(raw):
            size = 1 if raw[at] != "\\" else _size_of(raw, at)
            if not size:
                break
            sign = raw[at] if size == 1 else _meaning(raw, at)
            kind = _Kind.TEXT if self._in_text else _Kind.OTHER
            if raw[at] == '"':
                self._in_text, sign, kind = not self._in_text, QUOTE, _Kind.OTHER
            elif not self._in_text and sign in _DIGITS:
                kind = _Kind.DIGIT
            meant.append(sign)
            self._places.append((begun + at, begun + at + size, kind))
            at += size
        self._rest = raw[at:]
        return "".join(meant)

    def place_of(self, meant: int) -> int:
        """Return where in the text a sign of its meaning stands, or what follows on all of them."""
        at = meant - self._base
        if at < len(self._places):
            return self._places[at][0]
        return self._length - len(self._rest)

    def edits(self, edit: Edit) -> Iterator[Edit]:
        """Yield what a change of the meaning changes in the text itself."""
        mask = edit.mask if edit.begin >= self._base else ""
        for meant in range(max(edit.begin, self._base), edit.end):
            begin, end, kind = self._places[meant - self._base]
            if kind is _Kind.TEXT:
                yield Edit(begin, end, mask)
                mask = ""
            elif kind is _Kind.DIGIT:
                yield Edit(begin, end, DIGIT)

    def forget(self, place: int) -> int:
        """Forget what stands before a place of the text; return the next sign of its meaning."""
        drop = 0
        while drop < len(self._places) and self._places[drop][1] <= place:
            drop += 1
        del self._places[:drop]
        self._base += drop
        return self._base


def _size_of(raw: str, at: int) -> int:
    """Return how long the escape is that begins here; 0 where it is not whole."""
    if len(raw) == at + 1:
        return 0
    if raw[at + 1] != "u":
        return 2
    code = raw[at + 2 : at + 2 + _CODE]
    if not _HEX.fullmatch(code):
        return 2
    return 0 if len(code) < _CODE else 2 + _CODE


def _meaning(raw: str, at: int) -> str:
    escaped = _ESCAPED.match(raw, at)
    assert escaped is not None, "it is whole"
    if escaped["code"]:
        code = int(escaped["code"], 16)
        return _NONE if code in _HALF else chr(code)
    return _ESCAPES.get(escaped["sign"], escaped["sign"])
