"""`[[keys]]` and `[auth]`: virtual keys under version control, and what they need."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.budgets import UNKEPT
from gateway.config.compose import SECTIONS
from gateway.config.files import Files
from gateway.config.keys import (
    ALONE,
    LATEST,
    NO_HASH,
    NO_KEYS,
    NO_PEPPER,
    check_auth,
    has_budgets,
    is_limited,
    moment_of,
)
from gateway.config.lines import Lines
from gateway.config.mistakes import Notes
from gateway.config.secrets import Secrets
from gateway.config.tables import Reading
from gateway.downstream.options import AuthOptions
from gateway.policy.keys import KeyRecord, Team
from gateway.words.budget import Budget
from gateway.words.caller import Limits
from gateway.words.secret import Secret
from tests.config.texts import load, mistakes

HASH = "0123456789abcdef" * 4
OTHER = "f" * 64
ENVIRON = {"PEPPER": "a pepper of a test".replace(" ", "-")}
AUTH = '[auth]\npepper = { env = "PEPPER" }\n'
TEAM = "[teams.research]\n"
KEY = f'[[keys]]\nname = "ci"\nhash = "{HASH}"\n'
"""Its lines are 3 to 5 behind `AUTH`."""


def keys(text: str, folder: Path) -> tuple[KeyRecord, ...]:
    return load(AUTH + text, folder, ENVIRON).keys


def wrong(text: str, folder: Path) -> list[str]:
    return [said.removeprefix("gateway.toml:") for said in mistakes(AUTH + text, folder, ENVIRON)]


def test_there_are_none_unless_they_are_written(tmp_path: Path) -> None:
    config = load("", tmp_path)
    assert (config.keys, config.teams, config.groups) == ((), {}, {})
    assert (config.auth.required, config.auth.pepper) == (None, None)
    assert load("keys = []", tmp_path).keys == ()


def test_a_key_needs_a_name_and_a_hash_alone(tmp_path: Path) -> None:
    assert keys(KEY, tmp_path) == (KeyRecord("ci", HASH),)


def test_a_key_says_who_holds_it_and_what_they_may(tmp_path: Path) -> None:
    text = """
    team = "research"
    user = "a@example.com"
    models = ["echo", "ec*"]
    limits = { requests_per_minute = 60, concurrency = 2 }
    expires = 2027-01-01
    metadata = { cost_centre = "7" }
    """
    config = load(AUTH + KEY.replace(HASH, HASH.upper()) + text + TEAM, tmp_path, ENVIRON)
    assert config.keys == (
        KeyRecord(
            name="ci",
            digest=HASH,
            team="research",
            user="a@example.com",
            models=("echo", "ec*"),
            limits=Limits(requests_per_minute=60, concurrency=2),
            expires=1_798_761_600,
            metadata={"cost_centre": "7"},
        ),
    )
    assert config.teams == {"research": Team()}
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("budget = []", "6: keys[0].budget: unknown key; did you mean budgets?"),
        ("unpriced = 'free'", "6: keys[0].unpriced: unknown key"),
        ("team = 1", "6: keys[0].team: expected a string, got a whole number"),
        ('team = "reserch"', "6: keys[0].team: unknown team; did you mean research?"),
        ('user = ""', "6: keys[0].user: the name is empty"),
        ('models = ["eco"]', '6: keys[0].models[0]: nobody answers to "eco"; did you mean echo?'),
        ("models = 1", "6: keys[0].models: expected a list, got a whole number"),
        (
            "limits = { concurrency = 0 }",
            "6: keys[0].limits.concurrency: expected a whole number >= 1",
        ),
        (
            "limits = { request_per_minute = 1 }",
            "6: keys[0].limits.request_per_minute: unknown key; did you mean requests_per_minute?",
        ),
        ("limits = { concurrency = true }", "6: keys[0].limits.concurrency: expected a whole"),
        ('expires = "2027-01-01"', "6: keys[0].expires: expected a date or a date and time"),
        ("expires = 07:00:00", "6: keys[0].expires: expected a date or a date and time"),
        ("expires = 1798761600", "6: keys[0].expires: expected a date or a date and time"),
        ("metadata = { a = 1 }", "6: keys[0].metadata: expected a string, got a whole number"),
        ("metadata = []", "6: keys[0].metadata: expected a table, got a list"),
    ],
)
def test_a_mistake_in_a_key_is_told_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    (found,) = wrong(f"{KEY}{line}\n{TEAM}", tmp_path)
    assert found.startswith(said)


def test_what_a_key_must_have_is_missed(tmp_path: Path) -> None:
    assert wrong("[[keys]]\n", tmp_path) == [
        "3: keys[0].name: is missing",
        "3: keys[0].hash: is missing",
    ]


@pytest.mark.parametrize("said", ["ngw-the-secret-itself", "", HASH[1:], HASH + "0", "g" * 64])
def test_s17_what_stands_in_place_of_a_hash_is_not_repeated(tmp_path: Path, said: str) -> None:
    (found,) = wrong(KEY.replace(HASH, said), tmp_path)
    assert found == f"5: keys[0].hash: {NO_HASH}"


@pytest.mark.parametrize("value", ["keys = 1", "[keys]\nname = 'ci'", "[keys.ci]"])
def test_keys_are_a_list_of_tables(tmp_path: Path, value: str) -> None:
    (found,) = mistakes(value, tmp_path)
    assert found == "gateway.toml:1: keys: is a list of tables: begin each with [[keys]]"


def test_a_key_is_a_table(tmp_path: Path) -> None:
    (found,) = mistakes("keys = [1]", tmp_path)
    assert found == "gateway.toml:1: keys[0]: expected a table, got a whole number"


def test_no_two_keys_have_one_name_or_one_hash(tmp_path: Path) -> None:
    other = KEY.replace(HASH, OTHER)
    assert wrong(KEY + other, tmp_path) == ["7: keys[1].name: is the name of a key before it, too"]
    other = KEY.replace("ci", "cd").replace(HASH, HASH.upper())
    assert wrong(KEY + other, tmp_path) == ["8: keys[1].hash: is the hash of a key before it, too"]
    assert len(keys(KEY + KEY.replace("ci", "cd").replace(HASH, OTHER), tmp_path)) == 2


def test_no_key_has_the_name_of_the_inner_key(tmp_path: Path) -> None:
    (found,) = wrong(KEY.replace('"ci"', '"playground"'), tmp_path)
    assert found.startswith("4: keys[0].name: is the name of the key with which the operator's")


def test_names_are_checked_as_all_names_are(tmp_path: Path) -> None:
    (found,) = wrong(KEY.replace("ci", " ci"), tmp_path)
    assert found == "4: keys[0].name: the name begins or ends with a space"


def test_where_teams_are_no_table_that_alone_is_told(tmp_path: Path) -> None:
    found = mistakes(f'teams = 1\n{AUTH}{KEY}team = "a"', tmp_path, ENVIRON)
    assert found == ["gateway.toml:1: teams: expected a table, got a whole number"]
    (found_here,) = wrong(f'{KEY}team = "a"', tmp_path)
    assert found_here == "6: keys[0].team: unknown team"


def test_s18_where_there_are_keys_there_is_a_pepper(tmp_path: Path) -> None:
    assert mistakes(KEY, tmp_path) == [f"gateway.toml: auth.pepper: {NO_PEPPER}"]
    assert "openssl rand -hex 32" in NO_PEPPER
    assert mistakes(f"[auth]\n{KEY}", tmp_path) == [f"gateway.toml:1: auth.pepper: {NO_PEPPER}"]


@pytest.mark.parametrize("rest", ["", KEY])
def test_s18_a_pepper_that_can_be_guessed_is_a_mistake_even_without_keys(
    tmp_path: Path, rest: str
) -> None:
    for pepper in ("abc123", "123456789012345"):
        (found,) = mistakes(AUTH + rest, tmp_path, {"PEPPER": pepper})
        assert found.startswith("gateway.toml:2: auth.pepper: is shorter than 16 characters")
        assert pepper not in found
    for environ in ({}, {"PEPPER": " "}):
        assert len(mistakes(AUTH + rest, tmp_path, environ)) == 1


def test_r24_a_pepper_in_the_file_itself_is_warned_of(tmp_path: Path) -> None:
    config = load(f'[auth]\npepper = "{"0123456789abcdef"}"\n{KEY}', tmp_path)
    (warning,) = config.warnings
    assert warning.startswith("gateway.toml:2: auth.pepper: a secret in the file itself")
    assert "0123456789abcdef" not in repr(config.auth)


def test_a_key_cannot_be_required_where_there_can_be_none(tmp_path: Path) -> None:
    assert mistakes("[auth]\nrequired = true", tmp_path) == [
        f"gateway.toml:2: auth.required: {NO_KEYS}"
    ]
    assert load(f"{AUTH}required = true\n{KEY}", tmp_path, ENVIRON).auth.required is True
    (found,) = mistakes(f"{AUTH}required = true\n[keys]", tmp_path, ENVIRON)
    assert found.startswith("gateway.toml:4: keys: is a list")


@pytest.mark.parametrize(
    ("auth", "count", "database", "said"),
    [
        (AuthOptions(), 0, False, []),
        (AuthOptions(), 0, True, []),
        (AuthOptions(required=False), 0, False, []),
        (AuthOptions(required=False), 1, False, [NO_PEPPER]),
        (AuthOptions(required=True), 0, True, [NO_PEPPER]),
        (AuthOptions(required=True, pepper=Secret("p" * 16)), 0, True, []),
        (AuthOptions(required=True, pepper=Secret("p" * 16)), 0, False, [NO_KEYS]),
        (AuthOptions(pepper=Secret("p" * 16)), 1, False, []),
    ],
)
def test_a_database_may_hold_the_keys(
    auth: AuthOptions, count: int, database: bool, said: list[str]
) -> None:
    files = Files(Path())
    notes = Notes("f", Lines(""))
    check_auth(auth, [None] * count, database, Reading(notes, files, Secrets({}, files)))
    assert [finding.text for finding in notes.findings] == said


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("1970-01-02", 86_400),
        ("2027-01-01", 1_798_761_600),
        ("2027-01-01T00:00:00", 1_798_761_600),
        ("2027-01-01 00:00:00.9Z", 1_798_761_600),
        ("2027-01-01T02:00:00+02:00", 1_798_761_600),
        ("1969-12-31", 0),
        ("0001-01-01T00:00:00+23:59", 0),
        ("9999-12-31T23:59:59-23:59", LATEST),
    ],
)
def test_a_date_is_its_beginning_and_utc(tmp_path: Path, written: str, moment: int) -> None:
    (key,) = keys(f"{KEY}expires = {written}", tmp_path)
    assert key.expires == moment


OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.dates() | st.datetimes() | st.datetimes(timezones=OFFSETS))
def test_every_date_is_a_moment_that_can_be_shown(value: date) -> None:
    shown = datetime.fromtimestamp(moment_of(value), UTC)
    assert 1970 <= shown.year <= 9999


BUDGETED_TEAM = '[teams.t]\nbudgets = [{ usd = 1, per = "day" }]'
BUDGETED_KEY = f'[[keys]]\nname = "k"\nhash = "{"a" * 64}"\nbudgets = [{{ usd = 1, per = "day" }}]'


def test_tables_of_keys_are_known_by_name() -> None:
    assert {"groups", "teams", "keys"} <= set(SECTIONS)


@pytest.mark.parametrize(
    "limited",
    [
        "[teams.t]\nlimits = { concurrency = 1 }",
        f'[[keys]]\nname = "k"\nhash = "{"a" * 64}"\nlimits = {{ requests_per_minute = 1 }}',
        "[providers.echo]\n[models.echo]\nlimits = { tokens_per_minute = 1 }",
        BUDGETED_TEAM,
        BUDGETED_KEY,
    ],
)
def test_limits_are_counted_by_one_process_alone(limited: str, tmp_path: Path) -> None:
    pepper = '[auth]\npepper = { env = "KEY" }\n'
    store = '[store]\ndatabase = "sqlite:///gateway.db"\n'
    text = f"{pepper}{store}{limited}"
    several = f"[server]\nworkers = 2\n{text}"
    assert mistakes(several, tmp_path) == [f"gateway.toml:2: server.workers: {ALONE}"]
    assert load(text, tmp_path).listen.workers == 1
    shared = several.replace(store, f'{store}shared = "redis://localhost:6379/0"\n')
    assert load(shared, tmp_path).listen.workers == 2
    # Where the store could not be read nobody knows what it was to name.
    wrong_store = several.replace(store, f"{store}shared = 1\n")
    assert [text for text in mistakes(wrong_store, tmp_path) if "workers" in text] == []


@pytest.mark.parametrize("budgeted", [BUDGETED_TEAM, BUDGETED_KEY])
def test_budgets_need_a_database_that_remembers_them(budgeted: str, tmp_path: Path) -> None:
    pepper = '[auth]\npepper = { env = "KEY" }\n'
    assert mistakes(pepper + budgeted, tmp_path) == [f"gateway.toml: store.database: {UNKEPT}"]
    empty = '[store]\ndatabase = ""\n'
    (said,) = mistakes(pepper + empty + budgeted, tmp_path)
    assert said == f"gateway.toml:4: store.database: {UNKEPT}"
    (said,) = mistakes(pepper + "[store]\ndatabase = 1\n" + budgeted, tmp_path)
    assert UNKEPT not in said


def test_who_has_limits_or_budgets_is_counted() -> None:
    budget = (Budget(1, "day"),)
    limited, paid = Team(limits=Limits(concurrency=1)), Team(budgets=budget)
    key = KeyRecord("k", HASH, budgets=budget)
    assert not is_limited({"t": Team()}, [KeyRecord("k", HASH)])
    assert [is_limited({"t": team}, []) for team in (limited, paid)] == [True, True]
    assert [has_budgets({"t": team}, []) for team in (limited, paid)] == [False, True]
    assert is_limited({}, [key])
    assert has_budgets({}, [key])
