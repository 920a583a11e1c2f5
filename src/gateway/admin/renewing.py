"""The admin's part in a reload: it asks its supervisor for one, and knows when it has followed.

The supervisor reads the file first; only if that can be used do all processes hear of it.
"""

from collections.abc import Callable
from typing import Final

import trio

PATIENCE: Final = 10.0
"""Seconds after which a reload that was ordered counts as one that did not come."""


class Renewing:
    """How the admin has the configuration read anew."""

    def __init__(self, order: Callable[[], None], fingerprint: str) -> None:
        """`fingerprint` is that of the configuration which runs."""
        self.fingerprint = fingerprint
        self._order = order
        self._followed = trio.Event()

    async def order(self) -> bool:
        """Ask for it; say whether the admin itself has followed in time."""
        followed = self._followed
        self._order()
        with trio.move_on_after(PATIENCE):
            await followed.wait()
        return followed.is_set()

    def follow(self, fingerprint: str) -> None:
        """Note that the admin goes by this configuration from now on."""
        self.fingerprint = fingerprint
        followed, self._followed = self._followed, trio.Event()
        followed.set()
