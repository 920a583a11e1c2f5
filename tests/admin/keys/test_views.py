"""What is told of keys and teams says all but what must not be known."""

from dataclasses import replace

import msgspec

from gateway.admin.keys.views import (
    budgets_told,
    by_key,
    by_team,
    key_told,
    rights_in_words,
    team_told,
)
from gateway.policy.budgets import Spent
from gateway.policy.keys import KeyRecord, Team
from gateway.words.budget import Budget
from gateway.words.caller import Limits

NOON = 1_764_504_000
KEY = KeyRecord(
    "ci",
    "0123456789ab" + "c" * 52,
    hint="ngw-…9f2c",
    team="research",
    user="ada",
    models=("@frontier",),
    limits=Limits(60, None, 5),
    created=NOON,
    expires=NOON + 1,
    metadata={"ticket": "17"},
    budgets=(Budget(5_000_000_000, "day", ("gpt-*",), then="mini", alert=(0.8,)),),
    passthrough=("openai",),
)


def test_s17_a_key_is_told_without_its_digest() -> None:
    told = key_told(KEY, "database", {"research": Team()}, NOON, {"ci": 7})
    said = msgspec.to_builtins(told)
    assert "c" * 12 not in str(said)
    assert said == {
        "name": "ci",
        "id": "0123456789ab",
        "hint": "ngw-…9f2c",
        "source": "database",
        "state": "in force",
        "in_force": True,
        "team": "research",
        "user": "ada",
        "models": ["@frontier"],
        "limits": {"requests_per_minute": 60, "tokens_per_minute": None, "concurrency": 5},
        "budgets": [
            {
                "usd": 5.0,
                "per": "day",
                "models": ["gpt-*"],
                "each": "",
                "reserve": "typical",
                "then": "mini",
                "alert": [0.8],
                "in_words": "$5 a day for gpt-*, then mini, told at 80%",
            }
        ],
        "created": "2025-11-30T12:00:00Z",
        "expires": "2025-11-30T12:00:01Z",
        "revoked": None,
        "metadata": {"ticket": "17"},
        "passthrough": ["openai"],
        "spent_nanos": 7,
    }


def test_what_opens_nothing_is_not_in_force() -> None:
    for record in (replace(KEY, revoked=NOON), replace(KEY, team="gone"), replace(KEY, expires=1)):
        assert not key_told(record, "file", {"research": Team()}, NOON, None).in_force
    assert key_told(KEY, "file", {}, NOON, None).spent_nanos is None
    assert key_told(KEY, "file", {}, NOON, {}).spent_nanos == 0


def test_a_team_is_told_with_what_its_keys_share() -> None:
    team = Team(("a",), Limits(1, 2, 3), (Budget(1, "hour", each="user"),), "free", ("oidc:x",))
    told = team_told("research", team, 3, {"research": 9})
    assert (told.name, told.models, told.members, told.unpriced) == (
        *("research", ["a"], ["oidc:x"], "free"),
    )
    assert (told.keys, told.spent_nanos, told.limits.tokens_per_minute) == (3, 9, 2)
    assert told.budgets == budgets_told(team.budgets)
    assert team_told("research", team, 3, {}).spent_nanos == 0
    assert team_told("research", team, 3, None).spent_nanos is None


def test_money_is_added_up_by_key_and_by_team() -> None:
    spent = [
        Spent("ci", "research", None, "a", 1),
        Spent("ci", "research", "ada", "b", 2),
        Spent("x", None, None, None, 4),
        Spent("", None, None, None, 800, "key ci month"),
    ]
    assert by_key(spent) == {"ci": 3, "x": 4}
    assert by_team(spent) == {"research": 3, "": 4}


def test_rights_are_said_in_a_line() -> None:
    assert rights_in_words(KEY) == (
        "team: research; user: ada; models: @frontier; requests a minute: 60; at once: 5;"
        " budgets: $5 a day for gpt-*, then mini, told at 80%; expires: 2025-11-30T12:00:01Z;"
        " passthrough: openai"
    )
    assert rights_in_words(KeyRecord("x", "f" * 64)) == "models: all"
