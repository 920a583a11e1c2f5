"""Owners of objects in a real database, among several processes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
import trio

from gateway.policy.owners import Owners
from gateway.store import objects as room
from gateway.store.database import Database
from gateway.store.objects import MOST_ASKED, MOST_CHANGES, MOST_QUESTIONS, StoredObjects
from gateway.store.owned import DAY, KEPT_DAYS, find, write
from gateway.words.errors import Busy
from gateway.words.owned import Owned
from tests.store.receipts import NOON_NS, Today, Told

MINE = Owned("file", "openai", b"team a")
THEIRS = Owned("file", "openai", b"team b")
NOW = NOON_NS // 1_000_000_000
PATIENCE = 10.0


class Process:
    """One process with its service."""

    def __init__(self, database: Database, most: int = 1_000) -> None:
        self.told, self.today, self.owners = Told(), Today(), Owners(most)
        self.objects = StoredObjects(database, self.today, self.told, self.owners)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[StoredObjects]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.objects.run)
            with trio.fail_after(PATIENCE):
                yield self.objects
            nursery.cancel_scope.cancel()


async def test_api1_what_one_process_notes_all_others_know(database: Database) -> None:
    async with Process(database).running() as one, Process(database).running() as other:
        await one.claim("file", ["file-1", "file-2", "no\nid"], *MINE[1:])
        assert await one.owner_of("file-1") == MINE
        assert await other.owner_of("file-1") == MINE
        found = await other.owners_of(["file-1", "file-2", "file-3", "no\nid"])
        assert found == {"file-1": MINE, "file-2": MINE}
        await one.forget("file-2")
        await one.forget("no\nid")
        assert await one.owner_of("file-2") is None
        assert await one.owner_of("no\nid") is None


async def test_api1_who_claims_what_is_anothers_does_not_get_it(database: Database) -> None:
    async with Process(database).running() as one, Process(database).running() as other:
        await one.claim("file", ["file-1"], *MINE[1:])
        await other.claim("file", ["file-1"], *THEIRS[1:])
        assert await other.owner_of("file-1") == MINE


async def test_it_is_still_known_after_a_start(database: Database) -> None:
    async with Process(database).running() as first:
        await first.claim("file", ["file-1"], *MINE[1:])
    async with Process(database).running() as second:
        assert await second.owner_of("file-1") == MINE


async def test_many_claims_at_once_are_all_written(database: Database) -> None:
    ids = [f"file-{number}" for number in range(1_000)]
    async with Process(database).running() as objects, trio.open_nursery() as calls:
        for one in ids:
            calls.start_soon(objects.claim, "file", [one], *MINE[1:])
    with closing(database.connect()) as connection:
        assert find(connection, ids, NOW) == dict.fromkeys(ids, MINE)


async def test_what_was_claimed_while_the_database_was_away_is_written_later(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "later"
    process = Process(Database(folder / "gateway.db"))
    async with process.running() as objects:
        with trio.move_on_after(0.05):
            await objects.claim("file", ["file-1"], *MINE[1:])
        assert await objects.owner_of("file-1") == MINE
        with pytest.raises(Busy, match="cannot be found out now"):
            await objects.owner_of("file-2")
        folder.mkdir()
        await objects.flush()
        assert await objects.owner_of("file-2") is None
    events = process.told.events
    assert events == [
        "owners of objects cannot be read or written",
        "owners of objects can be read and written again",
    ]


async def test_nobody_waits_for_long_for_a_service_that_does_not_answer(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    objects = Process(Database(tmp_path / "gateway.db")).objects
    began = trio.current_time()
    await objects.claim("file", ["file-1"], *MINE[1:])
    with pytest.raises(Busy):
        await objects.owner_of("file-2")
    assert trio.current_time() - began == 2 * room.PATIENCE


async def test_what_waits_is_bounded(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    objects = Process(Database(tmp_path / "gateway.db")).objects
    await objects.claim("file", map(str, range(MOST_CHANGES + 5)), *MINE[1:])
    assert objects.given_up == 5
    async with trio.open_nursery() as calls:
        refused = []

        async def ask(number: int) -> None:
            try:
                await objects.owner_of(f"none-{number}")
            except Busy:
                refused.append(trio.current_time())

        began = trio.current_time()
        for number in range(MOST_QUESTIONS + 3):
            calls.start_soon(ask, number)
    assert sorted(refused)[:4] == [began, began, began, began + room.PATIENCE]


async def test_what_all_together_ask_is_bounded(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    objects = Process(Database(tmp_path / "gateway.db")).objects
    began, refused = trio.current_time(), []

    async def ask(first: int, count: int) -> None:
        with pytest.raises(Busy):
            await objects.owners_of(f"file-{number}" for number in range(first, first + count))
        refused.append(trio.current_time() - began)

    async with trio.open_nursery() as calls:
        calls.start_soon(ask, 0, MOST_ASKED + 1)
        await trio.testing.wait_all_tasks_blocked()
        calls.start_soon(ask, MOST_ASKED, 1)
    assert refused == [0, room.PATIENCE]


async def test_another_file_in_its_place_is_read(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    async with Process(Database(path)).running() as objects:
        await objects.claim("file", ["file-1"], *MINE[1:])
        with closing(Database(tmp_path / "other.db").connect()) as connection:
            write(connection, [("file-2", THEIRS)], NOW)
        (tmp_path / "other.db").replace(path)
        for beside in ("-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        assert await objects.owner_of("file-2") == THEIRS


async def test_what_is_kept_no_longer_is_taken_out_now_and_again(tmp_path: Path) -> None:
    database = Database(tmp_path / "gateway.db")
    process = Process(database)
    with closing(database.connect()) as connection:
        write(connection, [("old", MINE)], NOW - KEPT_DAYS * DAY)
        async with process.running() as objects:
            await objects.claim("file", ["new"], *MINE[1:])
            assert connection.execute("SELECT id FROM objects").fetchall() == [("new",)]
