"""What a page tells its reader to do with files: to make one, or to change some lines of one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markdown_it.token import Token

from tests.docs.pages import Page

_FILE: Final = re.compile(r"`((?:src|tests)/[\w/]+\.py)`[^`]*:$")
_TO: Final = re.compile(r"^\+\+\+ b/(\S+)$", re.MULTILINE)
_HUNK: Final = re.compile(r"^@@.*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Made:
    """A file that is made: the words before a block of Python end with its path and a colon."""

    path: str
    text: str

    def do(self, root: Path) -> None:
        """Make it."""
        (root / self.path).parent.mkdir(parents=True, exist_ok=True)
        (root / self.path).write_text(self.text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Changed:
    """Lines that are changed: a block of `diff`, whose hunks need no numbers."""

    path: str
    hunks: tuple[tuple[str, str], ...]

    def do(self, root: Path) -> None:
        """Change them; what is not there, or there twice, is an error."""
        file = root / self.path
        text = file.read_text(encoding="utf-8")
        for old, new in self.hunks:
            assert text.count(old) == 1, f"{self.path} has {text.count(old)} times:\n{old}"
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")


def steps(page: Page) -> Iterator[Made | Changed]:
    """Yield what a page tells to do, in its order."""
    before: Token | None = None
    for token in page.tokens:
        if token.type == "inline":
            before = token
        elif token.type == "fence" and token.info == "diff":
            yield changed(token.content)
        elif token.type == "fence" and token.info == "python" and before is not None:
            named = _FILE.search(before.content)
            if named is not None:
                yield Made(named[1], token.content)


def changed(diff: str) -> Changed:
    """Read a block of `diff` of one file."""
    (path,) = _TO.findall(diff)
    hunks = _HUNK.split(diff)[1:]
    return Changed(path, tuple((_side(hunk, "-"), _side(hunk, "+")) for hunk in hunks))


def _side(hunk: str, sign: str) -> str:
    lines = hunk.splitlines(keepends=True)
    return "".join(line[1:] for line in lines if line[:1] in {" ", sign})
