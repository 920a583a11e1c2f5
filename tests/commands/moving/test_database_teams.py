"""Teams become a part of the file; what they have spent goes on, and who is blocked stays out."""

import tomllib

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.commands.moving.database_keys import OPEN_TEAM
from gateway.commands.moving.database_teams import (
    BLOCKED,
    CLOSED,
    DIFFERS,
    FROM_ZERO,
    HOLDING,
    METADATA,
    NO_LIMIT,
    NO_MODEL,
    OPENED,
    UNKNOWN_MODEL,
)
from gateway.store.openings import Opening
from tests.commands.moving.parsed import BEFORE, DAY, LATER, MONTH, WEEK, Moved, Rows, configuration

RESEARCH = {
    "team_id": "0b5e8d1c-77",
    "team_alias": "research",
    "models": ["gpt-5.2", "beta"],
    "rpm_limit": 60,
    "max_budget": 100,
    "soft_budget": 80,
    "spend": 70.5,
    "budget_duration": "30d",
    "budget_reset_at": LATER,
}
PART = """
[groups]
"beta" = []

[teams."research"]
models = ["gpt-5.2", "@beta"]
limits = { requests_per_minute = 60 }
budgets = [
    { usd = 100.0, per = "month", alert = [0.8] },
]"""


def test_a_team_is_a_table_and_its_money_goes_on() -> None:
    moved = Moved(teams=[RESEARCH])
    assert moved.part == PART
    assert moved.teams.openings == [Opening("team research month", MONTH, 70_500_000_000)]
    assert moved.told == []
    team = configuration(PART).teams["research"]
    assert team.limits.requests_per_minute == 60


def test_a_team_that_is_in_the_file_is_not_told_again_unless_it_differs() -> None:
    moved = Moved(PART, teams=[RESEARCH])
    assert (moved.part, moved.told, moved.teams.missing()) == ("", [], [])
    assert len(moved.teams.openings) == 1
    another = Moved(PART, teams=[RESEARCH, {"team_id": "new"}])
    assert another.part == '\n[teams."new"]'
    changed = Moved(PART, teams=[{**RESEARCH, "rpm_limit": 61}])
    assert changed.part == ""
    assert changed.told == [f"{DIFFERS} (1): the team research"]


def test_teams_of_one_name_are_told_apart_by_their_own() -> None:
    rows: Rows = [RESEARCH, {"team_id": "1c-2", "team_alias": "research"}, {"team_id": "\n"}]
    moved = Moved(teams=rows)
    assert moved.teams.missing() == ["research", "research-1c-2", "team"]
    assert list(tomllib.loads(moved.part)["teams"]) == moved.teams.missing()
    again = Moved(moved.part, teams=rows)
    assert again.part == ""


def test_a_team_that_lets_nobody_in_is_a_comment() -> None:
    rows: Rows = [
        {"team_id": "a", "blocked": True, "models": ["mini"]},
        {"team_id": "b", "rpm_limit": 0},
        {"team_id": "c", "models": ["no-default-models"]},
    ]
    moved = Moved(teams=[*rows, {"team_id": "open"}])
    assert moved.part.splitlines() == [
        *("", f"# {BLOCKED}:", '# [teams."a"]', '# models = ["mini"]'),
        *("", f"# {NO_LIMIT}:", '# [teams."b"]', "", f"# {NO_MODEL}:", '# [teams."c"]'),
        *("", '[teams."open"]'),
    ]
    assert len(moved.told) == 3
    assert moved.told[0] == f"{CLOSED}{BLOCKED} (1): the team a"
    assert moved.teams.missing() == ["open"]
    assert Moved(teams=rows).part == ""


def test_a_team_that_lets_nobody_in_there_and_is_open_here_is_told_and_gets_no_key() -> None:
    rows: Rows = [{"team_id": "a", "blocked": True}]
    moved = Moved("[teams.a]\n", teams=rows, keys=[{"token": "a" * 64, "team_id": "a"}])
    assert moved.told[0].startswith(OPEN_TEAM)
    assert moved.told[1] == f"{OPENED} (1): the team a"
    assert moved.keys == []


def test_members_who_have_all_the_same_have_it_each() -> None:
    moved = Moved(
        teams=[{"team_id": "t"}],
        members=[
            {"team_id": "t", "user_id": "ada", "spend": 2, "budget_id": "b"},
            {"team_id": "t", "user_id": "\n", "spend": 2, "budget_id": "b"},
        ],
        budgets=[{"budget_id": "b", "max_budget": 10, "budget_duration": "1d"}],
    )
    assert '{ usd = 10.0, per = "day", each = "user" },' in moved.part
    assert moved.teams.openings == [Opening("user t ada day", DAY, 2_000_000_000)]
    assert Moved(moved.part, teams=[{"team_id": "t"}]).told == [f"{DIFFERS} (1): the team t"]


def test_budgets_for_models_hold_for_those_that_are_answered() -> None:
    said = {"mini": {"budget_limit": 5, "time_period": "7d"}, "gone": {"budget_limit": 1}}
    moved = Moved(teams=[{"team_id": "t", "model_max_budget": said}])
    assert '{ usd = 5.0, per = "week", models = ["mini"] },' in moved.part
    assert "gone" not in moved.part
    assert moved.told == [f"{UNKNOWN_MODEL} (1): the team t", f"{FROM_ZERO} (1): the team t"]


def test_what_is_noted_of_a_team_is_told() -> None:
    for said, is_told in (({"tags": ["a"]}, True), ({"team_member_budget_id": "b"}, False)):
        moved = Moved(teams=[{"team_id": "t", "metadata": said}])
        assert moved.told == ([f"{METADATA} (1): the team t"] if is_told else [])
    assert Moved(teams=[{"team_id": "t", "metadata": ["x"]}]).told != []


def test_what_holds_a_team_back_among_its_notes_is_told_by_its_name() -> None:
    said = {"model_rpm_limit": {"mini": 5}, "guardrails": ["pii"], "cost_center": "7", "x": []}
    moved = Moved(teams=[{"team_id": "t", "metadata": said}])
    assert moved.told == [
        f"{METADATA} (1): the team t",
        f"{HOLDING} (1): the team t (model_rpm_limit, guardrails)",
    ]


def test_users_with_as_much_are_a_team_for_their_keys_that_have_none() -> None:
    ada = {
        "user_id": "ada",
        "max_budget": 5,
        "spend": 1.25,
        "budget_duration": "7d",
        "budget_reset_at": LATER,
    }
    bob = {**ada, "user_id": "bob", "spend": 9, "budget_reset_at": BEFORE}
    eve = {**ada, "user_id": "eve", "max_budget": None}
    keys = [
        {"token": digit * 64, "key_alias": user, "user_id": user}
        for digit, user in zip("abcd", ("ada", "bob", "eve", "nobody"), strict=True)
    ]
    other = {"team_id": "personal-5-week", "team_alias": "other"}
    moved = Moved(users=[ada, bob, eve], keys=keys, teams=[other])
    teams = {draft.record.name: draft.record.team for draft in moved.keys}
    usual = "personal-5-week"
    assert teams == {"ada": usual, "bob": usual, "eve": None, "nobody": None}
    assert '{ usd = 5.0, per = "week", each = "user" },' in moved.part
    assert moved.teams.openings == [Opening(f"user {usual} ada week", WEEK, 1_250_000_000)]
    assert Moved(moved.part, users=[ada, bob], keys=keys, teams=[other]).part == ""


WORDS = st.text(max_size=12) | st.sampled_from(["all-proxy-models", "*", "@", "a.b", "x*y"])


@settings(max_examples=40, deadline=None)
@given(WORDS, st.lists(WORDS, max_size=3), st.floats() | st.none(), WORDS)
@example('x"]\n[auth]\nrequired = false\n[teams."y', ['"]\n[auth]\n#'], 1e-300, "1d")
@example("\u2028[auth]", ["\x7f", "\\"], 5.0, "30d")
def test_whatever_they_are_called_the_part_holds_groups_and_teams_alone(
    alias: str, models: list[str], usd: float | None, duration: str
) -> None:
    row = {"team_id": "t", "team_alias": alias, "models": models, "max_budget": usd}
    moved = Moved(teams=[{**row, "budget_duration": duration}])
    document = tomllib.loads(moved.part)
    assert document.keys() <= {"groups", "teams"}
    assert list(document.get("teams", {})) == moved.teams.missing()
    assert list(configuration(f"{moved.part}\n").teams) == moved.teams.missing()
