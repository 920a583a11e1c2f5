"""The database is looked at and left as it is, whatever it is."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from gateway.commands.diagnosis.database import database
from gateway.commands.diagnosis.verdict import Level, Verdict
from gateway.store.database import Database
from gateway.store.journal import MARK
from gateway.store.versions import scripts
from tests.store.real_postgres import RealPostgres, running


@pytest.fixture(scope="session")
def started() -> RealPostgres:
    """Start the server before a test's own time begins."""
    return running()


def look(place: Database) -> dict[str, Verdict]:
    return {each.check: each for each in database(place, lambda: 0.0)}


def levels(found: dict[str, Verdict]) -> list[tuple[str, Level]]:
    assert all(each.remedy for each in found.values() if each.level in {Level.WARN, Level.FAIL})
    return [(name, each.level) for name, each in found.items()]


WELL = [("opens", Level.OK), ("writable", Level.OK), ("journals", Level.OK)]


def test_one_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    place = Database(tmp_path / "gateway.db")
    assert levels(look(place)) == [("opens", Level.OK)]
    assert list(tmp_path.iterdir()) == []
    assert levels(look(Database(tmp_path / "gone" / "gateway.db"))) == [("opens", Level.FAIL)]


def test_one_that_is_in_use_is_well_and_changed_in_nothing(tmp_path: Path) -> None:
    place = Database(tmp_path / "gateway.db")
    with closing(place.connect()) as used:
        found = look(place)
        assert levels(found)[:3] == WELL
        assert found["opens"].seen.endswith(f"version {len(scripts('sqlite'))}, in 0 ms")
        used.execute("BEGIN IMMEDIATE")
        busy = look(place)["writable"]
        assert (busy.level, "locked by another program" in busy.seen) == (Level.FAIL, True)
        used.execute("ROLLBACK")


def test_one_that_answers_late_is_warned_of(tmp_path: Path) -> None:
    place = Database(tmp_path / "gateway.db")
    place.connect().close()
    clock = count().__next__
    (opens, *_) = database(place, lambda: float(clock()))
    assert (opens.level, opens.seen.endswith("in 1000 ms")) == (Level.WARN, True)


def test_an_older_one_is_not_brought_up_to_date(tmp_path: Path) -> None:
    place = Database(tmp_path / "gateway.db")
    place.connect().close()
    path = tmp_path / "gateway.db"
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("PRAGMA user_version = 1")
    found = look(place)
    assert levels(found)[:2] == [("opens", Level.WARN), ("writable", Level.SKIPPED)]
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA user_version").fetchone() == (1,)


@pytest.mark.parametrize("content", [b"this is no database, but a text that is long enough" * 40])
def test_what_is_no_database_of_ours_fails(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gateway.db"
    path.write_bytes(content)
    found = look(Database(path))
    assert levels(found) == [("opens", Level.FAIL), ("writable", Level.SKIPPED)]
    assert path.read_bytes() == content


def test_rows_that_wait_in_journals_are_told(tmp_path: Path) -> None:
    place = Database(tmp_path / "gateway.db")
    place.connect().close()
    (tmp_path / f"gateway.db{MARK}1f0c").write_bytes(b"")
    assert look(place)["journals"].level is Level.OK
    (tmp_path / f"gateway.db{MARK}2f0c").write_bytes(b"[]\n")
    told = look(place)["journals"]
    assert (told.level, told.seen) == (Level.WARN, "2 journals beside it, 1 with rows that wait")


def test_a_postgres_is_asked_for_its_version_and_whether_we_may_write(
    started: RealPostgres, tmp_path: Path
) -> None:
    started.start()
    place = Database(started.place(tmp_path))
    assert levels(look(place))[:2] == [("opens", Level.WARN), ("writable", Level.SKIPPED)]
    place.connect().close()
    assert levels(look(place))[:3] == WELL
    away: Sequence[Verdict] = database(
        Database(started.place(tmp_path, database="no_such_database")), lambda: 0.0
    )
    assert [each.level for each in away] == [Level.FAIL, Level.SKIPPED]
    assert "does not exist" in away[0].seen
