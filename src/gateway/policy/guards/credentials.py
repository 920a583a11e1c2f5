"""What opens doors: keys, tokens and passwords that can be told by their shape. Pure.

Each is known by a beginning of bounded length; it goes on for as long as it can, so that all of it
is masked, and none of it must be held back to know it.
"""

import re
from collections.abc import Iterator
from typing import Final

from gateway.policy.guards.detector import Found, tail

_WORD = re.compile(r"[A-Za-z0-9_-]*")
_DOTTED = re.compile(r"[A-Za-z0-9_.=-]*")
_LINES = re.compile(r"[A-Za-z0-9+/=\s\\]*")
_NOTHING = re.compile(r"")

_SHAPES: Final = (
    ("sk-", r"sk-[A-Za-z0-9_-]{20}", _WORD),
    ("ngw-", r"ngw-[A-Za-z0-9_-]{20}", _WORD),
    ("gh", r"gh[pousr]_[A-Za-z0-9]{30}", _WORD),
    ("github_pat_", r"github_pat_[A-Za-z0-9_]{22}", _WORD),
    ("glpat-", r"glpat-[A-Za-z0-9_-]{20}", _DOTTED),
    ("AKIA", r"AKIA[0-9A-Z]{16}(?![0-9A-Za-z])", _NOTHING),
    ("ASIA", r"ASIA[0-9A-Z]{16}(?![0-9A-Za-z])", _NOTHING),
    ("AIza", r"AIza[0-9A-Za-z_-]{35}", _WORD),
    ("xox", r"xox[abeoprs]-[0-9A-Za-z-]{10}", _WORD),
    ("sk_", r"sk_(?:live|test)_[0-9A-Za-z]{16}", _WORD),
    ("rk_", r"rk_(?:live|test)_[0-9A-Za-z]{16}", _WORD),
    ("npm_", r"npm_[A-Za-z0-9]{30}", _WORD),
    ("pypi-", r"pypi-[A-Za-z0-9_-]{40}", _WORD),
    ("hf_", r"hf_[A-Za-z0-9]{30}", _WORD),
    ("gsk_", r"gsk_[A-Za-z0-9]{30}", _WORD),
    ("xai-", r"xai-[A-Za-z0-9]{30}", _WORD),
    ("SG.", r"SG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{20}", _WORD),
    ("eyJ", r"eyJ(?:hbGci|0eXAi|raWQi)[A-Za-z0-9_-]{10}", _DOTTED),
    ("-----BEGIN", r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----", _LINES),
    ("://", r"://[^\s:/@]{0,64}:[^\s:/@]{3,64}@", _NOTHING),
)
_ANYWHERE: Final = frozenset({"-----BEGIN", "://"})
"""What may stand behind a letter."""

_BEGINS = re.compile("|".join(re.escape(prefix) for prefix, _, _ in _SHAPES))
_TAIL = re.compile(r"(?:-----[A-Z -]*+|[^\s]++)\Z")


class Credentials:
    """Keys and tokens (see `Detector`)."""

    longest = 160

    def __init__(self) -> None:
        self._shapes = {prefix: (re.compile(shape), grows) for prefix, shape, grows in _SHAPES}

    def find(self, text: str, begin: int) -> Iterator[Found]:
        for sign in _BEGINS.finditer(text, begin):
            if sign.start() < begin or (
                sign.group() not in _ANYWHERE and _stands_within(text, sign.start())
            ):
                continue
            shape, grows = self._shapes[sign.group()]
            match = shape.match(text, sign.start())
            if match is not None:
                begin = match.end()
                yield Found(match.start(), begin, None if grows is _NOTHING else grows)
                grown = grows.match(text, begin)
                begin = begin if grown is None else grown.end()

    def settled(self, text: str) -> int:
        return tail(_TAIL, text, self.longest)


def _stands_within(text: str, place: int) -> bool:
    """Say whether a place is in the middle of a word."""
    before = text[place - 1] if place else " "
    return before.isascii() and before.isalnum()
