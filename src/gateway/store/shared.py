"""The shared store as the rest of the house knows it: limits, budgets, rests, kept answers.

It is a service (`run`), two things that are asked without waiting for it, and a gate, which waits
for one round trip. Where there is no `[store] shared`, there is none of it, and nothing of it is
imported.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, NoReturn

from gateway.policy.budgets import Purses
from gateway.store.address import parse_store_url
from gateway.store.gate import SharedGate
from gateway.store.kept import CommonCache
from gateway.store.line import Journal
from gateway.store.link import Link
from gateway.store.options import Loss, StoreOptions, fault
from gateway.store.rests import CHANNEL, Learn, Rests

LOSSES: Final[dict[Loss, str]] = {
    "local": "going on locally",
    "open": "letting all calls in",
    "closed": "turning away calls that a limit or a budget holds for",
}
"""What the log is told of a loss."""


class Member(NamedTuple):
    """One process that has things in common with others.

    `who` is a lot that tells it from all others, at most 32 bytes; `learn` is told of rests.
    """

    who: bytes
    learn: Learn
    purses: Purses


@dataclass(frozen=True, slots=True)
class SharedStore:
    """What this process has in common with others."""

    link: Link
    rests: Rests
    kept: CommonCache
    gate: SharedGate

    async def run(self) -> NoReturn:
        """Be connected, as far as it goes, until cancelled. A service of the process."""
        await self.link.run()

    async def close(self) -> None:
        """Give back the money that no call holds, within a second; `run` is still to go on."""
        await self.gate.close()

    @property
    def up(self) -> bool:
        return self.link.up

    @property
    def losses(self) -> int:
        """How often the store was lost."""
        return self.link.losses

    @property
    def stranded(self) -> int:
        """Nano-dollars of which nobody knows whether they were given back."""
        return self.gate.treasury.stranded

    @property
    def dropped(self) -> int:
        """What was never told or kept in common."""
        return self.rests.dropped + self.kept.dropped + self.gate.dropped


def open_shared(
    options: StoreOptions,
    member: Member,
    journal: Journal,
    draw: Callable[[], float],
    ca: str = "",
) -> SharedStore | None:
    """Return the shared store that is configured, not connected yet; None where none is.

    `ca` names a file of certificates to trust instead of the system's. Raises `ValueError` as
    `fault` says it.
    """
    if options.shared is None:
        return None
    wrong = fault(options)
    if wrong is not None:
        raise ValueError(wrong)
    rests, kept = Rests(member.who, member.learn), CommonCache()
    gate = SharedGate(member.who, member.purses, options.on_shared_loss)
    open_line = partial(opener(), parse_store_url(options.shared.reveal()), CHANNEL, ca)
    jobs = (rests.listen, rests.send, kept.serve, gate.serve)
    link = Link(open_line, jobs, journal, draw, LOSSES[options.on_shared_loss])
    return SharedStore(link, rests, kept, gate)


def opener() -> Callable[..., Awaitable[None]]:
    """Return who connects. It imports the extra, and nobody else does."""
    from gateway.store.valkey import open_line  # noqa: PLC0415 (a declared optional dependency)

    return open_line
