"""The rules of docs/security.md by number: what the house keeps, a test shows under that number."""

import ast
import re
from collections.abc import Iterable, Mapping

import pytest

from tests.house.source import ROOT, sources

PAGE = ROOT / "docs/security.md"
ROW = re.compile(r"^\| (?P<id>[RS]\d+) \|(?P<cells>.*)\|$", re.MULTILINE)
TEST = re.compile(r"`(test_\w+)`")
CLAIMED = {"kept", "in part"}


def carries(number: str, name: str, docstring: str) -> bool:
    """Say whether a test says in its name or docstring which rule it shows."""
    return number.lower() in name.split("_") or re.search(rf"\b{number}\b", docstring) is not None


def unnumbered(text: str, tests: Mapping[str, str]) -> list[str]:
    """Find rules that are kept, and among whose tests none carries the rule's number."""
    problems = []
    for row in ROW.finditer(text):
        *_, state, shown = (cell.strip() for cell in row["cells"].split("|"))
        names = TEST.findall(shown)
        if state in CLAIMED and not any(
            carries(row["id"], name, tests.get(name, "")) for name in names
        ):
            problems.append(f"no test of {row['id']} carries its number")
    return problems


def docstrings() -> dict[str, str]:
    """Return what each test says of itself, by its name."""
    functions = (found for module in sources("tests") for _, found in module.functions())
    return told((found.name, ast.get_docstring(found) or "") for found in functions)


def told(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join what tests of one name say."""
    joined: dict[str, str] = {}
    for name, said in pairs:
        joined[name] = f"{joined.get(name, '')} {said}"
    return joined


def test_every_rule_that_is_kept_is_tested_by_its_number() -> None:
    assert unnumbered(PAGE.read_text(encoding="utf-8"), docstrings()) == []


@pytest.mark.parametrize(
    ("row", "tests", "found"),
    [
        ("| R1 | a | b | kept | `test_r1_it_holds` |", {}, []),
        ("| R1 | a | b | kept | `test_it_holds` |", {"test_it_holds": "R2, R1."}, []),
        ("| R1 | a | b | kept | `test_r11_it_holds` |", {}, ["no test of R1 carries its number"]),
        (
            "| R1 | a | b | in part | `test_a` |",
            {"test_a": "R11"},
            ["no test of R1 carries its number"],
        ),
        ("| R1 | a | b | not yet | |", {}, []),
    ],
)
def test_a_rule_without_its_number_is_found(
    row: str, tests: dict[str, str], found: list[str]
) -> None:
    assert unnumbered(row, tests) == found
