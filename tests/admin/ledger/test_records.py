"""Whoever asks the database in vain is told why."""

from pathlib import Path

import pytest

from gateway.admin.ledger.records import Records
from gateway.admin.routes import Refusal
from gateway.store.archive import MOST_WAITING, Archive
from gateway.store.connection import Connection
from gateway.store.database import Database
from tests.admin.shelved import records_of
from tests.store.receipts import Told


def count(connection: Connection) -> int:
    ((number,),) = connection.execute("SELECT count(*) FROM calls")
    return int(number)


async def test_what_is_kept_is_read(tmp_path: Path) -> None:
    database = Database(tmp_path / "gateway.db")
    database.connect().close()
    with records_of(database) as records:
        assert records.are_kept
        assert await records.read(count) == 0


async def test_without_a_database_there_is_nothing() -> None:
    records = Records(None)
    assert not records.are_kept
    with pytest.raises(Refusal) as refused:
        await records.read(count)
    assert (refused.value.status, refused.value.code) == (404, "no_database")


async def test_one_that_is_away_is_told_of(tmp_path: Path) -> None:
    away = Records(Archive(Database(tmp_path / "none.db"), Told()))
    with pytest.raises(Refusal, match="There is no database") as refused:
        await away.read(count)
    assert (refused.value.status, refused.value.code) == (503, "database_away")


async def test_too_many_are_told_to_come_again(tmp_path: Path) -> None:
    archive = Archive(Database(tmp_path / "none.db"), Told())
    archive._reading.waiting = MOST_WAITING
    with pytest.raises(Refusal, match="Too many") as refused:
        await Records(archive).read(count)
    assert (refused.value.code, refused.value.retry_after) == ("overloaded", 2)
