"""The database as pages ask it: what cannot be read is told to whoever asked, with its reason."""

from typing import Final, TypeVar

from gateway.admin.routes import Refusal
from gateway.store.archive import Archive, Job
from gateway.store.connection import DatabaseFault
from gateway.words.errors import Busy

NO_LEDGER: Final = "No ledger is kept: [store] database names no database."
AGAIN_IN: Final = 2
"""Seconds after which it is worth to ask again."""

T = TypeVar("T")


class Records:
    """What is kept in the database, where there is one."""

    def __init__(self, archive: Archive | None) -> None:
        self._archive = archive

    @property
    def are_kept(self) -> bool:
        """Whether there is a database at all."""
        return self._archive is not None

    async def read(self, job: Job[T]) -> T:
        """Have a job read the database. Raises `Refusal`."""
        if self._archive is None:
            raise Refusal(404, "no_database", NO_LEDGER)
        try:
            return await self._archive.read(job)
        except Busy as busy:
            raise Refusal(503, "overloaded", str(busy), AGAIN_IN) from None
        except DatabaseFault as fault:
            raise Refusal(503, "database_away", str(fault), AGAIN_IN) from None
