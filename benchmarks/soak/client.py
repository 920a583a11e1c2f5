"""One call of a client's, acted out on a real socket: asked, read or not, left when it is time."""

import socket
import struct
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import trio

from benchmarks.soak import wording
from benchmarks.soak.odd import ODD
from benchmarks.soak.plan import CHAT, Plan
from benchmarks.soak.reading import Reading
from benchmarks.soak.records import Journal, Seen

PATIENCE: Final = 30.0
"""Seconds after which no call may still be open."""

KEPT: Final = 2.5
"""Seconds for which a connection is kept for another call: less than the gateway keeps it."""

STALL: Final = 3.5
"""Seconds for which a stalled reader reads nothing: longer than the gateway waits."""

SLOW_BYTES: Final = 8_192
SLOW_PAUSE: Final = 0.02
READ_BYTES: Final = 65_536
SMALL_WINDOW: Final = 8_192
TRICKLES: Final = 8
TRICKLE_PAUSE: Final = 0.04
LINGER_NONE: Final = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Surroundings:
    """What all calls share: where the gateway is, who takes notes, connections that are kept."""

    port: int
    journal: Journal
    kept: deque[tuple[trio.SocketStream, float]] = field(default_factory=deque)

    def take(self) -> trio.SocketStream | None:
        """Return a kept connection that the gateway has not closed yet."""
        while self.kept:
            stream, since = self.kept.pop()
            if trio.current_time() - since < KEPT:
                return stream
            stream.socket.close()
        return None

    def close(self) -> None:
        """Close what is kept."""
        while self.kept:
            self.kept.popleft()[0].socket.close()


async def act(plan: Plan, around: Surroundings) -> None:
    """Make a call and note how it went; cancelled, the client leaves at once."""
    await Acting(plan, around).run()


class Acting:
    """One call under way."""

    def __init__(self, plan: Plan, around: Surroundings) -> None:
        self._plan = plan
        self._around = around
        self._seen = Seen(number=plan.number, began=time.monotonic())
        self._reading = Reading(plan, self._seen)
        self._stream: trio.SocketStream | None = None
        self._by = "fin"

    async def run(self) -> None:
        seen = self._seen
        seen.end = "left"  # unless somebody else ends it
        try:
            with trio.move_on_after(PATIENCE) as patience:
                await self._call()
            if patience.cancelled_caught:
                seen.end = "overdue"
        finally:
            if seen.end == "left" and seen.left_at is None:
                seen.left_at = time.monotonic()
            self._close()
            seen.ended = time.monotonic()
            self._around.journal.note(seen)

    async def _call(self) -> None:
        try:
            self._stream = await self._connected()
        except OSError:
            self._seen.end = "unconnected"
            return
        manner = self._plan.manner
        self._by = manner.by
        # The gateway may answer, or close, before it has heard all.
        with suppress(trio.BrokenResourceError):
            if not await self._ask():
                return
        leaves = manner.kind == "leave" and manner.where == "after"
        with trio.move_on_after(manner.after if leaves else PATIENCE):
            await self._read()
            return
        await self._leave()

    async def _connected(self) -> trio.SocketStream:
        if not self._plan.fresh and (kept := self._around.take()) is not None:
            self._seen.reused = True
            return kept
        sock = trio.socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if self._plan.manner.kind in {"slow", "stall"}:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
        try:
            await sock.connect(("127.0.0.1", self._around.port))
        except BaseException:
            sock.close()
            raise
        return trio.SocketStream(sock)

    async def _ask(self) -> bool:
        """Send the request; False where the client leaves within it."""
        assert self._stream is not None
        plan, where = self._plan, self._plan.manner.where
        if plan.request != CHAT:
            await self._stream.send_all(ODD[plan.request].request(plan.id))
            return True
        head, body = wording.request(plan)
        data = head + body
        within = {"head": len(head) // 2, "body": len(head) + len(body) // 2}.get(where)
        if within is not None:
            await self._stream.send_all(data[:within])
            await trio.sleep(min(plan.manner.after, 0.2))
            await self._leave()
            return False
        parts = [data]
        if plan.trickled:
            size = len(head) // TRICKLES
            cuts = [*range(0, len(head), size), len(data)]
            parts = [data[begin:end] for begin, end in pairwise(cuts)]
        for part in parts:
            await self._stream.send_all(part)
            if plan.trickled:
                await trio.sleep(TRICKLE_PAUSE)
        return True

    async def _read(self) -> None:
        """Read to the end, or to where the client leaves."""
        assert self._stream is not None
        seen, manner = self._seen, self._plan.manner
        if manner.kind == "stall":
            await trio.sleep(STALL)
        slow = manner.kind == "slow"
        size, pause = (SLOW_BYTES, SLOW_PAUSE) if slow else (READ_BYTES, 0.0)
        while not self._reading.whole:
            if self._goes():
                await self._leave()
                return
            try:
                data = await self._stream.receive_some(size)
            except trio.BrokenResourceError:
                data = b""
            if not data:
                seen.end = "cut"
                return
            self._reading.feed(bytes(data))
            if pause:
                await trio.sleep(pause)

    def _goes(self) -> bool:
        """Say whether the client has seen all that it waits for."""
        manner, seen = self._plan.manner, self._seen
        if manner.kind != "leave":
            return False
        if manner.where == "events":
            return bool(seen.status) and seen.events > manner.events
        return manner.where == "done" and seen.done

    async def _leave(self) -> None:
        """Leave now; one who closes its own half alone waits until the gateway has closed."""
        assert self._stream is not None
        seen = self._seen
        seen.left_at = time.monotonic()
        if self._by != "half":
            self._close()
            return
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._stream.send_eof()
            while data := await self._stream.receive_some(READ_BYTES):
                self._reading.feed(bytes(data))
        seen.end = "left"

    def _close(self) -> None:
        """Close the connection, or keep it for the next call."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        if self._seen.end == "whole" and self._reading.keeps and not self._seen.wrong:
            self._around.kept.append((stream, trio.current_time()))
            return
        if self._by == "rst" and self._seen.left_at is not None:
            with suppress(OSError):
                stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
        stream.socket.close()
