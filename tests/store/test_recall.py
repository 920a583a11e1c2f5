"""What budgets begin with, read from a real ledger."""

from pathlib import Path

import pytest

from gateway.policy.budgets import window_of
from gateway.store.connection import DatabaseFault
from gateway.store.database import Database
from gateway.store.ledger import Ledger
from gateway.store.recall import recall
from gateway.words.budget import Account, Budget
from tests.store.receipts import NOON_NS, Today, Told, call, end

NOON = NOON_NS / 1e9
DAY, MONTH = Budget(1, "day"), Budget(1, "month")


def written(folder: Path) -> Database:
    """Return a database with a call of this noon, and one of two days before."""
    database, today = Database(folder / "gateway.db"), Today()
    ledger = Ledger(database, today, Told())
    today.later(-2 * 86_400)
    for cost in (5, 7):
        receipt = call()
        ledger.started(receipt)
        ledger.settled(end(receipt, cost))
        today.later(2 * 86_400)
    assert ledger.close()
    return database


async def test_a_budget_begins_with_what_its_window_has_seen(tmp_path: Path) -> None:
    history = await recall(written(tmp_path), ["day", "month"], NOON)
    for budget, spent in ((DAY, 7), (MONTH, 12)):
        window = window_of(budget.per, NOON)
        key = Account("k", "key", budget, key="ci")
        user = Account("u", "user", budget, team="research", user="anna")
        assert [history.before(each, window) for each in (key, user)] == [spent, spent]
    other = Account("o", "key", DAY, key="other")
    assert history.before(other, window_of("day", NOON)) == 0


async def test_where_no_money_is_counted_nothing_is_read(tmp_path: Path) -> None:
    history = await recall(Database(tmp_path / "none.db"), [], NOON)
    assert history.before(Account("k", "key", DAY, key="ci"), window_of("day", NOON)) == 0


async def test_a_database_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseFault):
        await recall(Database(tmp_path / "none.db"), ["day"], NOON)
