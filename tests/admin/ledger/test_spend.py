"""What was spent is told of days and names, exactly, as page, JSON and CSV."""

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.admin.desk import Desk
from gateway.admin.furniture import money
from gateway.admin.ledger.records import Records
from gateway.admin.ledger.spend import MOST_LINES, MOST_ROWS, PLOTTED, SHOWN, Spend
from gateway.admin.routes import Role
from gateway.store.calls import add
from gateway.store.database import Database
from gateway.store.rows import row_of
from tests.admin.shelved import EVIL, FORMULA, records_of, shelve
from tests.admin.visitor import Visitor, site
from tests.store.receipts import DAY_NS, NOON_NS, call, end

TODAY = NOON_NS / 1e9
DAY, BEFORE = "2024-10-04", "2024-10-03"
BUDGET = {
    "name": "key ci: day", "of": "key", "whose": EVIL, "team": "", "per": "day", "models": [],
    "limit": 5_000_000_000, "spent": 4_000_000_000, "reserved": 500_000_000, "known": 0,
    "start": 1_728_000_000, "end": 1_728_086_400,
}  # fmt: skip


async def ask(question: Mapping[str, object]) -> list[dict[str, Any]]:
    assert question == {"ask": "budgets"}
    return [{"worker": 1, "budgets": [BUDGET], "left_out": 3}]


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with records_of(shelve(tmp_path / "gateway.db")) as records:
        yield records


def visitor(records: Records, role: Role = Role.VIEWER, today: float = TODAY) -> Visitor:
    return Visitor(site([Spend(records, Desk(ask), lambda: today)]), role)


async def costs(records: Records, query: str) -> dict[str | None, int]:
    told = (await visitor(records).get(f"/api/spend{query}")).json
    assert sum(row["cost_nanos"] for row in told["rows"]) == told["total"]["cost_nanos"]
    assert sum(row["calls"] for row in told["rows"]) == told["total"]["calls"]
    return {row["name"]: row["cost_nanos"] for row in told["rows"]}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?by=day", {BEFORE: 1_000_000_000, DAY: 3_007_500_000}),
        ("", {"grace": 3_000_000_000, "ci": 1_002_500_000, "ada": 2_500_000, None: 2_500_000}),
        (f"?by=team&since={DAY}", {"platform": 3 * 10**9, "research": 5_000_000, None: 2_500_000}),
        ("?by=user&until=2024-10-03", {"anna": 1_000_000_000}),
        (f"?by=model&since={DAY}&until={DAY}", {EVIL: 3_000_000_000, "gpt-5.2": 7_500_000}),
        ("?by=target&until=2024-10-02", {}),
    ],
)  # fmt: skip
async def test_each_way_adds_up_to_the_same(
    query: str, found: dict[str | None, int], records: Records
) -> None:
    assert await costs(records, query) == found


async def test_without_days_it_is_the_last_thirty(records: Records) -> None:
    told = (await visitor(records).get("/api/spend")).json
    assert (told["since"], told["until"], told["by"]) == ("2024-09-05", DAY, "key")
    later = visitor(records, today=TODAY + 31 * 86_400)
    assert (await later.get("/api/spend")).json["rows"] == []


@pytest.mark.parametrize(
    "query",
    [
        *("by=session", "since=2024-10-05", "since=2014-01-01&until=2024-10-04", "since=x"),
        *("since=2024-10-04T10:00", "until=2024-13-01", "other=1"),
    ],
)
async def test_what_cannot_be_told_is_refused(query: str, records: Records) -> None:
    for path in ("/api/spend", "/spend", "/spend.csv"):
        assert (await visitor(records).get(f"{path}?{query}")).status == 400


async def test_of_very_many_names_the_dearest_are_told(tmp_path: Path) -> None:
    database = Database(tmp_path / "gateway.db")
    number = MOST_ROWS + 2
    with closing(database.connect()) as connection:
        receipts = [end(call(model=f"m{each}"), each) for each in range(number)]
        rows = [(each, row_of(receipt, NOON_NS, NOON_NS)) for each, receipt in enumerate(receipts)]
        assert add(connection, 1, rows) == []
    with records_of(database) as records:
        told = (await visitor(records).get("/api/spend?by=model")).json
        assert (len(told["rows"]), told["left_out"]) == (MOST_ROWS, 2)
        assert told["rows"][0]["name"] == f"m{number - 1}"
        assert told["total"]["calls"] == number
        page = (await visitor(records).get("/spend?by=model")).text
        assert f"{number - SHOWN:,} others" in page
        assert f">{money(sum(range(number - SHOWN)))}<" in page
        assert page.count('class="track"') == PLOTTED + 1  # and one of a budget


async def test_a_table_for_spreadsheets_has_no_formula_s7(records: Records) -> None:
    """S7: clients choose the names of models."""
    answered = await visitor(records).get("/spend.csv?by=model")
    assert answered.headers["content-type"] == "text/csv; charset=utf-8"
    name = 'attachment; filename="spend-by-model-2024-09-05-2024-10-04.csv"'
    assert answered.headers["content-disposition"] == name
    rows = list(csv.DictReader(io.StringIO(answered.text)))
    assert {row["model"]: row["cost_usd"] for row in rows} == {
        EVIL: "3.00",
        f"'{FORMULA}": "1.00",
        "gpt-5.2": "0.0075",
    }


async def test_a_table_that_is_cut_adds_up_to_all(tmp_path: Path) -> None:
    database = Database(tmp_path / "gateway.db")
    number = MOST_LINES + 3
    with closing(database.connect()) as connection:
        receipts = [end(call(model=f"m{each}"), each + 1) for each in range(number)]
        rows = [(each, row_of(receipt, NOON_NS, NOON_NS)) for each, receipt in enumerate(receipts)]
        assert add(connection, 1, rows) == []
    with records_of(database) as records:
        table = await visitor(records).get("/spend.csv?by=model")
    *_, last = rows_of_table = list(csv.DictReader(io.StringIO(table.text)))
    assert (last["model"], last["calls"]) == ("(3 others)", "3")
    assert sum(int(row["calls"]) for row in rows_of_table) == number


async def test_the_page_has_plots_and_the_same_numbers_as_tables(records: Records) -> None:
    page = await visitor(records, Role.ADMIN).get(f"/spend?by=model&since={BEFORE}")
    assert page.status == 200
    assert page.text.count("<svg") == 3
    assert page.text.count("<desc") == 2
    assert f"{DAY}: $3.01" in page.text
    assert "4 Oct" in page.text
    for cell in ("$4.01", "$3.01", "$3.00", "$1.00"):
        assert cell in page.text
    assert "<script>alert" not in page.text
    assert "/calls?model=%3Cscript" in page.text
    assert f"/spend?by=key&amp;since={BEFORE}&amp;until={DAY}" in page.text


async def test_a_plot_goes_to_the_last_day_though_nothing_was_used_on_it(records: Records) -> None:
    page = (await visitor(records, today=TODAY + 86_400).get("/spend")).text
    assert "2024-10-05: $0.00" in page


async def test_small_amounts_are_written_without_an_exponent(records: Records) -> None:
    page = (await visitor(records).get("/spend?by=team&since=2024-10-04")).text
    assert ">$0.00250<" in page
    assert ">$0.00500<" in page


async def test_of_a_long_time_each_month_has_a_column(records: Records) -> None:
    page = (await visitor(records).get("/spend?since=2023-11-01")).text
    assert "Each month" in page
    assert "2024-10: $4.01" in page
    assert "2023-11: $0.00" in page


async def test_budgets_are_bars_and_say_what_is_left(records: Records) -> None:
    page = (await visitor(records).get("/spend")).text
    assert "nears its end" in page
    assert "$4.00</b> spent of $5.00 a day" in page
    assert "3 emptier ones are not shown" in page
    told = (await visitor(records).get("/api/budgets")).json
    (budget,) = told["budgets"]
    assert (budget["left_nanos"], budget["end"]) == (500_000_000, "2024-10-05T00:00:00Z")
    assert told["left_out"] == 3


async def test_what_others_spend_is_not_for_a_developer(records: Records) -> None:
    own = visitor(records, Role.DEVELOPER)
    for path in ("/spend", "/api/spend", "/spend.csv", "/api/budgets"):
        assert (await own.get(path)).status == 403


async def test_a_day_without_a_call_has_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "gateway.db")
    database.connect().close()
    with records_of(database) as records:
        page = (await visitor(records).get("/spend?by=day")).text
        assert "Nothing was used on these days." in page


async def test_without_a_database_it_says_how_to_get_one() -> None:
    with records_of(None) as records:
        page = await visitor(records).get("/spend")
        assert (page.status, "[store]" in page.text) == (200, True)
        assert (await visitor(records).get("/api/spend")).code == "no_database"


def test_its_own_clock_is_of_today() -> None:
    with records_of(None) as records:
        assert Spend(records, Desk(ask))._today() > NOON_NS / 1e9 - DAY_NS
