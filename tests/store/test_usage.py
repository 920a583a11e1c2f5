"""What was used is added up exactly, by whatever a row says."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.calls import add
from gateway.store.connection import Connection
from gateway.store.database import Database
from gateway.store.rows import row_of
from gateway.store.usage import BY, Used, usage
from gateway.words.caller import ANYONE
from gateway.words.errors import UpstreamReset
from tests.store.receipts import DAY_NS, NOON_NS, call, end

DAY = NOON_NS // DAY_NS


@pytest.fixture
def filled(connection: Connection) -> Connection:
    reset = call(model="gpt-5.2-mini", target=None, caller=ANYONE)
    reset.fail(UpstreamReset("gone"))
    receipts = [
        (end(call(), 2_500_001), NOON_NS),
        (end(call(), 10**15), NOON_NS + DAY_NS // 2 - 1),
        (end(call(model="mini"), None), NOON_NS + DAY_NS // 2),
        (reset, NOON_NS + 3 * DAY_NS),
    ]
    rows = [(n, row_of(each, at, at + 1)) for n, (each, at) in enumerate(receipts)]
    rows.append((9, row_of(call(), NOON_NS, None)))
    add(connection, 1, rows)
    return connection


def test_days_begin_at_midnight_in_utc(filled: Connection) -> None:
    found = usage(filled, "day")
    assert set(found) == {DAY, DAY + 1, DAY + 3}
    outcomes = {"completed": 2, "open": 1}
    assert found[DAY] == Used(3, 240, 40, 480, 10**15 + 2_500_001, 0, outcomes)
    assert found[DAY + 1] == Used(1, 120, 20, 240, 0, 1, {"completed": 1})
    assert found[DAY + 3] == Used(1, 0, 0, 0, 0, 0, {"upstream_error": 1})


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("key", {"ci": 4, None: 1}),
        ("team", {"research": 4, None: 1}),
        ("model", {"gpt-5.2": 3, "mini": 1, "gpt-5.2-mini": 1}),
        ("user", {"anna": 4, None: 1}),
        ("session", {None: 5}),
        ("target", {"openai/gpt-5.2": 4, None: 1}),
    ],
)
def test_what_has_no_name_is_told_apart(
    by: str, names: dict[str | None, int], filled: Connection
) -> None:
    assert {name: used.calls for name, used in usage(filled, by).items()} == names


@pytest.mark.parametrize(
    ("since", "until", "calls"),
    [(DAY, DAY, 3), (DAY + 1, None, 2), (None, DAY + 1, 4), (DAY + 4, None, 0), (DAY, DAY - 1, 0)],
)
def test_the_first_and_the_last_day_are_included(
    since: int | None, until: int | None, calls: int, filled: Connection
) -> None:
    for by in BY:
        found = usage(filled, by, since, until)
        assert sum(used.calls for used in found.values()) == calls


def test_days_are_read_in_the_order_of_an_index(tmp_path: Path) -> None:
    """Or a year's calls would have to be sorted."""
    path = tmp_path / "gateway.db"
    with closing(Database(path).connect()) as connection:
        asked: list[str] = []
        connection._connection.set_trace_callback(asked.append)  # type: ignore[attr-defined]
        usage(connection, "day", DAY, DAY)
        usage(connection, "day")
    with closing(sqlite3.connect(path)) as plain:
        for question in asked:
            plan = [row[3] for row in plain.execute(f"EXPLAIN QUERY PLAN {question}").fetchall()]
            assert "calls_by_day" in plan[0]
            assert not any("TEMP B-TREE" in step for step in plan)
