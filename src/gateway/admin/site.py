"""The operator's site: its routes, and who may take them. What is not named as open is closed."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import trio
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from gateway.admin.desk import Desk
from gateway.admin.door import Door
from gateway.admin.metrics import exposition
from gateway.admin.targets import Names

MAX_BODY_BYTES = 4096
BODY_TIMEOUT = 5
ANSWER_TIMEOUT = 30
"""Seconds for the way of a body, in and out."""

CONNECTIONS = 200
MOST_CONNECTIONS = 2_000
"""Connections of one worker that a tree shows: unless it is told, and at most."""

FIRST_SERVER_ERROR = 500

MAX_ID = 256
"""Characters of a call's id."""

JSON: Final = "application/json"

HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

_LIMIT = re.compile(r"[0-9]{1,6}", re.ASCII)

Made = Response | None


class Route(NamedTuple):
    """A path of the site; an open one asks for no credential."""

    path: str
    method: str
    view: Callable[[], Awaitable[Response]]
    is_open: bool = False


class Cancel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request to cancel a call."""

    id: str


class Site:
    """The operator's site over a desk, behind a door."""

    def __init__(self, desk: Desk, door: Door, numbers: Sequence[int], version: str) -> None:
        """`numbers` are those of the workers that there should be."""
        self._desk = desk
        self._door = door
        self._numbers = numbers
        self._version = version
        self._names = Names()

    def routes(self) -> Sequence[Route]:
        """Return all that there is."""
        return (
            Route("/healthz", "GET", self._healthz, is_open=True),
            Route("/metrics", "GET", self._metrics, is_open=True),
            Route("/api/gauges", "GET", self._gauges),
            Route("/api/tree", "GET", self._tree),
            Route("/api/cancel", "POST", self._cancel),
        )

    def app(self) -> QuartTrio:
        """Put the site together."""
        app = QuartTrio("gateway.admin.site", static_folder=None, template_folder=None)
        app.config.update(
            MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
            BODY_TIMEOUT=BODY_TIMEOUT,
            RESPONSE_TIMEOUT=ANSWER_TIMEOUT,
        )
        app.url_map.merge_slashes = False
        for route in self.routes():
            app.add_url_rule(
                route.path,
                route.path,
                route.view,
                methods=[route.method],
                provide_automatic_options=False,
            )
        opened = frozenset(route.path for route in self.routes() if route.is_open)
        app.before_request(self._guard(opened))
        app.after_request(_seal)
        app.register_error_handler(HTTPException, _tell)
        app.register_error_handler(trio.TooSlowError, _tell_busy)
        return app

    def _guard(self, opened: frozenset[str]) -> Callable[[], Awaitable[Made]]:
        async def guard() -> Made:
            """Judge by the route that was found, and not by the path once more (S9, S11)."""
            if self._door.is_for_pages(
                request.headers.get("host"), request.headers.get("sec-fetch-site")
            ):
                return error(403, "forbidden", "The admin answers no web pages of other sites.")
            if request.endpoint in opened or self._door.admits(
                request.headers.get("authorization")
            ):
                return None
            refusal = error(401, "invalid_api_key", "Show the admin's key or token as a bearer.")
            refusal.headers["www-authenticate"] = "Bearer"
            return refusal

        return guard

    async def _healthz(self) -> Response:
        return answer({"status": "ok"})

    async def _metrics(self) -> Response:
        answers = await self._desk.gauges()
        text = exposition(answers, self._numbers, self._version, self._names)
        return Response(text, content_type=CONTENT_TYPE_LATEST)

    async def _gauges(self) -> Response:
        return answer({"workers": await self._desk.gauges()})

    async def _tree(self) -> Response:
        said = request.args.get("limit", str(CONNECTIONS))
        if _LIMIT.fullmatch(said) is None or int(said) > MOST_CONNECTIONS:
            text = f"limit must be a number from 0 to {MOST_CONNECTIONS}."
            return error(400, "invalid_value", text)
        return answer({"workers": await self._desk.tree(int(said))})

    async def _cancel(self) -> Response:
        if request.mimetype != JSON:
            return error(415, "unsupported_media_type", f"The body must be declared as {JSON}.")
        try:
            call = msgspec.json.decode(await request.get_data(), type=Cancel).id
        except (msgspec.DecodeError, RecursionError):
            call = ""
        if not 0 < len(call) <= MAX_ID:
            return error(400, "invalid_value", 'The body must be {"id": "req_..."}.')
        return answer({"cancelled": await self._desk.cancel(call)})


def answer(value: object, status: int = 200) -> Response:
    """Return a value as JSON."""
    return Response(msgspec.json.encode(value), status, content_type=JSON)


def error(status: int, code: str, message: str) -> Response:
    """Return an error in the form that the gateway's own errors have."""
    kind = "server_error" if status >= FIRST_SERVER_ERROR else "invalid_request_error"
    said = {"message": message, "type": kind, "param": None, "code": code}
    return answer({"error": said}, status)


async def _seal(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


async def _tell(failure: HTTPException) -> Response:
    status = failure.code or 500
    codes = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}
    other = "internal_error" if status >= FIRST_SERVER_ERROR else "invalid_request"
    response = error(status, codes.get(status, other), f"{failure.name}.")
    if isinstance(failure, MethodNotAllowed):
        response.headers["allow"] = ", ".join(sorted(failure.valid_methods or ()))
    return response


async def _tell_busy(_: Any) -> Response:
    return error(503, "overloaded", "The workers did not answer in time.")
