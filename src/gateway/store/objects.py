"""Whose the objects are that providers keep, in the database: a service reads and writes it.

    a call ──▶ what this process knows by heart
                 │ not there
                 ▼
               questions ──┐
    a call ──▶ changes ────┴──▶ run: one thread, one transaction for all of them

A call that is left waits for no thread. What was claimed is known here at once, and written as soon
as it can be; a question that cannot be answered is refused, never answered with a guess (API1).
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeVar

import trio

from gateway.policy.owners import Owners, ids_in, is_id
from gateway.store.connection import Connection, DatabaseFault
from gateway.store.database import Database
from gateway.store.line import Journal
from gateway.store.owned import Change, find, prune, write
from gateway.words.errors import Busy
from gateway.words.owned import Owned

PATIENCE: Final = 2.0
"""Seconds that a call waits for the database."""

LOCKED: Final = 1.0
"""Seconds that the thread waits for others who write."""

MOST_CHANGES: Final = 16_384
"""Changes that wait to be written; of more the oldest are given up."""

MOST_QUESTIONS: Final = 1_024
MOST_ASKED: Final = 65_536
"""Objects that all questions together may be about; one alone may always be asked."""

BATCH: Final = 256
"""Changes that are written in one transaction."""

RETRY: Final = 0.5
PRUNED_EVERY: Final = 3600.0

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _Question:
    """What a call wants to know: the answer, or the fault."""

    ids: list[str]
    done: trio.Event = field(default_factory=trio.Event)
    found: dict[str, Owned] | None = None


class StoredObjects:
    """Who had what made (see `relay.house.Objects`), for all processes on one database.

    `clock` returns Unix time in nanoseconds.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], int],
        journal: Journal,
        owners: Owners | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._journal = journal
        self._owners = Owners() if owners is None else owners
        self._changes: deque[Change] = deque()
        self._questions: deque[_Question] = deque()
        self._news = trio.Event()
        self._written = trio.Event()
        self._limiter = trio.CapacityLimiter(1)
        self._connection: Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._prune_at = 0.0
        self._told = False
        self._put = self._done = 0
        """How many changes there have been, and how many of them wait no longer."""
        self.given_up = 0
        """Changes that were never written, for there were too many."""

    async def owner_of(self, id: str) -> Owned | None:
        """Return whose an object is. Raises `Busy` where that cannot be found out now."""
        return (await self.owners_of((id,))).get(id)

    async def owners_of(self, ids: Iterable[str]) -> Mapping[str, Owned]:
        """Return the owners of those that have one. Raises `Busy`."""
        wanted = ids_in(ids)
        known = {one: owned for one in wanted if (owned := self._owners.get(one)) is not None}
        unknown = [one for one in wanted if one not in known]
        if not unknown:
            return known
        waiting = sum(len(question.ids) for question in self._questions)
        crowded = waiting > 0 and waiting + len(unknown) > MOST_ASKED
        if crowded or len(self._questions) >= MOST_QUESTIONS:
            raise _unanswered()
        question = _Question(unknown)
        self._questions.append(question)
        self._news.set()
        with trio.move_on_after(PATIENCE):
            await question.done.wait()
        if question.found is None:
            raise _unanswered()
        for one, owned in question.found.items():
            self._owners.put(one, owned)
        return known | question.found

    async def claim(self, kind: str, ids: Iterable[str], provider: str, scope: bytes) -> None:
        """Note whose objects are. Returns once that is written, or could not be for a while."""
        owned = Owned(kind, provider, scope)
        changes = [(one, owned) for one in ids_in(ids)]
        for one, _ in changes:
            self._owners.put(one, owned)
        await self._write(changes)

    async def forget(self, id: str) -> None:
        """Note that an object is no more."""
        if is_id(id):
            self._owners.drop(id)
            await self._write([(id, None)])

    async def flush(self) -> None:
        """Have what waits written, for a while, while the service still runs."""
        await self._write([])

    async def run(self) -> NoReturn:
        """Answer and write until cancelled."""
        try:
            while True:
                while self._changes or self._questions:
                    await self._turn()
                self._news = trio.Event()
                await self._news.wait()
        finally:
            self._close()

    async def _write(self, changes: Sequence[Change]) -> None:
        """Have changes written; wait for that in bounds."""
        for change in changes:
            if len(self._changes) >= MOST_CHANGES:
                self._changes.popleft()
                self._done += 1
                self.given_up += 1
            self._changes.append(change)
        self._put += len(changes)
        mine = self._put
        self._news.set()
        with trio.move_on_after(PATIENCE):
            while self._done < mine:
                await self._written.wait()

    async def _turn(self) -> None:
        """Write and answer all that waits, as far as one transaction goes."""
        changes = [self._changes.popleft() for _ in range(min(BATCH, len(self._changes)))]
        questions = list(self._questions)
        self._questions.clear()
        claimed = [one for one, owned in changes if owned is not None]
        asked = [one for question in questions for one in question.ids]
        try:
            found = await self._in_thread(lambda: self._do(changes, ids_in((*claimed, *asked))))
        except DatabaseFault as fault:
            self._changes.extendleft(reversed(changes))
            self._lose(str(fault))
            for question in questions:
                question.done.set()
            await trio.sleep(RETRY)
            return
        self._find()
        self._learn({one: found[one] for one in claimed if one in found})
        for question in questions:
            question.found = {one: found[one] for one in question.ids if one in found}
            question.done.set()
        self._done += len(changes)
        self._written.set()
        self._written = trio.Event()

    def _learn(self, claimed: Mapping[str, Owned]) -> None:
        """Take the database's word for whose something is that was claimed here."""
        for one, owned in claimed.items():
            if self._owners.get(one) not in {None, owned}:
                self._owners.drop(one)
                self._owners.put(one, owned)

    def _do(self, changes: Sequence[Change], ids: Sequence[str]) -> dict[str, Owned]:
        """Do it in the thread."""
        now = self._clock() // 1_000_000_000
        try:
            connection = self._connected()
            if changes:
                write(connection, changes, now)
            if now >= self._prune_at and prune(connection, now) == 0:
                self._prune_at = now + PRUNED_EVERY
            return find(connection, ids, now) if ids else {}
        except DatabaseFault:
            self._close()
            raise

    def _connected(self) -> Connection:
        identity = self._database.identity
        if identity != self._identity:
            self._close()
            self._identity = identity
        if self._connection is None:
            self._connection = self._database.connect(busy_timeout=LOCKED)
            self._identity = self._database.identity
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _in_thread(self, job: Callable[[], T]) -> T:
        """Do what may wait for a disk. It is never abandoned: nobody else has the connection."""
        return await trio.to_thread.run_sync(
            job, thread_name="objects", abandon_on_cancel=False, limiter=self._limiter
        )

    def _lose(self, reason: str) -> None:
        if not self._told:
            self._told = True
            self._journal.warning("owners of objects cannot be read or written", reason=reason)

    def _find(self) -> None:
        if self._told:
            self._told = False
            again = "owners of objects can be read and written again"
            self._journal.info(again, given_up=self.given_up)


def _unanswered() -> Busy:
    said = "Whose this is cannot be found out now: the gateway's database does not answer."
    return Busy(said)
