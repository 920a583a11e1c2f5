"""The pages for people: no rule is left out, no test is made up, no link leads nowhere.

What docs/reliability.md says comes from the tests themselves: `test_reliability.py`.
"""

import re
from collections.abc import Container, Iterable, Mapping
from itertools import count
from pathlib import Path

import pytest

from tests.house.source import ROOT, sources

DOCS = ROOT / "docs"

SECURITY = DOCS / "security.md"
RULES = {"S": 21, "R": 27}
"""How many rules there are, by the first letter of their ids."""

STATES = {"kept", "in part", "not yet", "not applicable"}
NEEDS_TESTS = {"kept", "in part"}

ROW = re.compile(r"^\| (?P<id>[SR]\d+) \|(?P<cells>.*)\|$")
CELLS = 4
TEST = re.compile(r"`(test_\w+)`")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)[^)]*\)")
DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$", re.MULTILINE)

ARCHITECTURE_LINES = 120
DECISION_LINES = 80


def broken_rules(text: str, wanted: Mapping[str, int], tests: Container[str]) -> list[str]:
    """Find ids without a row or out of order, unknown states, and tests that nobody has written."""
    found, problems = [], []
    for line in text.splitlines():
        row = ROW.match(line)
        if row is None:
            continue
        found.append(row["id"])
        cells = [cell.strip() for cell in row["cells"].split("|")]
        if len(cells) != CELLS:
            problems.append(f"{row['id']} has {len(cells) + 1} cells")
            continue
        *_, state, shown = cells
        named = TEST.findall(shown)
        if state not in STATES:
            problems.append(f"{row['id']} is in no known state: {state}")
        elif bool(named) != (state in NEEDS_TESTS):
            problems.append(f"{row['id']} is {state}, with {len(named)} tests")
        problems += [
            f"{row['id']} names {name}, which is no test" for name in named if name not in tests
        ]
    ids = [f"{letter}{number}" for letter, last in wanted.items() for number in range(1, last + 1)]
    problems += [f"{each} has no row" for each in ids if each not in found]
    if not problems and found != ids:
        problems.append("the rows are out of order")
    return problems


def names_of_tests() -> set[str]:
    """Return the names of all tests."""
    return {
        function.name
        for module in sources("tests")
        for _, function in module.functions()
        if function.name.startswith("test_")
    }


def dead_links(page: Path, text: str) -> list[str]:
    """Find links to files that are not there."""
    return [
        f"{page.name} links to {link}"
        for link in LINK.findall(text)
        if not (page.parent / link).exists()
    ]


def unlisted(index: str, pages: Iterable[str]) -> list[str]:
    """Find pages that the index does not link to."""
    linked = set(LINK.findall(index))
    return [page for page in pages if page not in linked]


def misnumbered(names: Iterable[str]) -> list[str]:
    """Find decisions whose number is not the next one."""
    return [
        name
        for name, number in zip(sorted(names), count(1), strict=False)
        if not name.startswith(f"{number:04}-")
    ]


def undecided(text: str) -> list[str]:
    """Find what a page about a decision lacks."""
    parts = ("## Context", "## Decision", "## Consequences")
    problems = [f"no {part}" for part in parts if f"\n{part}\n" not in text]
    if DATE.search(text) is None:
        problems.append("no date")
    if len(text.splitlines()) > DECISION_LINES:
        problems.append("longer than a page")
    return problems


def test_every_rule_of_security_has_its_state_and_its_test() -> None:
    assert broken_rules(SECURITY.read_text(encoding="utf-8"), RULES, names_of_tests()) == []


def test_no_link_leads_nowhere() -> None:
    pages = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
    found = [problem for page in pages for problem in dead_links(page, page.read_text("utf-8"))]
    assert found == []


def test_the_index_lists_every_page() -> None:
    pages = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    pages.remove("README.md")
    pages.remove("reliability.in.md")  # the text of a page, and none itself
    assert unlisted((DOCS / "README.md").read_text(encoding="utf-8"), pages) == []


def test_every_decision_is_numbered_dated_and_a_page_long() -> None:
    pages = sorted((DOCS / "adr").glob("*.md"))
    assert misnumbered(page.name for page in pages) == []
    problems = {page.name: undecided(page.read_text(encoding="utf-8")) for page in pages}
    assert {name: found for name, found in problems.items() if found} == {}


def test_the_architecture_is_one_page() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= ARCHITECTURE_LINES


GOOD = "| R1 | one path | cut once | kept | `test_a` |\n| R2 | no CORS | none sent | not yet | |"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (GOOD, []),
        (GOOD.replace("R2", "R3"), ["R2 has no row"]),
        ("\n".join(reversed(GOOD.splitlines())), ["the rows are out of order"]),
        (GOOD.replace("`test_a`", "`test_b`"), ["R1 names test_b, which is no test"]),
        (GOOD.replace("`test_a`", ""), ["R1 is kept, with 0 tests"]),
        (GOOD.replace("not yet | |", "not yet | `test_a` |"), ["R2 is not yet, with 1 tests"]),
        (GOOD.replace("not yet", "soon"), ["R2 is in no known state: soon"]),
        (GOOD.replace("not yet", "untested"), ["R2 is in no known state: untested"]),
        (GOOD.replace("| none sent", ""), ["R2 has 4 cells"]),
    ],
)
def test_a_broken_rule_is_found(text: str, problems: list[str]) -> None:
    assert broken_rules(text, {"R": 2}, {"test_a"}) == problems


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    text = "[a](a.md#part) [b](b.md) [net](https://example.com/x) [here](#part)"
    (tmp_path / "b.md").touch()
    assert dead_links(tmp_path / "page.md", text) == ["page.md links to a.md"]


def test_a_page_that_is_not_listed_is_found() -> None:
    assert unlisted("[a](a.md)", ["a.md", "adr/b.md"]) == ["adr/b.md"]


def test_a_decision_that_lacks_something_is_found() -> None:
    whole = "# 1. A\n\n2026-11-24\n\n## Context\n\n## Decision\n\n## Consequences\n"
    assert undecided(whole) == []
    assert undecided("# 1. A\n\n## Context\n" + "\n" * DECISION_LINES) == [
        "no ## Decision",
        "no ## Consequences",
        "no date",
        "longer than a page",
    ]
    assert misnumbered(["0002-b.md", "0001-a.md"]) == []
    assert misnumbered(["0001-a.md", "0003-c.md"]) == ["0003-c.md"]
