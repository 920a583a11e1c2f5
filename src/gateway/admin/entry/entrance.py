"""Where people come in and go out: sign-in with a key or a token, and a session from then on."""

from collections.abc import Sequence
from typing import Final

import msgspec
from quart import Response, g, request

from gateway.admin.audit import Audit
from gateway.admin.entry.door import Door
from gateway.admin.entry.guard import SEE_OTHER, SIGN_IN, Guard, asked_of
from gateway.admin.entry.sessions import LIFETIME
from gateway.admin.entry.tickets import Tickets
from gateway.admin.routes import (
    ADMINS,
    EVERYONE,
    OPEN,
    Identity,
    Page,
    Refusal,
    Role,
    Route,
    Visit,
)

WRONG: Final = "That opens nothing. A printed token opens one session, and only once."
FIELD: Final = "credential"


class Ticket(msgspec.Struct, frozen=True):
    """A token that opens one session."""

    ticket: str


class Entrance:
    """The way in and out."""

    def __init__(
        self, door: Door, tickets: Tickets, guard: Guard, audit: Audit, issuer: str = ""
    ) -> None:
        """`issuer` is the name of who signs people in by OIDC; empty where nobody does."""
        self._door = door
        self._tickets = tickets
        self._guard = guard
        self._audit = audit
        self._issuer = issuer

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", "/", self._home, EVERYONE),
            Route("GET", SIGN_IN, self._show, OPEN),
            Route("POST", SIGN_IN, self._sign_in, OPEN),
            Route("POST", "/sign-out", self._sign_out, EVERYONE),
            Route(
                "POST",
                "/api/tickets",
                self._make,
                ADMINS,
                "Make a token that opens one session within ten minutes.",
                gives=Ticket,
            ),
        )

    async def _home(self, visit: Visit) -> Response:
        return go_to("/mine" if visit.who.role is Role.DEVELOPER else "/live")

    async def _show(self, _: Visit) -> Response | Page:
        if g.session is not None:
            return go_to("/")
        return self._page("", 200)

    async def _sign_in(self, _: Visit) -> Response | Page:
        """Begin a session. No page of another site can have somebody sign in (R22)."""
        if not self._door.is_own(asked_of(request)):
            raise Refusal(403, "forbidden", "Nobody is signed in by a page of another site.")
        address = self._guard.address()
        shown = (await request.form).get(FIELD, "").strip()
        # No number of tries finds a token, so it opens whatever others have shown from there.
        who = Identity(Role.ADMIN, "one-time token") if self._tickets.use(shown) else None
        if who is None:
            self._guard.attempts.check(address)
            who = self._door.who(shown)
        if who is None:
            await self._guard.attempts.note(address)
            return self._page(WRONG, 401)
        await self._audit.note(who, "sign in", who.name)
        response = go_to("/")
        begin_session(response, self._guard, who)
        return response

    async def _sign_out(self, _: Visit) -> Response:
        response = go_to(SIGN_IN)
        sessions = self._guard.sessions
        response.delete_cookie(sessions.name, secure=sessions.secure, httponly=True)
        return response

    async def _make(self, visit: Visit) -> Ticket:
        await self._audit.note(visit.who, "make one-time token", "")
        return Ticket(self._tickets.make())

    def _page(self, wrong: str, status: int) -> Page:
        return Page("sign_in.html", {"wrong": wrong, "issuer": self._issuer}, status)


def begin_session(response: Response, guard: Guard, who: Identity) -> None:
    """Have a browser come back as somebody."""
    sessions = guard.sessions
    response.set_cookie(
        sessions.name,
        sessions.begin(who),
        max_age=LIFETIME,
        path="/",
        secure=sessions.secure,
        httponly=True,
        samesite="Strict",
    )


def go_to(path: str) -> Response:
    """Send a browser to a page of ours."""
    return Response("", SEE_OTHER, {"location": path})
