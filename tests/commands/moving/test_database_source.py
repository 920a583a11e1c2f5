"""What is read is understood row by row; what nothing here means is told by its name."""

from gateway.commands.moving.database_notes import WIDER, Notes
from gateway.commands.moving.database_source import BEYOND, LARGE, UNREADABLE, WHY, source_of
from gateway.store.litellm import Row, Theirs


def told(rows: dict[str, list[Row]], large: int = 0) -> list[str]:
    notes = Notes()
    source_of(Theirs(rows, large), notes)
    return list(notes)


def test_each_table_is_understood() -> None:
    rows: dict[str, list[Row]] = {
        "keys": [{"token": "a" * 64, "key_alias": "ci"}],
        "old_keys": [{"token": "b" * 64, "active_token_id": "a" * 64, "revoke_at": "x"}],
        "teams": [{"team_id": "t"}],
        "users": [{"user_id": "u"}],
        "budgets": [{"budget_id": "b", "max_budget": 5}],
        "members": [{"user_id": "u", "team_id": "t", "budget_id": "b"}],
    }
    notes = Notes()
    found = source_of(Theirs(rows), notes)
    assert [row.key_alias for row in found.keys] == ["ci"]
    assert (len(found.old_keys), len(found.teams)) == (1, 1)
    assert (list(found.users), list(found.budgets)) == (["u"], ["b"])
    assert found.members.common(found.teams[0]) == found.budgets["b"]
    assert list(notes) == []


def test_what_has_no_place_here_is_told_with_its_names() -> None:
    rows: dict[str, list[Row]] = {
        "organizations": [{"organization_alias": "acme"}],
        "customers": [{"user_id": "c1"}, {"user_id": 5}],
        "projects": [{"project_id": "p", "project_alias": "p1", "blocked": True}],
        "models": [{"model_name": "m\x1b"}],
    }
    assert told(rows) == [
        f"{WHY['models']} (1): m",
        f"{WHY['organizations']} (1): acme",
        f"{WHY['projects']} (1): p1",
        f"{WHY['customers']} (2): c1, one without a name",
    ]
    notes = Notes()
    assert source_of(Theirs(rows), notes).shut_projects == {"p"}


def test_columns_and_rows_that_nobody_understands_are_told_without_a_secret() -> None:
    rows: dict[str, list[Row]] = {
        "keys": [
            {"token": "a" * 64, "key_alias": "ci", "aliases": {"a": "b"}, "later": 1},
            {"token": "b" * 64, "key_alias": "cd", "policies": ["x"]},
            {"token": ["sk-secret"], "key_alias": None},
        ]
    }
    assert told(rows, 2) == [
        f"{LARGE} (1): 2 in all",
        f"{BEYOND.format('aliases', 'keys')} (1): ci",
        f"{BEYOND.format('later', 'keys')} (1): ci",
        f"{UNREADABLE.format('keys')} (1): one without a name",
        f"{WIDER}, {BEYOND.format('policies', 'keys')} (1): cd",
    ]
