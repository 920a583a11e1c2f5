"""A provider that does what each request tells it to do: `python -m benchmarks.soak.provider`.

It notes of each request when it was read, and when it was over and why, as its own socket saw it.
Asked by a line on stdin, it says on stdout how many connections and requests are open.
"""

import os
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from math import inf
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import trio

from benchmarks.soak import wording
from benchmarks.soak.plan import Play
from benchmarks.soak.records import Began, Ended, Journal

BLANK: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length: "
LINGER_NONE: Final = struct.pack("ii", 1, 0)
SLICE_BYTES: Final = 23
RESTS: Final = (0.05, 0.5, 3.0, 20.0)
"""Seconds after which a provider may close a connection that nobody uses any more."""

FIRST_REST: Final = 20.0
"""The same before its first request: a new connection that breaks is a fault, and told as one."""

PARKED: Final = 0.3
"""Seconds between the last event and the end of its body, where it has one."""

_read = msgspec.json.Decoder(wording.Asked).decode


class Link:
    """One connection from the gateway, and whoever reads it."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.gone_at = inf
        self._buffer = bytearray()
        self._more = trio.Event()

    async def read(self) -> None:
        """Read until the peer has gone, and note when that was."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await self.stream.receive_some(65_536):
                self._buffer += data
                self._more.set()
        self.gone_at = time.monotonic()

    async def request(self) -> wording.Asked:
        """Wait for the next request."""
        while (found := self._whole()) is None:
            self._more = trio.Event()
            await self._more.wait()
        return _read(found)

    def _whole(self) -> bytes | None:
        end = self._buffer.find(BLANK) + len(BLANK)
        at = self._buffer.find(LENGTH, 0, end)
        if end < len(BLANK) or at < 0:
            return None
        begin = at + len(LENGTH)
        whole = end + int(self._buffer[begin : self._buffer.index(b"\r\n", begin)])
        if len(self._buffer) < whole:
            return None
        body = bytes(self._buffer[end:whole])
        del self._buffer[:whole]
        return body

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    def reset(self) -> None:
        """Break the connection off: the peer sees RST."""
        self.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
        self.stream.socket.close()


async def tell(link: Link, name: str, play: Play, most: int) -> int:
    """Send the head and so many events."""
    await trio.sleep(play.delay)
    await link.send(wording.CHUNKED_EVENTS)
    for place in range(most):
        data = wording.event(name, place, play.size)
        if play.kind == "malformed" and place == play.events // 2:
            data = wording.MALFORMED + data
        await link.send(wording.chunk(data))
        await trio.sleep(play.gap)
    return most


async def whole(link: Link, name: str, play: Play) -> None:
    sent = await tell(link, name, play, play.events)
    done = b"" if play.kind == "nodone" else wording.DONE
    await link.send(wording.chunk(b"".join(wording.last(name, sent)) + done) + wording.END)


async def in_slices(link: Link, name: str, play: Play) -> None:
    """Cut the same bytes anywhere."""
    await trio.sleep(play.delay)
    body = b"".join(wording.event(name, place, play.size) for place in range(play.events))
    body += b"".join(wording.last(name, play.events)) + wording.DONE
    parts = [wording.chunk(body[at : at + 301]) for at in range(0, len(body), 301)]
    data = wording.CHUNKED_EVENTS + b"".join(parts) + wording.END
    for at in range(0, min(len(data), 4_000), SLICE_BYTES):
        await link.send(data[at : min(at + SLICE_BYTES, 4_000)])
    await link.send(data[4_000:])


async def parked(link: Link, name: str, play: Play) -> None:
    """Say the last word, and end the body only later, or never."""
    sent = await tell(link, name, play, play.events)
    await link.send(wording.chunk(b"".join(wording.last(name, sent)) + wording.DONE))
    if play.ends:
        await trio.sleep(PARKED)
        await link.send(wording.END)


async def breaks(link: Link, name: str, play: Play) -> None:
    await trio.sleep(play.delay)
    if play.cut >= 0:
        await tell(link, name, play, play.cut)
    if play.kind == "reset":
        link.reset()


async def faults(link: Link, name: str, play: Play) -> None:
    await tell(link, name, play, play.cut)
    await link.send(wording.chunk(wording.FAULT) + wording.END)


async def stalls(link: Link, name: str, play: Play) -> None:
    if play.cut >= 0:
        await tell(link, name, play, play.cut)
    await trio.sleep_forever()


async def trickles(link: Link, name: str, play: Play) -> None:
    await tell(link, name, play, play.cut)
    while True:
        await link.send(wording.chunk(b"data: "))
        await trio.sleep(0.1)


async def goes_on(link: Link, name: str, play: Play) -> None:
    await link.send(wording.CHUNKED_EVENTS)
    place = 0
    while True:
        await link.send(wording.chunk(wording.event(name, place, play.size)))
        place += 1
        await trio.sleep(play.gap)


async def answers(link: Link, name: str, play: Play) -> None:
    await trio.sleep(play.delay)
    await link.send(wording.answer(name, play.size))


async def is_busy(link: Link, _name: str, _play: Play) -> None:
    await link.send(wording.refusal(b"429 Too Many Requests", "rate_limit_exceeded"))


async def fails(link: Link, _name: str, _play: Play) -> None:
    await link.send(wording.refusal(b"500 Internal Server Error", "server_exploded"))


Acting = Callable[[Link, str, Play], Awaitable[None]]

ACTS: Final[Mapping[str, Acting]] = {
    "answer": answers,
    "busy": is_busy,
    "drip": in_slices,
    "endless": goes_on,
    "failed": fails,
    "fault": faults,
    "fin": breaks,
    "hang": stalls,
    "parked": parked,
    "reset": breaks,
    "silent": stalls,
    "stall": stalls,
    "trickle": trickles,
}
"""What is not named here is told to its end."""


class Provider:
    """The provider of one port."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._pid = os.getpid()
        self._takes = 0
        self._lots = Random(self._pid)  # noqa: S311 (when an idle connection is closed, no secret)
        self.links = self.playing = 0

    async def welcome(self, stream: trio.SocketStream) -> None:
        """Serve one connection."""
        self.links += 1
        try:
            async with stream, trio.open_nursery() as nursery:
                link = Link(stream)
                nursery.start_soon(self._serve, link, nursery.cancel_scope)
                await link.read()
                nursery.cancel_scope.cancel()
        finally:
            self.links -= 1

    async def _serve(self, link: Link, connection: trio.CancelScope) -> None:
        going, rest = True, FIRST_REST
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while going:
                with trio.move_on_after(rest) as waiting:
                    asked = await link.request()
                if waiting.cancelled_caught:
                    break
                going = await self._play(link, asked.soak)
                rest = self._lots.choice(RESTS)
        connection.cancel()

    async def _play(self, link: Link, wish: wording.Wish) -> bool:
        """Answer one request; say whether another may follow on this connection."""
        self._takes += 1
        self.playing += 1
        take, how = self._takes, "gone"
        self._journal.note(Began(self._pid, take, wish.id, time.monotonic()))
        try:
            await ACTS.get(wish.play.kind, whole)(link, wish.id, wish.play)
            how = "played"
        finally:
            at = min(link.gone_at, time.monotonic())
            self._journal.note(Ended(self._pid, take, at, how))
            self.playing -= 1
        if wish.play.kind == "parked" and not wish.play.ends:
            await trio.sleep_forever()
        return wish.play.kind not in {"fin", "reset"}


async def listen(port: int, path: Path) -> None:
    """Serve until stdin ends; say the port, and after each line what is open."""
    provider = Provider(Journal(path))
    (listener,) = await trio.open_tcp_listeners(port, host="127.0.0.1", backlog=1024)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, provider.welcome, [listener]))
        say({"port": listener.socket.getsockname()[1]})
        async with trio.lowlevel.FdStream(os.dup(0)) as words:
            while await words.receive_some(64):
                say({"links": provider.links, "playing": provider.playing})
        nursery.cancel_scope.cancel()


def say(fields: Mapping[str, int]) -> None:
    """Write a line to whoever started this."""
    sys.stdout.write(msgspec.json.encode(fields).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    trio.run(listen, int(sys.argv[1]), Path(sys.argv[2]))
