"""The pages for people, read as the site and a forge read them: blocks, headings, links, names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.house.source import ROOT

WHERE = (
    "*.md", "docs/**/*.md", "deploy/**/*.md", "benchmarks/**/*.md", "newsfragments/README.md",
)  # fmt: skip

_READER = MarkdownIt("commonmark").enable("table")
_NO_LETTER = re.compile(r"[^\w\- ]")
_NAMED_IN_HTML = re.compile(r'(?:src|srcset|href)="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the words behind its fence, the line of that, and what stands in it."""

    page: str
    line: int
    words: tuple[str, ...]
    text: str

    @property
    def language(self) -> str:
        """The first word behind the fence; nothing where there is none."""
        return self.words[0] if self.words else ""

    @property
    def place(self) -> str:
        """Its name for people."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Page:
    """One page; `path` is relative to the project, with forward slashes."""

    path: str
    text: str

    @cached_property
    def tokens(self) -> list[Token]:
        """The page as its reader sees it."""
        return _READER.parse(self.text)

    def blocks(self) -> Iterator[Block]:
        """Yield the fenced blocks."""
        for token in self.tokens:
            if token.type == "fence":
                assert token.map is not None
                words = tuple(token.info.split())
                yield Block(self.path, token.map[0] + 1, words, token.content)

    @cached_property
    def anchors(self) -> frozenset[str]:
        """What a link may name behind `#`: each heading, as a forge and the site do."""
        seen: dict[str, int] = {}
        found = set()
        for token, inner in zip(self.tokens, self.tokens[1:], strict=False):
            if token.type != "heading_open":
                continue
            slug = slug_of(plain(inner))
            count = seen[slug] = seen.get(slug, -1) + 1
            found.add(f"{slug}-{count}" if count else slug)
        return frozenset(found)

    def links(self) -> Iterator[str]:
        """Yield where links, pictures and tags of HTML lead."""
        for token in self.tokens:
            if token.type == "html_block":
                yield from _NAMED_IN_HTML.findall(token.content)
            for inner in token.children or ():
                if inner.type == "link_open":
                    yield str(inner.attrs["href"])
                elif inner.type == "image":
                    yield str(inner.attrs["src"])
                elif inner.type == "html_inline":
                    yield from _NAMED_IN_HTML.findall(inner.content)

    def quoted(self) -> Iterator[str]:
        """Yield what stands between backticks."""
        for token in self.tokens:
            yield from (
                inner.content for inner in token.children or () if inner.type == "code_inline"
            )


def plain(inline: Token) -> str:
    """Return the text of a heading without its marks."""
    texts = {"text", "code_inline"}
    return "".join(child.content for child in inline.children or () if child.type in texts)


def slug_of(heading: str) -> str:
    """Return the name by which a link finds a heading."""
    return _NO_LETTER.sub("", heading.strip().lower()).replace(" ", "-")


@lru_cache
def pages() -> dict[str, Page]:
    """Return all pages by their paths."""
    found = sorted({path for where in WHERE for path in ROOT.glob(where)})
    return {
        name: Page(name, path.read_text(encoding="utf-8"))
        for path in found
        if path.is_file() and not _is_made(path)
        for name in [path.relative_to(ROOT).as_posix()]
    }


def _is_made(path: Path) -> bool:
    """Say whether a build, not a person, has put it there."""
    return {"_build", "node_modules"} & set(path.parts) != set()


def blocks(*languages: str) -> list[Block]:
    """Return the blocks of all pages in these languages."""
    return [
        block for page in pages().values() for block in page.blocks() if block.language in languages
    ]
