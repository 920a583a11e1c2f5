"""The site: its navigation has every page once, and its own check of links finds what is dead."""

import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import pages
from tests.house.source import ROOT
from tools.site.links import main, mistakes, read
from tools.site.navigation import INDEX, Part, page_of, parts, trees

READERS: Final = ("Start", "How to", "Reference", "Understanding", "Operating", "Contributing")
UNLISTED: Final = {"README.md", INDEX, "docs/reliability.in.md"}
"""The front page, the index itself, and what a page is made of."""

INDEX_OF_TWO: Final = """\
# Pages

## Start

| page | what |
|---|---|
| [one](one.md) | see [two](two.md) too |

## Decisions

| | |
|---|---|
| 1 | [Two](../two.md#part) |
"""


def test_the_navigation_is_by_reader_and_has_every_page_once() -> None:
    found = list(parts(pages()[INDEX].text))
    assert tuple(part.title for part in found) == (*READERS, "Decisions")
    listed = [f"{path}.md" for part in found for _, path in part.pages]
    assert sorted(listed) == sorted(pages().keys() - UNLISTED)


def test_each_page_has_one_title() -> None:
    titles = {
        page.path: sum(token.type == "heading_open" and token.tag == "h1" for token in page.tokens)
        for page in pages().values()
    }
    assert {path: count for path, count in titles.items() if count != 1} == {}


def test_rows_of_the_index_become_parts() -> None:
    start = Part("Start", (("one", "docs/one"),))
    decisions = Part("Decisions", (("Two", "two"),))
    assert list(parts(INDEX_OF_TWO.replace("#part", ""))) == [start, decisions]
    assert list(parts("# Nothing")) == []
    assert list(parts("## Start\n\n## Decisions\n")) == []


def test_parts_become_trees_that_are_not_shown() -> None:
    made = trees(INDEX_OF_TWO)
    assert made.count("```{toctree}\n:hidden:\n") == 2
    assert ":caption: Start\n\nOne </docs/one>\n```" in made
    assert "All pages </docs/README>" in made


def test_a_folder_has_a_page_of_its_own_or_none() -> None:
    assert page_of("nginx/", ROOT / "deploy") == "nginx/README.md"
    assert page_of("../deploy/nginx", ROOT / "docs") == "../deploy/nginx/README.md"
    assert page_of("keys.md", ROOT / "docs") == "keys.md"


def test_the_builder_is_asked_for_by_its_group_alone() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = [*groups["project"]["dependencies"], *groups["dependency-groups"]["test"]]
    assert not [name for name in needed if name.startswith(("sphinx", "furo", "myst"))]
    assert {name.partition(">")[0] for name in groups["dependency-groups"]["docs"]} == {
        *("sphinx", "furo", "myst-parser"),
    }


def test_what_is_dead_or_fetched_from_elsewhere_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "one.html").write_text(
        '<a href="docs/two.html#here">a</a> <a href="docs/two.html#there">b</a>'
        '<a href="three.html">c</a> <a href="https://example.com">d</a> <a href="docs">e</a>'
        '<img src="https://example.com/a.png"> <img src="data:image/png;base64,">'
        '<a href="#own" id="own">f</a>'
    )
    (tmp_path / "docs/two.html").write_text('<h1 id="here">x</h1><source srcset="../one.html 2x">')
    assert list(mistakes(tmp_path, read(tmp_path))) == [
        "one.html leads to docs/two.html#there, and nothing there is called so",
        "one.html leads to three.html, which is not there",
        "one.html fetches https://example.com/a.png",
    ]
    assert main(tmp_path) == 1
    assert "2 pages, 9 links, 3 mistakes" in capsys.readouterr().out
    (tmp_path / "one.html").unlink()
    (tmp_path / "docs/two.html").write_text('<h1 id="here">x</h1>')
    assert main(tmp_path) == 0
    (tmp_path / "docs/two.html").unlink()
    assert main(tmp_path) == 1
