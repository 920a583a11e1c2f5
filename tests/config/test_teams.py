"""`[groups]` and `[teams]`: names under one name, and what holds for several keys."""

from pathlib import Path

import pytest

from gateway.config.mistakes import PATIENCE
from gateway.config.teams import NO_MEMBER
from gateway.policy.keys import Team
from gateway.words.budget import Budget
from gateway.words.caller import Limits
from tests.config.texts import load, mistakes

A = '[providers.a]\nkind = "openai"\nmodels = ["gpt-5.2", "claude-opus", "@cf/llama"]\n'
GROUP = '[groups]\nfrontier = ["gpt-5.2", "claude-*"]\n'


def wrong(text: str, folder: Path) -> list[str]:
    return [said.removeprefix("gateway.toml:") for said in mistakes(A + text, folder)]


def test_a_group_is_names_and_patterns(tmp_path: Path) -> None:
    config = load(A + GROUP + "none = []", tmp_path)
    assert config.groups == {"frontier": ("gpt-5.2", "claude-*"), "none": ()}
    assert config.warnings == ()


def test_a_team_has_models_and_limits(tmp_path: Path) -> None:
    text = """
    [teams.research]
    models = ["@frontier", "@cf/llama", "@cf/*", "echo"]
    limits = { requests_per_minute = 600, tokens_per_minute = 1_000_000, concurrency = 50 }
    [teams.all]
    """
    config = load(A + GROUP + text, tmp_path)
    assert config.teams == {
        "research": Team(
            models=("@frontier", "@cf/llama", "@cf/*", "echo"), limits=Limits(600, 1_000_000, 50)
        ),
        "all": Team(),
    }
    assert config.warnings == ()


def test_a_team_has_budgets_members_and_a_word_on_what_has_no_price(tmp_path: Path) -> None:
    text = """
    [store]
    database = "sqlite:///gateway.db"
    [teams.research]
    budgets = [{ usd = 20_000, per = "month", models = ["@frontier"] }]
    unpriced = "free"
    members = ["oidc:ai-research", "oidc: Größe M:x", "oidc:oidc:"]
    """
    assert load(A + GROUP + text, tmp_path).teams == {
        "research": Team(
            budgets=(Budget(20_000 * 10**9, "month", ("gpt-5.2", "claude-*")),),
            unpriced="free",
            members=("oidc:ai-research", "oidc: Größe M:x", "oidc:oidc:"),
        )
    }


@pytest.mark.parametrize(
    "member",
    ["", "oidc:", "oidc", "OIDC:x", "ai-research", "saml:x", " oidc:x", f"oidc:{'x' * 257}"],
)
def test_what_names_no_group_of_an_issuers_is_told(tmp_path: Path, member: str) -> None:
    text = f'[teams.t]\nmembers = ["oidc:{"x" * 256}", "{member}"]'
    assert wrong(text, tmp_path) == [f"5: teams.t.members[1]: {NO_MEMBER}"]


def test_a_member_that_cannot_be_seen_or_stands_there_twice_is_told(tmp_path: Path) -> None:
    text = '[teams.t]\nmembers = ["oidc:a\\u0000", "oidc:b", "oidc:b"]'
    assert wrong(text, tmp_path) == [
        "5: teams.t.members[2]: stands here twice",
        f"5: teams.t.members[0]: {NO_MEMBER}",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a = 1", "5: groups.a: expected a list, got a whole number"),
        ("a = [1]", "5: groups.a[0]: expected a string, got a whole number"),
        ('a = ["gpt-5"]', '5: groups.a[0]: nobody answers to "gpt-5"; did you mean gpt-5.2?'),
        ('a = ["echo", "echo"]', "5: groups.a[1]: stands here twice"),
        ('a = ["*****"]', "5: groups.a[0]: the pattern holds more than 4 stars"),
        ('a = [""]', "5: groups.a[0]: the name is empty"),
        ('a = ["@a"]', "5: groups.a[0]: is a group: a group holds names and patterns alone"),
        ('"@a" = []', '5: groups."@a": a group\'s own name has no @ in front, and no *'),
        ('"a*" = []', '5: groups."a*": a group\'s own name has no @ in front, and no *'),
        ('" a" = []', '5: groups." a": the name begins or ends with a space'),
    ],
)
def test_a_mistake_in_a_group_is_told(tmp_path: Path, line: str, said: str) -> None:
    assert wrong(f"[groups]\n{line}", tmp_path) == [said]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('models = ["x"]', '5: teams.t.models[0]: nobody answers to "x"'),
        ('models = ["@fronteer"]', "5: teams.t.models[0]: unknown group; did you mean frontier?"),
        ('models = ["echo", "echo"]', "5: teams.t.models[1]: stands here twice"),
        ('models = "echo"', "5: teams.t.models: expected a list, got a string"),
        ("unpriced = 1", "5: teams.t.unpriced: expected a string, got a whole number"),
        (
            'unpriced = "fre"',
            '5: teams.t.unpriced: expected "refuse" or "free", got "fre"; did you mean free?',
        ),
        ("members = 1", "5: teams.t.members: expected a list, got a whole number"),
        ("members = [1]", "5: teams.t.members[0]: expected a string, got a whole number"),
        ("memberz = []", "5: teams.t.memberz: unknown key; did you mean members?"),
        ("limits = 1", "5: teams.t.limits: expected a table, got a whole number"),
        (
            "limits = { tokens_per_minute = -1 }",
            "5: teams.t.limits.tokens_per_minute: expected a whole number >= 1",
        ),
    ],
)
def test_a_mistake_in_a_team_is_told(tmp_path: Path, line: str, said: str) -> None:
    assert wrong(f"[teams.t]\n{line}\n{GROUP}", tmp_path) == [said]


def test_a_teams_own_name_is_checked(tmp_path: Path) -> None:
    assert wrong('[teams." t"]', tmp_path) == [
        '4: teams." t": the name begins or ends with a space'
    ]


def test_without_any_group_none_is_near(tmp_path: Path) -> None:
    assert wrong('[teams.t]\nmodels = ["@x"]', tmp_path) == ["5: teams.t.models[0]: unknown group"]


@pytest.mark.parametrize("name", ["groups", "teams"])
def test_where_they_are_no_table_that_alone_is_told(tmp_path: Path, name: str) -> None:
    text = f'{name} = 1\n{A}[{"teams.t" if name == "groups" else "groups"}]\nmodels = ["@x"]'
    found = mistakes(text.replace("@x", "@x" if name == "groups" else "echo"), tmp_path)
    assert found == [f"gateway.toml:1: {name}: expected a table, got a whole number"]


def test_a_pattern_that_means_no_known_name_is_warned_of(tmp_path: Path) -> None:
    config = load(A + '[groups]\ng = ["gemini-*"]\n[teams.t]\nmodels = ["gemini-*"]', tmp_path)
    said = "no name that is answered is meant by this"
    assert config.warnings == (
        f"gateway.toml:5: groups.g[0]: {said}",
        f"gateway.toml:7: teams.t.models[0]: {said}",
    )


def test_what_looks_like_a_group_may_be_a_name_of_who_lists_all(tmp_path: Path) -> None:
    text = '[providers.a]\nkind = "openai"\nmodels = "*"\n[teams.t]\nmodels = ["@cf/llama"]'
    assert load(text, tmp_path).warnings == (
        "gateway.toml:5: teams.t.models[0]: no group is called this, so it is taken for the name"
        " of a model",
    )


def test_names_are_not_compared_while_a_provider_cannot_be_read(tmp_path: Path) -> None:
    text = '[providers.a]\nmodels = 1\n[groups]\ng = ["x", "@y", "z*"]\n[teams.t]\nmodels = ["x"]'
    (said,) = mistakes(text, tmp_path)
    assert said.startswith("gateway.toml:1: providers.a")


def test_no_more_than_the_first_patterns_are_compared_with_all_names(tmp_path: Path) -> None:
    names = ", ".join(f'"no{number}*"' for number in range(PATIENCE + 1))
    config = load(f"{A}[groups]\ng = [{names}]", tmp_path)
    assert len(config.groups["g"]) == PATIENCE + 1
    assert len(config.warnings) == PATIENCE
