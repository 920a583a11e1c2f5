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
    WebsocketCloseEvent,
)

MOST_REQUESTS = 64

LAST_SEND_TIMEOUT = 5.0
"""Seconds for the end of an answer, which nothing can cancel meanwhile."""

BUSY_STATUS, OTHER_STATUS = 503, 505

VERSIONS: Final = frozenset({"1.0", "1.1"})

BUSY: Final = b'{"error":{"message":"Too many requests at a time.","type":"server_error",\
"param":null,"code":"overloaded"}}'

OTHER: Final = b'{"error":{"message":"HTTP/1.1 is spoken here.","type":"invalid_request_error",\
"param":null,"code":"invalid_request"}}'

_NO_WEBSOCKET: Final[WebsocketCloseEvent] = {
    "type": "websocket.close",
    "code": 1000,
    "reason": None,
}
"""There are none here, and Quart would have the site tell that as it tells of requests."""

Application = Callable[[Scope, ASGIReceiveCallable, ASGISendCallable], Awaitable[None]]


class Wall:
    """An ASGI application around another, `site`, which may be replaced at any time."""

    def __init__(self, site: Application, most: int = MOST_REQUESTS) -> None:
        """More than `most` requests at a time are told to come again."""
        self.site = site
        self._most = most
        self._running = 0

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if scope["type"] == "websocket":
            await send(_NO_WEBSOCKET)  # before it is accepted: a 403
        elif scope["type"] != "http":
            await self.site(scope, receive, send)
        elif scope["http_version"] not in VERSIONS:
            await _refuse(send, OTHER_STATUS, OTHER)
        elif self._running >= self._most:
            await _refuse(send, BUSY_STATUS, BUSY)
        else:
            self._running += 1
            try:
                await self.site(scope, receive, _whole(send))
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


async def _refuse(send: ASGISendCallable, status: int, said: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(said)),
        *([(b"retry-after", b"1")] if status == BUSY_STATUS else []),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    start: HTTPResponseStartEvent = {
        "type": "http.response.start",
        "status": status,
        "headers": headers,
    }
    body: HTTPResponseBodyEvent = {
        "type": "http.response.body",
        "body": said,
        "more_body": False,
    }
    await send(start)
    await send(body)
