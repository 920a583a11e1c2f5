"""The budgets of all workers are told as one, whatever a worker says."""

from typing import Any

import pytest

from gateway.admin.ledger.budgets import bars_of, budgets_of


def budget(name: str, spent: int, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "of": "key", "whose": name, "team": "", "per": "day", "models": ["m-*"],
        "limit": 100, "spent": spent, "reserved": 10, "known": spent, "start": 0, "end": 86_400,
        **more,
    }  # fmt: skip


def test_workers_count_together() -> None:
    told = budgets_of(
        [
            {"budgets": [budget("a", 20, known=50)], "left_out": 1},
            {"budgets": [budget("a", 10, known=45), budget("b", 90)], "left_out": 4},
        ]
    )
    b, a = told.budgets
    assert (a.name, a.spent_nanos, a.reserved_nanos, a.left_nanos) == ("a", 30, 20, 50)
    assert (b.name, b.left_nanos, b.models) == ("b", 0, ("m-*",))
    assert (a.start, a.end) == ("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z")
    assert told.left_out == 4


@pytest.mark.parametrize(
    "said",
    [{}, {"budgets": None}, {"budgets": [{"name": "a"}]}, {"budgets": "x", "left_out": "y"}],
)
def test_what_is_no_budget_is_passed_by(said: dict[str, Any]) -> None:
    told = budgets_of([said, {"budgets": [budget("a", 1)]}])
    assert [each.name for each in told.budgets] == ["a"]
    assert told.left_out == 0


@pytest.mark.parametrize(
    ("spent", "limit", "bar"),
    [
        (10, 100, (10.0, 10.0, "ok")),
        (75, 100, (75.0, 10.0, "warn")),
        (95, 100, (95.0, 5.0, "warn")),
        (120, 100, (100.0, 0.0, "bad")),
        (0, 0, (100.0, 0.0, "bad")),
    ],
)
def test_a_bar_is_as_long_as_what_is_gone(
    spent: int, limit: int, bar: tuple[float, float, str]
) -> None:
    (drawn,) = bars_of(budgets_of([{"budgets": [budget("a", spent, limit=limit)]}]).budgets)
    assert (drawn.spent, drawn.held, drawn.state) == bar
