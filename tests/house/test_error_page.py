"""The page of errors says of each what a client is really told."""

import ast
import inspect
import re
from collections.abc import Mapping

import pytest

from gateway.downstream.refusal import error_headers
from gateway.words import errors
from gateway.words.errors import GatewayError, UpstreamFault, UpstreamRefused
from tests.house.source import ROOT, dotted, sources

PAGE = ROOT / "docs/errors.md"
ROW = re.compile(r"^\| `(?P<name>[A-Z]\w+)` \|(?P<cells>.+)\|$")

NEVER_TOLD = {"GatewayError", "ClientMistake"}
"""Branches of the tree; what is told is always one of their leaves."""

THEIRS = {
    "UpstreamRefused": ("status", "type", "code"),
    "OwnKeyRefused": ("status", "type", "code"),
    "UpstreamFault": ("type", "code"),
}
"""What is the provider's own, and so on no page."""

RETRIED = {408, 409, 429}
"""Statuses that OpenAI's SDKs ask again after, besides all from 500 on."""


def told(error: GatewayError) -> list[str]:
    """Write what the page should say of an error: status, type, code, asked again, header."""
    name = type(error).__name__
    refused = (b"x-should-retry", b"false") in error_headers(error)
    again = (error.status in RETRIED or error.status >= 500) and not refused
    header = "`x-should-retry: false`" if refused else ""
    cells = {
        "status": str(error.status),
        "type": f"`{error.type}`",
        "code": f"`{error.code}`",
        "again": "yes" if again else "no",
        "header": header,
    }
    cells |= dict.fromkeys(THEIRS.get(name, ()), "its own")
    if "status" in THEIRS.get(name, ()):
        cells |= {"again": "by its status", "header": "its own"}
    return list(cells.values())


def example(kind: type[GatewayError]) -> GatewayError:
    """Make an error of a class."""
    if issubclass(kind, UpstreamRefused):
        return kind("no", status=418, type="t", code="c")
    if issubclass(kind, UpstreamFault):
        return kind("no", type="t", code="c")
    return kind("no")


def classes() -> dict[str, type[GatewayError]]:
    """Return all classes of the tree by name."""
    found = inspect.getmembers(errors, inspect.isclass)
    return {name: kind for name, kind in found if issubclass(kind, GatewayError)}


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells of each error's row, without the one that says when."""
    found = {}
    for line in text.splitlines():
        if row := ROW.match(line):
            status, kind, code, _when, *rest = [cell.strip() for cell in row["cells"].split("|")]
            found[row["name"]] = [status, kind, code, *rest]
    return found


def wrong(page: Mapping[str, list[str]], tree: Mapping[str, type[GatewayError]]) -> list[str]:
    """Find errors without a row, rows without an error, and rows that say something else."""
    leaves = tree.keys() - NEVER_TOLD
    problems = [f"{name} has no row" for name in sorted(leaves - page.keys())]
    problems += [f"{name} is no error" for name in sorted(page.keys() - leaves)]
    for name in sorted(leaves & page.keys()):
        right = told(example(tree[name]))
        if page[name] != right:
            problems.append(f"{name} is told as {right}, not as {page[name]}")
    return problems


def test_the_page_says_what_clients_are_told() -> None:
    assert wrong(rows(PAGE.read_text(encoding="utf-8")), classes()) == []


def test_the_branches_of_the_tree_are_never_told() -> None:
    raised = {
        dotted(node.func).rpartition(".")[2]
        for module in sources("src")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
    }
    assert NEVER_TOLD & raised == set()


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("", "BadRequest has no row"),
        ("| `Odd` | 400 | `a` | `b` | always | no | |", "Odd is no error"),
        (
            "| `BadRequest` | 404 | `invalid_request_error` | `invalid_request` | w | no | |",
            "BadRequest is told as ['400', ",
        ),
        (
            "| `BadRequest` | 400 | `invalid_request_error` | `other` | w | no | |",
            "BadRequest is told as ['400', ",
        ),
    ],
)
def test_a_page_that_says_something_else_is_found(row: str, problem: str) -> None:
    found = wrong(rows(row), {"BadRequest": errors.BadRequest})
    assert found[-1].startswith(problem)
