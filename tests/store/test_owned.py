"""The table of objects, in each database."""

import pytest

from gateway.store.connection import Connection
from gateway.store.owned import DAY, KEPT_DAYS, SHORTER_DAYS, find, prune, write
from gateway.words.owned import Owned

NOW = 1_800_000_000
MINE = Owned("file", "openai", b"key 9f \xc3\xa9\x00")
THEIRS = Owned("file", "openai", b"team b")
HOSTILE = "x'); DROP TABLE objects; --\""


def test_api1_who_had_an_object_first_keeps_it(connection: Connection) -> None:
    write(connection, [("file-1", MINE), ("file-2", THEIRS)], NOW)
    write(connection, [("file-1", THEIRS)], NOW + 1)
    found = find(connection, ["file-1", "file-2", "file-3"], NOW)
    assert found == {"file-1": MINE, "file-2": THEIRS}
    write(connection, [("file-1", None), ("file-3", None)], NOW)
    assert find(connection, ["file-1"], NOW) == {}


def test_s6_what_an_id_says_is_never_sql(connection: Connection) -> None:
    write(connection, [(HOSTILE, MINE), ("file-1", MINE)], NOW)
    assert find(connection, [HOSTILE, "' OR 1=1 --"], NOW) == {HOSTILE: MINE}
    write(connection, [(HOSTILE, None)], NOW)
    assert find(connection, [HOSTILE, "file-1"], NOW) == {"file-1": MINE}


def test_what_the_database_refuses_spares_the_others(connection: Connection) -> None:
    odd = ("\ud800", Owned("file", "openai", b""))
    write(connection, [("a", MINE), odd, ("b", MINE)], NOW)
    assert find(connection, ["a", "b"], NOW) == {"a": MINE, "b": MINE}


@pytest.mark.parametrize(
    ("kind", "days"), [("file", KEPT_DAYS), ("response", SHORTER_DAYS["response"])]
)
def test_what_nobody_asks_about_is_forgotten_in_time(
    connection: Connection, kind: str, days: int
) -> None:
    owned = Owned(kind, "openai", b"team a")
    until = NOW + days * DAY
    write(connection, [("a", owned), ("b", owned)], NOW)
    write(connection, [("b", owned)], NOW + 10)  # no more often than once a day
    write(connection, [("b", owned)], NOW + 2 * DAY)
    assert prune(connection, until - 1) == 0
    assert find(connection, ["a", "b"], until) == {"b": owned}
    assert prune(connection, until) == 1
    assert prune(connection, until + 2 * DAY) == 1


def test_owners_are_found_by_an_index(connection: Connection) -> None:
    if connection.kind == "sqlite":
        for statement in (
            "SELECT 1 FROM objects WHERE id IN (SELECT value FROM json_each('[]'))",
            "SELECT id FROM objects WHERE kept_until <= 1 ORDER BY kept_until LIMIT 5",
        ):
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            assert any("SEARCH objects" in step for step in plan)
