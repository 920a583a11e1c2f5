"""The two ends of a virtual connection, and who sees that one of them has gone.

An end is a `Wire` without a socket: it waits where a wire waits and fails as a wire fails, so that
the house takes the same ways with it.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

import trio
from trio.lowlevel import ParkingLot, checkpoint, checkpoint_if_cancelled

from gateway.upstream.wire import READ_BYTES, Ragged, Wire
from tests.simulation.network import Network, Pipe, Weather


class End(Wire):
    """One end of a connection. `closed_at` is when whoever has it closed it.

    `gone_at` is when the other end's FIN or reset arrived here. `writes` says from which byte on
    was written when; `copy`, where there is one, takes all that was written, and `reads` when so
    much had been taken. `longest_wait` is for how long a write has waited for room, in seconds.
    """

    def __init__(self, incoming: Pipe, outgoing: Pipe) -> None:
        self.incoming, self.outgoing = incoming, outgoing
        self.closed_at = self.gone_at = inf
        self.taken = self.written = 0
        self.longest_wait = 0.0
        self.writes: list[tuple[int, float]] = []
        self.closing = trio.Event()
        self.copy: bytearray | None = None
        self.reads: list[tuple[float, int]] | None = None
        self.on_gone: Callable[[], None] = lambda: None
        self._closed = self._no_more = False
        incoming.on_end = self._note_end
        incoming.refuse = lambda: outgoing.reset(keeps_unread=False)

    def _note_end(self) -> None:
        self.gone_at = min(self.gone_at, trio.current_time())
        if self.incoming.broken:
            # Who waits for room would wait for ever.
            self.outgoing.writers.unpark_all()
        self.on_gone()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        size = max_bytes or READ_BYTES
        data = None
        while data is None:
            if self._closed:
                raise trio.ClosedResourceError
            if self._no_more and (data := self.read_now(size)) is None:
                raise trio.ClosedResourceError("nobody waits here any more")
            if data is None:
                await self.wait_for_bytes()
                data = self.read_now(size)
        return data

    def stop_reading(self) -> None:
        self._no_more = True
        self.incoming.readers.unpark_all()

    def read_again(self) -> None:
        self._no_more = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await checkpoint_if_cancelled()
        sent = self.write_now(data)
        with memoryview(data) as view:
            while sent < len(view):
                await self.wait_send_all_might_not_block()
                sent += self.write_now(view[sent:])

    async def wait_send_all_might_not_block(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError
        if self.outgoing.room or self.incoming.broken:
            await checkpoint()
        else:
            began = trio.current_time()
            try:
                await self.outgoing.writers.park()
            finally:
                self.longest_wait = max(self.longest_wait, trio.current_time() - began)

    async def wait_for_bytes(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError
        incoming = self.incoming
        if incoming.unread or incoming.over or self._no_more:
            await checkpoint()
        else:
            await incoming.readers.park()

    def read_now(self, max_bytes: int) -> bytes | None:
        if self._closed:
            raise trio.ClosedResourceError
        incoming = self.incoming
        if incoming.unread:
            data = incoming.take(max_bytes)
            self.taken += len(data)
            if self.reads is not None:
                self.reads.append((trio.current_time(), self.taken))
            return data
        if incoming.broken:
            raise trio.BrokenResourceError("reading failed: connection reset by peer")
        if incoming.ended and incoming.ragged:
            raise Ragged("the connection was cut")
        return b"" if incoming.ended else None

    def write_now(self, data: bytes | bytearray | memoryview) -> int:
        if self._closed:
            raise trio.ClosedResourceError
        if self.incoming.broken or self.outgoing.finished:
            raise trio.BrokenResourceError("writing failed: broken pipe")
        part = bytes(data[: self.outgoing.room])
        if part:
            self.writes.append((self.written, trio.current_time()))
            self.written += len(part)
            if self.copy is not None:
                self.copy += part
            self.outgoing.send(part)
        return len(part)

    async def send_eof(self) -> None:
        await checkpoint_if_cancelled()
        if self._closed:
            raise trio.ClosedResourceError
        if self.incoming.broken:
            raise trio.BrokenResourceError("closing one way failed")
        self.outgoing.finish()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.closed_at = trio.current_time()
        self.closing.set()
        # With something unread a kernel says RST instead of FIN.
        self.incoming.abandon()
        self.outgoing.finish()
        self.outgoing.writers.unpark_all()

    def break_off(self) -> None:
        """Have the other end see that this was no end: nothing comes between this and `close`."""
        self.reset()

    def reset(self) -> None:
        """Close as with SO_LINGER 0: the other end is reset."""
        if not self._closed:
            self.outgoing.reset(keeps_unread=True)
            self.close()

    def written_at(self, offset: int) -> float:
        """Return when the byte at this place was written."""
        return max(moment for begin, moment in self.writes if begin <= offset)

    def cut(self) -> None:
        """Close without the farewell of TLS: the other end cannot trust that this is the end."""
        self.outgoing.ragged = True
        self.close()

    @property
    def closed(self) -> bool:
        """True once whoever has this end closed it."""
        return self._closed


def pair(network: Network, there: Weather, back: Weather) -> tuple[End, End]:
    """Return two ends; what the first says goes through the weather `there`."""
    one, other = Pipe(network, there), Pipe(network, back)
    return End(other, one), End(one, other)


class Sealed(trio.abc.Stream):
    """An end behind what stands for TLS: a stream that is no wire and has no half to close."""

    def __init__(self, end: End) -> None:
        self.end = end

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await checkpoint_if_cancelled()
        return await self.end.receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await checkpoint()
        await self.end.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.end.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        self.end.close()
        await checkpoint()


def end_of(stream: trio.abc.Stream) -> End:
    """Return the end beneath a stream."""
    end = stream.end if isinstance(stream, Sealed) else stream
    assert isinstance(end, End)
    return end


class Watch:
    """Who sees that clients have gone (see `downstream.gone.Gone`): one task, as in the house."""

    def __init__(self) -> None:
        self._watched: dict[End, Callable[[], None]] = {}
        self._gone: deque[End] = deque()
        self._lot = ParkingLot()

    def __len__(self) -> int:
        return len(self._watched)

    @contextmanager
    def watching(self, stream: trio.abc.Stream, on_gone: Callable[[], None]) -> Iterator[None]:
        end = end_of(stream)
        self._watched[end] = on_gone
        end.on_gone = lambda: self._see(end)
        if end.incoming.over:
            self._see(end)
        try:
            yield
        finally:
            del self._watched[end]
            end.on_gone = lambda: None

    def hang_up(self, stream: trio.abc.Stream) -> None:
        end_of(stream).stop_reading()

    def take_up(self, stream: trio.abc.Stream) -> None:
        end_of(stream).read_again()

    def _see(self, end: End) -> None:
        self._gone.append(end)
        self._lot.unpark_all()

    async def run(self) -> None:
        """Call those whose clients have gone, until cancelled."""
        while True:
            while not self._gone:
                await self._lot.park()
            await checkpoint()
            while self._gone:
                if (on_gone := self._watched.get(self._gone.popleft())) is not None:
                    on_gone()
