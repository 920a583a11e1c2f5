"""What holds for one key, as `gateway explain --key` tells it: rights, limits, budgets."""

import json
import re
import time
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.commands.explain import command
from gateway.config.discover import CLOUDS
from gateway.policy.keys import KeyRecord
from gateway.store.calls import add
from gateway.store.database import Database
from gateway.store.keys import KeyStore
from gateway.store.rows import row_of
from gateway.words.budget import Budget
from gateway.words.caller import Caller, Limits
from tests.config.texts import write
from tests.store.receipts import DAY_NS, call, end

HASH = "0123456789abcdef" * 4
TEXT = f"""\
[providers.openai]
api_key = {{ env = "KEY" }}
models = ["gpt-5.2", "gpt-5.2-mini", "gpt-4"]
[models."gpt-5.2"]
limits = {{ concurrency = 9 }}
[auth]
pepper = {{ env = "PEPPER" }}
[store]
database = "sqlite:///keys.db"
[teams.research]
models = ["gpt-5*"]
limits = {{ tokens_per_minute = 50_000 }}
unpriced = "free"
budgets = [
  {{ usd = 3_000, per = "month", models = ["gpt-5.2"], then = "gpt-5.2-mini", alert = [0.8] }},
  {{ usd = 60, per = "day", each = "user" }},
]
[[keys]]
name = "ci"
hash = "{HASH}"
team = "research"
user = "ada"
models = ["gpt-5.2", "gpt-4"]
limits = {{ requests_per_minute = 60 }}
budgets = [{{ usd = 5, per = "day" }}, {{ usd = 1, per = "day", models = ["gpt-4"] }}]
[[keys]]
name = "old"
hash = "{"f" * 64}"
expires = 2020-01-01
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(TEXT, tmp_path)


def explain(*options: str) -> Result:
    """Run the command with nothing in the environment but what the file names."""
    usual = {name: None for cloud in CLOUDS for name in (*cloud.variables, "OPENAI_BASE_URL")}
    env = {**usual, "GATEWAY_CONFIG": None, "COLUMNS": "40"}
    secrets = {"KEY": "sk-0123456789abcdef9f2c", "PEPPER": "0123456789abcdef"}
    return CliRunner(env={**env, **secrets}).invoke(command, options)


def told(*options: str) -> list[str]:
    """Return the lines of the key, with their columns one space apart."""
    result = explain(*options)
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    lines = [re.sub(r" until \d{4}-\d\d-\d\dT\d\d:00Z$", "", line) for line in lines]
    at = next(number for number, line in enumerate(lines) if line.startswith("For the key "))
    return lines[at : lines.index("", at) if "" in lines[at:] else None]


def refused(*options: str) -> str:
    result = explain(*options)
    assert (result.exit_code, result.stdout) == (1, "")
    return result.stderr.removeprefix("Error: ").removesuffix("\n")


def keep(record: KeyRecord, change: str | None = None) -> None:
    """Have a key in the database, perhaps damaged."""
    with closing(Database(Path("keys.db")).connect()) as connection:
        KeyStore(connection).create(record)
        if change is not None:
            connection.execute(f"UPDATE keys SET {change}")


def test_limits_and_budgets_of_key_team_and_model_are_told() -> None:
    assert told("gpt-5.2", "--key", "ci") == [
        'For the key "ci":',
        "limits of the key 60 requests a minute",
        "limits of the team 50,000 tokens a minute",
        "limits of the model 9 at once",
        "budget of the key $5 a day",
        "budget of the team $3,000 a month for gpt-5.2, then gpt-5.2-mini, told at 80%",
        "budget of the user $60 a day for each user",
        "without a price the call is free",
    ]


def test_a_key_of_the_database_is_told_too() -> None:
    keep(
        KeyRecord(
            "ada", "e" * 64, limits=Limits(concurrency=2), budgets=(Budget(5 * 10**9, "week"),)
        )
    )
    assert told("gpt-4", "--key", "ada") == [
        'For the key "ada":',
        "limits of the key 2 at once",
        "budget of the key $5 a week; $0 spent, $5 left",
        "without a price the call is refused",
    ]


def spend(caller: Caller, model: str, cost_nanos: int, now: int) -> None:
    """Have the ledger say that a call has cost so much."""
    receipt = end(call(model=model, caller=caller), cost_nanos)
    with closing(Database(Path("keys.db")).connect()) as connection:
        add(connection, 1, [(now, row_of(receipt, now, now + 1))])


def test_what_is_spent_and_left_is_what_the_ledger_says() -> None:
    now = time.time_ns()
    ci, other = (Caller(key, "0", team="research", user="ada") for key in ("ci", "other"))
    spend(ci, "gpt-5.2", 1_250_000_000, now)
    spend(other, "gpt-4", 4 * 10**9, now + 1)
    spend(ci, "gpt-5.2", 10**12, now - 400 * DAY_NS)
    assert [line for line in told("gpt-5.2", "--key", "ci") if line.startswith("budget")] == [
        "budget of the key $5 a day; $1.25 spent, $3.75 left",
        "budget of the team $3,000 a month for gpt-5.2, then gpt-5.2-mini, told at 80%;"
        " $1.25 spent, $2,998.75 left",
        "budget of the user $60 a day for each user; $5.25 spent, $54.75 left",
    ]
    spend(ci, "gpt-5.2", 9 * 10**9, now + 2)
    (paid, *_) = json.loads(explain("gpt-5.2", "--key", "ci", "--json").stdout)["caller"]["budgets"]
    assert (paid["spent_usd"], paid["left_usd"]) == (10.25, 0.0)


def test_where_the_ledger_cannot_be_read_the_rest_is_told() -> None:
    Path("keys.db").write_bytes(b"this is no database, and it is long enough to tell" * 100)
    assert "budget of the key $5 a day" in told("gpt-5.2", "--key", "ci")


def test_a_key_that_nothing_holds_for_says_so() -> None:
    keep(KeyRecord("free", "e" * 64))
    assert told("gpt-4", "--key", "free") == ['For the key "free":', "limits and budgets none"]


def test_programs_get_the_same() -> None:
    caller = json.loads(explain("gpt-5.2", "--key", "ci", "--json").stdout)["caller"]
    assert (caller["key"], caller["team"], caller["user"]) == ("ci", "research", "ada")
    assert caller["unpriced"] == "free"
    assert [each["of"] for each in caller["limits"]] == ["key", "team", "model"]
    assert caller["limits"][0] == {
        "of": "key",
        "requests_per_minute": 60,
        "tokens_per_minute": None,
        "concurrency": None,
    }
    assert [each["of"] for each in caller["budgets"]] == ["key", "team", "user"]
    assert caller["budgets"][1] == {
        "of": "team",
        "usd": 3000.0,
        "per": "month",
        "models": ["gpt-5.2"],
        "reserve": "typical",
        "then": "gpt-5.2-mini",
        "alert": [0.8],
        "spent_usd": None,
        "left_usd": None,
        "until": caller["budgets"][1]["until"],
    }
    assert re.fullmatch(r"\d{4}-\d\d-01T00:00Z", caller["budgets"][1]["until"])
    assert "caller" not in json.loads(explain("gpt-5.2", "--json").stdout)


NOT_FOUND = " It is told 404 model_not_found, as for a name that nobody answers."


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("gpt-5.2-mini", "its own models do not hold it."),
        ("gpt-4", 'the models of its team "research" do not hold it.'),
        ("echo", 'neither its own models nor those of its team "research" hold it.'),
    ],
)
def test_who_forbids_a_model_is_told(model: str, why: str) -> None:
    said = refused(model, "--key", "ci")
    assert said == f'The key "ci" may not ask for "{model}": {why}{NOT_FOUND}'


def test_a_key_that_lets_nobody_in_is_told() -> None:
    assert refused("gpt-4", "--key", "old") == 'The key "old" lets nobody in: expired.'
    keep(KeyRecord("astray", "e" * 64, team="gone"))
    said = 'The key "astray" lets nobody in: opens nothing: no such team.'
    assert refused("gpt-4", "--key", "astray") == said
    keep(KeyRecord("bad", "d" * 64), "models = 'no JSON'")
    assert refused("gpt-4", "--key", "bad") == (
        'The key "bad" is damaged in the database, and lets nobody in.'
    )


def test_an_unknown_key_is_told_with_the_nearest() -> None:
    assert refused("gpt-4", "--key", "cii") == 'There is no key "cii". Did you mean "ci"?'


def test_where_there_is_no_file_there_are_no_keys() -> None:
    Path("gateway.toml").unlink()
    assert refused("echo", "--key", "ci").startswith("There is no configuration file, and keys")


def test_s17_no_hash_is_shown() -> None:
    for form in ((), ("--json",)):
        assert HASH[12:] not in explain("gpt-5.2", "--key", "ci", *form).output


def test_r20_a_name_in_the_database_cannot_command_a_terminal() -> None:
    keep(KeyRecord("a\x1b[2J", "e" * 64, team="research\x1b"))
    for name in ("a\x1b[2J", "x\x1b[2J"):
        assert "\x1b" not in explain("gpt-4", "--key", name).output
