"""A scripted provider that judges what it is asked, and says what it is given to say."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.scripted import Link

Body = dict[str, Any]
Judge = Callable[[Body], None]


async def answer(link: Link, status: int, body: object) -> None:
    """Send an answer in one piece."""
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}"
    await link.send(f"{head}\r\n\r\n".encode() + data)


class Judged:
    """A provider of one form: a judge for each path that it knows.

    It says bytes as a stream of its own type, and anything else as JSON.
    """

    def __init__(
        self, judges: Mapping[str, Judge], content_type: str, *said: bytes | Body, status: int = 200
    ) -> None:
        self.judges = judges
        self.content_type = content_type
        self.said = list(said)
        self.status = status
        self.asked: list[Body] = []
        self.keys: list[list[bytes]] = []

    @property
    def stream_head(self) -> bytes:
        """The head of a stream."""
        fields = f"content-type: {self.content_type}\r\ntransfer-encoding: chunked"
        return f"HTTP/1.1 200 OK\r\n{fields}\r\n\r\n".encode()

    async def __call__(self, link: Link) -> None:
        while True:
            await self.take(link)
            said = self.said.pop(0)
            if isinstance(said, dict):
                await answer(link, self.status, said)
            else:
                await link.send(self.stream_head)
                await link.chunk(said, b"")

    async def take(self, link: Link) -> None:
        """Wait for a request and judge it."""
        request = await link.request()
        method, path, _ = request.line.split(b" ")
        assert method == b"POST"
        body: Body = json.loads(request.body)
        self.judges[path.decode()](body)
        self.asked.append(body)
        self.keys.append(request.values(b"authorization"))
