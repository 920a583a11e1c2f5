"""Looks at one text as it arrives, with many rules at once; says what of it is settled. Pure.

However the text is cut, what is found in it and what becomes of it is the same.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.policy.guards.guard import Guard, Rule
from gateway.policy.guards.plain import plain

CONTEXT: Final = 2
"""Characters that are kept of what is done with: a rule looks at what stands before a match."""

PART: Final = 4_096
"""So many characters are looked at in one go."""

Hit = Callable[[Guard], None]
"""Takes note that a guard has found something; raises where that is not to pass."""


@dataclass(slots=True)
class Edit:
    """What stands in place of a part of a text, by the places of its characters in the whole.

    While a match goes on its `end` moves. Of two that begin at one place the lower `rank` counts.
    """

    begin: int
    end: int
    mask: str
    rank: int = 0


class _Head:
    """How far one rule has read."""

    __slots__ = ("cursor", "edit", "grows", "guard", "rank", "rule")

    def __init__(self, guard: Guard, rule: Rule, rank: int) -> None:
        self.guard = guard
        self.rule = rule
        self.rank = rank
        self.cursor = 0
        self.grows: re.Pattern[str] | None = None
        self.edit: Edit | None = None


class Scanner:
    """Looks at one text (see the top). `settled` is where what is still to be seen begins."""

    __slots__ = ("_base", "_heads", "_hit", "_plain", "_text", "edits", "settled")

    def __init__(self, guards: Sequence[Guard], hit: Hit) -> None:
        rules = [(guard, rule) for guard in guards for rule in guard.rules]
        self._heads = [_Head(guard, rule, rank) for rank, (guard, rule) in enumerate(rules)]
        self._hit = hit
        self._text = self._plain = ""
        self._base = 0
        self.settled = 0
        self.edits: list[Edit] = []

    def feed(self, text: str, *, end: bool = False) -> None:
        """Look at what follows, up to the `end` of the text. Raises what `hit` raises."""
        self._text += text
        self._plain += plain(text)
        self._look(end=end)

    def forget(self, place: int) -> None:
        """Forget what has been changed before a place; what ends there may still go on."""
        if self.edits:
            self.edits = [edit for edit in self.edits if edit.end >= place]

    def _look(self, *, end: bool) -> None:
        whole = self._base + len(self._text)
        held = whole
        for head in self._heads:
            self._read_on(head, end=end)
            if head.guard.holds:
                held = min(held, head.cursor)
        self.settled = held
        least = min([head.cursor for head in self._heads], default=whole)
        drop = max(0, least - CONTEXT - self._base)
        self._text, self._plain = self._text[drop:], self._plain[drop:]
        self._base += drop

    def _read_on(self, head: _Head, *, end: bool) -> None:
        text, base, detector = self._seen_by(head), self._base, head.rule.detector
        if head.grows is not None and self._grow(head, head.grows, end=end):
            return
        limit = len(text) if end else detector.settled(text)
        for found in detector.find(text, head.cursor - base):
            if found.begin >= limit:
                break
            head.cursor = base + found.end
            if found.allowed:
                continue
            self._note(head, base + found.begin)
            if found.grows is not None and self._grow(head, found.grows, end=end):
                return
        head.cursor = max(head.cursor, base + limit)

    def _grow(self, head: _Head, grows: re.Pattern[str], *, end: bool) -> bool:
        """Let a match go on; say whether it may go on behind what is there."""
        text = self._seen_by(head)
        match = grows.match(text, head.cursor - self._base)
        assert match is not None, "it may go on by nothing"
        head.cursor = self._base + match.end()
        if head.edit is not None:
            head.edit.end = head.cursor
        goes_on = not end and match.end() == len(text)
        head.grows = grows if goes_on else None
        return goes_on

    def _seen_by(self, head: _Head) -> str:
        return self._plain if head.rule.plain else self._text

    def _note(self, head: _Head, begin: int) -> None:
        self._hit(head.guard)
        if head.guard.then == "redact":
            head.edit = Edit(begin, head.cursor, head.rule.mask, head.rank)
            self.edits.append(head.edit)


def disjoint(edits: Sequence[Edit]) -> list[Edit]:
    """Return edits in order, none over another: of such that meet, the first one's mask counts."""
    found: list[Edit] = []
    for edit in sorted(edits, key=lambda each: (each.begin, each.rank)):
        if found and edit.begin < found[-1].end:
            found[-1].end = max(found[-1].end, edit.end)
        else:
            found.append(Edit(edit.begin, edit.end, edit.mask))
    return found


def rewritten(text: str, at: int, edits: Sequence[Edit]) -> str:
    """Return the part of a text that stands `at` a place of the whole, edited.

    `edits` are in order, none over another. Of one that begins before, nothing is said again.
    """
    parts = []
    begin, end = at, at + len(text)
    for edit in edits:
        if edit.end <= begin or edit.begin >= end:
            continue
        parts.append(text[begin - at : max(edit.begin, begin) - at])
        if edit.begin >= at:
            parts.append(edit.mask)
        begin = min(edit.end, end)
    return "".join([*parts, text[begin - at :]])
