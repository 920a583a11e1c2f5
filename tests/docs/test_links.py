"""No dead link, no anchor that nothing has, and no file or test that a page only claims."""

import os
import re
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import Page, pages, slug_of
from tests.house.source import ROOT

ELSEWHERE: Final = re.compile(r"[a-z]+:")
FILE: Final = re.compile(
    r"(?:[\w.*+-]+/)+(?:[\w.*+-]+\.(?:c|conf|h|in|json|lock|lua|md|py|service|sh|sql|toml|txt|ya?ml))?"
)
TEST: Final = re.compile(r"(test_\w+)(?:\.py)?")

DEFINED: Final = re.compile(r"^ *(?:async )?def (test_\w+)", re.MULTILINE)

FOLDERS: Final = ("", "src/gateway", "src", "tests", "benchmarks")
"""Where a page's reader looks for a file, beside the page's own folder."""

TO_BE_MADE: Final = re.compile(r"(?:^|[/_])mine\b")
"""Files that a page tells its reader to make are called so."""

ANYWHERE: Final = ("/", "~", "./", "../")
"""How paths begin that are on the operator's machine."""


def dead(page: Page, all_pages: Mapping[str, Page]) -> Iterator[str]:
    """Find links of a page to files that are not there, and to headings that nothing has."""
    for link in page.links():
        if ELSEWHERE.match(link):
            continue
        path, _, anchor = link.partition("#")
        target = os.path.normpath(Path(page.path).parent / path) if path else page.path
        if target not in all_pages and not (ROOT / target).exists():
            yield f"{page.path} links to {link}, which is not there"
        elif target in all_pages and anchor and anchor not in all_pages[target].anchors:
            yield f"{page.path} links to {link}, and no heading is called so"


def unknown_files(page: Page) -> Iterator[str]:
    """Find files that a page names and nobody has."""
    for name in page.quoted():
        if not FILE.fullmatch(name) or name.startswith(ANYWHERE) or TO_BE_MADE.search(name):
            continue
        folders = (*FOLDERS, str(Path(page.path).parent))
        if not any(list((ROOT / folder).glob(name)) for folder in folders):
            yield f"{page.path} names {name}"


def unknown_tests(page: Page, known: Container[str]) -> Iterator[str]:
    """Find tests that a page names and nobody has written."""
    for name in page.quoted():
        found = TEST.fullmatch(name)
        if found is not None and found[1] not in known and not TO_BE_MADE.search(name):
            yield f"{page.path} names {name}"


def known_tests() -> set[str]:
    """Return the names of all tests and of their files."""
    # Looked for as text: to parse all of them would take as long as all else here together.
    files = list((ROOT / "tests").rglob("*.py"))
    functions = (DEFINED.findall(path.read_text(encoding="utf-8")) for path in files)
    return {path.stem for path in files}.union(*functions)


def test_no_link_is_dead_and_no_anchor_either() -> None:
    found = pages()
    assert [problem for page in found.values() for problem in dead(page, found)] == []


def test_no_page_names_a_file_that_is_not_there() -> None:
    assert [problem for page in pages().values() for problem in unknown_files(page)] == []


def test_no_page_names_a_test_that_is_not_there() -> None:
    known = known_tests()
    assert [problem for page in pages().values() for problem in unknown_tests(page, known)] == []


def test_there_is_something_to_find() -> None:
    assert sum(len(list(page.links())) for page in pages().values()) > 500
    assert sum(len(page.anchors) for page in pages().values()) > 300


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("[a](#part-one)", ""),
        ("[a](#part-two)", "docs/a.md links to #part-two, and no heading is called so"),
        ("[a](b.md#part-one-1)", ""),
        ("[a](b.md#part)", "docs/a.md links to b.md#part, and no heading is called so"),
        ("[a](c.md)", "docs/a.md links to c.md, which is not there"),
        ("![a](../pyproject.toml)", ""),
        ("![a](img/none.png)", "docs/a.md links to img/none.png, which is not there"),
        ('<img src="img/none.png">', "docs/a.md links to img/none.png, which is not there"),
        ('a <a href="none.md">b</a>', "docs/a.md links to none.md, which is not there"),
        ("[a](https://example.com/none)", ""),
        ("`[a](none.md)`", ""),
        ("```\n[a](none.md)\n```", ""),
    ],
)
def test_a_dead_link_is_found(link: str, problem: str) -> None:
    page = Page("docs/a.md", f"# Part one\n\n{link}\n")
    other = Page("docs/b.md", "# Part one\n\n## Part `one`\n")
    assert "".join(dead(page, {page.path: page, other.path: other})) == problem


def test_a_name_of_nothing_is_found() -> None:
    named = (
        "`relay/carry.py` `policy/*.py` `src/nothing.py` `tests/` `/etc/x.toml` `providers/mine.py`"
    )
    page = Page("docs/a.md", f"{named} `test_a_thing` `test_b_thing.py` `a/b` `application/json`")
    assert list(unknown_files(page)) == ["docs/a.md names src/nothing.py"]
    assert list(unknown_tests(page, {"test_a_thing"})) == ["docs/a.md names test_b_thing.py"]


@pytest.mark.parametrize(
    ("heading", "slug"),
    [
        ("[providers.NAME]", "providersname"),
        ("The operator's page", "the-operators-page"),
        ("A_b - c", "a_b---c"),
        ("Überall", "überall"),
    ],
)
def test_a_heading_has_its_name(heading: str, slug: str) -> None:
    assert slug_of(heading) == slug
