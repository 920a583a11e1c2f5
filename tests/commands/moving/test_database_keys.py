"""A key opens here what it opened there, with the same secret, and never more."""

from typing import Any

import pytest

from gateway.commands.moving import database_keys as said
from gateway.commands.moving.database_budgets import NO_END
from gateway.commands.moving.database_rows import OldKeyRow
from gateway.policy.keys import digest_of
from gateway.store.litellm import Daily
from gateway.store.openings import Opening
from gateway.words.budget import Budget
from gateway.words.caller import Limits
from tests.commands.moving.litellm_source import hash_of
from tests.commands.moving.parsed import BEFORE, DAY, LATER, MONTH, NOW, PEPPER, WEEK, Moved

SECRET = "sk-0123456789abcdefgh"
TOKEN = hash_of(SECRET)
USD = 1_000_000_000
FULL: dict[str, object] = {
    "token": TOKEN,
    "key_name": "sk-...efgh",
    "key_alias": "ada's laptop",
    "team_id": "t",
    "user_id": "ada",
    "models": ["gpt-5.2", "beta"],
    "rpm_limit": 60,
    "tpm_limit": 1000,
    "max_parallel_requests": 3,
    "max_budget": 50,
    "budget_duration": "30d",
    "budget_reset_at": LATER,
    "spend": 12.5,
    "expires": "2027-01-01T00:00:00",
    "created_at": "2026-01-01T00:00:00",
    "metadata": {"dept": "physics", "langfuse_secret_key": "x"},
    "allowed_routes": ["llm_api_routes"],
}
TEAM = {"team_id": "t", "team_alias": "research"}


def key(**more: object) -> dict[str, object]:
    return {"token": TOKEN, "key_alias": "ci", **more}


def test_a_key_keeps_its_secret_and_its_rights() -> None:
    moved = Moved(teams=[TEAM], keys=[FULL])
    record = moved.key.record
    assert record.digest == digest_of(SECRET.encode(), PEPPER.encode())
    assert (record.name, record.hint) == ("ada's laptop", "sk-…efgh")
    assert (record.team, record.user) == ("research", "ada")
    assert record.models == ("gpt-5.2", "@beta")
    assert record.limits == Limits(60, 1000, 3)
    assert (record.created, record.expires) == (1_767_225_600, 1_798_761_600)
    assert (record.revoked, record.metadata) == (None, {"dept": "physics"})
    assert record.budgets == (Budget(50 * USD, "month"),)
    name = "key ada%27s%20laptop month"
    assert list(moved.key.openings(record.name, NOW)) == [Opening(name, MONTH, 12_500_000_000)]
    assert moved.told == [f"{said.METADATA} (1): ada's laptop (langfuse_secret_key)"]


def test_a_bare_key_is_called_by_what_is_known_of_its_secret() -> None:
    bare = Moved(keys=[{"token": TOKEN, "key_name": "sk-...efgh"}]).key.record
    assert (bare.name, bare.created, bare.expires, bare.budgets) == ("sk-…efgh", NOW, None, ())
    unknown = Moved(keys=[{"token": TOKEN, "key_name": SECRET, "created_at": "x"}]).key.record
    assert (unknown.name, unknown.hint) == (f"key-{unknown.digest[:12]}", "")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"token": "sk-plain"}, said.NOT_HASHED),
        ({"expires": "2026-11-24T11:59:59"}, said.EXPIRED),
        ({"expires": "infinity"}, said.NO_END),
        ({"team_id": "litellm-dashboard", "expires": LATER}, said.OF_PAGES),
        ({"allowed_routes": ["management_routes"]}, said.FEW_ROUTES),
        ({"allowed_routes": ["/v1/embeddings"]}, said.FEW_ROUTES),
        ({"team_id": "gone"}, said.NO_TEAM),
        ({"models": ["no-default-models"]}, said.NO_MODEL),
        ({"rpm_limit": 0}, said.NO_LIMIT),
        ({"budget_id": "gone"}, said.NO_ROW),
        ({"user_id": "closed"}, said.NO_MODEL),
        ({"user_id": "small", "models": ["gpt-5.2"]}, said.NO_MODEL),
        ({"user_id": "slow", "rpm_limit": 5}, said.NO_LIMIT),
        ({"user_id": "odd"}, said.NO_ONE),
        ({"user_id": "odd", "team_id": "t"}, said.NO_ONE),
        ({"user_id": "ada", "team_id": "t"}, said.NO_ONE),
    ],
)
def test_what_might_open_more_here_is_left_and_told(row: dict[str, object], why: str) -> None:
    users = [
        {"user_id": "closed", "models": ["no-default-models"]},
        {"user_id": "small", "models": ["mini"]},
        {"user_id": "slow", "tpm_limit": 0},
        {"user_id": "odd", "models": [None]},
    ]
    members = [
        {"team_id": "t", "user_id": "odd", "spend": "much"},
        {"team_id": "t", "user_id": "ada", "budget_id": "gone"},
    ]
    moved = Moved(keys=[key(**row)], users=users, teams=[TEAM], members=members)
    assert moved.keys == []
    assert f"{why} (1): ci" in moved.told
    assert "sk-plain" not in "".join(moved.told)


@pytest.mark.parametrize("row", [{"blocked": True}, {"project_id": "p"}])
def test_a_key_that_is_blocked_is_revoked(row: dict[str, object]) -> None:
    moved = Moved(keys=[key(**row)], projects=[{"project_id": "p", "blocked": True}])
    assert moved.key.record.revoked == NOW
    assert f"{said.BLOCKED} (1): ci" in moved.told


def test_what_is_odd_of_a_budget_is_told_of_the_key() -> None:
    moved = Moved(keys=[key(max_budget=5)])
    assert moved.key.record.budgets == (Budget(5 * USD, "year"),)
    assert moved.told == [f"{NO_END} (1): the key ci"]


def test_a_budget_of_the_table_of_budgets_is_the_keys_own() -> None:
    row = {
        "budget_id": "b",
        "max_budget": 10,
        "soft_budget": 5,
        "budget_duration": "1d",
        "rpm_limit": 30,
        "budget_reset_at": LATER,
    }
    found = Moved(keys=[key(budget_id="b", spend=2, tpm_limit=9)], budgets=[row]).key
    assert found.record.budgets == (Budget(10 * USD, "day", alert=(0.5,)),)
    assert found.record.limits == Limits(30, 9)
    assert list(found.openings("x", NOW)) == [Opening("key x day", DAY, 2 * USD)]
    own = Moved(keys=[key(budget_id="b", max_budget=3, budget_duration="7d")], budgets=[row]).key
    assert own.record.budgets == (Budget(3 * USD, "week"),)
    over = Moved(keys=[key(max_budget=3, budget_duration="7d", spend=2, budget_reset_at=BEFORE)])
    assert list(over.key.openings("x", NOW)) == []


def test_what_single_models_have_cost_is_added_up_from_the_days() -> None:
    daily = [
        Daily(TOKEN, "gpt-5.2", "2026-11-23", 1.0),
        Daily(TOKEN, "gpt-5.2", "2026-11-24", 0.5),
        Daily(TOKEN, "mini", "2026-11-24", 0.25),
        Daily("b" * 64, "mini", "2026-11-24", 8.0),
    ]
    row = key(
        model_max_budget={"gpt-5.2": {"budget_limit": 3, "time_period": "7d"}},
        budget_limits=[{"max_budget": 4, "budget_duration": "1d"}],
    )
    found = Moved(keys=[row], daily=daily).key
    week, day = Budget(3 * USD, "week", ("gpt-5.2",)), Budget(4 * USD, "day")
    assert found.record.budgets == (week, day)
    assert list(found.openings("x", NOW)) == [
        Opening("key x week gpt-5.2", WEEK, 1_500_000_000),
        Opening("key x day", DAY, 750_000_000),
    ]


def test_a_member_who_has_other_terms_has_them_on_each_key() -> None:
    budgets = [
        {"budget_id": "ten", "max_budget": 10, "budget_duration": "1d"},
        {"budget_id": "five", "max_budget": 5, "budget_duration": "1d", "rpm_limit": 7,
         "allowed_models": ["mini"]},
    ]  # fmt: skip
    members = [
        {"team_id": "t", "user_id": "ada", "budget_id": "five", "spend": 1},
        {"team_id": "t", "user_id": "bob", "budget_id": "ten"},
        {"team_id": "t", "user_id": "eve"},
    ]
    rows = [
        key(team_id="t", user_id=user, token=digit * 64, key_alias=user)
        for digit, user in zip("abcd", ("ada", "bob", "eve", None), strict=True)
    ]
    moved = Moved(keys=rows, teams=[TEAM], members=members, budgets=budgets)
    ada, bob, eve, nobody = moved.keys
    assert ada.record.budgets == (Budget(5 * USD, "day"),)
    assert (ada.record.limits, ada.record.models) == (Limits(7), ("mini",))
    assert list(ada.openings("ada", NOW)) == [Opening("key ada day", DAY, USD)]
    assert bob.record.budgets == (Budget(10 * USD, "day"),)
    assert eve.record.budgets == nobody.record.budgets == ()
    assert moved.told == [f"{said.MEMBERS} (2): ada, bob"]


def test_what_holds_a_key_back_among_its_notes_or_its_member_s_terms_is_told_as_wider() -> None:
    notes = {"model_tpm_limit": {"mini": 5}, "guardrails": ["pii"], "tags": ["a"], "dept": "x"}
    moved = Moved(
        keys=[key(team_id="t", user_id="ada", metadata=notes)],
        teams=[TEAM],
        members=[{"team_id": "t", "user_id": "ada", "budget_id": "b"}],
        budgets=[{"budget_id": "b", "model_max_budget": {"mini": 1}}],
    )
    assert moved.key.record.metadata == {"dept": "x"}
    assert moved.told == [
        f"{said.MEMBERS} (1): ci",
        f"{said.METADATA} (1): ci (tags)",
        f"{said.MEMBERS_MODELS} (1): ci",
        f"{said.HOLDING} (1): ci (model_tpm_limit, guardrails)",
    ]


def test_keys_without_a_name_that_are_left_are_each_counted() -> None:
    rows = [{"token": digit * 64, "expires": BEFORE} for digit in "abc"]
    (line,) = Moved(keys=rows).told
    assert line.startswith(f"{said.EXPIRED} (3): one without a name, aaaaaaaa…, ")


def test_what_all_members_have_alike_is_the_teams_to_say() -> None:
    budget = {"budget_id": "ten", "max_budget": 10, "budget_duration": "1d"}
    members = [{"team_id": "t", "user_id": "ada", "budget_id": "ten", "spend": 1}]
    rows = [key(team_id="t", user_id="ada")]
    moved = Moved(keys=rows, teams=[TEAM], members=members, budgets=[budget])
    assert (moved.key.record.budgets, moved.told) == ((), [])
    assert 'each = "user"' in moved.part


def test_limits_of_a_user_hold_on_each_key_and_its_models_too() -> None:
    user = {
        "user_id": "ada",
        "rpm_limit": 5,
        "models": ["mini", "gpt-5.2"],
        "model_max_budget": {"mini": 1},
    }
    moved = Moved(keys=[key(user_id="ada", rpm_limit=9, models=["mini"])], users=[user])
    record = moved.key.record
    assert (record.limits, record.models, record.team) == (Limits(5), ("mini",), None)
    assert moved.told == [f"{said.USERS} (1): ci", f"{said.USERS_MODELS} (1): ada"]


def test_a_project_that_is_not_blocked_revokes_no_key() -> None:
    moved = Moved(keys=[key(project_id="p")], projects=[{"project_id": "p", "blocked": False}])
    assert moved.key.record.revoked is None


def test_models_of_projects_and_organizations_hold_for_each_key() -> None:
    scopes: dict[str, Any] = {
        "projects": [{"project_id": "p", "models": ["mini", "gpt-5.2"]}],
        "organizations": [
            {"organization_id": "o", "models": ["gpt-5.2"]},
            {"organization_id": "all", "models": []},
        ],
    }
    teams = [{**TEAM, "organization_id": "o"}]

    def found(**more: object) -> tuple[str, ...]:
        return Moved(keys=[key(**more)], teams=teams, **scopes).key.record.models

    assert found(project_id="p") == ("mini", "gpt-5.2")
    assert found(project_id="p", organization_id="o") == ("gpt-5.2",)
    assert found(project_id="p", team_id="t") == ("gpt-5.2",)
    assert found(organization_id="all") == found(organization_id="gone") == ()
    assert Moved(keys=[key(organization_id="o", models=["mini"])], **scopes).keys == []


def test_a_former_secret_opens_a_key_of_its_own_until_it_ends() -> None:
    moved = Moved(keys=[key(expires="2026-12-02T00:00:00", max_budget=5, budget_duration="1d")])
    draft, former = moved.key, "f" * 64

    def row(ends: str, token: str = former) -> OldKeyRow:
        return OldKeyRow(token=token, active_token_id=TOKEN, revoke_at=ends)

    found = moved.maker.former(row(LATER), draft, NOW)
    assert found is not None
    assert (found.record.name, found.record.hint) == ("ci-former", "")
    assert found.record.expires == 1_796_083_200
    assert found.record.budgets == draft.record.budgets
    assert found.record.digest != draft.record.digest
    late = moved.maker.former(row("2027-01-01"), draft, NOW)
    assert late is not None
    assert late.record.expires == draft.record.expires
    assert moved.maker.former(row(BEFORE), draft, NOW) is None
    assert moved.told == [
        f"{said.ROTATED} (2): ci (2026-12-01), ci (2026-12-02)",
    ]
    assert moved.maker.former(row("soon"), draft, NOW) is None
    assert moved.maker.former(row(LATER, "sk-x"), draft, NOW) is None
    assert moved.told[1:] == [f"{said.FORMER} (1): ci"]
