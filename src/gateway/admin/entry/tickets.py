"""Tokens that open a session once: the one that the start prints, and those made later.

The first one is used up for all processes that serve the admin, one after the other: they share the
page of memory in which that is noted.
"""

import hmac
import mmap
import secrets
from collections.abc import Callable
from typing import Final

from gateway.admin.entry.door import digest_of
from gateway.words.secret import Secret

LIFETIME: Final = 600.0
"""Seconds for which a token that was made later is good."""

MOST: Final = 16
"""Tokens that wait to be used; the oldest is given up for a new one."""

TICKET_BYTES: Final = 24
SHOWN_FROM: Final = 16
_USED: Final = b"\x01"


def shared_page() -> mmap.mmap:
    """Return memory that is shared by all processes that are forked from here."""
    return mmap.mmap(-1, mmap.PAGESIZE)


class Tickets:
    """What may be used once."""

    def __init__(self, first: Secret, used: mmap.mmap, now: Callable[[], float]) -> None:
        self._first = digest_of(first.reveal())
        self._used = used
        self._now = now
        self._made: dict[bytes, float] = {}

    def make(self) -> str:
        """Return another one."""
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        while len(self._made) >= MOST:
            del self._made[next(iter(self._made))]
        self._made[digest_of(ticket)] = self._now() + LIFETIME
        return ticket

    def use(self, shown: str) -> bool:
        """Say whether this is one that nobody has used; from now on it is used."""
        if len(shown) < SHOWN_FROM:
            return False
        digest = digest_of(shown)
        # All are compared, so that the time does not tell which of them it was.
        is_first = hmac.compare_digest(self._first, digest)
        found = [own for own in self._made if hmac.compare_digest(own, digest)]
        if is_first and self._used[:1] != _USED:
            self._used[:1] = _USED
            return True
        return any(self._now() < self._made.pop(own) for own in found)
