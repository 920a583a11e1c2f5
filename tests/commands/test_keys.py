"""`gateway keys`: a secret is shown once and kept nowhere; a name means one key for ever."""

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.__main__ import cli
from gateway.config.discover import CLOUDS
from gateway.policy.keys import Keyring, Team, digest_of
from gateway.policy.wording import budget_in_words
from gateway.store.database import Database
from gateway.store.keys import KeyStore
from gateway.words.budget import Budget
from tests.config.texts import write

PATIENCE = 20.0
"""Seconds. A test that waits longer has failed."""

PEPPER = "0123456789abcdef0123456789abcdef"
DIGEST = digest_of(b"ngw-of-the-file", PEPPER.encode())
TEXT = f"""\
[providers.echo]
[providers.openai]
api_key = {{ env = "KEY" }}
models = ["gpt-5.2", "gpt-5.2-mini"]
[groups]
frontier = ["gpt-5.2"]
[teams.research]
models = ["@frontier"]
[auth]
pepper = {{ env = "PEPPER" }}
[store]
database = "sqlite:///keys.db"
[[keys]]
name = "nightly"
hash = "{DIGEST}"
team = "research"
"""
STORE = '[store]\ndatabase = "sqlite:///keys.db"\n'
AUTH = '[auth]\npepper = { env = "PEPPER" }\n'
BUDGET = {"models": [], "reserve": "typical", "alert": []}
"""A budget's own defaults."""

IN_FILE = TEXT[TEXT.index("[[keys]]") :]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(TEXT, tmp_path)


def keys(*arguments: str, typed: str | bytes | None = None, **environ: str | None) -> Result:
    """Run `gateway keys` with nothing in the environment but what is given."""
    usual = {name: None for cloud in CLOUDS for name in (*cloud.variables, "OPENAI_BASE_URL")}
    known = {"GATEWAY_CONFIG": None, "KEY": "sk-0123456789abcdef9f2c", "PEPPER": PEPPER}
    runner = CliRunner(env={**usual, **known, "COLUMNS": "40", **environ})
    return runner.invoke(cli, ["keys", *arguments], input=typed, prog_name="gateway")


def made(*arguments: str) -> str:
    """Make a key; return its secret."""
    result = keys("create", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.removesuffix("\n")


def refused(*arguments: str, code: int = 1, **environ: str | None) -> str:
    """Return what a command says on stderr that does nothing."""
    result = keys(*arguments, **environ)
    assert (result.exit_code, result.stdout) == (code, "")
    return result.stderr


def shown(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(keys("show", name, "--json").stdout)
    return told


def ring() -> Keyring:
    """Return the keys as a gateway would have them."""
    with closing(Database(Path("keys.db")).connect()) as connection:
        records = KeyStore(connection).list()
    teams = {"research": Team(models=("@frontier",))}
    return Keyring(records, teams, {"frontier": ("gpt-5.2",)}, PEPPER.encode())


def now() -> float:
    return datetime.now(UTC).timestamp()  # noqa: TID251  (what the command itself goes by)


def test_a_new_key_opens_the_door_and_stands_alone_on_stdout() -> None:
    result = keys("create", "ci")
    assert result.exit_code == 0
    assert result.stdout.startswith("ngw-")
    secret = result.stdout.removesuffix("\n")
    assert len(secret) == 47
    assert result.stderr == (
        'The key "ci" is made. It is shown this once: the gateway keeps its digest alone. Gateways'
        " that run with this database know it within a second.\n"
    )
    caller = ring().identify(secret.encode(), now())
    assert caller is not None
    assert caller.key == "ci"


def test_all_that_is_wished_for_is_kept() -> None:
    options = "--team research --user ada --model gpt-5.2 --model @frontier --expires 2099-01-01"
    limits = "--requests-per-minute 60 --tokens-per-minute 100000 --concurrency 5"
    more = ["--metadata", "ticket=17", "--metadata", "why=a=b", "--budget", "5/day"]
    made("ci", *options.split(), *limits.split(), *more, "--passthrough", "openai")
    told = shown("ci")
    assert told.pop("id") == next(iter(ring()._records))[:12]
    assert told.pop("hint").startswith("ngw-…")
    assert told.pop("created").startswith(f"{datetime.now(UTC):%Y-%m-%d}")  # noqa: TID251
    assert told == {
        "name": "ci",
        "from": "database",
        "state": "in force",
        "team": "research",
        "user": "ada",
        "models": ["gpt-5.2", "@frontier"],
        "limits": {"requests_per_minute": 60, "tokens_per_minute": 100_000, "concurrency": 5},
        "budgets": [BUDGET | {"usd": 5.0, "per": "day"}],
        "expires": "2099-01-01T00:00:00Z",
        "revoked": None,
        "metadata": {"ticket": "17", "why": "a=b"},
        "passthrough": ["openai"],
    }


def test_days_count_from_now() -> None:
    made("ci", "--expires", "30d")
    expires = datetime.fromisoformat(shown("ci")["expires"])
    assert abs(expires.timestamp() - now() - timedelta(days=30).total_seconds()) < 60


SAID_WRONG = {
    ("--expires", "yesterday"): '"yesterday" is neither a date, as 2027-01-01, nor days, as 30d.',
    ("--expires", "2020-01-01"): '"2020-01-01" is over already.',
    ("--expires", "0d"): '"0d" is over already.',
    ("--metadata", "ticket"): '"ticket" has no = in it, as ticket=17 has.',
    ("--metadata", "=17"): '"=17": the name is empty.',
    ("--metadata", "a=\x1b[2J"): '"a=\\U0000001b[2J" holds a character that cannot be seen.',
    ("--requests-per-minute", "0"): "0 is not in the range 1<=x<=1000000000000.",
    ("--concurrency", "many"): "'many' is not a valid integer range.",
    ("--budget", "5"): '"5" is neither as 5/day nor as 100/month:gpt-*.',
    ("--budget", "$5/day"): '"$5/day" is neither as 5/day nor as 100/month:gpt-*.',
    ("--budget", "nan/day"): '"nan/day" is neither as 5/day nor as 100/month:gpt-*.',
    ("--budget", "-5/day"): '"-5/day" is neither as 5/day nor as 100/month:gpt-*.',
    ("--budget", "5/day:"): '"5/day:" is neither as 5/day nor as 100/month:gpt-*.',
    ("--budget", "{ usd = }"): '"{ usd = }" is no table of TOML, as { usd = 5, per = "day" } is.',
    ("--budget", "{}\nx = 1"): '"{}\\U0000000ax = 1" is no table of TOML, as { usd = 5, per =',
    ("--budget", "{ a = [1" + "[" * 40): "is nested too deeply.",
}


@pytest.mark.parametrize(("options", "said"), SAID_WRONG.items())
def test_an_option_that_makes_no_sense_is_told(options: tuple[str, str], said: str) -> None:
    told = refused("create", "ci", *options, code=2)
    assert f"Invalid value for '{options[0]}': " in told
    assert said in told


REFUSED = {
    ("ci", "--team", "reserch"): "--team: unknown team; did you mean research?",
    ("ci", "--team", "x"): "--team: unknown team (known here: research)",
    ("ci", "--model", "gpt-5.3"): (
        '--model[0]: nobody answers to "gpt-5.3"; did you mean gpt-5.2?'
    ),
    ("ci", "--model", "@frontir"): "--model[0]: unknown group; did you mean frontier?",
    ("ci", "--user", "a\tb"): "--user: the name holds a character that cannot be seen",
    ("ci", "--budget", "0/day"): "--budget[0].usd: expected a number >= 1e-06",
    ("ci", "--budget", f"{'9' * 400}/day"): "--budget[0].usd: expected a number <= 9000000.0",
    ("ci", "--budget", "5/dya"): (
        '--budget[0].per: expected "hour" or "day" or "week" or "month" or "year", got "dya";'
        " did you mean day?"
    ),
    ("ci", "--budget", "5/day:gpt-5.3"): (
        '--budget[0].models[0]: nobody answers to "gpt-5.3"; did you mean gpt-5.2?'
    ),
    ("ci", "--budget", "5/day", "--budget", "6/day"): (
        "--budget[1]: is for the same window and models as one before it"
    ),
    ("ci", "--budget", '{ usd = 5, pre = "day", per = "day" }'): (
        "--budget[0].pre: unknown key; did you mean per?"
    ),
    ("ci", "--budget", '{ usd = 5, per = "day", each = "user" }'): (
        "--budget[0].each: is for teams: a key has one user, so leave `each` out"
    ),
    ("ci", *(["--budget", "5/day"] * 33)): "--budget: expected a list of length <= 32",
    ("",): "NAME: the name is empty",
    ("\x1b[2J",): "NAME: the name holds a character that cannot be seen",
    ("nightly",): "NAME: is the name of a key in gateway.toml already",
}


@pytest.mark.parametrize(("arguments", "said"), REFUSED.items())
def test_what_the_file_would_not_take_is_refused(arguments: tuple[str, ...], said: str) -> None:
    assert refused("create", *arguments) == f"gateway keys create: {said}\n"
    assert not Path("keys.db").exists()


def test_a_team_where_there_are_none(tmp_path: Path) -> None:
    write(f"[providers.echo]\n{STORE}{AUTH}", tmp_path)
    said = "gateway keys create: --team: gateway.toml has no [teams]\n"
    assert refused("create", "ci", "--team", "research") == said


def test_budgets_are_kept_as_they_stand_in_the_file() -> None:
    table = '{ usd = 0.5, per = "week", models = ["gpt-5.2"], then = "echo", alert = [1, 0.8] }'
    longer = ["--budget", "20_000.25/month:@frontier,gpt-5.2-mini", "--budget", table]
    made("ci", "--budget", "5/day", *longer)
    assert shown("ci")["budgets"] == [
        BUDGET | {"usd": 5.0, "per": "day"},
        BUDGET | {"usd": 20_000.25, "per": "month", "models": ["gpt-5.2", "gpt-5.2-mini"]},
        BUDGET
        | {"usd": 0.5, "per": "week", "models": ["gpt-5.2"], "then": "echo", "alert": [0.8, 1.0]},
    ]
    said = (
        "$5 a day; $20,000.25 a month for gpt-5.2 and gpt-5.2-mini;"
        " $0.5 a week for gpt-5.2, then echo, told at 80% and 100%"
    )
    assert f"budgets {said}" in rows(keys("show", "ci"))
    assert f"gpt-5.2-mini; {said.rpartition('; ')[2]}" in rows(keys("list"))[2]


def test_money_that_is_held_at_worst_and_of_each_user_is_said() -> None:
    worst = Budget(1, "hour", each="user", reserve="worst")
    assert budget_in_words(worst) == "$0.000000001 an hour for each user, at worst"
    assert "budgets none" in rows(keys("show", "nightly"))


@pytest.mark.parametrize("option", [("--budget", "5/day"), ("--concurrency", "5")])
def test_what_several_workers_cannot_count_is_refused_as_in_the_file(
    tmp_path: Path, option: tuple[str, str]
) -> None:
    text = f"[server]\nworkers = 2\n{TEXT}"
    write(text, tmp_path)
    said = refused("create", "ci", *option)
    assert said.startswith(
        "gateway keys create: server.workers: must be 1 where keys, teams or models have limits"
    )
    made("free")
    write(text.replace(STORE, f'{STORE}shared = "redis://127.0.0.1:1/0"\n'), tmp_path)
    made("ci", *option)


def test_a_name_in_file_and_database_is_warned_of_and_each_is_changed_where_it_is(
    tmp_path: Path,
) -> None:
    write(TEXT[: TEXT.index("[[keys]]")], tmp_path)
    made("nightly")
    write(TEXT, tmp_path)
    said = (
        'warning: "nightly" is the name of two keys, one in gateway.toml and one in the database:'
        " the ledger and budgets take them for one\n"
    )
    for words in (["list"], ["list", "--json"]):
        result = keys(*words)
        assert (result.exit_code, result.stderr) == (0, said)
    assert len(rows(keys("list"))) == 3
    assert keys("rotate", "nightly").exit_code == 0
    assert keys("revoke", "nightly").stdout.startswith('The key "nightly" is revoked. ')
    assert refused("create", "nightly").startswith("gateway keys create: NAME: is the name of a")


def test_a_pattern_that_means_nothing_yet_is_allowed_with_a_warning() -> None:
    result = keys("create", "ci", "--model", "claude-*")
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    said = "warning: gateway keys create: --model[0]: no name that is answered is meant by this\n"
    assert result.stderr.startswith(said)


def test_a_name_means_one_key_for_ever() -> None:
    secret = made("ci")
    assert refused("create", "ci") == 'Error: There is a key "ci" already.\n'
    keys("revoke", "ci")
    said = 'Error: There is a key "ci" already, revoked: no name is used again.\n'
    assert refused("create", "ci") == said
    assert ring().identify(secret.encode(), now()) is None


def test_a_revoked_key_opens_nothing_and_to_revoke_it_again_changes_nothing() -> None:
    secret = made("ci")
    result = keys("revoke", "ci")
    assert result.exit_code == 0
    assert result.stdout.startswith('The key "ci" is revoked. ')
    assert ring().identify(secret.encode(), now()) is None
    revoked = shown("ci")["revoked"]
    assert keys("revoke", "ci").stdout.startswith('The key "ci" was revoked already. ')
    assert shown("ci")["revoked"] == revoked


def test_another_secret_stops_the_old_one_and_all_else_stays() -> None:
    old = made("ci", "--team", "research")
    before = shown("ci")
    result = keys("rotate", "ci")
    new = result.stdout.removesuffix("\n")
    assert result.exit_code == 0
    assert result.stderr.startswith('The key "ci" has another secret. It is shown this once')
    assert ring().identify(old.encode(), now()) is None
    assert ring().identify(new.encode(), now()) is not None
    after = shown("ci")
    assert after["hint"] == f"ngw-…{new[-4:]}"
    changed = ("hint", "id")
    assert {name: after[name] for name in after if name not in changed} == {
        name: before[name] for name in before if name not in changed
    }


def test_a_key_that_is_over_gets_no_other_secret() -> None:
    made("ci")
    keys("revoke", "ci")
    assert 'The key "ci" is revoked: another secret would' in refused("rotate", "ci")
    made("old", "--expires", "1d")
    damage("expires = 1")
    assert 'The key "old" has expired: another secret would' in refused("rotate", "old")
    damage("models = 'no JSON'")
    assert 'The key "old" is damaged in the database: another' in refused("rotate", "old")


def damage(change: str) -> None:
    """Do to all keys what no command does."""
    with closing(Database(Path("keys.db")).connect()) as connection:
        connection.execute(f"UPDATE keys SET {change}")


def test_a_damaged_key_is_named_and_can_be_revoked() -> None:
    made("ci")
    damage("models = 'no JSON'")
    result = keys("list")
    assert result.exit_code == 0
    said = 'warning: the key "ci" is damaged in the database, and opens nothing\n'
    assert result.stderr == said
    assert json.loads(keys("list", "--json").stdout)["damaged"] == ["ci"]
    assert refused("create", "ci") == 'Error: There is a key "ci" already.\n'
    assert keys("revoke", "ci").exit_code == 0


@pytest.mark.parametrize("what", ["show", "revoke", "rotate"])
def test_an_unknown_name_is_told_with_the_nearest(what: str) -> None:
    made("ci-build")
    assert refused(what, "ci-biuld") == (
        'Error: There is no key "ci-biuld". Did you mean "ci-build"?\n'
    )
    assert refused(what, "x") == 'Error: There is no key "x". `gateway keys list` shows all.\n'


@pytest.mark.parametrize("what", ["revoke", "rotate"])
def test_a_key_of_the_file_is_changed_in_the_file(what: str) -> None:
    said = 'Error: The key "nightly" stands in gateway.toml, under [[keys]]: change it there.\n'
    assert refused(what, "nightly") == said


def rows(result: Result) -> list[str]:
    """Return the lines with their columns one space apart."""
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_the_list_has_a_line_for_each_key_of_file_and_database() -> None:
    limits = ("--requests-per-minute", "6000", "--concurrency", "5")
    secret = made("ci", "--model", "gpt-5.2", *limits, "--expires", "2099-01-01")
    made("old")
    keys("revoke", "old")
    today = f"{datetime.now(UTC):%Y-%m-%d}"  # noqa: TID251
    header, nightly, ci, old = rows(keys("list"))
    assert header == "name key state team models limits budgets created expires from"
    assert nightly == "nightly in force research all never gateway.toml"
    assert ci == (
        f"ci ngw-…{secret[-4:]} in force gpt-5.2 6,000 requests a minute, 5 at once {today}"
        " 2099-01-01 database"
    )
    assert f"revoked {today} all" in old


def test_what_a_key_is_good_for_is_said(tmp_path: Path) -> None:
    made("ci", "--team", "research")
    assert shown("ci")["state"] == "in force"
    text = TEXT[: TEXT.index("[teams")] + TEXT[TEXT.index("[auth]") : TEXT.index("[[keys]]")]
    write(text, tmp_path)
    assert shown("ci")["state"] == "opens nothing: no such team"
    damage("expires = 1")
    assert shown("ci")["state"] == "expired"


def test_one_key_is_shown_whole() -> None:
    secret = made("ci", "--team", "research", "--metadata", "ticket=17")
    lines = rows(keys("show", "ci"))
    assert lines[0] == "ci"
    assert lines[1] == f"key ngw-…{secret[-4:]}"
    assert {"state in force", "team research", "limits none", "metadata ticket=17"} <= set(lines)
    nightly = rows(keys("show", "nightly"))
    assert nightly[:3] == ["nightly", f"id {DIGEST[:12]}", "from gateway.toml"]


def test_s17_no_command_but_the_first_shows_a_secret_and_none_a_digest(tmp_path: Path) -> None:
    secret = made("ci")
    digest = digest_of(secret.encode(), PEPPER.encode())
    for words in (["list"], ["list", "--json"], ["show", "ci"], ["show", "ci", "--json"]):
        output = keys(*words).output
        assert secret[:-4] not in output
        assert digest not in output
        assert DIGEST not in output
    assert secret not in keys("revoke", "ci").output
    files = [path.read_bytes() for path in tmp_path.iterdir()]
    assert not [data for data in files if secret.encode() in data]


def test_r20_what_stands_in_the_database_cannot_command_a_terminal() -> None:
    made("ci")
    damage("team = 'a\x1b[2Jb', hint = 'c\nd'")
    for words in (["list"], ["show", "ci"]):
        output = keys(*words).output
        assert "\x1b" not in output
        assert "a\\x1b[2Jb" in output
        assert "c\\nd" in output


def test_where_there_are_no_keys_it_says_how_to_make_one(tmp_path: Path) -> None:
    write(f"[providers.echo]\n{STORE}{AUTH}", tmp_path)
    assert keys("list").stdout == "There are no keys yet: `gateway keys create NAME` makes one.\n"
    assert json.loads(keys("list", "--json").stdout) == {"keys": [], "damaged": []}
    assert not Path("keys.db").exists()


@pytest.mark.parametrize("words", [["create", "ci"], ["list"], ["show", "ci"], ["revoke", "ci"]])
def test_without_a_database_it_says_which_two_lines_to_add(
    tmp_path: Path, words: list[str]
) -> None:
    write(f"[providers.echo]\n{AUTH}", tmp_path)
    said = refused(*words)
    assert said.startswith("Error: gateway.toml names no database to keep keys in. Add these two")
    lines = said.splitlines()[-2:]
    assert lines == ["[store]", 'database = "sqlite:///gateway.db"']
    write(f"[providers.echo]\n{AUTH}" + "\n".join(lines), tmp_path)
    assert keys("list").exit_code == 0


def test_the_keys_of_a_file_are_shown_without_a_database(tmp_path: Path) -> None:
    write(TEXT.replace(STORE, ""), tmp_path)
    assert len(rows(keys("list"))) == 2
    assert rows(keys("show", "nightly"))[0] == "nightly"
    assert 'There is no key "ci".' in refused("show", "ci")


@pytest.mark.parametrize("words", [["create", "ci"], ["hash", "--digest", "0" * 64]])
def test_without_a_pepper_it_says_what_to_add(tmp_path: Path, words: list[str]) -> None:
    write(f"[providers.echo]\n{STORE}", tmp_path)
    said = refused(*words)
    assert said.startswith("Error: gateway.toml names no pepper")
    lines = said.splitlines()[-2:]
    assert lines == ["[auth]", 'pepper = { env = "GATEWAY_PEPPER" }']
    write(f"[providers.echo]\n{STORE}" + "\n".join(lines), tmp_path)
    assert keys("create", "ci", GATEWAY_PEPPER=PEPPER).exit_code == 0


def test_mistakes_of_the_configuration_are_told_as_by_check(tmp_path: Path) -> None:
    write(TEXT.replace("models", "modles"), tmp_path)
    assert "unknown key; did you mean models?" in refused("list")
    Path("gateway.toml").unlink()
    assert refused("list").startswith("Error: There is no configuration file, and keys need one:")


def test_a_database_that_is_none_is_told_in_a_sentence() -> None:
    Path("keys.db").write_bytes(b"this is no database, and it is long enough to tell" * 100)
    for words in (["create", "ci"], ["list"], ["show", "ci"]):
        said = refused(*words)
        assert "keys.db is no database of SQLite's" in said
        assert said.count("\n") == 1


def test_a_hash_in_the_file_lets_its_key_in(tmp_path: Path) -> None:
    result = keys("hash", typed="ngw-of-the-file\n")
    assert result.stdout == f"{DIGEST}\n"
    assert result.stderr == "warning: a key as short as this one can be guessed\n"
    assert keys("hash", typed="k" * 40).stderr == ""


def test_on_a_terminal_a_key_is_asked_for_and_not_shown(require: Callable[[str], str]) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [require("setsid"), "--ctty", sys.executable, "-m", "gateway", "keys", "hash"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PEPPER": PEPPER, "KEY": "sk-0123456789abcdef9f2c"},
    ) as process:
        os.close(theirs)
        terminal = read_until(ours, b"Key: ")
        os.write(ours, b"ngw-of-the-file\n")
        output, _ = process.communicate(timeout=PATIENCE)
        terminal += read_until(ours, b"\n")
    os.close(ours)
    assert output == f"{DIGEST}\n".encode()
    assert b"ngw-" not in terminal


def read_until(descriptor: int, end: bytes) -> bytes:
    """Read from a terminal up to some words."""
    data = b""
    while end not in data:
        ready, _, _ = select.select([descriptor], [], [], PATIENCE)
        assert ready, f"{end!r} was expected, there is only {data!r}"
        data += os.read(descriptor, 1024)
    return data


def test_a_sha_256_of_another_gateway_is_taken_over() -> None:
    secret = "sk-litellm-0123456789abcdef"
    hashed = sha256(secret.encode()).hexdigest()
    assert keys("hash", "--digest", hashed.upper()).stdout == keys("hash", typed=secret).stdout
    said = refused("hash", "--digest", "abc", code=2)
    assert "Invalid value for '--digest': \"abc\" is not 64 hexadecimal digits." in said


@pytest.mark.parametrize("typed", ["", "\n", "two words", "k" * 257, "k" * 5000, b"\xff\xfe"])
def test_what_no_client_could_send_is_no_key(typed: str | bytes) -> None:
    result = keys("hash", typed=typed)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: That is no key: a key is up to 256 characters of ASCII")


def test_a_secret_that_cannot_be_written_is_told_with_the_way_out(tmp_path: Path) -> None:
    environ = {**os.environ, "PEPPER": PEPPER, "KEY": "sk-0123456789abcdef9f2c"}
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(
            [sys.executable, "-m", "gateway", "keys", "create", "ci"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environ,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert run.returncode != 0
    assert "`gateway keys rotate ci` makes another." in run.stderr
    assert keys("rotate", "ci").exit_code == 0


@pytest.mark.parametrize("what", ["create", "list", "show", "revoke", "rotate", "hash"])
def test_every_help_teaches_with_an_example(what: str) -> None:
    result = keys(what, "--help")
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert f"gateway keys {what}" in result.stdout.partition("Example")[2]
