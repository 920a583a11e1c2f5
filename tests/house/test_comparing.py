"""How the way in to the admin compares what is shown there: in constant time (R12)."""

import ast

import pytest

from tests.house.source import Source, source, sources

ROOM = "src/gateway/admin/entry"
WORDS = frozenset({"credential", "digest", "nonce", "secret", "state", "ticket", "token"})
"""Names of what is compared by `hmac.compare_digest` alone."""

OPERATORS = ast.Eq | ast.NotEq


def in_a_hurry(module: Source) -> list[str]:
    """Find comparisons that end at the first difference, and so tell where it was."""
    problems = []
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Compare):
            continue
        if any(isinstance(each, OPERATORS) for each in node.ops) and _names(node) & WORDS:
            problems.append(module.at(node, "is no comparison in constant time"))
    return problems


def _names(node: ast.AST) -> set[str]:
    named = (each for each in ast.walk(node) if isinstance(each, ast.Name | ast.Attribute))
    return {(each.id if isinstance(each, ast.Name) else each.attr).strip("_") for each in named}


def test_r12_what_is_shown_to_the_admin_is_compared_in_constant_time() -> None:
    assert [each for module in sources(ROOM) for each in in_a_hurry(module)] == []


@pytest.mark.parametrize(
    "text", ["own == digest", "self._token != said", "own.encode() == as_bytes(state)"]
)
def test_r12_a_comparison_in_a_hurry_is_found(text: str) -> None:
    assert len(in_a_hurry(source(f"{ROOM}/door.py", text))) == 1


def test_r12_one_in_constant_time_is_none() -> None:
    assert in_a_hurry(source(f"{ROOM}/door.py", "compare_digest(own, digest) or size == 0")) == []
