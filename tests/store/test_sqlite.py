"""A file is made once, for its owner alone, brought forward, and never overwritten."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.connection import DatabaseFault, transaction
from gateway.store.sqlite import APPLICATION, SqliteConnection, fault_of, identity_of, open_sqlite


def opened(path: Path, *, readonly: bool = False) -> SqliteConnection:
    return open_sqlite(path, 0.05, readonly=readonly)


def fault(path: Path, *, readonly: bool = False) -> str:
    with pytest.raises(DatabaseFault) as caught:
        opened(path, readonly=readonly)
    return str(caught.value)


def test_it_is_made_for_its_owner_alone_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "ledger ü?#%41.db"
    with closing(opened(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert {"calls", "keys", "meta", "writers"} <= tables
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (1,)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
        assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_it_is_there_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    assert identity_of(path) is None
    with closing(opened(path)) as connection:
        connection.execute("UPDATE meta SET value = 7")
    identity = identity_of(path)
    assert identity is not None
    with closing(opened(path)) as connection:
        assert connection.execute("SELECT value FROM meta").fetchone() == (7,)
    assert identity_of(path) == identity


def test_to_read_what_is_not_there_makes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    assert fault(path, readonly=True) == f"There is no database at {path}."
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize(
    "data",
    [b"notes", b"x" * 5000, b"SQLite format 3\0" + b"\x07" * 9000],
    ids=["few", "many", "as"],
)
def test_what_is_no_database_is_told_and_left_as_it_is(
    data: bytes, readonly: bool, tmp_path: Path
) -> None:
    path = tmp_path / "gateway.db"
    path.write_bytes(data)
    assert "is left as it is" in fault(path, readonly=readonly)
    assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def test_one_whose_first_page_is_damaged_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    opened(path).close()
    data = bytearray(path.read_bytes())
    data[100:2000] = b"\x55" * 1900
    path.write_bytes(data)
    assert "damaged; it is left as it is" in fault(path)
    assert path.read_bytes() == data


def test_one_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    with closing(opened(path)) as connection:
        connection.execute("PRAGMA user_version = 9")
    for readonly in (False, True):
        assert "is of a newer version (9; this one knows up to 6)" in fault(path, readonly=readonly)


def test_one_of_an_older_version_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    path.touch()
    assert "older version: `gateway serve` brings it up to date" in fault(path, readonly=True)
    opened(path).close()
    opened(path, readonly=True).close()


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
    data = path.read_bytes()
    assert "another program's" in fault(path)
    assert path.read_bytes() == data


def test_where_nothing_can_be_made_it_is_told(tmp_path: Path) -> None:
    assert "cannot be made: No such file" in fault(tmp_path / "no" / "gateway.db")
    assert "cannot be opened" in fault(tmp_path)


def test_one_that_another_holds_is_told(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "locked by another program" in fault(path)
        other.execute("ROLLBACK")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "locked by another program" in fault(path)


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    opened(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 0")
    assert "already exists" in fault(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (0,)


def test_one_is_made_while_another_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    opened(path).close()
    with closing(opened(path)) as writer, transaction(writer):
        writer.execute("UPDATE meta SET value = 7")
        with closing(opened(path, readonly=True)) as reader:
            assert reader.execute("SELECT value FROM meta").fetchone() == (0,)


def test_an_error_that_nobody_knows_is_told_as_it_is() -> None:
    assert str(fault_of(sqlite3.Error("odd"), Path("g.db"))) == "g.db cannot be used: odd."
