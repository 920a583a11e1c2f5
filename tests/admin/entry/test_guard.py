"""The guard: by what somebody is known, where they come from, and what keeps them out."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import trio
from quart import g
from trio.testing import MockClock
from werkzeug.datastructures import Headers

from gateway.admin.entry.attempts import DELAY, EACH
from gateway.admin.entry.door import Door
from gateway.admin.entry.guard import Guard
from gateway.admin.routes import EVERYONE, OPEN, Identity, Role, Route, Visit
from gateway.words.secret import Secret
from tests.admin.visitor import KEYS, PEOPLE, Answered, Visitor, guard, site

MADE = "m" * 43
WRONG = {"authorization": "Bearer wrong"}


class Mirror:
    """Says who has come, and whence."""

    def __init__(self, own: Guard) -> None:
        self._guard = own

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", "/api/mirror", self._show, EVERYONE),
            Route("GET", "/open", self._show, OPEN),
        )

    async def _show(self, _: Visit) -> dict[str, object]:
        return {"who": g.who, "session": g.session is not None, "from": self._guard.address()}


def visitor(own: Guard, role: Role | None = None, cookie: str = "") -> Visitor:
    return Visitor(site([Mirror(own)], own), role, cookie)


async def test_who_shows_a_bearer_is_told_by_it_and_by_no_session_beside_it() -> None:
    own = guard()
    cookie = own.sessions.begin(PEOPLE[Role.ADMIN])
    told = (await visitor(own, cookie=cookie).get("/api/mirror")).json
    assert (told["who"]["role"], told["session"]) == ("admin", True)
    shown: dict[str, str | None] = {"authorization": f"Bearer {KEYS[Role.VIEWER]}"}
    told = (await visitor(own, cookie=cookie).get("/api/mirror", headers=shown)).json
    assert (told["who"]["role"], told["session"]) == ("viewer", False)


async def test_s16_a_session_of_another_key_is_nobodys(autojump_clock: MockClock) -> None:
    own = guard()
    foreign = replace(own.sessions, key=Secret("j" * 43)).begin(PEOPLE[Role.ADMIN])
    for cookie in (foreign, "x", f"{foreign}; gateway-session={foreign}"):
        assert (await visitor(own, cookie=cookie).get("/api/mirror")).status == 401
        assert (await visitor(own, cookie=cookie).get("/open")).json["who"] is None


async def test_a_wrong_bearer_waits_and_many_keep_out_whoever_comes_from_there(
    autojump_clock: MockClock,
) -> None:
    own = guard()
    before = trio.current_time()
    answers = [await visitor(own).get("/api/mirror", headers=WRONG) for _ in range(2 * EACH)]
    assert {answered.status for answered in answers} == {401, 429}
    assert trio.current_time() - before >= EACH * DELAY
    late = await visitor(own, Role.ADMIN).get("/api/mirror")
    assert (late.status, late.headers["retry-after"]) == (429, "60")
    cookie = own.sessions.begin(PEOPLE[Role.ADMIN])
    assert (await visitor(own, cookie=cookie).get("/api/mirror")).status == 200
    assert (await visitor(own).get("/open", headers=WRONG)).status == 200


async def test_a_token_that_chance_has_made_opens_whatever_others_try(
    autojump_clock: MockClock,
) -> None:
    """`gateway admin` comes in by it, so that nobody on this machine can keep its operator out."""
    token, who = Secret(MADE), Identity(Role.ADMIN, "token")
    own = replace(guard(), door=Door([(token, who)], loopback_only=True, made=token))
    for _ in range(2 * EACH):
        await visitor(own).get("/api/mirror", headers=WRONG)
    shown: dict[str, str | None] = {"authorization": f"Bearer {MADE}"}
    assert (await visitor(own).get("/api/mirror", headers=shown)).status == 200


@pytest.mark.parametrize(
    ("told", "address"),
    [
        (["203.0.113.7"], "203.0.113.7"),
        (["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        (["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
        (["198.51.100.1", "203.0.113.7, 127.0.0.1"], "203.0.113.7"),
        (["203.0.113.7", "\xff"], "127.0.0.1"),
        ([""], "127.0.0.1"),
        ([], "127.0.0.1"),
    ],
)
async def test_r9_of_all_that_is_told_the_nearest_proxy_counts(
    told: list[str], address: str
) -> None:
    """A proxy may add a field of its own behind the one that a client has sent."""
    own = guard()
    assert (await asked(own, told)).json["from"] == "127.0.0.1"
    trusting = replace(own, trusted_proxies=frozenset({"127.0.0.1"}))
    assert (await asked(trusting, told)).json["from"] == address


async def asked(own: Guard, told: list[str]) -> Answered:
    """Ask with these fields, one for each."""
    client = site([Mirror(own)], own).app().test_client(use_cookies=False)
    fields = [("host", "localhost"), *(("x-forwarded-for", each) for each in told)]
    from_here = {"client": ("127.0.0.1", 1)}
    response = await client.get("/open", headers=Headers(fields), scope_base=from_here)
    return Answered(response.status_code, {}, await response.get_data(as_text=False))
