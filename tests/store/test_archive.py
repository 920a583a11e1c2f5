"""Who looks on waits in a thread, in bounds, and has what was asked broken off."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from threading import Event

import pytest
import trio
import trio.testing

from gateway.store.archive import MOST_WAITING, READERS, Archive
from gateway.store.connection import Connection, DatabaseFault, Kind, RowRefused, Rows
from gateway.store.database import Database
from gateway.words.errors import Busy
from tests.store.receipts import PATIENCE, Told

FOR_EVER = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    " WHERE i < 0"
)
AN_HOUR = "SELECT pg_sleep(3600)"
MARK = "INSERT INTO meta (name, value) VALUES ('mark', 7)"
MARKED = "SELECT value FROM meta WHERE name = 'mark'"


@asynccontextmanager
async def opened(
    database: Database, log: Told | None = None, patience: float = PATIENCE
) -> AsyncIterator[Archive]:
    archive = Archive(database, log or Told(), patience)
    try:
        yield archive
    finally:
        archive.close()


@pytest.fixture
def made(database: Database) -> Database:
    database.connect().close()
    return database


def marked(connection: Connection) -> object:
    row = connection.execute(MARKED).fetchone()
    return None if row is None else row[0]


def for_ever(connection: Connection) -> object:
    return connection.execute(FOR_EVER if connection.kind == "sqlite" else AN_HOUR).fetchone()


async def test_what_was_written_is_read(made: Database) -> None:
    async with opened(made) as archive:
        assert await archive.read(marked) is None
        assert (await archive.write(lambda connection: connection.execute(MARK))).rowcount == 1
        assert await archive.read(marked) == 7
        assert str(archive) == str(made)


async def test_a_reader_cannot_write(made: Database) -> None:
    async with opened(made) as archive:
        with pytest.raises(DatabaseFault):
            await archive.read(lambda connection: connection.execute(MARK))
        assert await archive.read(marked) is None


async def test_a_connection_is_kept_unless_it_failed(made: Database) -> None:
    def refuse(connection: Connection) -> None:
        seen.append(connection)
        raise RowRefused("no")

    seen: list[Connection] = []
    async with opened(made) as archive:
        for _ in range(2):
            await archive.read(seen.append)
        with pytest.raises(RowRefused):
            await archive.read(refuse)
        await archive.read(seen.append)
    first, again, refused, new = seen
    assert first is again is refused
    assert new is not first


class Dead:
    """A connection whose server has gone."""

    kind: Kind = "postgres"
    in_transaction = False

    def __init__(self) -> None:
        self.is_closed = False

    def heed(self, left: Callable[[], bool], /) -> None: ...

    def execute(self, statement: str, values: Sequence[object] = (), /) -> Rows:
        raise DatabaseFault("It has ended the connection.")

    def close(self) -> None:
        self.is_closed = True


async def test_what_a_dead_connection_cannot_do_a_new_one_does(made: Database) -> None:
    dead = Dead()
    async with opened(made) as archive:
        archive._kept.append((made.identity, dead))
        assert await archive.read(marked) is None
    assert dead.is_closed


async def test_another_file_in_its_place_is_read(tmp_path: Path) -> None:
    database, other = Database(tmp_path / "a.db"), Database(tmp_path / "b.db")
    database.connect().close()
    with closing(other.connect()) as connection:
        connection.execute(MARK)
    async with opened(database) as archive:
        assert await archive.read(marked) is None
        other.path.replace(database.path)
        assert await archive.read(marked) == 7


async def test_who_waits_too_long_is_told_and_the_database_is_free(made: Database) -> None:
    async with opened(made, patience=0.05) as archive:
        with pytest.raises(DatabaseFault, match=r"did not answer within 0.05 seconds"):
            await archive.read(for_ever)
        await all_have_left(archive)


async def test_who_leaves_has_it_broken_off(made: Database) -> None:
    async with opened(made) as archive:
        await archive.read(marked)
        with trio.move_on_after(0.05) as scope:
            await archive.read(for_ever)
        assert scope.cancelled_caught
        await all_have_left(archive)
        assert await archive.read(marked) is None


async def all_have_left(archive: Archive) -> None:
    with trio.fail_after(PATIENCE):
        while archive._reading.limiter.borrowed_tokens:
            await trio.sleep(0.01)


async def test_few_ask_at_once_and_few_wait(tmp_path: Path) -> None:
    database = Database(tmp_path / "gateway.db")
    database.connect().close()
    go_on, busy = Event(), []

    def wait(_: Connection) -> None:
        busy.append(1)
        go_on.wait(PATIENCE)

    async with opened(database) as archive, trio.open_nursery() as nursery:
        for _ in range(MOST_WAITING):
            nursery.start_soon(archive.read, wait)
        with trio.fail_after(PATIENCE):
            while len(busy) < READERS:
                await trio.sleep(0.001)
        with pytest.raises(Busy, match="Too many questions"):
            await archive.read(marked)
        assert len(busy) == READERS
        await archive.write(marked)
        go_on.set()
    assert len(busy) == MOST_WAITING


async def test_few_wait_to_write(made: Database) -> None:
    go_on = Event()
    async with opened(made) as archive, trio.open_nursery() as nursery:
        for _ in range(MOST_WAITING):
            nursery.start_soon(archive.write, lambda _: go_on.wait(PATIENCE))
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(Busy, match="Too many questions"):
            await archive.write(marked)
        await archive.read(marked)
        go_on.set()


async def test_the_log_is_told_once_that_it_is_away_and_once_that_it_is_back(
    tmp_path: Path,
) -> None:
    log, database = Told(), Database(tmp_path / "gateway.db")
    async with opened(database, log) as archive:
        for _ in range(2):
            with pytest.raises(DatabaseFault, match="There is no database"):
                await archive.read(marked)
        database.connect().close()
        for _ in range(2):
            await archive.read(marked)
    assert log.events == ["admin cannot read the database", "admin reads the database again"]


async def test_one_that_is_not_there_is_not_made_to_be_written(tmp_path: Path) -> None:
    database = Database(tmp_path / "gateway.db")
    async with opened(database) as archive:
        with pytest.raises(DatabaseFault, match="There is no database at"):
            await archive.write(marked)
    assert list(tmp_path.iterdir()) == []


async def test_a_bug_in_a_job_leaves_the_archive_as_it_was(made: Database) -> None:
    async with opened(made) as archive:
        for ask in (archive.read, archive.write):
            with pytest.raises(ZeroDivisionError):
                await ask(lambda _: 1 // 0)
        assert await archive.read(marked) is None
