"""What the admin's process holds beside the answers of the workers: one part for each subject.

It is put together from the configuration by the room `office`, and knows nothing of Quart.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.admin.entry.reception import SignIn
from gateway.admin.health.settings import Settings
from gateway.admin.keys.desk import KeyDesk
from gateway.admin.models.catalogue import Catalogue
from gateway.admin.playground.approach import Approach
from gateway.store.archive import Archive


class NotTaken(Exception):
    """The configuration's file as it is now is not taken, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The parts. `services` run until another office takes the place of this one.

    `fingerprint` tells its configuration from any other.
    """

    fingerprint: str = ""

    trusted_proxies: frozenset[str] = frozenset()
    archive: Archive | None = None
    catalogue: Catalogue | None = None
    settings: Settings | None = None
    playground: Approach | None = None
    sign_in: SignIn | None = None
    keys: KeyDesk | None = None
    services: tuple[Callable[[], Awaitable[None]], ...] = ()
