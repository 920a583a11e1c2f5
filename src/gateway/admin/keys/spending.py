"""What was spent since some moments, asked of the ledger for whoever looks at keys and budgets.

However many look, the ledger is asked once in a while: a million calls take it a second or two.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from math import inf
from typing import Final

import trio

from gateway.policy.budgets import Spent
from gateway.store.archive import Archive
from gateway.store.connection import DatabaseFault
from gateway.store.spent import spent_since
from gateway.words.errors import Busy

FRESH: Final = 20.0
"""Seconds for which an answer serves the next one too."""

REST: Final = 5.0
"""Seconds for which a ledger that could not be asked is left alone: it may take long to say so."""

Since = Mapping[int, Sequence[Spent]]
"""What was spent since a moment of Unix time, in whole seconds."""


class Spending:
    """Where it is asked."""

    def __init__(
        self, archive: Archive | None, now: Callable[[], float] = trio.current_time
    ) -> None:
        self._archive = archive
        self._now = now
        self._turn = trio.Lock()
        self._known: dict[int, list[Spent]] = {}
        self._asked = self._failed = -inf

    async def since(self, moments: Collection[int]) -> Since | None:
        """Return what was spent since each of these; None where the ledger cannot be asked."""
        if self._archive is None:
            return None
        async with self._turn:
            wanted = set(moments)
            if self._now() - self._asked >= FRESH:
                self._known = {}
            if not wanted <= self._known.keys():
                if self._now() - self._failed < REST:
                    return None
                # What others have asked for is asked again with it, so that all is of one moment.
                every = sorted(wanted | self._known.keys())
                try:
                    found = await self._archive.read(partial(spent_since, moments=every))
                except (Busy, DatabaseFault):
                    self._failed = self._now()
                    return None
                self._known, self._asked = found, self._now()
            return {moment: self._known[moment] for moment in wanted}
