"""The papers that a machine can check: glossary, dependencies, news."""

import re
import tomllib
from itertools import pairwise
from typing import Any

import pytest

from tests.house.source import ROOT

TERM = re.compile(r"^- \*\*(?P<term>[^*]+)\*\*: (?P<meaning>.+)$")
ROW = re.compile(r"^\| `(?P<name>[^`]+)` \|")
FRAGMENT = re.compile(r"^\+[a-z0-9-]+\.(security|removed|changed|added|fixed)\.md$")


def disorder(text: str) -> list[str]:
    """Find terms of a glossary that are out of order, explained twice, or not in a sentence."""
    problems = []
    terms: list[str] = []
    for line in text.splitlines():
        if not line.startswith("- "):
            continue
        found = TERM.match(line)
        if found is None:
            problems.append(f"not a term and its meaning: {line}")
            continue
        if not found["meaning"].endswith("."):
            problems.append(f"no sentence: {found['term']}")
        terms.append(found["term"].casefold())
    problems += [f"twice: {term}" for term in sorted(set(terms)) if terms.count(term) > 1]
    problems += [f"out of order: {later}" for earlier, later in pairwise(terms) if later < earlier]
    return problems if terms else [*problems, "no terms"]


def undocumented(project: dict[str, Any], text: str) -> list[str]:
    """Find dependencies without a row, and rows without a dependency."""
    needed = [*project["project"]["dependencies"]]
    extras = project["project"].get("optional-dependencies", {})
    for group in (*extras.values(), *project["dependency-groups"].values()):
        needed += group
    names = {re.split(r"[^A-Za-z0-9_-]", requirement)[0] for requirement in needed}
    rows = [found["name"] for line in text.splitlines() if (found := ROW.match(line))]
    problems = [f"{name} has no row" for name in sorted(names - set(rows))]
    problems += [f"{name} is no dependency" for name in sorted(set(rows) - names)]
    return problems + [f"{name} has two rows" for name in sorted(set(rows)) if rows.count(name) > 1]


def test_the_glossary_is_in_order() -> None:
    assert disorder((ROOT / "docs/glossary.md").read_text(encoding="utf-8")) == []


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert undocumented(project, (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")) == []


def test_every_news_fragment_has_a_kind() -> None:
    names = {path.name for path in (ROOT / "newsfragments").iterdir()} - {"README.md"}
    assert [name for name in sorted(names) if not FRAGMENT.match(name)] == []


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("- **call**: A request.\n- **caller**: Who asks.", []),
        ("- **call**: A request.\n- **budget**: Money.", ["out of order: budget"]),
        ("- **call**: A request.\n- **Call**: Once more.", ["twice: call"]),
        ("- **call**: a request", ["no sentence: call"]),
        (
            "- call: A request.\n- **caller**: Who.",
            ["not a term and its meaning: - call: A request."],
        ),
        ("Nothing here.", ["no terms"]),
    ],
)
def test_a_glossary_in_disorder_is_found(text: str, problems: list[str]) -> None:
    assert disorder(text) == problems


def test_a_dependency_without_its_reason_is_found() -> None:
    project: dict[str, Any] = {
        "project": {"dependencies": ["trio>=0.33", "httpx2[x]>=2"]},
        "dependency-groups": {"test": ["pytest>=9"]},
    }
    text = "| `trio` | concurrency |\n| `trio` | again |\n| `curio` | none |\n| pytest | tests |"
    assert undocumented(project, text) == [
        "httpx2 has no row",
        "pytest has no row",
        "curio is no dependency",
        "trio has two rows",
    ]


@pytest.mark.parametrize("name", ["12.added.md", "+x.feature.md", "+x.added.rst", "x.added.md"])
def test_a_news_fragment_without_a_kind_is_found(name: str) -> None:
    assert FRAGMENT.match("+keeps-the-promise.added.md")
    assert not FRAGMENT.match(name)
