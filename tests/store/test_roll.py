"""Who of all machines' processes lives is told by a lock and a heartbeat, and by neither alone."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.calls import add, number_of
from gateway.store.connection import Connection
from gateway.store.database import Database
from gateway.store.roll import LOCKS, Roll
from gateway.store.rows import row_of
from tests.store.real_postgres import RealPostgres
from tests.store.receipts import call, end, wait_until

GRACE = 0.05
LONG_AGO = "UPDATE writers SET seen_at = seen_at - interval '1 hour'"


@pytest.fixture
def server(postgres: RealPostgres, tmp_path: Path) -> Database:
    return Database(postgres.place(tmp_path))


class Writer:
    """A process that writes: its connection, its number, a call that is open."""

    def __init__(self, server: Database, name: str, grace: float = GRACE) -> None:
        self.server, self.name = server, name
        self.number = 0
        self.connect(grace)

    def connect(self, grace: float = GRACE) -> None:
        self.connection: Connection = self.server.connect()
        self.number = number_of(self.connection, self.name, self.number)
        self.roll = Roll(self.connection, self.number, grace)
        self.roll.answer()

    def open(self, number: int = 1) -> None:
        add(self.connection, self.number, [(number, row_of(call(self.name), 1, None))])

    def end(self, number: int = 1) -> None:
        add(self.connection, self.number, [(number, row_of(end(call(self.name)), 1, 2))])


@pytest.fixture
def two(server: Database) -> Iterator[tuple[Writer, Writer]]:
    """Return two who write, on machines that know nothing of each other."""
    writers = Writer(server, "one"), Writer(server, "two")
    yield writers
    for writer in writers:
        writer.connection.close()


def outcomes(connection: Connection) -> dict[str, str | None]:
    return dict(connection.execute("SELECT request_id, outcome FROM calls").fetchall())


def call_until(writer: Writer, lost: int) -> None:
    """Call the roll until so many calls were closed."""
    found = 0

    def is_so() -> bool:
        nonlocal found
        found += writer.roll.call()
        return found >= lost

    wait_until(is_so)
    assert found == lost


def test_the_calls_of_who_is_dead_are_lost(two: tuple[Writer, Writer]) -> None:
    one, other = two
    one.open()
    one.end(2)
    other.open()
    one.connection.close()
    call_until(other, 1)
    assert sorted(map(str, rows(other.connection))) == ["None", "completed", "lost"]
    assert other.roll.call() == 0


def test_who_is_silent_but_holds_the_lock_lives(two: tuple[Writer, Writer]) -> None:
    one, other = two
    one.open()
    other.connection.execute(LONG_AGO)
    wait_until(lambda: silent(other))
    assert other.roll.call() == 0
    assert outcomes(other.connection) == {"one": None}


def silent(writer: Writer) -> bool:
    """Say whether the other's silence is long enough, and this connection's age."""
    found = writer.connection.execute(
        "SELECT clock_timestamp() - backend_start > interval '0.06 s' FROM pg_stat_activity"
        " WHERE pid = pg_backend_pid()"
    )
    return bool(found.fetchall()[0][0])


def test_who_lost_the_lock_but_was_heard_lives(server: Database) -> None:
    one, other = Writer(server, "one", 60), Writer(server, "two", 60)
    one.open()
    one.connection.close()
    assert other.roll.call() == 0
    one.connect()
    one.end()
    assert outcomes(other.connection) == {"one": "completed"}
    one.connection.close()
    other.connection.close()


def test_who_has_just_come_back_itself_buries_nobody(server: Database) -> None:
    """After an outage all have been silent, and the others may be on their way."""
    one = Writer(server, "one")
    one.open()
    one.connection.execute(LONG_AGO)
    one.connection.close()
    late = Writer(server, "late", 60)
    assert late.roll.call() == 0
    assert outcomes(late.connection) == {"one": None}
    late.connection.close()


def test_who_was_taken_for_dead_is_believed_in_the_end(two: tuple[Writer, Writer]) -> None:
    one, other = two
    one.open()
    one.connection.close()
    call_until(other, 1)
    assert outcomes(other.connection) == {"one": "lost"}
    number = one.number
    one.connect()
    assert one.number == number
    one.end()
    one.open(2)
    assert sorted(map(str, rows(one.connection))) == ["None", "completed"]
    one.connection.close()
    call_until(other, 1)


def rows(connection: Connection) -> list[str | None]:
    return [outcome for (outcome,) in connection.execute("SELECT outcome FROM calls")]


def test_a_lock_that_an_old_connection_still_holds_is_had_the_next_time(
    two: tuple[Writer, Writer],
) -> None:
    one, other = two
    held = (LOCKS, 77)
    one.connection.execute("SELECT pg_advisory_lock(?, ?)", held)
    roll = Roll(other.connection, 77)
    roll.answer()
    one.connection.execute("SELECT pg_advisory_unlock(?, ?)", held)
    for _ in range(3):
        roll.answer()
    found = one.connection.execute("SELECT pg_try_advisory_lock(?, ?)", held).fetchone()
    assert found == (False,)
    other.connection.execute("SELECT pg_advisory_unlock(?, ?)", held)
    found = one.connection.execute("SELECT pg_try_advisory_lock(?, ?)", held).fetchone()
    assert found == (True,), "it was taken once"


def test_what_a_process_on_another_machine_had_open_when_it_was_killed_is_lost(
    server: Database, postgres: RealPostgres, tmp_path: Path
) -> None:
    place = server.place
    assert not isinstance(place, Path)
    address = postgres.url(place.database)
    command = [sys.executable, "-m", "tests.store.ledger_load", address, "far", str(tmp_path)]
    here = Writer(server, "here", 0.5)
    with closing(here.connection), subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        wait_until(lambda: None in rows(here.connection))
        assert here.roll.call() == 0
        process.send_signal(signal.SIGKILL)
        process.stdout.read()
        wait_until(here.roll.call)
        assert set(rows(here.connection)) == {"lost", "completed"}
    assert list(tmp_path.glob("*.postgres.writer-*")), "its journal waits for its machine"
