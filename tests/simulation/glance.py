"""Glances at the pool whenever nothing can go on: nobody may wait there while a slot is free."""

from typing import Any

import trio

from gateway.upstream.pool import Pool
from tests.simulation.record import Record


class Glance(trio.abc.Instrument):
    """Notes in the record what it sees."""

    def __init__(self, pool: Pool[Any], record: Record) -> None:
        self._pool = pool
        self._record = record

    def before_io_wait(self, timeout: float) -> None:
        for site in self._pool.sites.values():
            if site.waiting and site.open < site.limit:
                self._record.waited_in_vain += 1
