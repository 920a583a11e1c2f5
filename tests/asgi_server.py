"""An ASGI server in memory, as an application sees it: messages in, messages out."""

from collections.abc import Callable
from typing import Any

import trio

Message = dict[str, Any]

DISCONNECT: Message = {"type": "http.disconnect"}


def scope_of(method: str, path: str, *fields: tuple[str, str], version: str = "1.1") -> Message:
    """Return what a server says of a request; what is not among its fields is as usual."""
    given = [(name.encode(), value.encode()) for name, value in fields]
    names = {name for name, _ in given}
    usual = ((b"host", b"localhost"), (b"content-type", b"application/json"))
    return {
        "type": "http",
        "http_version": version,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "headers": given + [field for field in usual if field[0] not in names],
        "client": ("127.0.0.1", 5000),
    }


class AsgiServer:
    """One request's messages; `sent` holds those of the application and when they came."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, Message]] = []
        self.on_send: Callable[[Message], None] = lambda message: None
        self._out, self._in = trio.open_memory_channel[Message](1000)

    def say(self, *messages: Message) -> None:
        """Let the application receive messages."""
        for message in messages:
            self._out.send_nowait(message)

    def body(self, *parts: bytes, more: bool = False) -> None:
        """Let a body arrive in parts; with `more` it is not whole yet."""
        for index, part in enumerate(parts):
            last = index == len(parts) - 1 and not more
            self.say({"type": "http.request", "body": part, "more_body": not last})

    def leave(self) -> None:
        """Let the client go away."""
        self.say(DISCONNECT)

    async def receive(self) -> Message:
        return await self._in.receive()

    async def send(self, message: Any) -> None:
        await trio.lowlevel.checkpoint()
        self.sent.append((trio.current_time(), dict(message)))
        self.on_send(message)

    @property
    def status(self) -> int:
        return int(self.sent[0][1]["status"])

    @property
    def fields(self) -> dict[bytes, bytes]:
        """The header fields of the answer, each of which may stand once."""
        fields = self.sent[0][1]["headers"]
        assert len(dict(fields)) == len(fields)
        return dict(fields)

    @property
    def bodies(self) -> list[tuple[bytes, bool]]:
        """The parts of the answer, and of each whether more were to follow."""
        assert self.sent[0][1]["type"] == "http.response.start"
        parts = [message for _, message in self.sent[1:]]
        assert {part["type"] for part in parts} <= {"http.response.body"}
        return [(part["body"], part.get("more_body", False)) for part in parts]

    @property
    def answer(self) -> bytes:
        return b"".join(part for part, _ in self.bodies)
