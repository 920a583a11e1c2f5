"""Reads answers as a client does, byte by byte as they come, by rules of its own.

The gateway is not its own judge: nothing here is taken from the house.
"""

from dataclasses import dataclass, field


class Unreadable(Exception):
    """What came is no answer in HTTP/1.1."""


@dataclass(slots=True)
class Reply:
    """One answer. `whole` is True once its end was read; `until_close` where only that ends it."""

    status: int
    fields: dict[str, str]
    body: bytearray = field(default_factory=bytearray)
    whole: bool = False
    until_close: bool = False

    @property
    def streams(self) -> bool:
        return self.fields.get("content-type", "").startswith("text/event-stream")


class Answers:
    """The answers on one connection. `methods` are those of the requests, in order."""

    def __init__(self, methods: list[str]) -> None:
        self.replies: list[Reply] = []
        self.informed = 0
        self._methods = methods
        self._buffer = bytearray()
        self._left: int | None = None
        self._reply: Reply | None = None

    @property
    def waiting(self) -> int:
        """How many bytes have come of what is not yet a head or a chunk."""
        return len(self._buffer)

    @property
    def whole(self) -> int:
        """How many answers have been read to their end."""
        return sum(reply.whole for reply in self.replies)

    def feed(self, data: bytes) -> None:
        """Read what has come. Raises `Unreadable`."""
        self._buffer += data
        while self._buffer and self._step():
            pass

    def end(self) -> None:
        """Say that the connection has ended."""
        if self._reply is not None and self._reply.until_close:
            self._finish()

    def _step(self) -> bool:
        if self._reply is None:
            return self._read_head()
        if self._reply.until_close:
            self._reply.body += self._buffer
            self._buffer.clear()
            return False
        if self._left is not None:
            part = self._buffer[: self._left]
            del self._buffer[: len(part)]
            self._reply.body += part
            self._left -= len(part)
            if not self._left:
                self._finish()
            return True
        return self._read_chunk(self._reply)

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        version, status, _reason = lines[0].split(" ", 2)
        if version != "HTTP/1.1" or not status.isdigit():
            raise Unreadable(lines[0])
        fields: dict[str, str] = {}
        for line in lines[1:]:
            name, mark, value = line.partition(": ")
            if not mark or name in fields or name != name.lower():
                raise Unreadable(line)
            fields[name] = value
        if status.startswith("1"):
            self.informed += 1
            return True
        self._begin(Reply(int(status), fields))
        return True

    def _begin(self, reply: Reply) -> None:
        if len(self.replies) >= len(self._methods):
            raise Unreadable("an answer that nobody asked for")
        method = self._methods[len(self.replies)]
        self.replies.append(reply)
        self._reply = reply
        length, coding = reply.fields.get("content-length"), reply.fields.get("transfer-encoding")
        if length is not None and coding is not None:
            raise Unreadable("framed twice")
        if coding is None and length is None:
            reply.until_close = True
        elif coding is None:
            assert length is not None
            self._left = 0 if method == "HEAD" else int(length)
            if not self._left:
                self._finish()
        elif coding != "chunked":
            raise Unreadable(coding)

    def _read_chunk(self, reply: Reply) -> bool:
        line = self._buffer.find(b"\r\n")
        if line < 0:
            return False
        try:
            size = int(self._buffer[:line], 16)
        except ValueError:
            raise Unreadable(f"a chunk of the size {bytes(self._buffer[:line])!r}") from None
        whole = line + 2 + size + 2
        if len(self._buffer) < whole:
            return False
        if self._buffer[whole - 2 : whole] != b"\r\n":
            raise Unreadable("a chunk that does not end")
        reply.body += self._buffer[line + 2 : whole - 2]
        del self._buffer[:whole]
        if not size:
            self._finish()
        return True

    def _finish(self) -> None:
        assert self._reply is not None
        self._reply.whole = True
        self._reply, self._left = None, None
