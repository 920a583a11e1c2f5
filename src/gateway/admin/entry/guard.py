"""Judges each request to the site before anything of it is read but its head (S9, S11, R22).

It goes by the route that was found, and looks at no path of its own. Who may take what stands in
the table of routes; what is not in the table is closed to all.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Final

from quart import Request, Response, g, request

from gateway.admin.entry.attempts import Attempts
from gateway.admin.entry.door import SAFE, Asked, Door
from gateway.admin.entry.sessions import Session, Sessions
from gateway.admin.routes import Identity, Refusal, Route
from gateway.policy.callers import client_address

CSRF_FIELD: Final = "x-csrf-token"
CSRF_NAME: Final = "csrf"
"""What a form of a page calls the same."""

FORM: Final = "application/x-www-form-urlencoded"
SIGN_IN: Final = "/sign-in"
SEE_OTHER: Final = 303
FORGED: Final = "The request shows no token of this session. Reload the page."


@dataclass(frozen=True, slots=True)
class Guard:
    """Who judges. `routes` are known by the names that they have with Quart."""

    door: Door
    sessions: Sessions
    attempts: Attempts
    trusted_proxies: Container[str]

    async def judge(self, routes: Mapping[str, Route]) -> Response | None:
        """Say who asks, in `g.who` and `g.session`; return what keeps out whoever may not.

        Raises `Refusal`.
        """
        asked = asked_of(request)
        g.who = g.session = None
        if self.door.shuts_out(asked):
            raise Refusal(403, "forbidden", "The admin answers no web pages of other sites.")
        route = routes.get(request.endpoint or "")
        if route is not None and route.who is None:
            g.who, g.session = self._by_session()  # a wrong bearer is nobody's fault here
            return None
        g.who, g.session = await self._who()
        if g.who is None:
            return _to_the_door(route)
        if route is None:
            return None  # it is told that there is no such thing
        if g.who.role not in (route.who or ()):
            raise Refusal(403, "forbidden", f"This is not for the role {g.who.role}.")
        if route.method not in SAFE and g.session is not None:
            await self._check_page(asked, g.session)
        return None

    async def _who(self) -> tuple[Identity | None, Session | None]:
        """Return who asks, and by which session where it is a browser's."""
        shown = request.headers.get("authorization")
        if shown is None:
            return self._by_session()
        address = self.address()
        if not self.door.needs_no_guard(shown):
            self.attempts.check(address)
        who = self.door.bearer(shown)
        if who is None:
            await self.attempts.note(address)
        return who, None

    def _by_session(self) -> tuple[Identity | None, Session | None]:
        session = self.sessions.read(request.cookies.get(self.sessions.name))
        return (None, None) if session is None else (session.who, session)

    async def _check_page(self, asked: Asked, session: Session) -> None:
        """Refuse what no page of ours has sent: a browser shows its cookie to whoever asks."""
        token = request.headers.get(CSRF_FIELD)
        if token is None and request.mimetype == FORM:
            token = (await request.form).get(CSRF_NAME)
        if not (self.door.is_own(asked) and self.sessions.admits(session, token)):
            raise Refusal(403, "csrf", FORGED)

    def address(self) -> str:
        """Return where the request came from, as far as trusted proxies tell (R9)."""
        # Of several fields the last is the nearest proxy's: they are one list.
        told = ",".join(request.headers.getlist("x-forwarded-for"))
        forwarded = told.encode("latin-1", errors="replace") or None
        return client_address(request.remote_addr or "", forwarded, self.trusted_proxies)


def asked_of(asked: Request) -> Asked:
    """Return what a browser says of a request."""
    headers = asked.headers
    return Asked(
        asked.method,
        headers.get("host"),
        headers.get("sec-fetch-site"),
        headers.get("sec-fetch-mode"),
        headers.get("origin"),
    )


def _to_the_door(route: Route | None) -> Response:
    """Show a person where to sign in, and tell a program what is missing."""
    wants_page = "text/html" in request.headers.get("accept", "")
    if wants_page and request.method in SAFE and not (route is not None and route.is_api):
        return Response("", SEE_OTHER, {"location": SIGN_IN})
    raise Refusal(401, "invalid_api_key", "Show the admin's key or token as a bearer.")
