"""A provider on a real socket that follows a script, and notes every attempt with its time."""

import re
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec
import trio

from benchmarks.failover.acts import Act, End, Reply, body
from benchmarks.failover.records import Asked, Attempt

BLANK: Final = b"\r\n\r\n"
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CALL: Final = re.compile(r"\[(call-[\w-]+)\]")
"""A call's mark, in what its caller says."""

NOT_HERE: Final = body(b"404 Not Found", b"application/json", b"{}")
BACKLOG: Final = 256
LINGER_NONE: Final = struct.pack("ii", 1, 0)

Script = Sequence[Reply]
"""A reply for each attempt, the last one for all that follow; an empty one refuses connections."""


class _Told(msgspec.Struct):
    """What is read of a request."""

    model: str
    messages: list[dict[str, Any]]
    stream: bool = False
    stream_options: dict[str, Any] | None = None


def read(data: bytes) -> Asked | None:
    """Read a request; None where it asks for no answer."""
    try:
        told = msgspec.json.decode(data, type=_Told)
    except msgspec.DecodeError:
        return None
    texts = [str(message.get("content")) for message in told.messages]
    mark = CALL.search(" ".join(texts))
    begun = told.messages[-1].get("role") == "assistant"
    return Asked(
        call=mark[1] if mark else "",
        model=told.model,
        stream=told.stream,
        prefill=texts[-1] if begun else "",
        usage=bool((told.stream_options or {}).get("include_usage")),
    )


class Link:
    """One connection: who reads it notes when the gateway has left."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.left = trio.Event()
        self._buffer = bytearray()
        self._more = trio.Event()

    async def listen(self) -> None:
        """Read until the peer has gone, or the script has closed the connection."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await self.stream.receive_some(65_536):
                self._buffer += data
                self._more.set()
        self.left.set()

    async def request(self) -> bytes:
        """Wait for the body of the next request."""
        while (found := self._whole()) is None:
            self._more = trio.Event()
            await self._more.wait()
        return found

    def _whole(self) -> bytes | None:
        end = self._buffer.find(BLANK) + len(BLANK)
        length = LENGTH.search(self._buffer, 0, end)
        if end < len(BLANK) or len(self._buffer) < (whole := end + int(length[1] if length else 0)):
            return None
        body = bytes(self._buffer[end:whole])
        del self._buffer[:whole]
        return body

    async def act(self, act: Act) -> bool:
        """Do all of it; say whether the connection is still of use."""
        for part in act:
            match part:
                case bytes():
                    await self.stream.send_all(part)
                case float():
                    await trio.sleep(part)
                case End.SILENT:
                    await trio.sleep_forever()
                case End.RST:
                    linger = (socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
                    self.stream.socket.setsockopt(*linger)
                    return False
                case End.FIN:
                    return False
        return True


class Upstream:
    """One provider. `attempts` are those of the script that it follows just now."""

    def __init__(self, name: str, port: int = 0) -> None:
        self.name = name
        self.attempts: list[Attempt] = []
        self._script: Script = ()
        self._listener: trio.SocketListener | None = None
        self._serving = trio.CancelScope()
        self._bound = _bound(port)
        self.port = int(self._bound.getsockname()[1])

    def follow(self, script: Script, nursery: trio.Nursery) -> None:
        """Begin a script, and listen or refuse connections as it wants."""
        self._script, self.attempts = script, []
        if script and self._listener is None:
            try:
                self._bound.listen(BACKLOG)
            except OSError as error:
                raise _taken(self.port, error) from None
            self._listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._bound))
            self._serving = trio.CancelScope()
            nursery.start_soon(self._serve, self._listener, self._serving)
        elif not script and self._listener is not None:
            self._serving.cancel()
            self._listener.socket.close()
            self._listener = None
            # Bound and not listening, it refuses, and nobody else can have the port.
            self._bound = _bound(self.port)

    def close(self) -> None:
        """Let the port go, once nobody follows the script any more."""
        self._bound.close()

    async def _serve(self, listener: trio.SocketListener, serving: trio.CancelScope) -> None:
        with serving:
            await trio.serve_listeners(self._answer, [listener])

    async def _answer(self, stream: trio.SocketStream) -> None:
        link = Link(stream)
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(link.listen)
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await self._follow(link, nursery)
            # The socket alone, or its linger would be lost to a farewell.
            stream.socket.close()
            nursery.cancel_scope.cancel()

    async def _follow(self, link: Link, nursery: trio.Nursery) -> None:
        """Answer one request after the other, until somebody leaves."""

        async def leave() -> None:
            await link.left.wait()
            if now_with is not None:
                now_with.gone = time.monotonic()
            nursery.cancel_scope.cancel()

        now_with: Attempt | None = None
        nursery.start_soon(leave)
        useful = True
        while useful:
            asked = read(await link.request())
            if asked is None:
                await link.act((NOT_HERE,))
                continue
            asked = msgspec.structs.replace(asked, number=len(self.attempts) + 1)
            now_with = Attempt(asked, time.monotonic())
            self.attempts.append(now_with)
            reply = self._script[min(len(self.attempts), len(self._script)) - 1]
            useful = await link.act(reply(asked, self.name))
            now_with = None


def _bound(port: int) -> socket.socket:
    """Return a socket that has the port, and does not listen yet."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
    except OSError as error:
        bound.close()
        raise _taken(port, error) from None
    bound.setblocking(False)
    return bound


def _taken(port: int, error: OSError) -> OSError:
    return OSError(f"Port {port} cannot be had: {error.strerror}.")
