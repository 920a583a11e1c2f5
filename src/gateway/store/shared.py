"""The shared store as the rest of the house knows it: rests and kept answers in common.

It is a service (`run`) and two things that are asked without waiting for it. Where there is no
`[store] shared`, there is none of it, and nothing of it is imported.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from gateway.store.address import parse_store_url
from gateway.store.kept import CommonCache
from gateway.store.line import Journal
from gateway.store.link import Link
from gateway.store.options import StoreOptions, fault
from gateway.store.rests import CHANNEL, Learn, Rests


@dataclass(frozen=True, slots=True)
class SharedStore:
    """What this process has in common with others."""

    link: Link
    rests: Rests
    kept: CommonCache

    async def run(self) -> NoReturn:
        """Be connected, as far as it goes, until cancelled. A service of the process."""
        await self.link.run()

    @property
    def up(self) -> bool:
        return self.link.up

    @property
    def losses(self) -> int:
        """How often the store was lost."""
        return self.link.losses

    @property
    def dropped(self) -> int:
        """What was never told or kept in common."""
        return self.rests.dropped + self.kept.dropped


def open_shared(
    options: StoreOptions,
    who: bytes,
    learn: Learn,
    journal: Journal,
    draw: Callable[[], float],
    ca: str = "",
) -> SharedStore | None:
    """Return the shared store that is configured, not connected yet; None where none is.

    `who` is a lot that tells this process from all others, at most 32 bytes; `ca` names a file of
    certificates to trust instead of the system's. Raises `ValueError` as `fault` says it.
    """
    if options.shared is None:
        return None
    wrong = fault(options)
    if wrong is not None:
        raise ValueError(wrong)
    rests, kept = Rests(who, learn), CommonCache()
    open_line = partial(opener(), parse_store_url(options.shared.reveal()), CHANNEL, ca)
    link = Link(open_line, (rests.listen, rests.send, kept.serve), journal, draw)
    return SharedStore(link, rests, kept)


def opener() -> Callable[..., Awaitable[None]]:
    """Return who connects. It imports the extra, and nobody else does."""
    from gateway.store.valkey import open_line  # noqa: PLC0415 (a declared optional dependency)

    return open_line
