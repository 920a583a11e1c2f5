"""Lets calls in by what all processes know together: one round trip to the shared store a call.

    admit ──▶ one write: limits of key, team and model; money for each purse ──▶ a lease
    serve ──▶ what became of leases, renewals, idle money: aside, so that no call waits for it

While the store is away, or does not answer in time, it goes by `on_shared_loss`: `local`, each
process by itself; `open`, everybody in; `closed`, nobody in whom a limit or a budget holds for.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NoReturn

import trio

from gateway.policy.admission import admit, fields_of, headers_of, refused
from gateway.policy.budgets import Purses, Want
from gateway.policy.limits import FREE_LEASE, Lease, Levels, Limiter, Subject
from gateway.store.leases import AT_ONCE, LEASE_TTL, Leases, Parcel, SharedLease
from gateway.store.line import Command, Line, Lost, Refused
from gateway.store.options import Loss
from gateway.store.scripts import Scripts, read_scripts
from gateway.store.treasury import Treasury
from gateway.words.client import Header
from gateway.words.errors import Busy

LOOK: Final = 1.0
"""Seconds between two looks for idle money."""

SCARCE_LOOK: Final = 0.02
"""The same where little is left of a budget."""

CLOSE_TIMEOUT: Final = 1.0
"""Seconds that a process takes to give back what it has, before it ends."""

TRIES: Final = 3
"""So often money is asked for that other calls of this process take first."""

AWAY: Final = "The store that counts limits and budgets is away, and without it no call is let in."


class SharedGate:
    """A gate (see `relay.house.Gate`) that asks the shared store. `who` is the process, by lot."""

    def __init__(
        self,
        who: bytes,
        purses: Purses,
        loss: Loss,
        *,
        scripts: Scripts | None = None,
        ttl: float = LEASE_TTL,
    ) -> None:
        self._scripts = scripts or read_scripts()
        self._loss = loss
        self._limiter = Limiter()
        self._line: Line | None = None
        self._refused = False
        self._looked = -LOOK
        self._closed: trio.Event | None = None
        """From when the process is about to end: set once the store has been told all."""
        self.leases = Leases(who, self._scripts, ttl)
        self.treasury = Treasury(purses, self._scripts, loss)
        self.alone = 0
        """How many calls were decided on without the store."""

    @property
    def mode(self) -> Loss:
        """What becomes of limits and budgets while the store is away."""
        return self._loss

    @property
    def away(self) -> bool:
        """Say whether it goes by that now: there is no store, or it does not do what it is told."""
        return self._line is None or self._refused

    @property
    def dropped(self) -> int:
        """What was never told to the store."""
        return self.leases.dropped

    async def admit(self, subjects: Sequence[Subject], tokens: int, wants: Sequence[Want]) -> Lease:
        line = self._line
        if not (subjects or wants):
            return FREE_LEASE
        if line is None:
            return self._admit_alone(subjects, tokens, wants)
        if not subjects:
            _, paid = await self._ask(line, None, wants)
            return FREE_LEASE if paid else self._admit_alone((), tokens, wants)
        lease = self.leases.draft(subjects, tokens)
        try:
            reply, paid = await self._ask(line, self.leases.admission(lease, tokens), wants)
        except BaseException:
            # It may have been let in: what is told now comes after that.
            lease.release()
            raise
        said = _levels(subjects, reply)
        if said is None or not paid:
            lease.release()
            return self._admit_alone(subjects, tokens, () if paid else wants)
        is_in, levels = said
        if not is_in:
            raise refused(subjects, levels, tokens)
        lease.opened(levels, trio.current_time())
        self.leases.live(lease)
        return lease

    async def fund(self, wants: Sequence[Want]) -> None:
        line = self._line
        if line is None or not (await self._ask(line, None, wants))[1]:
            self.treasury.alone(wants)

    def headers(self, subjects: Sequence[Subject], lease: Lease) -> tuple[Header, ...]:
        if not isinstance(lease, SharedLease):
            return ()
        now = trio.current_time()
        if lease.is_local:
            return headers_of(self._limiter, subjects, now)
        return fields_of(subjects, lease.levels(now))

    async def serve(self, line: Line) -> NoReturn:
        """Be open to calls, and tell the store aside what it is to know. A job of the link."""
        await self._scripts.load(line)
        await self._renew(line)
        await self._send(line, self.treasury.words())
        self._line = line
        try:
            while True:
                await self._wait()
                closed = self._closed
                if trio.current_time() >= self.leases.renewal:
                    await self._renew(line)
                await self._send(line, self.leases.words())
                if closed is not None or trio.current_time() >= self._look:
                    self._looked = trio.current_time()
                    await self._send(line, self.treasury.words(closing=closed is not None))
                if closed is not None and not self.leases.waiting:
                    closed.set()
        finally:
            self._line = None

    async def close(self) -> None:
        """Give back what no call holds, while there is time and the store is there."""
        if self._line is None:
            return
        self._closed = trio.Event()
        self.leases.news.set()
        with trio.move_on_after(CLOSE_TIMEOUT):
            await self._closed.wait()

    @property
    def _look(self) -> float:
        return self._looked + (SCARCE_LOOK if self.treasury.is_scarce else LOOK)

    async def _wait(self) -> None:
        """Wait until there is something to tell, or time to look for it."""
        news = self.leases.news
        if not self.leases.waiting:
            with trio.move_on_at(min(self.leases.renewal, self._look)):
                await news.wait()
        self.leases.news = trio.Event()

    async def _renew(self, line: Line) -> None:
        self.treasury.look_through()
        await self._send(line, iter(self.leases.renewals()))

    async def _send(self, line: Line, parcels: Iterator[Parcel]) -> None:
        """Send what there is. What is not taken yet stays where it is if the line is lost."""
        while batch := list(islice(parcels, AT_ONCE)):
            replies: Sequence[object] = [None] * len(batch)
            try:
                replies = await self._scripts.run(line, [parcel.command for parcel in batch])
            finally:
                for parcel, reply in zip(batch, replies, strict=True):
                    parcel.take(reply)

    async def _ask(
        self, line: Line, command: Command | None, wants: Sequence[Want], tries: int = TRIES
    ) -> tuple[object, bool]:
        """Ask for a lease and for money in one go; return the reply, and whether money had one."""
        draws = self.treasury.draws(wants)
        first = () if command is None else (command,)
        asked = [*first, *map(self.treasury.command, draws)]
        if not asked:
            return None, True

        def take(replies: Sequence[object]) -> None:
            for draw, reply in zip(draws, replies[len(first) :], strict=True):
                self.treasury.take(draw, reply)

        try:
            replies = await self._scripts.run(line, asked, take)
        except Lost:
            return None, False
        finally:
            for draw in draws:
                draw.leave()
        self._refused = any(isinstance(reply, Refused) for reply in replies)
        take(replies)
        if self.treasury.is_scarce:
            self.leases.news.set()
        overtaken = [draw.want for draw in draws if draw.was_overtaken]
        if overtaken and tries > 1:
            await self._ask(line, None, overtaken, tries - 1)
        return replies[0], all(draw.was_answered for draw in draws)

    def _admit_alone(
        self, subjects: Sequence[Subject], tokens: int, wants: Sequence[Want]
    ) -> Lease:
        """Let a call in without the store, or not."""
        self.alone += 1
        if self._loss == "closed":
            raise Busy(AWAY)
        self.treasury.alone(wants)
        if not subjects:
            return FREE_LEASE
        beside = FREE_LEASE
        if self._loss == "local":
            beside = admit(self._limiter, subjects, tokens, trio.current_time())
        lease = self.leases.draft(subjects, tokens, beside)
        self.leases.live(lease)
        return lease


def _levels(subjects: Sequence[Subject], reply: object) -> tuple[bool, list[Levels]] | None:
    """Read whether a call is let in, and what is in use; None where it is no such reply."""
    if not isinstance(reply, list) or len(reply) != 1 + 3 * len(subjects):
        return None
    try:
        is_in, *numbers = [int(number) for number in reply]
    except (TypeError, ValueError):
        return None
    levels = [Levels(*numbers[at : at + 3]) for at in range(0, len(numbers), 3)]
    return is_in == 1, levels
