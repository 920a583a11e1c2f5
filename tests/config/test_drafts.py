"""A key that is made or changed while the gateway runs goes by the rules of the file."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config.compose import Config
from gateway.config.drafts import (
    Draft,
    Terms,
    budget_of,
    changed_key,
    expiry_of,
    new_key,
    pair_of,
)
from gateway.config.keys import OURS
from gateway.config.mistakes import ConfigMistake
from gateway.policy.keys import INNER, KeyRecord
from gateway.words.budget import Budget
from gateway.words.caller import Limits
from tests.config.texts import load

NOW = 1_764_504_000
TERMS = Terms("the form")
TEXT = f"""\
[providers.echo]
[providers.openai]
api_key = {{ env = "KEY" }}
models = ["gpt-5.2", "gpt-5.2-mini"]
[groups]
frontier = ["gpt-5.2"]
[auth]
pepper = {{ env = "PEPPER" }}
[store]
database = "sqlite:///keys.db"
[teams.research]
models = ["@frontier"]
[[keys]]
name = "nightly"
hash = "{"a" * 64}"
"""
ENVIRON = {"KEY": "sk-0123456789abcdef9f2c", "PEPPER": "0123456789abcdef0123456789abcdef"}
RIGHTS = Draft(
    models=("@frontier", "echo"),
    limits=Limits(60, None, 5),
    budgets=({"usd": 5, "per": "day", "models": ["@frontier"], "then": "echo"},),
    expires=NOW + 1,
    metadata={"ticket": "17"},
    passthrough=("openai",),
)
BUDGETS = (Budget(5_000_000_000, "day", ("gpt-5.2",), then="echo"),)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(TEXT, tmp_path, ENVIRON)


def wrong(draft: Draft, config: Config, name: str = "ci") -> list[str]:
    """Return what is told of a draft."""
    with pytest.raises(ConfigMistake) as caught:
        new_key(name, draft, config, TERMS, NOW)
    return [str(finding) for finding in caught.value.findings]


def test_a_new_key_is_all_that_was_drafted(config: Config) -> None:
    draft = replace(RIGHTS, team="research", user="ada")
    record, warnings = new_key("ci", draft, config, TERMS, NOW)
    assert warnings == []
    assert record == KeyRecord(
        "ci",
        digest="",
        team="research",
        user="ada",
        models=("@frontier", "echo"),
        limits=Limits(60, None, 5),
        created=NOW,
        expires=NOW + 1,
        metadata={"ticket": "17"},
        budgets=BUDGETS,
        passthrough=("openai",),
    )


def test_a_key_that_is_changed_stays_whose_it_is(config: Config) -> None:
    """Its name may stand in the file too, and its team be gone by now: it was made before."""
    before = KeyRecord("nightly", "f" * 64, "ngw-…ffff", "gone", "a\tb", ("echo",), created=7)
    record, _ = changed_key(before, replace(RIGHTS, team="x", user="y"), config, TERMS)
    assert (record.digest, record.team, record.user, record.created) == (
        "f" * 64,
        "gone",
        "a\tb",
        7,
    )
    assert (record.models, record.budgets) == (("@frontier", "echo"), BUDGETS)
    assert changed_key(record, Draft(), config, TERMS).record == replace(before, models=())


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        (Draft(team="reserch"), "the form: team: unknown team; did you mean research?"),
        (Draft(user=""), "the form: user: the name is empty"),
        (
            Draft(models=("gpt-5.3",)),
            'the form: models[0]: nobody answers to "gpt-5.3"; did you mean gpt-5.2?',
        ),
        (Draft(passthrough=("echo",)), "the form: passthrough[0]: is built in: it has no API of"),
        (Draft(metadata={"": "x"}), 'the form: metadata."": the name is empty'),
        (Draft(metadata={"a": "\x1b"}), "the form: metadata.a: holds a character that cannot be"),
        (Draft(budgets=({"usd": 0, "per": "day"},)), "the form: budgets[0].usd: expected a number"),
        (Draft(budgets=({},) * 33), "the form: budgets: expected a list of length <= 32"),
    ],
)
def test_what_the_file_would_not_take_is_told_in_the_words_of_who_drafts(
    config: Config, draft: Draft, said: str
) -> None:
    assert wrong(draft, config)[0].startswith(said)


def test_all_mistakes_are_told_at_once(config: Config) -> None:
    found = wrong(Draft(team="x", user="", models=("x",)), config, "nightly")
    assert [each.split(": ")[1] for each in found] == ["name", "user", "team", "models[0]"]


def test_a_team_where_there_are_none_is_told(tmp_path: Path) -> None:
    config = load("[providers.echo]\n", tmp_path)
    (said,) = wrong(Draft(team="x"), config)
    assert said == f"the form: team: {tmp_path / 'gateway.toml'} has no [teams]"


def test_a_pattern_that_means_nothing_yet_is_allowed_with_a_warning(config: Config) -> None:
    _, warnings = new_key("ci", Draft(models=("claude-*",)), config, TERMS, NOW)
    assert warnings == ["the form: models[0]: no name that is answered is meant by this"]


def test_what_several_workers_cannot_count_is_refused(tmp_path: Path) -> None:
    config = load(f"[server]\nworkers = 2\n{TEXT}", tmp_path, ENVIRON)
    assert new_key("ci", Draft(), config, TERMS, NOW).record.name == "ci"
    (said,) = wrong(Draft(limits=Limits(concurrency=1)), config)
    assert said.startswith("the form: server.workers: must be 1 where keys, teams or models have")


def test_no_new_key_has_the_name_of_the_inner_key(config: Config) -> None:
    """Budgets go by names after a start: it would pay for what the operator's page asks."""
    assert wrong(Draft(), config, INNER) == [f"the form: name: {OURS}"]


def test_an_end_is_a_date_or_so_many_days() -> None:
    assert expiry_of("30d", NOW) == NOW + 30 * 86_400
    for written in ("2027-01-01", "2027-01-01T00:00:00Z", "2027-01-01T02:00:00+02:00"):
        assert expiry_of(written, NOW) == 1_798_761_600
    for written, said in [
        ("yesterday", '"yesterday" is neither a date, as 2027-01-01, nor days, as 30d.'),
        ("2020-01-01", '"2020-01-01" is over already.'),
        ("0d", '"0d" is over already.'),
    ]:
        with pytest.raises(ValueError) as caught:
            expiry_of(written, NOW)
        assert str(caught.value) == said


def test_what_else_is_known_of_a_key_is_read_from_pairs() -> None:
    assert pair_of("why=a=b") == ("why", "a=b")
    for written in ("ticket", "=17", "a=\x1b[2J"):
        with pytest.raises(ValueError):
            pair_of(written)


def test_a_budget_is_read_from_a_short_text_or_a_table() -> None:
    assert budget_of("5/day") == {"usd": 5.0, "per": "day"}
    assert budget_of("1_000.5/month:a-*,b")["models"] == ["a-*", "b"]
    assert budget_of('{ usd = 5, per = "day" }') == {"usd": 5, "per": "day"}
    for written in ("5", "$5/day", "{ usd = }", "{}\nx = 1", "{ a = [1" + "[" * 40):
        with pytest.raises(ValueError):
            budget_of(written)
