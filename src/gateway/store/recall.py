"""What budgets begin with: what the ledger says was spent in the windows that are open now."""

from collections.abc import Iterable
from functools import partial

import trio

from gateway.policy.budgets import History, Spent, window_of
from gateway.store.database import Database
from gateway.store.spent import spent_since
from gateway.words.budget import Per


async def recall(database: Database, windows: Iterable[Per], today: float) -> History:
    """Return what was spent in each of these windows. Raises `DatabaseFault`.

    A year of a million calls takes a second or two, in a thread: nothing is served before.
    """
    starts = sorted({window_of(per, today).start for per in windows})
    if not starts:
        return History({})
    found = await trio.to_thread.run_sync(
        partial(_read, database, starts), thread_name="budgets", limiter=trio.CapacityLimiter(1)
    )
    return History(found)


def _read(database: Database, starts: list[int]) -> dict[int, list[Spent]]:
    connection = database.connect(readonly=True)
    try:
        return spent_since(connection, starts)
    finally:
        connection.close()
