"""`budgets` of keys and teams: read, checked, and shown as they stand in a file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.budgets import (
    FOR_TEAMS,
    LEAST_USD,
    MOST_ALERTS,
    MOST_BUDGETS,
    MOST_USD,
    NOTHING,
    OWN,
    TWICE,
    BudgetOptions,
    budget_of,
    written,
)
from gateway.policy.budgets import dollars
from gateway.words.budget import Budget
from tests.config.texts import load, mistakes

A = """\
[auth]
pepper = { env = "KEY" }
[store]
database = "sqlite:///gateway.db"
[providers.a]
kind = "openai"
models = ["gpt-5.2", "claude-opus-4-5", "claude-sonnet-4-5"]
[groups]
frontier = ["gpt-5.2", "claude-opus-*"]
none = []
"""
USD = 1_000_000_000
HASH = "0" * 64
OF_TEAM = "[teams.t]\nbudgets = [\n"
OF_KEY = f'[[keys]]\nname = "k"\nhash = "{HASH}"\nbudgets = [\n'
BUDGET = '{ usd = 1, per = "day" },\n'


def budgets(lines: str, folder: Path) -> tuple[Budget, ...]:
    """Return the budgets of a team."""
    config = load(f"{A}{OF_TEAM}{lines}\n]", folder)
    assert config.warnings == ()
    return config.teams["t"].budgets


def wrong(head: str, lines: str, folder: Path) -> list[str]:
    """Return what is wrong, without the file; the first budget stands in line 13 of a team."""
    return [said.removeprefix("gateway.toml:") for said in mistakes(f"{A}{head}{lines}]", folder)]


def test_a_budget_is_dollars_in_a_window(tmp_path: Path) -> None:
    assert budgets('{ usd = 20_000, per = "month" }', tmp_path) == (Budget(20_000 * USD, "month"),)


def test_a_budget_says_for_what_and_for_whom_and_what_follows(tmp_path: Path) -> None:
    lines = """
    { usd = 0.1, per = "hour", models = ["claude-opus-*"], then = "claude-sonnet-4-5" },
    { usd = 60, per = "day", each = "user", reserve = "worst", alert = [1, 0.8] },
    { usd = 60, per = "day" },
    """
    assert budgets(lines, tmp_path) == (
        Budget(USD // 10, "hour", ("claude-opus-*",), then="claude-sonnet-4-5"),
        Budget(60 * USD, "day", each="user", reserve="worst", alert=(0.8, 1.0)),
        Budget(60 * USD, "day"),
    )


def test_a_group_is_what_it_stands_for_each_name_once(tmp_path: Path) -> None:
    lines = '{ usd = 1, per = "day", models = ["claude-opus-*", "@frontier", "@none"] }'
    (budget,) = budgets(lines, tmp_path)
    assert budget.models == ("claude-opus-*", "gpt-5.2")


def test_keys_have_budgets_as_teams_do(tmp_path: Path) -> None:
    config = load(f"{A}{OF_KEY}{BUDGET}]", tmp_path)
    assert config.keys[0].budgets == (Budget(USD, "day"),)


def test_each_may_be_a_table_of_its_own(tmp_path: Path) -> None:
    text = '[teams.t]\n[[teams.t.budgets]]\nusd = 1\nper = "day"\n[[teams.t.budgets]]\nusd = 0'
    assert [said.removeprefix("gateway.toml:") for said in mistakes(A + text, tmp_path)] == [
        "15: teams.t.budgets[1].per: is missing",
        "16: teams.t.budgets[1].usd: expected a number >= 1e-06",
    ]


SAID = {
    "usd = 0": ".usd: expected a number >= 1e-06",
    "usd = -1": ".usd: expected a number >= 1e-06",
    "usd = 0.0000001": ".usd: expected a number >= 1e-06",
    "usd = nan": ".usd: expected a number >= 1e-06",
    "usd = -inf": ".usd: expected a number >= 1e-06",
    "usd = inf": ".usd: expected a number <= 9000000.0",
    "usd = 1e30": ".usd: expected a number <= 9000000.0",
    f"usd = 1{'0' * 400}": ".usd: number out of range",
    'usd = "5"': ".usd: expected a number, got a string",
    "usd = true": ".usd: expected a number, got true or false",
    "usd = [5]": ".usd: expected a number, got a list",
    "usdd = 5, usd = 1": ".usdd: unknown key; did you mean usd?",
    'usd = 1, models = ["gpt-5"]': ('.models[0]: nobody answers to "gpt-5"; did you mean gpt-5.2?'),
    'usd = 1, models = "gpt-5.2"': ".models: expected a list, got a string",
    'usd = 1, models = ["@fronteer"]': ".models[0]: unknown group; did you mean frontier?",
    'usd = 1, models = ["@none"]': f".models: {NOTHING}",
    'usd = 1, each = "key"': '.each: expected "user", got "key"',
    'usd = 1, reserve = "most"': (
        '.reserve: expected "typical" or "worst", got "most"; did you mean worst?'
    ),
    "usd = 1, alert = 0.8": ".alert: expected a list, got a number",
    "usd = 1, alert = [0]": ".alert[0]: expected a number > 0.0",
    "usd = 1, alert = [0.5, 2]": ".alert[1]: expected a number <= 1.0",
    "usd = 1, alert = [nan]": ".alert[0]: expected a number > 0.0",
    "usd = 1, alert = ['x']": ".alert[0]: expected a number, got a string",
    "usd = 1, alert = [0.5, 0.5]": ".alert[1]: stands here twice",
    f"usd = 1, alert = [{'1, ' * (MOST_ALERTS + 1)}]": ".alert: expected a list of length <= 16",
    'usd = 1, then = "gpt-5.2"': f'.then: "gpt-5.2" {OWN}',
    'usd = 1, models = ["gpt-*"], then = "gpt-5.2"': f'.then: "gpt-5.2" {OWN}',
    'usd = 1, models = ["@frontier"], then = "claude-opus-4-5"': (
        f'.then: "claude-opus-4-5" {OWN}'
    ),
    'usd = 1, models = ["gpt-5.2"], then = "gpt-5"': (
        '.then: nobody answers to "gpt-5"; did you mean gpt-5.2?'
    ),
    'usd = 1, models = ["gpt-5.2"], then = "claude-*"': (
        ".then: must name one model, and is a pattern or a group"
    ),
    'usd = 1, models = ["echo"], then = "@frontier"': (
        ".then: must name one model, and is a pattern or a group"
    ),
    'usd = 1, models = ["gpt-5.2"], then = ""': ".then: the name is empty",
    "usd = 1, then = 1": ".then: expected a string, got a whole number",
    "usd = 1, models = 1, then = 'echo'": ".models: expected a list, got a whole number",
}


@pytest.mark.parametrize(("line", "said"), SAID.items())
@pytest.mark.parametrize(("head", "key"), [(OF_TEAM, "13: teams.t"), (OF_KEY, "15: keys[0]")])
def test_nonsense_is_told_with_its_key(
    tmp_path: Path, head: str, key: str, line: str, said: str
) -> None:
    found = wrong(head, f'{{ per = "day", {line} }}\n', tmp_path)
    assert found == [f"{key}.budgets[0]{said}"]


@pytest.mark.parametrize(
    ("per", "said"),
    [
        ('"dya"', '"hour" or "day" or "week" or "month" or "year", got "dya"; did you mean day?'),
        ('"minute"', '"hour" or "day" or "week" or "month" or "year", got "minute"'),
        ('""', '"hour" or "day" or "week" or "month" or "year", got ""'),
        ("1", "a string, got a whole number"),
    ],
)
def test_a_window_that_is_none_is_told(tmp_path: Path, per: str, said: str) -> None:
    found = wrong(OF_TEAM, f"{{ usd = 1, per = {per} }}\n", tmp_path)
    assert found == [f"13: teams.t.budgets[0].per: expected {said}"]


def test_what_must_be_said_is_missed(tmp_path: Path) -> None:
    assert wrong(OF_TEAM, "{},\n1,\n", tmp_path) == [
        "13: teams.t.budgets[0].usd: is missing",
        "13: teams.t.budgets[0].per: is missing",
        "14: teams.t.budgets[1]: expected a table, got a whole number",
    ]


@pytest.mark.parametrize(
    ("value", "kind"), [("5", "a whole number"), ("{ usd = 1, per = 'day' }", "a table")]
)
def test_budgets_are_a_list(tmp_path: Path, value: str, kind: str) -> None:
    (said,) = mistakes(f"{A}[teams.t]\nbudgets = {value}", tmp_path)
    assert said == f"gateway.toml:12: teams.t.budgets: expected a list, got {kind}"


def test_only_a_teams_budget_is_for_each_user(tmp_path: Path) -> None:
    line = '{ usd = 1, per = "day", each = "user" }\n'
    assert wrong(OF_KEY, line, tmp_path) == [f"15: keys[0].budgets[0].each: {FOR_TEAMS}"]
    assert budgets(line, tmp_path)[0].each == "user"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("", "", True),
        ("", ', reserve = "worst", alert = [1]', True),
        (', models = ["gpt-5.2", "echo"]', ', models = ["echo", "gpt-5.2"]', True),
        (', models = ["@frontier"]', ', models = ["claude-opus-*", "gpt-5.2"]', True),
        ("", ', each = "user"', False),
        ("", ', models = ["echo"]', False),
        (', models = ["gpt-5.2"]', ', models = ["echo"]', False),
    ],
)
def test_the_same_budget_stands_there_once(
    tmp_path: Path, one: str, other: str, *, same: bool
) -> None:
    lines = f'{{ usd = 1, per = "day"{one} }},\n{{ usd = 2, per = "day"{other} }}\n'
    if same:
        assert wrong(OF_TEAM, lines, tmp_path) == [f"14: teams.t.budgets[1]: {TWICE}"]
    else:
        assert len(budgets(lines, tmp_path)) == 2


@pytest.mark.parametrize("count", [MOST_BUDGETS + 1, 1000])
def test_there_are_no_more_than_a_call_can_be_looked_up_in(tmp_path: Path, count: int) -> None:
    said = "expected a list of length <= 32"
    assert wrong(OF_TEAM, BUDGET * count, tmp_path) == [f"12: teams.t.budgets: {said}"]
    lines = "".join(
        f'{{ usd = 1, per = "{per}", models = ["{model}"] }},\n'
        for per in ("hour", "day", "week", "month")
        for model in ("gpt-5.2", "claude-*", "claude-opus-*", "*", "g*", "c*", "e*", "echo")
    )
    assert len(budgets(lines, tmp_path)) == MOST_BUDGETS


def test_where_groups_cannot_be_read_that_alone_is_told(tmp_path: Path) -> None:
    text = A.replace("none = []", "none = 1") + OF_TEAM
    found = mistakes(text + '{ usd = 1, per = "day", models = ["@none"] }]', tmp_path)
    assert found == ["gateway.toml:10: groups.none: expected a list, got a whole number"]


@pytest.mark.parametrize("usd", [LEAST_USD, 0.1, 19.99, 1234567.891234567, 8_999_999.999999999])
def test_dollars_are_whole_nano_dollars_and_come_out_as_they_went_in(usd: float) -> None:
    budget = budget_of(BudgetOptions(usd=usd, per="day"), ())
    assert budget.nanos == round(usd * 1e9)
    assert written(budget)["usd"] == usd
    assert dollars(budget.nanos)


@given(st.floats(LEAST_USD, MOST_USD))
def test_what_is_shown_is_read_as_the_same_amount(usd: float) -> None:
    budget = budget_of(BudgetOptions(usd=usd, per="day"), ())
    shown = written(budget)["usd"]
    assert isinstance(shown, float)
    assert budget_of(BudgetOptions(usd=shown, per="day"), ()) == budget
    assert budget.nanos < 2**53


def test_a_budget_is_shown_with_its_defaults_and_without_what_is_unset() -> None:
    assert written(Budget(USD, "day")) == {
        "usd": 1.0,
        "per": "day",
        "models": [],
        "reserve": "typical",
        "alert": [],
    }
    whole = Budget(USD, "day", ("a",), each="user", then="b", alert=(0.5,))
    assert written(whole) | {"each": "user", "then": "b"} == written(whole)
