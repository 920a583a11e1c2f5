"""What was spent since a moment is added up by key, team, user and model."""

from contextlib import closing
from pathlib import Path

from gateway.policy.budgets import Spent
from gateway.store.calls import add
from gateway.store.connection import Connection
from gateway.store.database import Database
from gateway.store.keys import KeyStore
from gateway.store.openings import Opening
from gateway.store.rows import row_of
from gateway.store.spent import spent_since
from gateway.words.caller import ANYONE, Caller
from tests.store.receipts import NOON_NS, call, end

NOON = NOON_NS // 1_000_000_000
BOB = Caller("ci", "0123456789ab", team="research", user="bob")


def filled(connection: Connection) -> Connection:
    """Add calls from noon on, one in each second."""
    receipts = [
        end(call(), 1),
        end(call(model="mini"), 20),
        end(call(), 300),
        end(call(caller=ANYONE, model=None), 4000),
        end(call(caller=BOB), 50_000),
        end(call(), None),
        end(call(), 0),
        end(call(), 600_000),
    ]
    moments = [NOON_NS + second * 1_000_000_000 for second in range(len(receipts))]
    pairs = enumerate(zip(receipts, moments, strict=True))
    rows = [(number, row_of(each, at, at)) for number, (each, at) in pairs]
    rows.append((99, row_of(call(), NOON_NS, None)))
    assert add(connection, 1, rows) == []
    return connection


def test_each_moment_has_all_that_began_then_or_later(connection: Connection) -> None:
    moments = [NOON + 2, NOON, NOON + 7, NOON + 2, NOON + 8]
    found = spent_since(filled(connection), moments)
    assert list(found) == [NOON + 8, NOON + 7, NOON + 2, NOON]
    anna = Spent("ci", "research", "anna", "gpt-5.2", 600_000)
    assert found[NOON + 8] == []
    assert found[NOON + 7] == [anna]
    assert set(found[NOON + 2]) == {
        Spent("ci", "research", "anna", "gpt-5.2", 600_300),
        Spent("ci", "research", "bob", "gpt-5.2", 50_000),
        Spent("", None, None, None, 4000),
    }
    assert sum(each.nanos for each in found[NOON]) == 654_321
    assert Spent("ci", "research", "anna", "mini", 20) in found[NOON]
    assert all(isinstance(each.nanos, int) for each in found[NOON])


def test_what_was_spent_elsewhere_is_told_of_the_window_that_starts_then(
    connection: Connection,
) -> None:
    KeyStore(connection).take(
        [], [Opening("key ci day", NOON, 7), Opening("key ci hour", NOON + 1, 9)]
    )
    found = spent_since(connection, [NOON, NOON + 1, NOON + 2])
    assert found == {
        NOON: [Spent("", None, None, None, 7, "key ci day")],
        NOON + 1: [Spent("", None, None, None, 9, "key ci hour")],
        NOON + 2: [],
    }


def test_without_moments_nothing_is_asked(connection: Connection) -> None:
    assert spent_since(connection, []) == {}


def test_it_is_read_from_an_index_alone(tmp_path: Path) -> None:
    """Or a month's calls would have to be looked up one by one."""
    with closing(Database(tmp_path / "gateway.db").connect()) as connection:
        asked: list[str] = []
        connection._connection.set_trace_callback(asked.append)  # type: ignore[attr-defined]
        spent_since(connection, [NOON])
        found = [connection.execute(f"EXPLAIN QUERY PLAN {each}").fetchone() for each in asked[:2]]
        plans = [plan[3] for plan in found if plan is not None]
        for plan, index in zip(plans, ("calls_by_start", "openings_by_start"), strict=True):
            assert f"COVERING INDEX {index}" in plan
