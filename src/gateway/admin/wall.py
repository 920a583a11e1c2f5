"""Stands between Hypercorn and the site: bounds what runs at a time, and lets the last send end."""

from collections.abc import Awaitable, Callable
from typing import Final

import trio
from hypercorn.typing import (
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
    Scope,
)

MOST_REQUESTS = 64

LAST_SEND_TIMEOUT = 20.0

BUSY: Final = b'{"error":{"message":"Too many requests at a time.","type":"server_error",\
"param":null,"code":"overloaded"}}'

Application = Callable[[Scope, ASGIReceiveCallable, ASGISendCallable], Awaitable[None]]


class Wall:
    """An ASGI application around another."""

    def __init__(self, site: Application, most: int = MOST_REQUESTS) -> None:
        """More than `most` requests at a time are told to come again."""
        self._site = site
        self._most = most
        self._running = 0

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if scope["type"] != "http":
            await self._site(scope, receive, send)
        elif self._running >= self._most:
            await _refuse(send)
        else:
            self._running += 1
            try:
                await self._site(scope, receive, _whole(send))
            finally:
                self._running -= 1


def _whole(send: ASGISendCallable) -> ASGISendCallable:
    """Keep the last send from being cancelled by what it sets off itself.

    From inside it Hypercorn says that the client is gone, whereupon Quart-Trio cancels the request
    and with it Hypercorn's own work at the end of an answer: the connection would stay for ever.
    """

    async def send_whole(message: ASGISendEvent) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            with trio.CancelScope(shield=True, relative_deadline=LAST_SEND_TIMEOUT):
                await send(message)
        else:
            await send(message)

    return send_whole


async def _refuse(send: ASGISendCallable) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(BUSY)),
        (b"retry-after", b"1"),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    start: HTTPResponseStartEvent = {
        "type": "http.response.start",
        "status": 503,
        "headers": headers,
    }
    body: HTTPResponseBodyEvent = {
        "type": "http.response.body",
        "body": BUSY,
        "more_body": False,
    }
    await send(start)
    await send(body)
