"""A provider in the simulation: it reads requests and follows the script of each."""

import json
import re
from typing import Protocol

import trio

from tests.simulation.ends import End
from tests.simulation.record import Asked, Link
from tests.simulation.scripts import Leave, Say, Wait
from tests.simulation.trace import Trace

_BEGINNING = re.compile(rb'"role":\s*"assistant",\s*"content":\s*("(?:[^"\\]|\\.)*")')
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n")
SLOW_BYTES = 2_000
SLOW_PAUSE = 0.5
SLOW_PAUSES = 30
SLOW_READ = SLOW_PAUSE * SLOW_PAUSES
"""Seconds that one who reads slowly may need for a long body, at most."""


class Asking(Protocol):
    """Who takes note of what providers are asked and say."""

    looks_at: int
    """Bytes of a body that a provider reads before it thinks."""

    def ask(self, link: Link, call: str, began: float, key: str, beginning: str) -> Asked:
        """Take note of a request: the connection, the call, when the gateway began to write it.

        `key` is what it was shown, `beginning` the text that it is to go on from.
        """

    def said(self, asked: Asked) -> None:
        """Take note of a word."""


def beginning_in(body: bytes) -> str:
    """Return the text of an answer's beginning that stands in a request."""
    found = _BEGINNING.search(body)
    return str(json.loads(found[1])) if found else ""


class Gone(Exception):
    """The connection is of no more use to the provider."""


class Provider:
    """The provider's end of one connection."""

    def __init__(self, ends: tuple[End, End], link: Link, world: Asking, trace: Trace) -> None:
        """`ends` are the gateway's and our own."""
        self._peer, self._end = ends
        self._link = link
        self._world = world
        self._trace = trace
        self._buffer = bytearray()

    def _note(self, what: str, data: bytes = b"") -> None:
        self._trace.add(trio.current_time(), f"link {self._link.number}", what, data)

    async def run(self) -> None:
        """Answer requests until the connection is over."""
        try:
            while True:
                await self._serve()
        except (Gone, trio.BrokenResourceError, trio.ClosedResourceError):
            self._note("is over")
        self._end.close()

    async def _serve(self) -> None:
        head_bytes, length = await self._read_head()
        began = self._peer.written_at(self._end.taken - len(self._buffer))
        # The marker is in the body: a script that answers early looks at it and reads no more.
        while len(self._buffer) < head_bytes + min(length, self._world.looks_at):
            await self._more()
        head, body = bytes(self._buffer[:head_bytes]), bytes(self._buffer[head_bytes:])
        key = head.partition(b"Bearer ")[2].partition(b"\r\n")[0].decode()
        asked = self._world.ask(self._link, self._call_of(body), began, key, beginning_in(body))
        asked.taken_before = self._peer.taken
        script = asked.script
        self._note(f"is asked by {asked.call}, which it answers as {script.name}")
        if script.stale and not asked.fresh:
            await trio.sleep(script.stale_after)
            self._leave(script.stale)
            raise Gone
        if script.reads == "never":
            await trio.sleep_forever()
        if script.reads != "head":
            pauses = SLOW_PAUSES if script.reads == "slow" else 0
            while len(self._buffer) < head_bytes + length:
                if pauses:
                    pauses -= 1
                    await trio.sleep(SLOW_PAUSE)
                await self._more(SLOW_BYTES if pauses else 65_536)
        del self._buffer[: head_bytes + length]
        await self._follow(asked)
        asked.over = True

    async def _read_head(self) -> tuple[int, int]:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            await self._more()
        found = _LENGTH.search(self._buffer, 0, end + 2)
        return end + 4, int(found[1]) if found else 0

    async def _more(self, size: int = 65_536) -> None:
        data = await self._end.receive_some(size)
        if not data:
            raise Gone
        self._buffer += data

    @staticmethod
    def _call_of(body: bytes) -> str:
        found = re.search(rb'"user":\s*"([^"]+)"', body) or re.search(rb'"(c\d+-\d+): ', body)
        return found[1].decode() if found else json.dumps(body[:40].decode("latin-1"))

    async def _follow(self, asked: Asked) -> None:
        for step in asked.script.steps:
            match step:
                case Say(data, parts):
                    asked.said += parts
                    begin = self._end.written
                    asked.said_in += [(begin, begin + len(data))] * len(parts)
                    asked.said_at += [trio.current_time()] * len(parts)
                    asked.said_bytes += len(data)
                    if data:
                        self._note("says", data)
                        await self._end.send_all(data)
                        self._world.said(asked)
                case Wait(seconds):
                    await trio.sleep(seconds)
                case Leave(way):
                    asked.over = True
                    self._note(f"leaves by {way}")
                    self._leave(way)

    def _leave(self, way: str) -> None:
        if way == "fin":
            self._end.outgoing.finish()
        elif way == "rst":
            self._end.reset()
        elif way == "cut":
            self._end.cut()
        else:
            self._end.close()
