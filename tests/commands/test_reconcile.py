"""`gateway usage --reconcile`: the ledger beside what a provider says."""

import csv
import io
import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.commands.usage import command
from gateway.store.calls import add
from gateway.store.database import Database
from gateway.store.rows import row_of
from gateway.words.answer import Usage
from gateway.words.life import Cause
from gateway.words.receipt import Attempt, Receipt
from tests.store.receipts import DAY_NS, NOON_NS, call, end

HEADER = "date,model,requests,input_tokens,output_tokens,cost\n"
SAME = "2024-10-04,gpt-5.2-2024-01-01,2,240,480,0.005\n"
LESS = "2024-10-05,mini,2,250,247,0.0031\n"
THEIRS_ALONE = "2024-10-05,=other,1,1000,1,0.01\n"


def left() -> Receipt:
    """Return a call that was left in mid-stream; what it used is an estimate."""
    receipt = call(model="mini", target="up/mini", attempts=[Attempt("up/mini", 1.0)])
    receipt.usage = receipt.attempts[0].usage = Usage(100, 7)
    receipt.attempts[0].close(2.0, None, left=True)
    receipt.usage_quality, receipt.cost_nanos = "estimated", 500_000
    receipt.end(Cause.CLIENT_GONE)
    return receipt


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mini = end(call(model="mini", target="up/mini", attempts=[Attempt("up/mini", 1.0)]))
    receipts = [
        (end(call()), NOON_NS),
        (end(call()), NOON_NS),
        (mini, NOON_NS + DAY_NS),
        (left(), NOON_NS + DAY_NS),
        (end(call(target="up/ours", attempts=[Attempt("up/ours", 1.0)])), NOON_NS),
    ]
    with closing(Database(tmp_path / "data.db").connect()) as connection:
        rows = [(n, row_of(each, at, at + 1)) for n, (each, at) in enumerate(receipts)]
        add(connection, 1, rows)


def run(text: str, *options: str) -> Result:
    Path("export.csv").write_text(text, encoding="utf-8")
    arguments = ["--database", "data.db", "--reconcile", "export.csv", *options]
    return CliRunner(env={"GATEWAY_CONFIG": None, "COLUMNS": "40"}).invoke(command, arguments)


def lines(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_people_get_a_table_with_the_largest_difference_first() -> None:
    result = run(HEADER + SAME + LESS + THEIRS_ALONE)
    assert lines(result) == [
        "day model requests provider's tokens in provider's tokens out provider's US$ provider's"
        " what may explain it",
        "2024-10-05 =other 0 +1 (+100.0 %) 0 +1,000 (+100.0 %) 0 +1 (+100.0 %) 0.00"
        " +0.01 (+100.0 %) only the provider has it",
        "2024-10-04 ours 1 -1 120 -120 240 -240 0.0025 -0.0025 only the ledger has it",
        "2024-10-05 mini 2 = 220 +30 (+12.0 %) 247 = 0.003 +0.0001 (+3.2 %) 1 aborted, 1 estimated",
        "2024-10-04 gpt-5.2 2 = 240 = 480 = 0.005 =",
        "all 5 = 580 +910 (+61.1 %) 967 -239 (-32.8 %) 0.0105 +0.0076 (+42.0 %)",
    ]
    assert result.stderr == "Compared with calls to all providers: 3 lines (a plain table).\n"


def test_one_provider_may_be_compared_alone() -> None:
    result = run(HEADER + SAME, "--provider", "openai")
    assert lines(result)[1:] == ["2024-10-04 gpt-5.2 2 = 240 = 480 = 0.005 ="]
    assert "calls to the provider openai: 1 lines" in result.stderr


def test_days_may_be_chosen() -> None:
    result = run(HEADER + SAME + LESS, "--since", "2024-10-05", "--until", "2024-10-05")
    assert [line.split()[:2] for line in lines(result)[1:]] == [["2024-10-05", "mini"]]
    assert lines(run(HEADER + SAME, "--since", "2030-01-01")) == ["Nothing to compare."]


def test_programs_get_one_object() -> None:
    told = json.loads(run(HEADER + SAME + LESS + "x,y\n", "--json").stdout)
    assert (told["forms"], told["lines"], told["malformed"]) == (["a plain table"], 2, 1)
    ours, mini, same = told["rows"]
    assert (ours["only_in"], mini["only_in"], mini["day"]) == ("ledger", None, "2024-10-05")
    assert mini["tokens_in"] == {
        "ledger": 220, "provider": 250, "difference": 30, "percent": 12.0,
    }  # fmt: skip
    assert mini["cost_nanos"]["difference_usd"] == "0.0001"
    assert mini["aborted"] == mini["estimated"] == {
        "requests": 1, "tokens_in": 100, "tokens_out": 7, "cost_nanos": 500_000,
    }  # fmt: skip
    assert same["cost_nanos"]["difference"] == 0
    assert ours["cost_nanos"]["percent"] is None
    assert told["total"]["requests"] == {
        "ledger": 5, "provider": 4, "difference": -1, "percent": -25.0,
    }  # fmt: skip


def test_spreadsheets_get_exact_dollars_and_no_formula() -> None:
    result = run(HEADER + LESS + THEIRS_ALONE, "--format", "csv")
    other, mini = csv.DictReader(io.StringIO(result.stdout))
    assert (other["model"], other["only_in"], other["cost_usd_difference"]) == (
        "'=other",
        "provider",
        "0.01",
    )
    assert (mini["cost_usd_ledger"], mini["cost_usd_provider"]) == ("0.003", "0.0031")
    assert (mini["tokens_in_percent"], mini["aborted"], mini["lost"]) == ("12.0000", "1", "0")


def test_what_is_not_told_stays_empty() -> None:
    text = "usage_date_utc,model_version,usage_output_tokens\n2024-10-04,gpt-5.2,480\n"
    (row, *_) = csv.DictReader(io.StringIO(run(text, "--csv", "--provider", "openai").stdout))
    assert (row["cost_usd_ledger"], row["requests_percent"]) == ("", "")
    assert (row["tokens_out_ledger"], row["tokens_out_difference"]) == ("480", "0")


def test_costs_of_whole_days_are_compared_with_all_models() -> None:
    text = "start_time,amount_value,line_item\n1728000000,0.0085,\n"
    told = lines(run(text))
    assert told[0] == "day model US$ provider's what may explain it"
    assert told[1:] == ["2024-10-04 (all models) 0.0075 +0.001 (+11.8 %)"]


def test_usage_of_models_beside_costs_of_days() -> None:
    Path("costs.csv").write_text("start_time,amount_value\n1728000000,0.0075\n", encoding="utf-8")
    text = "date,model,requests\n2024-10-04,gpt-5.2,2\n"
    told = lines(run(text, "--reconcile", "costs.csv", "--provider", "openai"))
    assert told[1] == "2024-10-04 (all models) - 0.005 +0.0025 (+33.3 %)"
    assert told[2] == "2024-10-04 gpt-5.2 2 = -"


@pytest.mark.parametrize(("percent", "code"), [("50", 0), ("10", 1), ("0", 1)])
def test_a_difference_may_be_a_failure(percent: str, code: int) -> None:
    text = HEADER + "2024-10-04,gpt-5.2,2,240,480,0.004\n"
    assert run(text, "--provider", "openai", "--fail-over", percent).exit_code == code
    assert run(text, "--provider", "openai").exit_code == 0


def test_nothing_at_all_on_their_side_is_beyond_any_difference() -> None:
    assert run(HEADER + "2024-10-04,x,0,0,0,0\n", "--fail-over", "1000").exit_code == 1


def test_what_cannot_be_read_is_told_and_the_rest_is_compared() -> None:
    result = run(HEADER + SAME + "yesterday,m,1,1,1,1\n2024-10-04,\x1b[2J\n")
    assert result.exit_code == 0
    assert "2 lines cannot be read and are not counted:\n  export.csv:3: date is" in result.stderr
    assert "\x1b" not in result.output


def test_another_file_is_told_what_is_known() -> None:
    result = run("a,b\n1,2\n")
    assert result.exit_code == 1
    assert "Error: export.csv: its first line is no header that is known.\na,b\n" in result.output
    assert "Anthropic's costs: cost_usd, usage_date_utc" in result.output


def test_a_page_that_is_not_the_last_is_told() -> None:
    page = {"data": [{"start_time": 1_728_000_000, "results": [{"input_tokens": 1}]}]}
    result = run(json.dumps({**page, "has_more": True}))
    assert "export.csv ends with a page after which there are more.\n" in result.stderr


def test_without_a_database_it_says_so() -> None:
    Path("data.db").unlink()
    assert "There is no database at" in run(HEADER + SAME).output
