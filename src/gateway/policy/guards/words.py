"""Words and phrases that are not to be said. Pure.

Whole words are looked up one by one, so that thousands of them cost no more than one; parts of
words, for scripts that put no spaces between them, at each place by their beginnings.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from gateway.policy.guards.detector import Found

_WORD = re.compile(r"\w+")
_GAP: Final = 3
"""Signs that may stand between two words of a phrase."""


class Words:
    """Whole words, and phrases of whole words, in whatever case (see `Detector`)."""

    def __init__(self, phrases: Iterable[str]) -> None:
        """Each phrase holds a word at least."""
        self._phrases: set[tuple[str, ...]] = set()
        self._lengths: dict[str, set[int]] = {}
        self._most = 1
        self.longest = 0
        for phrase in phrases:
            words = tuple(_WORD.findall(phrase.casefold()))
            self._phrases.add(words)
            self._lengths.setdefault(words[0], set()).add(len(words))
            self._most = max(self._most, len(words))
            # Folded, a word may be longer than it was; it is never more than three times as short.
            self.longest = max(self.longest, sum(map(len, words)) + _GAP * len(words) + 1)

    def find(self, text: str, begin: int) -> Iterator[Found]:
        for match in _WORD.finditer(text, begin):
            at = match.start()
            if at < begin or (at and _is_word(text[at - 1])):
                continue
            first = match.group().casefold()
            if first in self._lengths and (end := self._end_of(first, text, match.end())):
                yield Found(at, end)
                begin = end

    def _end_of(self, first: str, text: str, end: int) -> int:
        """Return where the longest phrase ends whose first word ends here; 0 where there is none.

        What it costs goes by how long phrases are, not by how many begin so.
        """
        lengths = self._lengths[first]
        words, found = [first], 0
        while True:
            if len(words) in lengths and tuple(words) in self._phrases:
                found = end
            following = _WORD.search(text, end, end + _GAP + 1)
            if following is None or len(words) == self._most:
                return found
            following = _WORD.match(text, following.start())
            assert following is not None, "it begins there"
            words.append(following.group().casefold())
            end = following.end()

    def settled(self, text: str) -> int:
        """Hold back the last words, as many as a phrase may have."""
        least = max(0, len(text) - self.longest)
        starts = [match.start() for match in _WORD.finditer(text, least)]
        ends_within = bool(text) and _is_word(text[-1])
        held = self._most if ends_within else self._most - 1
        if not held or not starts:
            return len(text)
        return starts[-held] if held <= len(starts) else least


class Parts:
    """Texts wherever they stand, also within words, in whatever case (see `Detector`)."""

    def __init__(self, parts: Iterable[str]) -> None:
        """Each part holds a character at least."""
        folded = {_folded(part) for part in parts}
        self._beginning = min(map(len, folded))
        self.longest = max(map(len, folded))
        self._parts = frozenset(folded)
        self._lengths: dict[str, list[int]] = {}
        for part in sorted(folded, key=len, reverse=True):
            lengths = self._lengths.setdefault(part[: self._beginning], [])
            if len(part) not in lengths[-1:]:
                lengths.append(len(part))

    def find(self, text: str, begin: int) -> Iterator[Found]:
        folded, beginning, lengths = _folded(text), self._beginning, self._lengths
        at = begin
        while at < len(folded):
            for length in lengths.get(folded[at : at + beginning], ()):
                if folded[at : at + length] in self._parts:
                    yield Found(at, at + length)
                    at += length - 1
                    break
            at += 1

    def settled(self, text: str) -> int:
        return max(0, len(text) - self.longest + 1)


def has_word(phrase: str) -> bool:
    """Say whether a phrase holds a word at all."""
    return _WORD.search(phrase) is not None


def _folded(text: str) -> str:
    """Return a text in small letters, letter by letter, so that each keeps its place."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join([low if len(low := sign.lower()) == 1 else sign for sign in text])


def _is_word(sign: str) -> bool:
    return _WORD.match(sign) is not None
