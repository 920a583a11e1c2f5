"""The threat model of docs/security.md: each row is closed by a rule, or says why not."""

import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests.docs.pages import pages

PAGE: Final = pages()["docs/security.md"].text
RULE: Final = re.compile(r"\b([SR])(\d+)(?:\u2013[SR](\d+))?\b")
RECORD: Final = re.compile(r"^(?:CVE-\d{4}-\d{4,7}|PYSEC-\d{4}-\d+)$")

ATTACKERS: Final = "Who attacks, and what stands in the way"
HOLES: Final = "Holes that gateways have had"
UNDEFENDED: Final = {"who writes to the database or the shared store", "the operator"}


def rows(heading: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the table below a heading."""
    below = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in below.splitlines() if line.startswith("| ")]
    yield from ([cell.strip() for cell in line[1:-1].split("|")] for line in lines[1:])


def rules(text: str) -> set[str]:
    """Return the rules that a text names, ranges too."""
    found = set()
    for letter, first, last in RULE.findall(text):
        found |= {f"{letter}{number}" for number in range(int(first), int(last or first) + 1)}
    return found


KNOWN: Final = {row[0] for row in rows("Rules that incidents have taught")}
KNOWN_OF_THE_WIRE: Final = set(re.findall(r"^\| (R\d+) \|", PAGE, re.MULTILINE))


def test_each_attacker_meets_a_rule() -> None:
    found = {row[0]: rules(row[3]) for row in rows(ATTACKERS)}
    assert len(found) > 8
    assert {who for who, met in found.items() if not met} == UNDEFENDED
    assert set().union(*found.values()) <= KNOWN | KNOWN_OF_THE_WIRE


def test_each_hole_is_closed_by_a_rule_and_a_test() -> None:
    found = list(rows(HOLES))
    assert len(found) > 15
    assert [row[0] for row in found if not rules(row[2])] == []
    assert set().union(*(rules(row[2]) for row in found)) <= KNOWN | KNOWN_OF_THE_WIRE
    assert [row[0] for row in found if "`test_" not in row[3]] == []


def test_each_record_looks_like_one() -> None:
    records = [record for row in rows(HOLES) for record in row[1].split(", ")]
    assert [record for record in records if not RECORD.match(record)] == []
    assert len(records) == len(set(records))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("S5, R14\N{EN DASH}R16", {"S5", "R14", "R15", "R16"}),
        ("(S8)", {"S8"}),
        ("CVE-2026-1 S", set()),
    ],
)
def test_rules_are_found_in_a_text(text: str, found: set[str]) -> None:
    assert rules(text) == found
