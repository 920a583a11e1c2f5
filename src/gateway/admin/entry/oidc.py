"""Sign-in by OIDC: a browser is sent to the issuer and comes back with a code, once."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta
from quart import Response, request

from gateway.admin.audit import Audit
from gateway.admin.entry.entrance import begin_session
from gateway.admin.entry.guard import SEE_OTHER, SIGN_IN, Guard
from gateway.admin.entry.reception import SignIn
from gateway.admin.entry.trips import LIFETIME, Trips
from gateway.admin.routes import OPEN, Refusal, Route, Routes, Visit
from gateway.telemetry.lines import printable

START: Final = f"{SIGN_IN}/oidc"
BACK: Final = f"{START}/back"

COOKIE: Final = "gateway-trip"
SECURE_COOKIE: Final = "__Host-gateway-trip"

MAX_CODE: Final = 4096
MAX_STATE: Final = 256
MAX_ERROR: Final = 128

NOT_BEGUN: Final = (
    "This sign-in was not begun in this browser, took too long, or is over already. Begin again."
)

DONE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url=/">
<title>Signed in</title>
</head>
<body>
<p>You have signed in. <a href="/">Go on</a></p>
</body>
</html>
"""
"""A page of our own goes on to the site: a session's cookie is shown by no redirect from another
site, and the way here was one."""


class Back(msgspec.Struct, frozen=True):
    """What a browser brings back from the issuer. What it brings besides is not read."""

    code: Annotated[str, Meta(max_length=MAX_CODE)] = ""
    state: Annotated[str, Meta(max_length=MAX_STATE)] = ""
    iss: Annotated[str, Meta(max_length=MAX_STATE)] = ""
    error: str = ""


class Oidc:
    """The way out to the issuer, and the way back."""

    def __init__(
        self, sign_in: SignIn, trips: Trips, guard: Guard, audit: Audit, address: str
    ) -> None:
        """`address` is the one by which browsers come, without a path."""
        self._sign_in = sign_in
        self._trips = trips
        self._guard = guard
        self._audit = audit
        self._back = f"{address}{BACK}"

    def routes(self) -> Routes:
        return (
            Route("GET", START, self._leave, OPEN),
            Route("GET", BACK, self._return, OPEN, asks=Back),
        )

    async def _leave(self, _: Visit) -> Response:
        trip, cookie = self._trips.begin()
        url = await self._sign_in.way_to(trip, self._back)
        response = Response("", SEE_OTHER, {"location": url})
        response.set_cookie(
            self._cookie,
            cookie,
            max_age=LIFETIME,
            path="/",
            secure=self._guard.sessions.secure,
            httponly=True,
            samesite="Lax",
        )
        return response

    async def _return(self, visit: Visit) -> Response:
        said: Back = visit.asked
        trip = self._trips.end(request.cookies.get(self._cookie), said.state)
        if trip is None or said.iss not in {"", self._sign_in.issuer}:
            # Any page can send a browser here with this, so it counts as no try of theirs.
            raise Refusal(400, "sign_in_unknown", NOT_BEGUN)
        if not said.code:
            reason = printable(said.error[:MAX_ERROR]) or "no code came back"
            raise Refusal(403, "sign_in_refused", f"The issuer has signed nobody in: {reason}.")
        address = self._guard.address()
        self._guard.attempts.check(address)
        try:
            who = await self._sign_in.welcome(said.code, trip, self._back)
        except Refusal:
            await self._guard.attempts.note(address)
            raise
        await self._audit.note(who, "sign in", who.name, f"by OIDC as {who.user}")
        response = Response(DONE, content_type="text/html; charset=utf-8")
        begin_session(response, self._guard, who)
        secure = self._guard.sessions.secure
        response.delete_cookie(self._cookie, secure=secure, httponly=True, samesite="Lax")
        return response

    @property
    def _cookie(self) -> str:
        return SECURE_COOKIE if self._guard.sessions.secure else COOKIE
