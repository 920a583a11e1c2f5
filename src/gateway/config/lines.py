"""Finds the line of each key of a TOML text: the standard library's reader keeps no positions.

It is no parser. It walks over the tokens, takes any text whatever without complaint, in one pass
and without recursion, and is right about every text that is TOML.
"""

import re
import tomllib
from dataclasses import dataclass, field

Key = tuple[str | int, ...]
"""The path to a value: names of tables and keys, and numbers of places in lists."""

DEEPEST = 32
"""Levels of tables, lists and dotted keys. No configuration needs as many; a reader that recurses
must not be fed more."""

_TOKEN = re.compile(
    r"""
      (?P<newline>\n)
    | (?P<blank>[ \t\r]+ | \#[^\n]*)
    | (?P<text>\"{3}(?:[^"\\]++|\\[\s\S]|"{1,2}(?!"))*+(?:"{3,5}|\\?\Z)
             | '{3}(?:[^']++|'{1,2}(?!'))*+(?:'{3,5}|\Z))
    | (?P<quoted>"(?:[^"\\\n]++|\\[^\n])*+"? | '[^'\n]*+'?)
    | (?P<mark>[][{}=,.])
    | (?P<bare>[^\s\#"'\[\]{}=,.]+)
    | (?P<other>[\s\S])
    """,
    re.VERBOSE,
)


@dataclass(slots=True)
class _Frame:
    """An open table or list: what it belongs to, and where in it we are."""

    prefix: Key
    is_list: bool = False
    index: int = 0
    parts: list[str] = field(default_factory=list)
    in_value: bool = False

    @property
    def key(self) -> Key:
        return (*self.prefix, self.index) if self.is_list else (*self.prefix, *self.parts)


class Lines:
    """The lines of a text's keys. `too_deep` is the line of the first that nests beyond measure."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Key, int] = {}
        self._counts: dict[Key, int] = {}
        self._frames = [_Frame(())]
        self._header = 0
        self._line = 1
        self.too_deep: int | None = None
        for match in _TOKEN.finditer(text):
            self._take(match.lastgroup, match[0])
            if self.too_deep is not None:
                return
            self._line += match[0].count("\n")

    def find(self, key: Key) -> int | None:
        """Return the line of a key, or of what holds it where it stands nowhere itself."""
        for length in range(len(key), 0, -1):
            line = self._lines.get(key[:length])
            if line is not None:
                return line
        return None

    def _take(self, kind: str | None, token: str) -> None:
        if kind == "newline":
            self._end_line()
        elif kind == "mark":
            self._mark(token)
        elif kind in {"bare", "quoted", "text"}:
            self._word(token)

    def _mark(self, mark: str) -> None:
        frame = self._frames[-1]
        if self._header and mark == "]":
            self._end_header()
        elif mark == "[" and len(self._frames) == 1 and not (frame.in_value or frame.parts):
            self._header += 1
        elif mark in "[{" and (frame.in_value or frame.is_list):
            self._open(mark)
        elif mark in "]}" and len(self._frames) > 1:
            self._frames.pop()
        elif mark == "=" and not frame.is_list and frame.parts:
            self._note(frame.key)
            frame.in_value = True
        elif mark == ",":
            frame.index += 1
            self._begin_key(frame)

    def _word(self, token: str) -> None:
        frame = self._frames[-1]
        if frame.is_list:
            self._note(frame.key)
        elif not frame.in_value:
            frame.parts.append(_name(token))
            self._measure(len(frame.prefix) + len(frame.parts))

    def _open(self, mark: str) -> None:
        key = self._frames[-1].key
        self._note(key)
        self._measure(len(key) + len(self._frames))
        self._frames.append(_Frame(key, is_list=mark == "["))

    def _end_line(self) -> None:
        frame = self._frames[-1]
        if len(self._frames) == 1:
            self._header = 0
            self._begin_key(frame)

    def _begin_key(self, frame: _Frame) -> None:
        frame.parts = []
        frame.in_value = False

    def _end_header(self) -> None:
        frame = self._frames[-1]
        key: Key = ()
        for part in frame.parts[:-1]:
            key = self._entered((*key, part))
        key = (*key, *frame.parts[-1:])
        if self._header > 1:
            self._counts[key] = self._counts.get(key, -1) + 1
            self._note(key)
            key = self._entered(key)
        self._note(key)
        self._header = 0
        self._frames = [_Frame(key, in_value=True)]

    def _entered(self, key: Key) -> Key:
        """Return a key, with its last place where it is a list of tables."""
        count = self._counts.get(key)
        return key if count is None else (*key, count)

    def _note(self, key: Key) -> None:
        for length in range(1, len(key) + 1):
            self._lines.setdefault(key[:length], self._line)

    def _measure(self, depth: int) -> None:
        if depth > DEEPEST:
            self.too_deep = self._line


def _name(token: str) -> str:
    """Return the name that a key's token spells."""
    if token[0] not in "\"'":
        return token
    if "\\" not in token:
        return token.strip(token[0])
    try:
        return str(tomllib.loads(f"name = {token}")["name"])
    except ValueError:
        return token
