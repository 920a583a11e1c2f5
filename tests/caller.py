"""A client in memory, for virtual time: its end of the connection, the gateway's end, the answers.

The answers are read here by rules of their own, so that the gateway is not its own judge.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Any

import trio

BLANK_LINE = b"\r\n\r\n"


class Line(trio.abc.HalfCloseableStream):
    """The gateway's end. `window` bytes fit into the way back before the client must read.

    `writes` holds each write and when it was begun; `closed_at` is when the gateway closed.
    `on_write` is called once bytes have been taken, before the write returns.
    """

    def __init__(self, window: float = inf) -> None:
        self.window = window
        self.writes: list[tuple[float, bytes]] = []
        self.unread = bytearray()
        self.arriving: list[bytes] = []
        self.reads = 0
        self.said_eof = self.left = self.broken = self.hung_up = False
        self.closed_at = inf
        self.on_gone: Callable[[], None] | None = None
        self.on_write: Callable[[], None] | None = None
        self._stirred = trio.Event()

    def stir(self) -> None:
        """Wake whoever waits for a change."""
        self._stirred.set()
        self._stirred = trio.Event()

    async def change(self) -> None:
        """Wait until something is different."""
        await self._stirred.wait()

    def _check(self) -> None:
        if self.closed:
            raise trio.ClosedResourceError
        if self.broken:
            raise trio.BrokenResourceError

    @property
    def closed(self) -> bool:
        return self.closed_at < inf

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        self._check()
        while not self.arriving:
            if self.left:
                return b""
            if self.hung_up:
                raise trio.ClosedResourceError
            await self.change()
            self._check()
        self.reads += 1
        first = self.arriving.pop(0)
        if max_bytes is not None and len(first) > max_bytes:
            self.arriving.insert(0, first[max_bytes:])
        return first[:max_bytes]

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        self._check()
        self.writes.append((trio.current_time(), bytes(data)))
        rest = bytes(data)
        while rest:
            room = int(min(self.window - len(self.unread), len(rest)))
            self.unread += rest[:room]
            rest = rest[room:]
            self.stir()
            if self.on_write is not None:
                self.on_write()
            if rest:
                await self.change()
                self._check()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()
        self._check()
        self.said_eof = True
        self.stir()

    def close(self) -> None:
        """Close, as the listener does when a connection has been served."""
        if not self.closed:
            self.closed_at = trio.current_time()
            self.stir()

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint()


class Watching:
    """A watcher of clients in memory (see `downstream.gone.Gone`)."""

    def __init__(self) -> None:
        self.watched = 0

    @contextmanager
    def watching(self, stream: trio.abc.Stream, on_gone: Callable[[], None]) -> Iterator[None]:
        assert isinstance(stream, Line)
        stream.on_gone = on_gone
        self.watched += 1
        if stream.left:
            on_gone()
        try:
            yield
        finally:
            self.watched -= 1
            stream.on_gone = None

    def hang_up(self, stream: trio.abc.Stream) -> None:
        assert isinstance(stream, Line)
        stream.hung_up = True
        stream.stir()

    def take_up(self, stream: trio.abc.Stream) -> None:
        assert isinstance(stream, Line)
        stream.hung_up = False


@dataclass
class Reply:
    """One answer. `whole` is False where the connection ended before it did."""

    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes = b""
    whole: bool = True
    chunks: list[bytes] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """Return the value of a field, which may stand once at most."""
        values = [value for key, value in self.fields if key == name]
        assert len(values) < 2, f"{name} stands twice"
        return values[0] if values else None

    @property
    def error(self) -> dict[str, Any]:
        """The error object of the body, with the four keys that SDKs want and no other."""
        (error,) = json.loads(self.body).values()
        assert error.keys() == {"message", "type", "param", "code"}
        return dict(error)

    @property
    def events(self) -> list[Any]:
        """What the events of a stream say; `[DONE]` is left as it is."""
        blocks = self.body.decode().split("\n\n")
        assert blocks[-1] == "", "the last event is not whole"
        said = [block.removeprefix("data: ") for block in blocks[:-1] if block[:1] != ":"]
        return [text if text == "[DONE]" else json.loads(text) for text in said]

    @property
    def text(self) -> str:
        """What the model says in this answer."""
        chunks = [event for event in self.events if event != "[DONE]" and "choices" in event]
        return "".join(
            choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]
        )


class Caller:
    """A client; `line` is the gateway's end of its connection."""

    def __init__(self, line: Line) -> None:
        self.line = line

    def send(self, *parts: bytes) -> None:
        """Let parts arrive at the gateway, each in a segment of its own."""
        self.line.arriving += [part for part in parts if part]
        self.line.stir()

    def leave(self, way: str = "fin") -> None:
        """Go away; under "rst" what has not been read is lost at both ends."""
        self.line.left = True
        if way == "rst":
            self.line.broken = True
            self.line.arriving.clear()
        self.line.stir()
        if self.line.on_gone is not None:
            self.line.on_gone()

    async def read(self, size: int) -> bytes:
        """Take so many bytes, fewer where the gateway ended before."""
        line = self.line
        got = bytearray()
        while len(got) < size:
            if line.unread:
                part = line.unread[: size - len(got)]
                del line.unread[: len(part)]
                got += part
                line.stir()
            elif line.said_eof or line.closed:
                break
            else:
                await line.change()
        return bytes(got)

    async def read_to(self, mark: bytes) -> bytes:
        """Read up to a mark and with it; less where the gateway ended before."""
        got = b""
        while not got.endswith(mark) and (more := await self.read(1)):
            got += more
        return got

    async def hung_up(self) -> float:
        """Wait until the gateway has closed the connection; return when."""
        while not self.line.closed:
            self.line.unread.clear()
            self.line.stir()
            await self.line.change()
        return self.line.closed_at

    async def reply(self, *, to_head: bool = False) -> Reply:
        """Read one answer by its framing, and not a byte more."""
        reply = await self.head()
        coding, length = reply.get("transfer-encoding"), reply.get("content-length")
        assert coding is None or (coding == "chunked" and length is None)
        if to_head or reply.status < 200:
            return reply
        if coding is not None:
            await self._read_chunks(reply)
        elif length is not None:
            reply.body = await self.read(int(length))
            reply.whole = len(reply.body) == int(length)
        else:
            reply.body = await self.read(10_000_000)
        return reply

    async def head(self) -> Reply:
        """Read the head of an answer."""
        head = (await self.read_to(BLANK_LINE)).decode("latin-1")
        start, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        version, status, reason = start.split(" ", 2)
        assert version == "HTTP/1.1", start
        fields = [line.partition(": ") for line in lines]
        return Reply(int(status), reason, [(name, value) for name, _, value in fields])

    async def _read_chunks(self, reply: Reply) -> None:
        while True:
            size = (await self.read_to(b"\r\n")).removesuffix(b"\r\n")
            part = await self.read(int(size or b"0", 16))
            end = await self.read(2)
            if not size or end != b"\r\n":
                reply.whole = False
                return
            if not part:
                return
            reply.chunks.append(part)
            reply.body += part
