"""`gateway usage`: what was used and what it cost, for people, for tables and for programs."""

import csv
import io
import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.admin.ledger.usage_lines import OUTCOMES
from gateway.commands.usage import command
from gateway.store.calls import add
from gateway.store.database import Database
from gateway.store.rows import row_of
from gateway.words.errors import ConnectFailed
from gateway.words.life import Cause
from tests.store.receipts import DAY_NS, NOON_NS, call, end

CONFIG = '[store]\ndatabase = "sqlite:///data.db"\n'


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*options: str) -> Result:
    return CliRunner(env={"GATEWAY_CONFIG": None, "COLUMNS": "40"}).invoke(command, options)


def lines(result: Result) -> list[str]:
    """Return the lines with their columns one space apart."""
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "data.db"
    gone = call(model="=HYPERLINK(1)", caller=call().caller)
    gone.end(Cause.CLIENT_GONE)
    receipts = [
        *[(end(call(), 1_250_000_001), NOON_NS)] * 1999,
        (end(call(model="mini"), 5), NOON_NS + DAY_NS),
        (gone, NOON_NS + DAY_NS),
    ]
    with closing(Database(path).connect()) as connection:
        rows = [(n, row_of(each, at, at + 1)) for n, (each, at) in enumerate(receipts)]
        add(connection, 1, rows)
    return path


def test_people_get_a_table_with_a_sum(database: Path) -> None:
    assert lines(run("--database", str(database))) == [
        "day calls tokens in cached tokens out US$ not completed",
        "2024-10-04 1,999 239,880 39,980 479,760 2498.750001999",
        "2024-10-05 2 120 20 240 0.000000005 1 client_gone",
        "all 2,001 240,000 40,000 480,000 2498.750002004 1 client_gone",
    ]


def test_the_dearest_comes_first(database: Path) -> None:
    told = lines(run("--database", str(database), "--by", "model"))
    assert [line.split()[0] for line in told[1:5]] == ["gpt-5.2", "mini", "=HYPERLINK(1)", "all"]


def test_one_line_needs_no_sum(database: Path) -> None:
    told = lines(run("--database", str(database), "--since", "2024-10-04", "--until", "2024-10-04"))
    assert told[1:] == ["2024-10-04 1,999 239,880 39,980 479,760 2498.750001999"]
    assert lines(run("--database", str(database), "--until", "2020-01-01")) == ["No calls."]


def test_programs_get_one_object(database: Path) -> None:
    told = json.loads(run("--database", str(database), "--by", "team", "--json").stdout)
    assert told["by"] == "team"
    (row,) = told["rows"]
    assert row == {"team": "research", **told["total"]}
    assert told["total"] == {
        "calls": 2001,
        "outcomes": {"client_gone": 1, "completed": 2000},
        "tokens_in": 240_000,
        "cached_tokens": 40_000,
        "tokens_out": 480_000,
        "cost_usd": "2498.750002004",
        "cost_nanos": 2_498_750_002_004,
        "unpriced": 0,
    }


def test_spreadsheets_get_a_column_for_each_outcome_and_no_formula(database: Path) -> None:
    result = run("--database", str(database), "--by", "model", "--csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["model"] for row in rows] == ["gpt-5.2", "mini", "'=HYPERLINK(1)"]
    assert [row["client_gone"] for row in rows] == ["0", "0", "1"]
    assert (rows[0]["cost_usd"], rows[0]["completed"]) == ("2498.750001999", "1999")
    assert {"lost", "open", "internal"} <= set(OUTCOMES) <= set(rows[0])


def test_the_configuration_says_where_the_database_is(database: Path, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(CONFIG, encoding="utf-8")
    assert lines(run("--by", "key"))[1].startswith("ci 2,001 ")
    other = tmp_path / "sub"
    other.mkdir()
    (other / "my.toml").write_text(CONFIG.replace("data.db", "none.db"), encoding="utf-8")
    refused = run("--config", "sub/my.toml")
    assert refused.exit_code == 1
    assert f"There is no database at {other / 'none.db'}." in refused.output


def test_without_a_database_it_says_what_to_do(tmp_path: Path) -> None:
    assert "name its file with --database" in run().output
    (tmp_path / "gateway.toml").write_text("", encoding="utf-8")
    assert "keeps no ledger: [store] database" in run().output
    (tmp_path / "gateway.toml").write_text("[stor]", encoding="utf-8")
    assert "did you mean store?" in run().output
    assert run().exit_code == 1


def test_a_database_that_cannot_be_read_is_told(database: Path) -> None:
    with closing(Database(database).connect()) as connection:
        connection.execute("PRAGMA user_version = 99")
    result = run("--database", str(database))
    assert (result.exit_code, "newer version (99" in result.output) == (1, True)
    database.write_bytes(b"notes" * 1000)
    result = run("--database", str(database))
    assert (result.exit_code, "is no database" in result.output) == (1, True)
    assert database.read_bytes() == b"notes" * 1000


def test_damage_within_is_told_and_changes_nothing(database: Path) -> None:
    data = bytearray(database.read_bytes())
    data[4096 * 12 :] = b"\xa5" * (len(data) - 4096 * 12)
    database.write_bytes(data)
    result = run("--database", str(database), "--by", "model")
    assert (result.exit_code, "is damaged; it is left as it is" in result.output) == (1, True)
    assert database.read_bytes() == data


def test_no_price_is_said_of_calls_alone_that_a_provider_worked_for(tmp_path: Path) -> None:
    refused = call()
    refused.fail(ConnectFailed("No."))
    kept = end(call(attempts=[], cache="hit", usage_quality=None), None)
    kept.usage_quality = None
    with closing(Database(tmp_path / "data.db").connect()) as connection:
        receipts = [refused, kept, end(call(), None)]
        rows = [(n, row_of(each, NOON_NS, NOON_NS + 1)) for n, each in enumerate(receipts)]
        add(connection, 1, rows)
    told = lines(run("--database", "data.db"))
    assert told[-1] == "1 of these calls have no price: what they cost is not in the sum."
    total = json.loads(run("--database", "data.db", "--json").stdout)["total"]
    assert (total["calls"], total["unpriced"]) == (3, 1)


def test_a_form_may_be_named(database: Path) -> None:
    csv_told = run("--database", str(database), "--format", "csv").stdout
    assert csv_told == run("--database", str(database), "--csv").stdout
    json_told = run("--database", str(database), "--format", "json").stdout
    assert json_told == run("--database", str(database), "--json").stdout


@pytest.mark.parametrize("by", ["user", "session"])
def test_users_and_sessions_are_told_apart(by: str, database: Path) -> None:
    (row,) = json.loads(run("--database", str(database), "--by", by, "--json").stdout)["rows"]
    assert row[by] == {"user": "anna", "session": None}[by]


def test_what_belongs_to_a_comparison_needs_one(database: Path) -> None:
    for options in (("--provider", "openai"), ("--fail-over", "5")):
        result = run("--database", str(database), *options)
        assert (result.exit_code, "belong to --reconcile" in result.output) == (2, True)
