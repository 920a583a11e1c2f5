"""The pictures of the pages: who is named is there, who is there is named, and all are small."""

import re
import struct

from tests.house.source import ROOT

DOCS = ROOT / "docs"
PICTURES = DOCS / "img"
NAMED = re.compile(r'(?:src|srcset)="img/([\w-]+\.png)"')

SIZES = {"wide": (1280, 800), "narrow": (390, 844)}
MOST_BYTES = 120_000
MOST_IN_ALL = 2_000_000


def named() -> set[str]:
    """Return the pictures that pages name."""
    return {
        name
        for page in DOCS.rglob("*.md")
        for name in NAMED.findall(page.read_text(encoding="utf-8"))
    }


def test_each_picture_is_named_by_a_page_and_each_that_is_named_is_there() -> None:
    assert sorted(path.name for path in PICTURES.iterdir()) == sorted(named())


def test_each_page_is_shown_at_both_sizes_and_in_both_schemes() -> None:
    pages = {name.split("-")[0] for name in named()}
    ways = {f"{size}-{scheme}" for size in SIZES for scheme in ("light", "dark")}
    assert named() == {f"{page}-{way}.png" for page in pages for way in ways}
    for path in PICTURES.iterdir():
        head = path.read_bytes()[:24]
        assert struct.unpack(">II", head[16:]) == SIZES[path.stem.split("-")[1]]


def test_they_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in PICTURES.iterdir()}
    assert [name for name, size in sizes.items() if size > MOST_BYTES] == []
    assert sum(sizes.values()) <= MOST_IN_ALL
