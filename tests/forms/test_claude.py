"""How Claude is told to think, by the names that it has with each of those who run it."""

import pytest

from gateway.forms.claude import BUDGETS, EFFORTS, LEAST_BUDGET, thinks_by_budget


@pytest.mark.parametrize(
    ("model", "by_budget"),
    [
        ("claude-3-7-sonnet-latest", True),
        ("claude-haiku-4-5@20251001", True),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", True),
        ("claude-opus-4-7", False),
        ("anthropic.claude-sonnet-5", False),
        ("claude-opus-4-6-20260201", False),
    ],
)
def test_only_older_models_are_given_a_budget(model: str, by_budget: bool) -> None:
    assert thinks_by_budget(model) is by_budget


def test_no_budget_is_smaller_than_the_provider_takes() -> None:
    assert min(BUDGETS.values()) >= LEAST_BUDGET
    assert BUDGETS.keys() <= EFFORTS.keys()
