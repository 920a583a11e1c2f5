"""A client on a real socket: it asks once, hears all of the answer, or leaves when it is time."""

import re
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

import trio

from benchmarks.accounts.wording import END, Asked, request_of

PATIENCE: Final = 90.0
"""Seconds after which no call may still be open."""

LINGER_NONE: Final = struct.pack("ii", 1, 0)
BLANK: Final = b"\r\n\r\n"
_CODE: Final = re.compile(rb'"code": *"([^"]+)"')
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

Where = Literal["connect", "head", "body", "asked", "events", "end"]


@dataclass(frozen=True, slots=True)
class Leave:
    """When a client leaves: at which place, so many seconds or events later, and how."""

    where: Where
    after: float = 0.0
    events: int = 0
    by: Literal["fin", "rst"] = "fin"


@dataclass(slots=True)
class Heard:
    """What a client heard. Times are seconds on the monotonic clock.

    `ended` is when the last byte of a whole answer was here; None where it is not whole.
    """

    asked: Asked
    began: float
    status: int = 0
    code: str = ""
    text: str = ""
    """Of a refusal, all of it."""
    events: int = 0
    answered: float | None = None
    ended: float | None = None

    @property
    def kind(self) -> str:
        """Say in a word what it came to."""
        if self.ended is not None and not self.code:
            return "whole"
        if self.code:
            return "refused" if self.status != 200 else "cut"
        return "broken"


async def ask(port: int, asked: Asked, leave: Leave | None = None) -> Heard:
    """Make one call."""
    heard = Heard(asked, time.monotonic())
    with trio.move_on_after(PATIENCE):
        try:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
        except OSError:
            return heard
        try:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await _talk(stream, heard, leave)
        finally:
            if leave is not None and leave.by == "rst":
                with suppress(OSError):
                    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
            stream.socket.close()
    return heard


async def _talk(stream: trio.SocketStream, heard: Heard, leave: Leave | None) -> None:
    head, body = request_of(heard.asked)
    where = None if leave is None else leave.where
    within = {"connect": 0, "head": len(head) // 2, "body": len(head) + len(body) // 2}
    data = head + body
    if leave is not None and where in within:
        if begun := data[: within[where]]:
            await stream.send_all(begun)
        await trio.sleep(leave.after)
        return
    await stream.send_all(data)
    if leave is not None and where == "asked":
        with trio.move_on_after(leave.after):
            await _read(stream, heard, None)
        return
    await _read(stream, heard, leave.events if leave and where == "events" else None)


async def _read(stream: trio.SocketStream, heard: Heard, events: int | None) -> None:
    """Read to the end of the answer, or until so many events are there."""
    said = bytearray()
    while data := await stream.receive_some(65_536):
        heard.answered = heard.answered or time.monotonic()
        said += data
        heard.events += data.count(b'"content": "wave')
        heard.status = heard.status or int(said[9:12] or 0)
        if heard.ended is None and _is_whole(said):
            heard.ended = time.monotonic()
        if b'"error"' in data:
            found = _CODE.search(said)
            heard.code = found[1].decode() if found else "unknown"
            heard.text = bytes(said).partition(BLANK)[2].decode(errors="replace")[-500:]
        if heard.ended is not None or (events is not None and heard.events >= events):
            return


def _is_whole(said: bytearray) -> bool:
    """Say whether all of an answer is here."""
    begin = said.find(BLANK) + len(BLANK)
    if begin < len(BLANK):
        return False
    length = _LENGTH.search(said, 0, begin)
    return said.endswith(END) if length is None else len(said) >= begin + int(length[1])
