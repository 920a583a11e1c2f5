"""A client in the simulation: it sends, reads and leaves as its plan says."""

from collections.abc import Callable
from math import inf

import trio

from tests.simulation.answers import Answers, Reply, Unreadable
from tests.simulation.ends import End
from tests.simulation.plan import Visit
from tests.simulation.record import Guest
from tests.simulation.trace import HEARS, Trace
from tests.simulation.wishes import Wish

OUTLIVES = 5.0
"""Seconds for which a client may still read once the gateway has closed the connection."""

MANY_READS, READ_BYTES = 5_000, 65_536
"""Reads after which a client takes all that there is: byte by byte a long answer has no end."""

PATIENCE_FOR_CONTINUE = 2.0
"""Seconds after which a client sends its body uninvited."""

Dial = Callable[[Visit], tuple[End, End] | None]
"""Connects to the gateway: returns both ends, ours first; None where nobody listens."""


class Caller:
    """One client connection at work."""

    def __init__(self, visit: Visit, guest: Guest, trace: Trace) -> None:
        self.visit = visit
        self.guest = guest
        self._trace = trace
        self._end: End | None = None
        self._answers = Answers([wish.method for wish in visit.wishes])
        self._stirred = trio.lowlevel.ParkingLot()
        self._over = False
        self._words = 0

    @property
    def end(self) -> End:
        assert self._end is not None
        return self._end

    def _note(self, what: str, data: bytes = b"") -> None:
        self._trace.add(trio.current_time(), self.visit.name, what, data)

    async def run(self, dial: Dial) -> None:
        """Live through the visit; returns when the gateway has closed the connection."""
        await trio.sleep(self.visit.starts_at)
        ends = dial(self.visit)
        if ends is None:
            self._note("is refused")
            self.guest.refused = True
            return
        self._note("connects")
        self._end, peer = ends
        self.guest.opened_at = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send)
            nursery.start_soon(self._leave_in_time)
            nursery.start_soon(self._read)
            await peer.closing.wait()
            self._note("is closed by the gateway, which wrote", bytes(peer.copy or b""))
            with trio.move_on_after(OUTLIVES):
                while not self._end.closed:
                    await self._stirred.park()
            nursery.cancel_scope.cancel()
        guest = self.guest
        guest.gone_at, guest.closed_at = peer.gone_at, peer.closed_at
        guest.heard_at = peer.incoming.arrived_at
        guest.longest_write = peer.longest_wait
        guest.replies = self._answers.replies
        guest.written = self._read_copy(bytes(peer.copy or b""))

    def _read_copy(self, copy: bytes) -> list[Reply]:
        """Read what the gateway wrote, whether or not it arrived."""
        written = Answers([wish.method for wish in self.visit.wishes])
        try:
            written.feed(copy)
        except Unreadable as error:
            self.guest.complaint = self.guest.complaint or f"of what was written: {error}"
        written.end()
        self.guest.informed = written.informed
        self.guest.wrote = len(copy) - written.waiting
        return written.replies

    async def _leave_in_time(self) -> None:
        after = self.visit.leaving.after_seconds
        if after < inf:
            await trio.sleep(after)
            self._leave()

    def hear_of_a_word(self) -> None:
        """Leave if this is the word at which it should."""
        self._words += 1
        if self._words == self.visit.leaving.after_words:
            self._leave()

    def _leave(self) -> None:
        if self._over or self.end.closed:
            return
        way = self.visit.leaving.way
        if way == "stay":
            return
        self._note(f"leaves by {way}")
        self._over = True
        self.guest.left_at = min(self.guest.left_at, trio.current_time())
        if way == "half":
            self.end.outgoing.finish()
        elif way == "rst":
            self.end.reset()
        else:
            self.end.close()
        self._stirred.unpark_all()

    async def _send(self) -> None:
        try:
            if self.visit.all_at_once:
                await self._write(b"".join(wish.wire for wish in self.visit.wishes))
                self.guest.sent = len(self.visit.wishes)
            for number, wish in enumerate(self.visit.wishes[self.guest.sent :]):
                if not self.visit.pipelines:
                    await self._answered(number)
                if self._over:
                    return
                await self._send_one(wish)
                self.guest.sent += 1
            await self._answered(len(self.visit.wishes))
            self._leave()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._note("can send no more")

    async def _answered(self, count: int) -> None:
        while self._answers.whole < count and not self._over:
            await self._stirred.park()

    async def _send_one(self, wish: Wish) -> None:
        wire = wish.wire
        if wish.expects:
            await self._write(wire[: wish.head_bytes])
            informed = self._answers.informed + len(self._answers.replies)
            with trio.move_on_after(PATIENCE_FOR_CONTINUE):
                while self._answers.informed + len(self._answers.replies) == informed:
                    await self._stirred.park()
            wire = wire[wish.head_bytes :]
        await self._write(wire)

    async def _write(self, data: bytes) -> None:
        pace = self.visit.pace
        if pace.stuck_at < len(data):
            await self._put(data[: int(pace.stuck_at)])
            self._note("is stuck")
            await trio.sleep_forever()
        for _ in range(pace.patient):
            if len(data) <= pace.size or not pace.pause:
                break
            await self._put(data[: pace.size])
            data = data[pace.size :]
            await trio.sleep(pace.pause)
        await self._put(data)

    async def _put(self, data: bytes) -> None:
        self._note("sends", data)
        await self.end.send_all(data)

    async def _read(self) -> None:
        """Read until the connection is over, then close."""
        appetite = self.visit.appetite
        pauses, stalled, reads = appetite.patient, False, 0
        while True:
            if not stalled and self.guest.received >= appetite.stalls_at:
                stalled = True
                self._note("stalls")
                await trio.sleep(appetite.stalls_for)
            try:
                reads += 1
                data = await self.end.receive_some(
                    appetite.size if reads < MANY_READS else READ_BYTES
                )
            except trio.ClosedResourceError:
                break
            except trio.BrokenResourceError:
                self._note("is reset")
                break
            if not data:
                self._note("hears the end")
                self._answers.end()
                break
            self._take(data)
            if appetite.pause and pauses > 0:
                pauses -= 1
                await trio.sleep(appetite.pause)
        self._over = True
        self.end.close()
        self._stirred.unpark_all()

    def _take(self, data: bytes) -> None:
        self._note(HEARS, data)
        self.guest.received += len(data)
        try:
            self._answers.feed(data)
        except Unreadable as error:
            self.guest.complaint = self.guest.complaint or str(error)
        self._stirred.unpark_all()
        if self.guest.received >= self.visit.leaving.after_bytes:
            self._leave()
