"""Keeps connections for the next call, and counts them: a stack and a limit for each origin.

Every step is O(1) and none waits except `acquire` at the limit. A slot passes from hand to hand
in one step of the scheduler, so no cancellation can fall between its leaving and its arriving.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import trio

from gateway.upstream.exchange import State
from gateway.words.target import Origin

IDLE_TIMEOUT = 60.0
PARK_TIMEOUT = 5.0
MAX_IDLE = 256
MAX_LOOKS = 4
"""Parked connections that one call looks at, so that one which does not end hides no other."""


class Keepable(Protocol):
    """What the pool asks of a connection."""

    @property
    def reusable(self) -> bool:
        """True once its answer is whole and another request may follow."""

    def look(self) -> State:
        """Say what it is good for, without waiting."""

    def close(self) -> None:
        """Close at once."""


Kept = TypeVar("Kept", bound=Keepable)

Key = tuple[Origin, int]
"""An origin and the limit of the provider that lives there."""


@dataclass(slots=True, eq=False)
class _Waiter(Generic[Kept]):
    """A task at the limit, and the connection that it was handed together with its slot."""

    task: trio.lowlevel.Task
    connection: Kept | None = None


class Site(Generic[Kept]):
    """The connections to one origin under one limit.

    `open` counts slots: connections in use, idle, parked, or being opened. While anyone waits,
    none is idle or parked.
    """

    def __init__(self, key: Key) -> None:
        self.key = key
        self.limit = max(1, key[1])
        self.open = 0
        self._idle: deque[tuple[Kept, float]] = deque()
        self._parked: deque[tuple[Kept, float]] = deque()
        self._waiters: OrderedDict[_Waiter[Kept], None] = OrderedDict()

    @property
    def idle(self) -> int:
        """Connections that are ready for a call."""
        return len(self._idle)

    @property
    def parked(self) -> int:
        """Connections whose last answer has said all that matters, but has not ended."""
        return len(self._parked)

    @property
    def waiting(self) -> int:
        """Calls that wait for a slot."""
        return len(self._waiters)

    def check_out(self, now: float) -> Kept | None:
        """Take a connection that is alive: the one last used, else one parked long ago."""
        while self._idle:
            connection, since = self._idle.pop()
            if now - since < IDLE_TIMEOUT and connection.look() is State.READY:
                return connection
            self._discard(connection)
        for _ in range(min(len(self._parked), MAX_LOOKS)):
            connection, since = self._parked.popleft()
            state = connection.look()
            if state is State.READY:
                return connection
            if state is State.UNFINISHED and now - since < PARK_TIMEOUT:
                self._parked.append((connection, since))
            else:
                self._discard(connection)
        return None

    def take_slot(self) -> bool:
        """Take a free slot, or that of a connection whose answer does not end."""
        if self.open < self.limit:
            self.open += 1
            return True
        if self._parked:
            self._parked.popleft()[0].close()
            return True
        return False

    async def wait(self) -> Kept | None:
        """Wait in line for a slot; it may come with a connection."""
        waiter: _Waiter[Kept] = _Waiter(trio.lowlevel.current_task())
        self._waiters[waiter] = None

        def leave(_: object) -> trio.lowlevel.Abort:
            del self._waiters[waiter]
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(leave)
        return waiter.connection

    def put_back(self, connection: Kept, now: float) -> None:
        """Keep a connection, or hand it to whoever is first in line."""
        state = State.READY if connection.reusable else connection.look()
        if state is not State.READY and (state is State.DEAD or self._waiters):
            connection.close()
            self.free()
        elif self._waiters:
            self._hand_over(connection)
        elif state is State.READY:
            self._idle.append((connection, now))
            if len(self._idle) > MAX_IDLE:
                self._discard(self._idle.popleft()[0])
        else:
            self._parked.append((connection, now))

    def free(self) -> None:
        """Give up a slot."""
        if self._waiters:
            self._hand_over(None)
        else:
            self.open -= 1

    def sweep(self, now: float) -> None:
        """Close what is too old or has died, and make ready what has ended meanwhile."""
        for _ in range(len(self._parked)):
            connection, since = self._parked.popleft()
            state = connection.look()
            if state is State.READY:
                self._idle.append((connection, now))
            elif state is State.UNFINISHED and now - since < PARK_TIMEOUT:
                self._parked.append((connection, since))
            else:
                self._discard(connection)
        for _ in range(len(self._idle)):
            connection, since = self._idle.popleft()
            if now - since < IDLE_TIMEOUT and connection.look() is State.READY:
                self._idle.append((connection, since))
            else:
                self._discard(connection)

    def close_unused(self) -> None:
        """Close all that nobody is using."""
        for connection, _ in (*self._idle, *self._parked):
            self._discard(connection)
        self._idle.clear()
        self._parked.clear()

    def _discard(self, connection: Kept) -> None:
        connection.close()
        self.open -= 1

    def _hand_over(self, connection: Kept | None) -> None:
        waiter, _ = self._waiters.popitem(last=False)
        waiter.connection = connection
        trio.lowlevel.reschedule(waiter.task)


class Lease(Generic[Kept]):
    """A slot in someone's hand, with a connection or room for one. Give it back, or drop it."""

    def __init__(self, pool: "Pool[Kept]", site: Site[Kept], connection: Kept | None) -> None:
        self.connection = connection
        self._pool = pool
        self._site = site
        self.held = True

    def replace(self) -> None:
        """Close the connection and keep the slot."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def drop(self) -> None:
        """Close the connection and give up the slot. May be called again."""
        if self.held:
            self.held = False
            try:
                self.replace()
            finally:
                self._site.free()
                self._pool.forget_unused(self._site)

    def put_back(self) -> None:
        """Let the connection be kept, if it is any good. May be called again."""
        if self.held and self.connection is not None:
            self.held = False
            self._site.put_back(self.connection, trio.current_time())
            self._pool.forget_unused(self._site)


class Pool(Generic[Kept]):
    """All sites. Its counters are public: at rest only idle connections remain."""

    def __init__(self) -> None:
        self.sites: dict[Key, Site[Kept]] = {}

    @property
    def open(self) -> int:
        """All slots taken, those of idle connections included."""
        return sum(site.open for site in self.sites.values())

    @property
    def idle(self) -> int:
        """Connections that are ready for a call."""
        return sum(site.idle for site in self.sites.values())

    @property
    def parked(self) -> int:
        """Connections whose last answer has not ended."""
        return sum(site.parked for site in self.sites.values())

    @property
    def waiting(self) -> int:
        """Calls that wait for a slot."""
        return sum(site.waiting for site in self.sites.values())

    @property
    def busy(self) -> int:
        """Slots in someone's hand."""
        return self.open - self.idle - self.parked

    async def acquire(self, origin: Origin, limit: int) -> Lease[Kept]:
        """Get a slot, first come first served; with a connection if one is kept alive."""
        key = (origin, limit)
        site = self.sites.get(key)
        if site is None:
            site = self.sites[key] = Site(key)
        connection = site.check_out(trio.current_time())
        if connection is None and not site.take_slot():
            connection = await site.wait()
            if connection is not None and connection.look() is not State.READY:
                connection.close()
                connection = None
        return Lease(self, site, connection)

    def sweep(self) -> None:
        """Close what has been kept too long; to be called every second or so."""
        now = trio.current_time()
        for site in list(self.sites.values()):
            site.sweep(now)
            self.forget_unused(site)

    def close_unused(self) -> None:
        """Close all connections that nobody is using."""
        for site in list(self.sites.values()):
            site.close_unused()
            self.forget_unused(site)

    def forget_unused(self, site: Site[Kept]) -> None:
        """Drop a site that holds nothing, so that the table stays as small as its use."""
        if not site.open:
            self.sites.pop(site.key, None)
