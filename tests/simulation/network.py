"""The virtual network: what is to happen later happens in turn, in one task; pipes with weather.

A pipe is one direction of a connection. It delays, cuts, stalls and clogs what it carries, always
in order, and takes no more than its window. Nothing here knows what the bytes mean.
"""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf

import trio

MANY_SLICES = 500
"""Slices of one direction; what comes behind them travels in one piece."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What one direction of a connection is like. Seconds and bytes.

    `slices` bytes travel together at most; `clogs` are times between which nothing moves; from
    `lost_from` on nothing arrives any more and nobody is told.
    """

    latency: float = 0.0
    slices: int = 1 << 30
    spacing: float = 0.0
    window: int = 1 << 20
    clogs: tuple[tuple[float, float], ...] = ()
    lost_from: float = inf

    def arrival(self, at: float) -> float:
        """Return when what is sent now arrives."""
        at += self.latency
        for begin, end in self.clogs:
            if begin <= at < end:
                at = end
        return at if at < self.lost_from else inf


CALM = Weather()


class Network:
    """Calls what is due, when it is due; what is due at one moment, in the order of its posting."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._posted = 0
        self._wakes_at = -inf
        self._woken = trio.Event()

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Let something happen at this moment; infinity is never."""
        if moment == inf:
            return
        self._posted += 1
        heapq.heappush(self._due, (moment, self._posted, act))
        if moment < self._wakes_at:
            self._woken.set()

    async def run(self) -> None:
        """Let things happen until cancelled."""
        due = self._due
        while True:
            while due and due[0][0] <= trio.current_time():
                heapq.heappop(due)[2]()
            self._woken = trio.Event()
            self._wakes_at = due[0][0] if due else inf
            with trio.CancelScope(deadline=self._wakes_at):
                await self._woken.wait()
            self._wakes_at = -inf


class Pipe:
    """One direction of a connection.

    `ended` is True once the FIN has arrived, `broken` once a reset has. `unread` holds what has
    arrived, segment by segment. `deaf` says that nobody reads any more: what still arrives is
    answered by `refuse`, as a kernel does for a closed socket. `ragged` says that the FIN comes
    without the farewell of TLS.
    """

    def __init__(self, network: Network, weather: Weather) -> None:
        self.unread: deque[bytes] = deque()
        self.ended = self.broken = self.deaf = False
        self.finished = self.ragged = False
        self.arrived_at = 0.0
        self.readers = trio.lowlevel.ParkingLot()
        self.writers = trio.lowlevel.ParkingLot()
        self.on_end: Callable[[], None] | None = None
        self.refuse: Callable[[], None] = lambda: None
        self._network = network
        self._weather = weather
        self._held = self._slices = self._flying = 0
        self._clear_at = 0.0

    @property
    def room(self) -> int:
        """Bytes that can be sent now."""
        return max(0, self._weather.window - self._held)

    @property
    def over(self) -> bool:
        """True once nothing more will arrive."""
        return self.ended or self.broken

    def send(self, data: bytes) -> None:
        """Send what there is room for, cut as the weather wants."""
        self._held += len(data)
        size, spacing = self._weather.slices, self._weather.spacing
        for begin in range(0, len(data), size):
            self._slices += 1
            whole = self._slices > MANY_SLICES
            part = data[begin:] if whole else data[begin : begin + size]
            self._carry(partial(self._arrive, part), spacing if begin else 0.0)
            if whole:
                return

    def finish(self) -> None:
        """Send a FIN behind all that was sent."""
        if not self.finished:
            self.finished = True
            self._carry(self._end)

    def reset(self, *, keeps_unread: bool) -> None:
        """Send a reset; it overtakes what is on its way, though not a clog."""
        self.finished = True
        moment = self._weather.arrival(trio.current_time())
        self._network.at(moment, lambda: self._break(keeps_unread=keeps_unread))

    def take(self, most: int) -> bytes:
        """Take from what has arrived, one segment at most."""
        first = self.unread.popleft()
        if len(first) > most:
            self.unread.appendleft(first[most:])
            first = first[:most]
        self._held -= len(first)
        self.writers.unpark_all()
        return first

    def abandon(self) -> None:
        """Say that nobody will read any more; what lies unread is refused."""
        self.deaf = True
        if self.unread:
            self.unread.clear()
            self.refuse()
        self.readers.unpark_all()

    def _carry(self, act: Callable[[], None], pause: float = 0.0) -> None:
        moment = self._weather.arrival(trio.current_time())
        self._clear_at = max(moment, self._clear_at + pause)
        if self._clear_at <= trio.current_time() and not self._flying:
            act()
            return
        self._flying += 1
        self._network.at(self._clear_at, partial(self._land, act))

    def _land(self, act: Callable[[], None]) -> None:
        self._flying -= 1
        act()

    def _arrive(self, part: bytes) -> None:
        if self.broken:
            return
        if self.deaf:
            self._held -= len(part)
            self.refuse()
            return
        self.arrived_at = trio.current_time()
        self.unread.append(part)
        self.readers.unpark_all()

    def _end(self) -> None:
        if not self.over:
            self.ended = True
            self._tell()

    def _break(self, *, keeps_unread: bool) -> None:
        if self.broken:
            return
        self.broken = True
        if not keeps_unread:
            self.unread.clear()
        self._tell()

    def _tell(self) -> None:
        self.readers.unpark_all()
        self.writers.unpark_all()
        if self.on_end is not None:
            self.on_end()
