"""Calls the roll of all processes that write one database of PostgreSQL's, on whichever machine.

    lives        holds a lock of its session under its number, and says every `BEAT` seconds that it
                 is there
    is dead      nobody holds the lock, and nothing was said for `GRACE` seconds

The server gives the lock back when the connection ends, as it does when the process is killed. But
a connection may also end although its process lives, so the lock alone buries nobody; and a process
that hangs says nothing although it lives, so silence alone does not either. After the server itself
was away everybody has been silent: who calls the roll must have been connected for as long as the
others had to come back. All times are those of the server's clock.

A process that was taken for dead all the same is believed in the end: its calls are `lost` until
they have ended (see `store.calls`).
"""

from typing import Final

from gateway.store.calls import bury
from gateway.store.connection import Connection, transaction

LOCKS: Final = 0x4E475731
"""What the numbers of our locks begin with: other programs may have theirs beside them."""

BEAT: Final = 5.0
GRACE: Final = 20.0
"""Seconds."""

_HOLD: Final = "SELECT pg_try_advisory_lock(?, ?)"
_IS_FREE: Final = "SELECT pg_try_advisory_xact_lock(?, ?)"
_SEEN: Final = "UPDATE writers SET seen_at = clock_timestamp() WHERE number = ?"
_STRUCK: Final = "UPDATE writers SET seen_at = NULL WHERE number = ?"
_SILENT: Final = (
    "SELECT number FROM writers, pg_stat_activity"
    " WHERE pid = pg_backend_pid() AND number <> ?"
    " AND greatest(seen_at, backend_start) < clock_timestamp() - make_interval(secs => ?)"
    " AND seen_at IS NOT NULL"
)


class Roll:
    """The roll, as one process answers and calls it on one connection."""

    def __init__(self, connection: Connection, number: int, grace: float = GRACE) -> None:
        self._connection = connection
        self._number = number
        self._grace = grace
        self._holds = False

    def answer(self) -> None:
        """Say that this process lives.

        Its lock may be held still by an earlier connection whose end the server does not know of:
        then it is asked for again the next time.
        """
        if not self._holds:
            self._holds = self._is(_HOLD, self._number)
        self._connection.execute(_SEEN, (self._number,))

    def call(self) -> int:
        """Close what the dead have left open as lost; return how many calls those were."""
        lost = 0
        silent = self._connection.execute(_SILENT, (self._number, self._grace)).fetchall()
        for (number,) in silent:
            with transaction(self._connection):
                if self._is(_IS_FREE, number):
                    lost += bury(self._connection, number)
                    self._connection.execute(_STRUCK, (number,))
        return lost

    def _is(self, question: str, number: int) -> bool:
        ((answer,),) = self._connection.execute(question, (LOCKS, number))
        return bool(answer)
