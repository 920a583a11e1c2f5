"""What was spent is asked of the ledger once in a while, however many look."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from gateway.admin.keys.spending import FRESH, REST, Spending
from gateway.policy.budgets import Spent
from gateway.store.archive import Archive
from gateway.store.calls import add
from gateway.store.database import Database
from gateway.store.rows import row_of
from tests.admin.desks import Heard
from tests.store.receipts import NOON_NS, call, end

NOON = NOON_NS // 10**9


class Counted(Archive):
    """An archive that counts its questions."""

    asked = 0

    async def read(self, job):  # type: ignore[no-untyped-def]
        self.asked += 1
        return await super().read(job)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Counted]:
    database = Database(tmp_path / "gateway.db")
    connection = database.connect()
    add(connection, 1, [(1, row_of(end(call(), 7), NOON_NS, NOON_NS + 1))])
    connection.close()
    archive = Counted(database, Heard())
    yield archive
    archive.close()


async def test_an_answer_serves_the_next_one_too_for_a_while(archive: Counted) -> None:
    now = 5.0
    spending = Spending(archive, lambda: now)
    row = Spent("ci", "research", "anna", "gpt-5.2", 7)
    for _ in range(3):
        assert await spending.since([NOON]) == {NOON: [row]}
    assert archive.asked == 1
    assert await spending.since([NOON, NOON + 1]) == {NOON: [row], NOON + 1: []}
    assert await spending.since([NOON]) == {NOON: [row]}
    assert archive.asked == 2
    now += FRESH
    assert await spending.since([NOON + 1]) == {NOON + 1: []}
    assert archive.asked == 3


async def test_whoever_asks_at_once_asks_once(archive: Counted) -> None:
    spending = Spending(archive)
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(spending.since, [NOON])
    assert archive.asked == 1


async def test_where_no_ledger_can_be_asked_nobody_knows(tmp_path: Path) -> None:
    assert await Spending(None).since([NOON]) is None
    away = Archive(Database(tmp_path / "nowhere" / "gateway.db"), Heard())
    assert await Spending(away).since([NOON]) is None


async def test_those_who_wait_for_one_that_says_nothing_wait_once(tmp_path: Path) -> None:
    """Each would have all the time that an answer may take, one after the other."""
    now = 5.0
    archive = Counted(Database(tmp_path / "nowhere.db"), Heard())
    spending = Spending(archive, lambda: now)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(spending.since, [NOON])
    assert archive.asked == 1
    now += REST
    assert await spending.since([NOON]) is None
    assert archive.asked == 2
