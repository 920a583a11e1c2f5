"""One interface to both databases: rows that are read whole, and transactions."""

import pytest

from gateway.store.calls import number_of
from gateway.store.connection import Connection, DatabaseFault, RowRefused, Rows, transaction
from gateway.store.database import Database

COUNT = "SELECT count(*) FROM writers"


def test_rows_are_taken_one_by_one_or_all() -> None:
    rows = Rows([(1,), (2,), (3,), (4,)], 4)
    assert rows.fetchone() == (1,)
    assert next(iter(rows)) == (2,)
    assert rows.fetchall() == [(3,), (4,)]
    assert (rows.fetchone(), rows.fetchall(), rows.rowcount) == (None, [], 4)


def test_values_are_never_part_of_a_statement(connection: Connection) -> None:
    hostile = "'; DROP TABLE calls; -- ? %s %% \N{SNOWMAN}"
    number_of(connection, hostile)
    found = connection.execute("SELECT name FROM writers WHERE name = ?", (hostile,))
    assert found.fetchall() == [(hostile,)]


def test_a_transaction_is_whole_or_nothing(connection: Connection) -> None:
    with pytest.raises(ZeroDivisionError), transaction(connection):
        number_of(connection, "a")
        raise ZeroDivisionError
    assert not connection.in_transaction
    assert connection.execute(COUNT).fetchall() == [(0,)]
    with transaction(connection):
        number_of(connection, "b")
    assert connection.execute(COUNT).fetchall() == [(1,)]


def test_one_that_ended_by_itself_is_not_undone_again(connection: Connection) -> None:
    with pytest.raises(ZeroDivisionError), transaction(connection):
        connection.execute("ROLLBACK")
        raise ZeroDivisionError
    assert not connection.in_transaction


def test_who_reads_sees_one_moment(connection: Connection, database: Database) -> None:
    other = database.connect()
    try:
        with transaction(connection, reading=True):
            assert connection.execute(COUNT).fetchall() == [(0,)]
            number_of(other, "a")
            assert connection.execute(COUNT).fetchall() == [(0,)]
        assert connection.execute(COUNT).fetchall() == [(1,)]
    finally:
        other.close()


def test_a_value_that_is_refused_leaves_the_connection_as_it_was(connection: Connection) -> None:
    number_of(connection, "a")
    with pytest.raises(RowRefused):
        connection.execute("INSERT INTO writers (name) VALUES ('a')")
    with pytest.raises(RowRefused):
        connection.execute("INSERT INTO writers (name) VALUES (?)", ("\ud800",))
    assert connection.execute(COUNT).fetchall() == [(1,)]


def test_one_that_is_closed_cannot_be_used(database: Database) -> None:
    connection = database.connect()
    connection.close()
    connection.close()
    with pytest.raises(DatabaseFault):
        connection.execute(COUNT)


def test_who_only_reads_changes_nothing(database: Database) -> None:
    database.connect().close()
    reader = database.connect(readonly=True)
    try:
        with pytest.raises(DatabaseFault, match=r"cannot be written|can only be read"):
            reader.execute("DELETE FROM meta")
    finally:
        reader.close()
