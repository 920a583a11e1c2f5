"""The page of providers is the one that is made of the table of kinds, and tells of each."""

import ast

import pytest

from gateway.providers.known import KNOWN, Named
from gateway.providers.table import TABLE
from tests.house.providers import PAGE, page, quirks
from tests.house.source import dotted, sources

TABLE_OF_KINDS = "src/gateway/providers/known.py"
ROW_LINES = 5
"""So many lines may it take to add a provider that speaks OpenAI's form."""


def test_the_page_on_disk_is_the_one_that_is_made() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "make it anew: python -m tests.house.providers"
    )


def test_every_kind_is_on_the_page_with_its_address_and_its_variable() -> None:
    text = page()
    assert all(f"`{kind}`" in text for kind in TABLE)
    for each in KNOWN:
        (row,) = (line for line in text.splitlines() if line.startswith(f"| `{each.kind}` |"))
        assert each.base_url in row
        assert each.variable in row


def test_a_further_provider_is_a_few_lines() -> None:
    (module,) = (each for each in sources("src") if each.path == TABLE_OF_KINDS)
    rows = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and dotted(node.func) == Named.__name__
    ]
    assert len(rows) == len(KNOWN)
    assert max(rows) <= ROW_LINES


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (Named("a", "A", "http://a", "A"), ""),
        (Named("a", "A"), "`base_url` has no default."),
        (Named("a", "A", "http://a", lists=False), "`models` has no default."),
        (Named("a", "A", "http://a", running_usage=True), "Takes `running_usage`."),
        (
            Named("a", "A", "http://a", "A", "It is odd.", shared_variable=True),
            "The variable is set for other ends too. It is odd.",
        ),
    ],
)
def test_what_is_not_as_with_most_is_told(named: Named, said: str) -> None:
    assert " ".join(quirks(named)) == said
