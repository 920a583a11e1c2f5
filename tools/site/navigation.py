"""The site's navigation, read from the index of the pages: there is no second list of them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from posixpath import join, normpath
from typing import Final

INDEX: Final = "docs/README.md"
FRONT: Final = "README"
"""The page that a visitor sees first, without its ending, as the builder names pages."""

_PART = re.compile(r"^## (.+)$")
_PAGE = re.compile(r"^\| (?:\d+|\[[^\]]+\]\([^)]+\)) \|.*$")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)#]+\.md)\)")


@dataclass(frozen=True, slots=True)
class Part:
    """One heading of the navigation with its pages: what each is called, and where it is."""

    title: str
    pages: tuple[tuple[str, str], ...]


def parts(index: str) -> Iterator[Part]:
    """Read the parts of the index, each row of its tables with one page."""
    title = ""
    found: list[tuple[str, str]] = []
    for line in index.splitlines():
        heading = _PART.match(line)
        if heading is not None:
            if found:
                yield Part(title, tuple(found))
            title, found = heading[1], []
        elif _PAGE.match(line) and (link := _LINK.search(line)) is not None:
            path = normpath(join("docs", link[2])).removesuffix(".md")
            found.append((link[1], path))
    if found:
        yield Part(title, tuple(found))


def trees(index: str) -> str:
    """Write the parts as the builder reads them; nothing of it is shown on the page itself."""
    blocks = [_tree("", [("All pages", INDEX.removesuffix(".md"))])]
    blocks += [_tree(part.title, part.pages) for part in parts(index)]
    return "\n".join(blocks)


def page_of(link: str, here: Path) -> str:
    """Return where a link leads: a folder has a page of its own, or none."""
    there = here / link / "README.md"
    return f"{link.rstrip('/')}/README.md" if there.is_file() else link


def _tree(title: str, pages: Iterable[tuple[str, str]]) -> str:
    caption = f":caption: {title}\n" if title else ""
    lines = "".join(f"{name[:1].upper()}{name[1:]} </{path}>\n" for name, path in pages)
    return f"\n```{{toctree}}\n:hidden:\n:maxdepth: 1\n{caption}\n{lines}```\n"
