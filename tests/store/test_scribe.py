"""Whatever the database does, rows are in it, in a journal until it is back, or counted as lost."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.store.database import Database
from gateway.store.journal import JournalFile, Numbered, names
from gateway.store.postgres import PostgresConnection
from gateway.store.roll import BEAT
from gateway.store.rows import row_of
from gateway.store.scribe import Scribe
from tests.store.real_postgres import RealPostgres
from tests.store.receipts import Today, Told, call, end

AWAY = "ledger's database away, rows go into a journal"
BACK = "ledger's database back"


class Desk:
    """A database in a folder, and those who write it."""

    def __init__(self, folder: Path, database: Database | None = None) -> None:
        self.database = database or Database(folder / "gateway.db")
        self.path = self.database.path
        self.today = Today()
        self.told = Told()
        self.scribes: list[Scribe] = []

    def scribe(self, most_bytes: int = 10_000_000) -> Scribe:
        scribe = Scribe(self.database, self.today, self.told, most_bytes, 0.02, grace=0.05)
        self.scribes.append(scribe)
        scribe.write([])
        return scribe

    def outcomes(self) -> list[str | None]:
        question = "SELECT outcome FROM calls ORDER BY request_id"
        return [outcome for (outcome,) in self.ask(question)]

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        with closing(self.database.connect(readonly=True)) as connection:
            return connection.execute(question).fetchall()

    def die(self, scribe: Scribe) -> None:
        """Have a scribe leave everything as it is, as a process does that is killed."""
        if scribe._connection is not None:
            scribe._connection.close()
        for file in (scribe._file, *scribe._dead):
            if file is not None:
                file.close()
        self.scribes.remove(scribe)

    def lock(self) -> sqlite3.Connection:
        """Hold the database so that nobody else can write it."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        return connection


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    for scribe in desk.scribes:
        scribe.close()


def opened(number: int) -> Numbered:
    return number, row_of(call(f"req_{number:05}"), number, None)


def ended(number: int) -> Numbered:
    return number, row_of(end(call(f"req_{number:05}")), number, number + 1)


def catch_up(scribe: Scribe) -> None:
    while scribe.patience == 0.0:
        scribe.catch_up()


def test_rows_are_in_the_database_at_once(desk: Desk) -> None:
    scribe = desk.scribe()
    scribe.write([opened(1), ended(2)])
    assert desk.outcomes() == [None, "completed"]
    assert (scribe.written, scribe.journaled, scribe.lost) == (1, 0, 0)
    catch_up(scribe)
    assert scribe.patience is None
    scribe.catch_up()
    assert desk.told.events == []


def test_nothing_but_the_database_is_left(desk: Desk, tmp_path: Path) -> None:
    scribe = desk.scribe()
    scribe.write([ended(1)])
    assert len(names(desk.path)) == 1
    scribe.close()
    assert [path.name for path in tmp_path.iterdir()] == ["gateway.db"]


def test_while_it_is_locked_rows_wait_in_the_journal(desk: Desk) -> None:
    scribe = desk.scribe()
    scribe.write([opened(1), opened(2)])
    with closing(desk.lock()):
        scribe.write([ended(1)])
        scribe.write([ended(3), ended(4)])
        assert (scribe.away, scribe.patience) == (True, 1.0)
        scribe.catch_up()
    assert (scribe.written, scribe.journaled, scribe.replayed) == (0, 3, 0)
    desk.today.later(0.5)
    scribe.write([ended(5)])
    assert scribe.journaled == 4
    desk.today.later(0.6)
    scribe.write([ended(6)])
    assert (scribe.away, scribe.written) == (False, 1)
    catch_up(scribe)
    assert scribe.replayed == 4
    assert desk.outcomes() == ["completed", None, *["completed"] * 4]
    assert [event for event in desk.told.events if "process" not in event] == [AWAY, BACK]
    assert "locked by another program" in str(desk.told.fields[0])


def test_a_clock_that_is_put_back_stops_nobody(desk: Desk) -> None:
    scribe = desk.scribe()
    with closing(desk.lock()):
        scribe.write([ended(1)])
    desk.today.later(-9000)
    scribe.write([ended(2)])
    assert not scribe.away


def test_a_disk_that_is_full_is_a_database_that_is_away(desk: Desk) -> None:
    scribe = desk.scribe()
    scribe.write([ended(0)])
    assert scribe._connection is not None
    ((pages,),) = scribe._connection.execute("PRAGMA page_count")
    scribe._connection.execute(f"PRAGMA max_page_count = {pages}")
    scribe.write([ended(number) for number in range(1, 1000)])
    assert "the disk is full" in str(desk.told.fields[0])
    desk.today.later()
    scribe.write([])
    catch_up(scribe)
    assert len(desk.outcomes()) == 1000 == scribe.written + scribe.replayed


@pytest.mark.parametrize("when", ["before", "between"])
def test_what_is_damaged_is_left_as_it_is_and_rows_outlast_it(desk: Desk, when: str) -> None:
    if when == "between":
        scribe = desk.scribe()
        scribe.write([ended(1)])
        desk.die(scribe)
    desk.path.write_bytes(b"it is no more" * 1000)
    scribe = desk.scribe()
    scribe.write([ended(2)])
    scribe.close()
    assert desk.path.read_bytes() == b"it is no more" * 1000
    assert "is left as it is" in str(desk.told.fields[0])
    for file in desk.path.parent.glob("gateway.db*"):
        if "writer" not in file.name:
            file.unlink()
    scribe = desk.scribe()
    catch_up(scribe)
    assert desk.outcomes() == ["completed"]
    assert scribe.replayed == 1


def test_one_that_is_damaged_within_is_told(desk: Desk) -> None:
    scribe = desk.scribe()
    scribe.write([ended(number) for number in range(500)])
    scribe.close()
    data = bytearray(desk.path.read_bytes())
    data[4096 * 3 :] = b"\xa5" * (len(data) - 4096 * 3)
    desk.path.write_bytes(data)
    scribe = desk.scribe()
    scribe.write([ended(500)])
    assert (scribe.journaled, scribe.lost) == (1, 0)
    assert "is damaged" in str(desk.told.fields[0])


def test_one_that_is_taken_away_is_made_anew(desk: Desk) -> None:
    scribe = desk.scribe()
    scribe.write([ended(1)])
    desk.path.unlink()
    scribe.write([ended(2)])
    assert desk.outcomes() == ["completed"]
    assert desk.told.events == [AWAY, BACK]


def test_the_journal_has_a_limit_and_what_is_beyond_is_counted(desk: Desk) -> None:
    other = JournalFile.create(Database(desk.path).path)
    scribe = desk.scribe(4000)
    with closing(desk.lock()):
        scribe.write([ended(number) for number in range(50)])
        scribe.write([ended(50)])
        taken = scribe.journaled
        assert 0 < taken < 15
        assert (scribe.written, scribe.lost) == (0, 51 - taken)
        other.append([ended(1)], 4000)
    other.close()
    desk.today.later()
    scribe.write([])
    catch_up(scribe)
    assert scribe.replayed == taken + 1
    full = [event for event in desk.told.events if "takes no more" in event]
    assert len(full) == 1


def test_without_a_file_of_its_own_it_writes_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "folder")
    scribe = desk.scribe()
    scribe.write([ended(1)])
    assert (scribe.lost, scribe.away, scribe.patience) == (1, True, 1.0)
    desk.path.parent.mkdir()
    desk.today.later()
    scribe.write([ended(2)])
    assert desk.outcomes() == ["completed"]
    scribe.close()


def test_what_the_dead_left_open_is_lost_and_what_they_journaled_is_not(desk: Desk) -> None:
    dead = desk.scribe()
    dead.write([opened(1), opened(2), opened(3), ended(4)])
    with closing(desk.lock()):
        dead.write([ended(2)])
    desk.die(dead)
    living = desk.scribe()
    living.write([opened(5)])
    catch_up(living)
    assert desk.outcomes() == ["lost", "completed", "lost", "completed", None]
    assert len(names(desk.path)) == 1
    assert {"calls": 2} in desk.told.fields
    third = desk.scribe()
    catch_up(third)
    assert desk.outcomes()[4] is None


def test_those_who_left_at_once_have_no_file_any_more(desk: Desk) -> None:
    first = desk.scribe()
    first.write([opened(1)])
    first.close()
    assert desk.outcomes() == ["lost"]
    second = desk.scribe()
    catch_up(second)
    with closing(Database(desk.path).connect(readonly=True)) as connection:
        assert len(connection.execute("SELECT * FROM writers").fetchall()) == 1


def test_who_was_taken_for_dead_is_believed_in_the_end(desk: Desk) -> None:
    first = desk.scribe()
    first.write([opened(1)])
    for file in desk.path.parent.glob("*writer*"):
        file.unlink()
    second = desk.scribe()
    catch_up(second)
    assert desk.outcomes() == ["lost"]
    first.write([ended(1)])
    assert desk.outcomes() == ["completed"]


def test_a_journal_that_comes_twice_changes_nothing(desk: Desk) -> None:
    dead = desk.scribe()
    with closing(desk.lock()):
        dead.write([ended(number) for number in range(3000)])
    desk.die(dead)
    for steps in (1, 2, 1000):
        scribe = desk.scribe()
        for _ in range(steps):
            scribe.catch_up()
        desk.die(scribe)
    assert len(desk.outcomes()) == 3000


def test_a_database_that_goes_away_in_between_gets_the_journal_again(desk: Desk) -> None:
    scribe = desk.scribe()
    catch_up(scribe)
    with closing(desk.lock()):
        scribe.write([ended(number) for number in range(3000)])
    desk.today.later()
    scribe.write([])
    scribe.catch_up()
    with closing(desk.lock()):
        scribe.catch_up()
    assert scribe.away
    desk.today.later()
    scribe.write([])
    scribe.close()
    assert len(desk.outcomes()) == 3000
    assert names(desk.path) == set()


def test_lines_that_are_no_rows_are_told(desk: Desk) -> None:
    dead = desk.scribe()
    with closing(desk.lock()):
        dead.write([ended(1)])
    assert dead._file is not None
    with dead._file.path.open("ab") as file:
        file.write(b'nonsense\n[2,"text where a time should be"')
    desk.die(dead)
    scribe = desk.scribe()
    catch_up(scribe)
    assert desk.outcomes() == ["completed"]
    assert desk.told.fields[-1]["lines"] == 2


def test_rows_that_the_database_refuses_are_told_and_counted(desk: Desk) -> None:
    scribe = desk.scribe()
    _, row = ended(1)
    scribe.write([(1, [None, *row[1:]]), ended(2)])
    assert (scribe.written, scribe.lost) == (1, 1)
    assert desk.told.events == ["ledger's database refuses rows"]


class Unreadable(JournalFile):
    def read(self) -> list[Numbered]:
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("whose", ["own", "dead"])
def test_a_journal_that_cannot_be_read_is_left_to_the_next(desk: Desk, whose: str) -> None:
    file = Unreadable.create(desk.path)
    file.append([ended(1)], 10_000)
    scribe = desk.scribe()
    catch_up(scribe)
    if whose == "own":
        assert scribe._file is not None
        scribe._file.close(remove=True)
        scribe._file = file
    else:
        scribe._dead.append(file)
    catch_up(scribe)
    assert desk.told.events == ["ledger's journal cannot be read"]
    scribe.write([ended(2)])
    scribe.close()
    assert desk.outcomes() == ["completed"]
    last = desk.scribe()
    catch_up(last)
    assert desk.outcomes() == ["completed"] * 2


def test_what_the_dead_have_left_waits_for_who_has_time(desk: Desk) -> None:
    dead = desk.scribe()
    with closing(desk.lock()):
        dead.write([ended(1)])
    desk.die(dead)
    desk.scribe().close()
    assert desk.outcomes() == []
    catch_up(desk.scribe())
    assert desk.outcomes() == ["completed"]


@pytest.fixture
def shared(postgres: RealPostgres, tmp_path: Path) -> Iterator[Desk]:
    """Return a desk at a database of PostgreSQL's."""
    desk = Desk(tmp_path, Database(postgres.place(tmp_path)))
    yield desk
    for scribe in desk.scribes:
        scribe.close()


WRITERS = "SELECT name FROM writers"


def test_at_a_server_too_nothing_is_left_but_rows(shared: Desk, tmp_path: Path) -> None:
    scribe = shared.scribe()
    scribe.write([opened(1), ended(2)])
    catch_up(scribe)
    assert shared.outcomes() == [None, "completed"]
    assert (scribe.written, scribe.patience) == (1, BEAT)
    scribe.close()
    assert shared.outcomes() == ["lost", "completed"]
    assert (list(tmp_path.iterdir()), shared.ask(WRITERS)) == ([], [])


def test_while_the_server_is_away_rows_wait_in_a_journal_of_this_machine(
    shared: Desk, postgres: RealPostgres
) -> None:
    scribe = shared.scribe()
    scribe.write([opened(1), ended(2)])
    postgres.kill()
    scribe.write([ended(1), opened(3)])
    shared.today.later()
    scribe.write([ended(4)])
    assert (scribe.away, scribe.journaled, scribe.lost) == (True, 2, 0)
    postgres.start()
    shared.today.later()
    scribe.write([ended(5)])
    catch_up(scribe)
    assert shared.outcomes() == ["completed", "completed", None, "completed", "completed"]
    assert (scribe.away, scribe.written, scribe.replayed) == (False, 2, 2)
    assert shared.told.events == [AWAY, BACK]


def test_a_server_that_hangs_is_one_that_is_away(shared: Desk) -> None:
    scribe = shared.scribe()
    connection = scribe._connection
    assert isinstance(connection, PostgresConnection)
    connection.allow(0.2)
    ((pid,),) = connection.execute("SELECT pg_backend_pid()")
    os.kill(pid, signal.SIGSTOP)
    try:
        scribe.write([ended(1)])
        assert (scribe.away, scribe.journaled) == (True, 1)
        shared.today.later()
        scribe.write([ended(2)])
        catch_up(scribe)
        assert shared.outcomes() == ["completed"] * 2, "by another connection"
    finally:
        os.kill(pid, signal.SIGCONT)


def test_who_begins_on_the_same_machine_takes_over_at_once(
    shared: Desk, postgres: RealPostgres
) -> None:
    dead = shared.scribe()
    dead.write([opened(1), opened(2)])
    postgres.kill()
    dead.write([ended(1)])
    shared.die(dead)
    postgres.start()
    living = shared.scribe()
    catch_up(living)
    assert shared.outcomes() == ["completed", "lost"]
    assert len(shared.ask(WRITERS)) == len(names(shared.path)) == 1


def test_what_another_machine_took_for_lost_is_told_by_the_journal_when_its_machine_is_back(
    shared: Desk, tmp_path: Path, postgres: RealPostgres
) -> None:
    cut_off = shared.scribe()
    cut_off.write([opened(1)])
    assert cut_off._file is not None
    cut_off._file.append([ended(1)], 10_000)
    shared.die(cut_off)
    (tmp_path / "far").mkdir()
    place = shared.database.place
    assert not isinstance(place, Path)
    far = Desk(tmp_path, Database(postgres.place(tmp_path / "far", place.database)))
    scribe = far.scribe()
    while far.outcomes() != ["lost"]:
        far.today.later(BEAT)
        scribe.catch_up()
    scribe.close()
    back = shared.scribe()
    catch_up(back)
    assert shared.outcomes() == ["completed"]
    assert {"calls": 1} in far.told.fields


def test_who_has_nothing_to_write_finds_out_too_that_the_server_was_away(
    shared: Desk, postgres: RealPostgres
) -> None:
    scribe = shared.scribe()
    catch_up(scribe)
    postgres.kill()
    shared.today.later(BEAT)
    scribe.catch_up()
    assert (scribe.away, scribe.patience) == (True, 1.0)
    postgres.start()
    shared.today.later()
    scribe.write([])
    scribe.catch_up()
    assert not scribe.away
    assert shared.told.events == [AWAY, BACK]


def test_without_a_folder_for_the_journal_rows_go_to_the_server_all_the_same(
    postgres: RealPostgres, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, Database(postgres.place(tmp_path / "none")))
    scribe = desk.scribe()
    scribe.write([opened(1), ended(2)])
    assert desk.outcomes() == [None, "completed"]
    assert "ledger has no journal" in desk.told.events[0]
    postgres.kill()
    scribe.write([ended(1)])
    assert (scribe.lost, scribe.away) == (1, True)
    postgres.start()
    desk.today.later()
    scribe.write([ended(3)])
    scribe.close()
    assert desk.outcomes() == ["lost", "completed", "completed"]
    assert desk.ask(WRITERS) == []
    assert len([event for event in desk.told.events if "no journal" in event]) == 1


def test_a_server_that_goes_away_as_a_process_ends_leaves_its_journal(
    shared: Desk, postgres: RealPostgres
) -> None:
    scribe = shared.scribe()
    scribe.write([opened(1)])
    postgres.kill()
    scribe.close()
    assert len(names(shared.path)) == 1
    postgres.start()
    catch_up(shared.scribe())
    assert shared.outcomes() == ["lost"]
