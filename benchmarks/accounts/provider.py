"""A provider on loopback that answers as its requests say, and notes what it has written."""

import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import trio

from benchmarks.accounts.wording import HEAD_STREAM, Asked, event, farewell, read, whole

BACKLOG: Final = 1024
BLANK: Final = b"\r\n\r\n"
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
NOT_HERE: Final = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"


@dataclass(slots=True)
class Served:
    """One request that the provider got. `at` is seconds on the monotonic clock."""

    asked: Asked
    at: float
    written: int = 0
    """Tokens that the kernel has taken."""
    done: bool = False


class Provider:
    """It listens as soon as it is made. `served` are its requests, in the order they came."""

    def __init__(self) -> None:
        self.served: list[Served] = []
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", 0))
        bound.setblocking(False)
        bound.listen(BACKLOG)
        self.port = int(bound.getsockname()[1])
        self._listener = trio.SocketListener(trio.socket.from_stdlib_socket(bound))

    async def serve(self) -> None:
        """Answer until cancelled."""
        await trio.serve_listeners(self._answer, [self._listener])

    async def _answer(self, stream: trio.SocketStream) -> None:
        buffer = bytearray()
        async with stream:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                while (body := await self._request(stream, buffer)) is not None:
                    asked = read(body)
                    if asked is None:
                        await stream.send_all(NOT_HERE)
                        continue
                    served = Served(asked, time.monotonic())
                    self.served.append(served)
                    await self._play(stream, buffer, served)
                    if not served.done:
                        return

    async def _request(self, stream: trio.SocketStream, buffer: bytearray) -> bytes | None:
        while (body := _whole(buffer)) is None:
            data = await stream.receive_some(65_536)
            if not data:
                return None
            buffer += data
        return body

    async def _play(self, stream: trio.SocketStream, buffer: bytearray, served: Served) -> None:
        """Answer, unless whoever asked leaves before the end."""

        async def listen() -> None:
            with suppress(trio.BrokenResourceError):
                while data := await stream.receive_some(65_536):
                    buffer.extend(data)
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            with suppress(trio.BrokenResourceError):
                await _write(stream, served)
            nursery.cancel_scope.cancel()


async def _write(stream: trio.SocketStream, served: Served) -> None:
    asked, pause = served.asked, served.asked.pause / 1000
    if not asked.stream:
        await trio.sleep(pause * asked.tokens)
        served.written = asked.tokens
        await stream.send_all(whole(asked))
    else:
        await stream.send_all(HEAD_STREAM + event(asked, role="assistant", content=""))
        one = event(asked, content="wave ")
        for _ in range(asked.tokens):
            await stream.send_all(one)
            served.written += 1
            if pause:
                await trio.sleep(pause)
        await stream.send_all(farewell(asked))
    served.done = True


def _whole(buffer: bytearray) -> bytes | None:
    """Take the body of a request, once it is there."""
    end = buffer.find(BLANK) + len(BLANK)
    length = LENGTH.search(buffer, 0, end)
    if end < len(BLANK) or len(buffer) < (all_of_it := end + int(length[1] if length else 0)):
        return None
    body = bytes(buffer[end:all_of_it])
    del buffer[:all_of_it]
    return body
