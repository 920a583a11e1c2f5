"""The operator's site: puts the routes together under one guard, and seals what they answer.

What is not in the table of routes is closed, and every route of it says who may take it (S11).
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, Final, Protocol

import msgspec
import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable
from quart import Response, g, render_template, request
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIHTTPConnection
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from gateway.admin.entry.guard import Guard
from gateway.admin.furniture import TEMPLATES, Furniture, filters, navigation
from gateway.admin.routes import Page, Refusal, Route, Visit

MAX_BODY_BYTES = 262_144
BODY_TIMEOUT = 5
ANSWER_TIMEOUT = 30
"""Seconds for the way of a body, in and out."""

MOST_STRANGERS = 48
"""Requests at a time of those who have not signed in: who has finds room behind the wall."""

FIRST_SERVER_ERROR = 500

JSON: Final = "application/json"

HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # With less, browsers say of a form of ours that it comes from nowhere (`Origin: null`).
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""What every answer says that does not say otherwise itself."""

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing but our own files, and nothing inline (R22)."""

AT_ITS_END: Final = "gateway.at_its_end"
"""In the scope of a request: a stack of what is to be done once its answer has been taken."""

_CODES: Final = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}


class Subject(Protocol):
    """What of the site is about one thing: its pages, and what of the API they need."""

    def routes(self) -> Sequence[Route]:
        """Return its routes."""


class Exchange(TrioASGIHTTPConnection):
    """A request and its answer, to the end of both."""

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # ours may stand there too
        with ExitStack() as scope[AT_ITS_END]:
            await super().__call__(receive, send)


class Site:
    """The operator's site behind a guard."""

    def __init__(self, subjects: Sequence[Subject], guard: Guard, version: str) -> None:
        self._guard = guard
        self._version = version
        self._strangers = 0
        self._furniture = Furniture()
        self._subjects = (*subjects, self._furniture)

    def routes(self) -> Sequence[Route]:
        """Return all that there is."""
        return tuple(route for subject in self._subjects for route in subject.routes())

    def app(self) -> QuartTrio:
        """Put the site together."""
        app = QuartTrio("gateway.admin.site", static_folder=None, template_folder=str(TEMPLATES))
        app.config.update(
            MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
            BODY_TIMEOUT=BODY_TIMEOUT,
            RESPONSE_TIMEOUT=ANSWER_TIMEOUT,
            TEMPLATES_AUTO_RELOAD=False,
        )
        app.asgi_http_class = Exchange
        app.url_map.merge_slashes = False
        known = {f"{route.method} {route.path}": route for route in self.routes()}
        for name, route in known.items():
            app.add_url_rule(
                route.path,
                name,
                partial(self._answer, route),
                methods=[route.method],
                provide_automatic_options=False,
            )
        app.before_request(partial(self._guard.judge, known))
        app.after_request(_seal)
        app.register_error_handler(HTTPException, self._tell)
        app.register_error_handler(Refusal, self._refuse)
        app.register_error_handler(trio.TooSlowError, self._tell_busy)
        for name, write in filters().items():
            app.jinja_env.filters[name] = write
        app.jinja_env.globals.update(static=self._furniture.static, version=self._version)
        return app

    async def _answer(self, route: Route, **ids: str) -> Response:
        if g.who is None:
            self._let_in()
        return await self._show(route, ids)

    def _let_in(self) -> None:
        """Count a stranger until the answer is taken: slow ones leave room for who is in."""
        if self._strangers >= MOST_STRANGERS:
            raise Refusal(503, "overloaded", "Too many ask here at a time.", 1)
        self._strangers += 1
        request.scope[AT_ITS_END].callback(self._let_out)  # type: ignore[typeddict-item]

    def _let_out(self) -> None:
        self._strangers -= 1

    async def _show(self, route: Route, ids: Mapping[str, str]) -> Response:
        visit = Visit(g.who, _query(route), await _body(route), ids)
        made = await route.view(visit)
        if isinstance(made, Response):
            return made
        return await self._page(made) if isinstance(made, Page) else answer(made)

    async def _page(self, page: Page) -> Response:
        """Make a page. A token of the session stands in it, for what it will ask."""
        who, session = g.get("who"), g.get("session")
        text = await render_template(
            page.template,
            who=who,
            csrf="" if session is None else self._guard.sessions.token(session),
            navigation=navigation(None if who is None else who.role),
            path=request.path,
            **page.values,
        )
        response = Response(text, page.status, content_type="text/html; charset=utf-8")
        response.headers["content-security-policy"] = PAGE_POLICY
        return response

    async def _refuse(self, refusal: Refusal) -> Response:
        if _is_for_people():
            values = {"status": refusal.status, "message": refusal.message}
            response = await self._page(Page("refusal.html", values, refusal.status))
        else:
            response = error(refusal.status, refusal.code, refusal.message)
        if refusal.status == 401:
            response.headers["www-authenticate"] = "Bearer"
        if refusal.retry_after:
            response.headers["retry-after"] = str(refusal.retry_after)
        return response

    async def _tell(self, failure: HTTPException) -> Response:
        status = failure.code or 500
        other = "internal_error" if status >= FIRST_SERVER_ERROR else "invalid_request"
        code = _CODES.get(status, other)
        response = await self._refuse(Refusal(status, code, f"{failure.name}."))
        if isinstance(failure, MethodNotAllowed):
            response.headers["allow"] = ", ".join(sorted(failure.valid_methods or ()))
        return response

    async def _tell_busy(self, _: Any) -> Response:
        said = "The workers did not answer in time."
        return await self._refuse(Refusal(503, "overloaded", said))


def _is_for_people() -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.path.startswith("/api/")


def _query(route: Route) -> msgspec.Struct | None:
    """Return the query as the route has it; what it does not know is refused."""
    if route.asks is None:
        return None
    said = request.args.to_dict(flat=True)
    try:
        return msgspec.convert(said, route.asks, strict=False)
    except msgspec.ValidationError as wrong:
        raise Refusal(400, "invalid_value", f"The query is wrong: {wrong}.") from None


async def _body(route: Route) -> msgspec.Struct | None:
    """Return the body as the route has it."""
    if route.takes is None:
        return None
    if request.mimetype != JSON:
        said = f"The body must be declared as {JSON}."
        raise Refusal(415, "unsupported_media_type", said)
    try:
        return msgspec.json.decode(await request.get_data(), type=route.takes)
    except msgspec.ValidationError as wrong:
        raise Refusal(400, "invalid_value", f"The body is wrong: {wrong}.") from None
    except (msgspec.DecodeError, RecursionError):
        raise Refusal(400, "invalid_value", "The body is no JSON.") from None


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
        response.headers.setdefault(name, value)
    return response
