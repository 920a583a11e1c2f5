"""A server of tokens: each question is noted, and answered by what stands here."""

import json
from collections.abc import Mapping

import httpx2
import trio

GIVEN = "ya29.given-for-a-while"


def given(token: str = GIVEN, **more: object) -> bytes:
    """Return what a server says with a token."""
    said = {"access_token": token, "expires_in": 3600, "token_type": "Bearer"} | more
    return json.dumps({name: value for name, value in said.items() if value is not None}).encode()


class TokenPlace(httpx2.AsyncBaseTransport):
    """`answer` is a body, a status, an error, or None for silence; it comes after `delay`."""

    def __init__(self, answer: bytes | int | Exception | None) -> None:
        self.answer = answer
        self.refusal = b""
        self.delay = 0.0
        self.times: list[float] = []
        self.urls: list[str] = []
        self.methods: list[str] = []
        self.heads: list[httpx2.Headers] = []
        self.bodies: list[bytes] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.times.append(trio.current_time())
        self.urls.append(str(request.url))
        self.methods.append(request.method)
        self.heads.append(request.headers)
        self.bodies.append(await request.aread())
        await trio.sleep(self.delay)
        if self.answer is None:
            await trio.sleep_forever()
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, int):
            return httpx2.Response(self.answer, stream=httpx2.ByteStream(self.refusal))
        assert self.answer is not None
        return httpx2.Response(200, stream=httpx2.ByteStream(self.answer))


class Lines:
    """A log of what was told of credentials."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def warning(self, event: str, **fields: object) -> None:
        self.said.append(f"{event}: {fields['error']}")

    def info(self, event: str, **fields: object) -> None:
        self.said.append(_plain(event, fields))


def _plain(event: str, fields: Mapping[str, object]) -> str:
    return f"{event}: {fields['provider']}"
