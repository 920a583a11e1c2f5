"""A client that asks over a real socket, and reads the answer by rules of its own."""

import json
from dataclasses import dataclass
from typing import Any

import trio

from tests.named import line_of, named
from tests.process import Fields, Gateway

PATIENCE = 5
SSE = b"data: "


@dataclass(frozen=True)
class Told:
    """An answer as it came, up to the end of its connection, and its line in the log."""

    wire: bytes
    line: Fields
    seconds: float

    @property
    def status(self) -> int:
        return int(self.wire[9:12])

    @property
    def head(self) -> bytes:
        return self.wire.partition(b"\r\n\r\n")[0]

    @property
    def fields(self) -> dict[bytes, bytes]:
        lines = (line.partition(b": ") for line in self.head.split(b"\r\n")[1:])
        return {name: value for name, _, value in lines}

    @property
    def whole(self) -> bool:
        """Say whether a chunked body has its end."""
        return self.wire.endswith(b"\r\n0\r\n\r\n")

    @property
    def body(self) -> bytes:
        """The body without its chunks; as much as came."""
        rest = self.wire.partition(b"\r\n\r\n")[2]
        if b"transfer-encoding" not in self.fields:
            return rest
        body = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            body += rest[:length]
            rest = rest[length + 2 :]
        return body

    @property
    def error(self) -> dict[str, Any]:
        """The error of an answer, or the one in the stream, with its four keys and no other."""
        told = self.body
        if self.fields[b"content-type"].startswith(b"text/event-stream"):
            (told,) = [
                event for event in told.split(b"\n\n") if event.startswith(SSE + b'{"error"')
            ]
        (error,) = json.loads(told.removeprefix(SSE)).values()
        assert error.keys() == {"message", "type", "param", "code"}
        return dict(error)


def request(*fields: str, model: str = "m", stream: bool = True, text: str = "hello") -> bytes:
    """Return a request, the last one on its connection."""
    said = [{"role": "user", "content": text}]
    body = json.dumps({"model": model, "messages": said, "stream": stream}).encode()
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *fields,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def ask(real: Gateway, wire: bytes | None = None) -> Told:
    """Ask, and read until the gateway has closed the connection."""
    wire, request_id = named(request() if wire is None else wire)
    began = trio.current_time()
    answer = bytearray()
    async with await trio.open_tcp_stream("127.0.0.1", real.port) as client:
        await client.send_all(wire)
        with trio.fail_after(PATIENCE):
            try:
                while data := await client.receive_some(65_536):
                    answer += data
            except trio.BrokenResourceError:
                pass
    seconds = trio.current_time() - began
    return Told(bytes(answer), await line_of(real, request_id), seconds)
