"""Calls are found by what their rows say, the newest first, from an index, a page at a time."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.store.calls import add
from gateway.store.connection import Connection
from gateway.store.database import Database
from gateway.store.rows import row_of
from gateway.store.search import MOST_FOUND, Entry, Try, Wanted, call_of, calls_of, search
from gateway.words.caller import ANYONE
from gateway.words.errors import UpstreamReset
from tests.store.receipts import CALLER, NOON_NS, call, end

SECOND_NS = 10**9
WRITER = 1 << 40


@pytest.fixture
def filled(connection: Connection) -> Connection:
    """Six calls of two processes, a second apart; the fifth is of nobody, the last is open."""
    failed = call("req_c", model="mini", caller=ANYONE, target=None)
    failed.fail(UpstreamReset("gone"))
    receipts = [
        (1, end(call("req_a"))),
        (2, end(call("req_b", model="mini"))),
        (1, end(call("req_ab"))),
        (2, end(call("req_a"))),
        (1, failed),
        (2, call("other", model="mini")),
    ]
    for number, (writer, receipt) in enumerate(receipts):
        at = NOON_NS + number * SECOND_NS
        is_open = number == len(receipts) - 1
        add(connection, writer, [(number, row_of(receipt, at, None if is_open else at + 1))])
    return connection


def numbers(connection: Connection, wanted: Wanted) -> list[int]:
    """Say which calls were found, by their turn."""
    return [int(each.id) % WRITER for each in search(connection, wanted).calls]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [5, 4, 3, 2, 1, 0]),
        (Wanted(key="ci"), [5, 3, 2, 1, 0]),
        (Wanted(key=""), [4]),
        (Wanted(key="c%"), []),
        (Wanted(team="research", model="mini"), [5, 1]),
        (Wanted(team=""), [4]),
        (Wanted(user="anna", key="ci", outcome="open"), [5]),
        (Wanted(user="%"), []),
        (Wanted(target="openai/gpt-5.2"), [5, 3, 2, 1, 0]),
        (Wanted(outcome="upstream_error"), [4]),
        (Wanted(since_ns=NOON_NS + SECOND_NS, until_ns=NOON_NS + 3 * SECOND_NS), [3, 2, 1]),
        (Wanted(request="req_a"), [3, 2, 0]),
        (Wanted(request="req_ab"), [2]),
        (Wanted(request="req_", key="ci", model="mini"), [1]),
        (Wanted(request="%"), []),
        (Wanted(request="REQ_A"), []),
        (Wanted(before=WRITER * 2 + 3), [2, 1, 0]),
        (Wanted(before=99), []),
        (Wanted(before=2**70), []),
        (Wanted(key="\0"), []),
        (Wanted(request="\ud800"), []),
        (Wanted(request="' OR 1=1 --"), []),
    ],
)
def test_what_is_wanted_is_found(wanted: Wanted, found: list[int], filled: Connection) -> None:
    assert numbers(filled, wanted) == found


@pytest.mark.parametrize("which", [{}, {"key": "ci"}, {"request": "req"}])
def test_page_by_page_each_is_seen_once(which: dict[str, str], filled: Connection) -> None:
    seen: list[str] = []
    before = None
    for _ in range(6):
        page = search(filled, Wanted(**which, before=before, most=2))  # type: ignore[arg-type]
        seen += [each.id for each in page.calls]
        before = page.older
        if before is None:
            break
    assert before is None
    assert seen == [each.id for each in search(filled, Wanted(**which)).calls]  # type: ignore[arg-type]


def test_those_of_one_moment_are_told_apart(connection: Connection) -> None:
    add(connection, 1, [(n, row_of(end(call()), NOON_NS, NOON_NS)) for n in range(130)])
    first = search(connection, Wanted(most=10**9))
    assert len(first.calls) == MOST_FOUND
    rest = search(connection, Wanted(before=first.older))
    assert [int(each.id) % WRITER for each in rest.calls] == list(range(29, -1, -1))
    assert rest.older is None


def test_of_very_many_that_begin_alike_not_all_are_looked_at(connection: Connection) -> None:
    add(connection, 1, [(n, row_of(end(call()), NOON_NS, NOON_NS)) for n in range(1000)])
    assert not search(connection, Wanted(request="req")).too_many
    add(connection, 2, [(1, row_of(end(call()), NOON_NS, NOON_NS))])
    assert search(connection, Wanted(request="req")).too_many


def test_s13_what_others_have_begun_alike_hides_nothing_and_tells_nothing(
    connection: Connection,
) -> None:
    others = [(n, row_of(end(call()), NOON_NS + n, NOON_NS)) for n in range(1001)]
    own = end(call("req_z", caller=replace(CALLER, user="ada")))
    add(connection, 1, [*others, (2000, row_of(own, NOON_NS, NOON_NS))])
    found = search(connection, Wanted(request="req", user="ada"))
    assert ([each.request_id for each in found.calls], found.too_many) == (["req_z"], False)
    for number in (WRITER + 1000, 7):
        assert search(connection, Wanted(user="ada", before=number)).calls == ()


def test_s13_a_call_is_found_by_its_request_id_however_many_others_have_it(
    connection: Connection,
) -> None:
    own = end(call("req_a", caller=replace(CALLER, user="ada")))
    add(connection, 1, [(0, row_of(own, NOON_NS, NOON_NS))])
    alike = [(n, row_of(end(call("req_a")), NOON_NS + n, NOON_NS)) for n in range(1, 30)]
    add(connection, 1, alike)
    assert [each.user for each in calls_of(connection, "req_a", "ada")] == ["ada"]


def test_one_call_is_told_whole(filled: Connection) -> None:
    found = call_of(filled, WRITER)
    assert isinstance(found, Entry)
    assert (found.id, found.request_id, found.key, found.team) == (
        str(WRITER),
        "req_a",
        "ci",
        "research",
    )
    assert (found.outcome, found.stream, found.drained, found.tags) == (
        "completed",
        True,
        False,
        (),
    )
    assert found.attempts == (
        Try("openai/gpt-5.2", "completed", 0.0, 1500.0, tokens_in=120, tokens_out=240),
    )
    open_one = call_of(filled, 2 * WRITER + 5)
    assert open_one is not None
    assert (open_one.outcome, open_one.ended_at_ns, open_one.attempts) == ("open", None, ())
    assert call_of(filled, 12345) is None
    assert call_of(filled, 2**70) is None


def test_the_calls_of_one_request_id_are_told(filled: Connection) -> None:
    assert [int(each.id) % WRITER for each in calls_of(filled, "req_a")] == [3, 0]
    assert calls_of(filled, "req_") == ()
    assert calls_of(filled, "\0\ud800") == ()


def test_rows_of_earlier_versions_and_damaged_ones_are_told(filled: Connection) -> None:
    for number, attempts in ((0, '[{"target": "a", "ms": 2, "new": 1}]'), (2, '[{"ms": "x"')):
        filled.execute(
            "UPDATE calls SET attempts = ?, tags = ? WHERE id = ?",
            (attempts, "no list", WRITER + number),
        )
    old, damaged = call_of(filled, WRITER), call_of(filled, WRITER + 2)
    assert old is not None
    assert old.attempts == (Try("a", ms=2.0),)
    assert damaged is not None
    assert (damaged.attempts, damaged.tags) == ((), ())


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Wanted(), "calls_by_start"),
        (Wanted(user="anna", outcome="lost"), "calls_by_start"),
        (Wanted(key="ci", model="mini"), "calls_by_key"),
        (Wanted(request="req_1", key="ci"), "calls_by_request"),
    ],
)
def test_each_question_is_answered_from_an_index(
    wanted: Wanted, index: str, tmp_path: Path
) -> None:
    """S19: or a million calls would be read and sorted for each page."""
    path = tmp_path / "gateway.db"
    with closing(Database(path).connect()) as connection:
        asked: list[str] = []
        connection._connection.set_trace_callback(asked.append)  # type: ignore[attr-defined]
        search(connection, wanted)
        call_of(connection, 7)
        calls_of(connection, "req_1")
    with closing(sqlite3.connect(path)) as plain:
        plans = [
            " ".join(row[3] for row in plain.execute(f"EXPLAIN QUERY PLAN {each}"))
            for each in asked
        ]
    *searched, one, namesakes = plans
    assert all(index in plan for plan in searched)
    assert all("SEARCH calls" in plan for plan in plans)
    assert "PRIMARY KEY" in one
    assert "calls_by_request" in namesakes


def test_a_server_sorts_ids_by_their_bytes(database: Database, connection: Connection) -> None:
    """So that a range of the index is what begins alike, whatever language the server speaks."""
    if connection.kind == "postgres":
        question = (
            "SELECT collation_name FROM information_schema.columns WHERE table_schema = 'gateway'"
            " AND column_name = 'request_id'"
        )
        assert connection.execute(question).fetchall() == [("C",)]
