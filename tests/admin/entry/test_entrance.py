"""People come in by a key or a token, and go out again."""

import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from quart import Response
from trio.testing import MockClock
from werkzeug.datastructures import Headers

from gateway.admin.audit import Audit
from gateway.admin.entry.attempts import DELAY, EACH
from gateway.admin.entry.entrance import Entrance, begin_session
from gateway.admin.entry.sessions import Sessions
from gateway.admin.entry.tickets import Tickets, shared_page
from gateway.admin.routes import Role
from gateway.admin.site import HEADERS, MOST_STRANGERS
from gateway.admin.wall import MOST_REQUESTS
from gateway.telemetry.log import open_log
from gateway.telemetry.options import LogOptions
from gateway.words.secret import Secret
from tests.admin.visitor import KEYS, PEOPLE, Answered, Visitor, door, guard, site

TICKET = "first-ticket-0123456789abcdef"


class Hall:
    """A site with nothing but its entrance."""

    def __init__(self, folder: Path, issuer: str = "") -> None:
        self.log_path = folder / "log"
        self.file = self.log_path.open("w")
        self.log = open_log(LogOptions(log_format="json"), self.file)
        self.guard = guard()
        tickets = Tickets(Secret(TICKET), shared_page(), trio.current_time)
        entrance = Entrance(door(), tickets, self.guard, Audit(self.log, None), issuer)
        self.site = site([entrance], self.guard)

    async def sign_in(self, shown: str, **headers: str | None) -> Answered:
        form = {"credential": shown}
        return await Visitor(self.site, None).ask("POST", "/sign-in", headers=headers, form=form)

    def said(self) -> str:
        """Return the log, which ends here."""
        if not self.file.closed:
            self.log.close()
            self.file.close()
        return self.log_path.read_text()


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    opened = Hall(tmp_path)
    yield opened
    opened.said()


@pytest.mark.parametrize("role", [Role.ADMIN, Role.VIEWER])
async def test_a_key_begins_a_session_of_its_role(hall: Hall, role: Role) -> None:
    answered = await hall.sign_in(KEYS[role])
    assert (answered.status, answered.headers["location"]) == (303, "/")
    set_cookie = answered.headers["set-cookie"]
    for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in set_cookie
    session = hall.guard.sessions.read(answered.cookie)
    assert session is not None
    assert session.who == PEOPLE[role]
    assert KEYS[role] not in hall.said()


async def test_over_tls_a_session_comes_back_over_tls_alone(hall: Hall) -> None:
    assert "Secure" not in (await hall.sign_in(KEYS[Role.ADMIN])).headers["set-cookie"]
    response = Response()
    secure = replace(hall.guard, sessions=Sessions(Secret("k" * 43), secure=True))
    begin_session(response, secure, PEOPLE[Role.ADMIN])
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("__Host-gateway-session=")
    assert "; Secure" in cookie


async def test_a_session_finds_its_first_page(hall: Hall) -> None:
    for role, path in ((Role.ADMIN, "/live"), (Role.DEVELOPER, "/mine")):
        cookie = hall.guard.sessions.begin(PEOPLE[role])
        answered = await Visitor(hall.site, cookie=cookie).get("/")
        assert (answered.status, answered.headers["location"]) == (303, path)
        answered = await Visitor(hall.site, cookie=cookie).get("/sign-in")
        assert (answered.status, answered.headers["location"]) == (303, "/")


async def test_s16_what_was_printed_opens_one_session(
    hall: Hall, autojump_clock: MockClock
) -> None:
    assert (await hall.sign_in(TICKET)).cookie
    again = await hall.sign_in(TICKET)
    assert (again.status, again.cookie) == (401, "")
    assert "only once" in again.text
    assert TICKET not in hall.said()


async def test_whoever_is_in_can_have_another_made(hall: Hall) -> None:
    answered = await Visitor(hall.site).ask("POST", "/api/tickets")
    assert (await hall.sign_in(answered.json["ticket"])).cookie
    for role in (Role.VIEWER, Role.DEVELOPER):
        assert (await Visitor(hall.site, role).ask("POST", "/api/tickets")).status == 403
    assert answered.json["ticket"] not in hall.said()


async def test_who_comes_in_and_who_has_a_token_made_stands_in_the_audit(hall: Hall) -> None:
    await hall.sign_in(KEYS[Role.VIEWER])
    await hall.sign_in(TICKET)
    await Visitor(hall.site).ask("POST", "/api/tickets")
    lines = [json.loads(line) for line in hall.said().splitlines()]
    done = [(line["who"], line["action"]) for line in lines if line["event"] == "audit"]
    assert done == [
        ("viewer key", "sign in"),
        ("one-time token", "sign in"),
        ("admin key", "make one-time token"),
    ]


async def test_a_wrong_key_waits_and_many_are_refused(
    hall: Hall, autojump_clock: MockClock
) -> None:
    before = trio.current_time()
    answered = await hall.sign_in("<b>wrong</b>")
    assert (answered.status, answered.cookie) == (401, "")
    assert "wrong</b>" not in answered.text
    assert trio.current_time() - before == DELAY
    statuses = [(await hall.sign_in("wrong")).status for _ in range(2 * EACH)]
    assert set(statuses) == {401, 429}
    assert statuses[-1] == 429
    assert (await hall.sign_in(KEYS[Role.ADMIN])).status == 429


async def test_a_token_opens_though_others_have_tried_from_the_same_address(
    hall: Hall, autojump_clock: MockClock
) -> None:
    for _ in range(2 * EACH):
        await hall.sign_in("wrong")
    assert (await hall.sign_in(KEYS[Role.ADMIN])).status == 429
    assert (await hall.sign_in(TICKET)).cookie


async def test_those_who_sign_in_slowly_leave_room_for_those_who_are_in(hall: Hall) -> None:
    client: Any = hall.site.app().test_client(use_cookies=False)
    form = {"host": "localhost", "content-type": "application/x-www-form-urlencoded"}
    async with AsyncExitStack() as stack:
        for _ in range(MOST_STRANGERS):
            slow = client.request("/sign-in", method="POST", headers=Headers(form))
            await stack.enter_async_context(slow)
            await slow.send(b"cred")
        await trio.testing.wait_all_tasks_blocked()
        assert (await hall.sign_in(KEYS[Role.ADMIN])).status == 503
        assert (await Visitor(hall.site).get("/")).status == 303
    assert MOST_STRANGERS < MOST_REQUESTS


async def test_those_who_take_their_answer_slowly_leave_room_too(hall: Hall) -> None:
    app: Any = hall.site.app()
    ask = {"http_version": "1.1", "method": "GET", "path": "/sign-in", "raw_path": b"/sign-in"}
    rest = {"scheme": "http", "query_string": b"", "root_path": "", "extensions": {}}
    whole = {"type": "http", **ask, **rest, "headers": [(b"host", b"localhost")]}

    async def never(*_: object) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        for _ in range(MOST_STRANGERS):
            nursery.start_soon(app, dict(whole), never, never)
        await trio.testing.wait_all_tasks_blocked()
        assert (await hall.sign_in(KEYS[Role.ADMIN])).status == 503
        assert (await Visitor(hall.site).get("/")).status == 303
        nursery.cancel_scope.cancel()
    assert (await hall.sign_in(KEYS[Role.ADMIN])).status == 303


async def test_r22_nobody_is_signed_in_by_a_page_of_another_site(hall: Hall) -> None:
    foreign = ("http://evil.example", "http://[", "null")
    for headers in ({"sec-fetch-site": "none"}, *({"origin": each} for each in foreign)):
        answered = await hall.sign_in(KEYS[Role.ADMIN], **headers)
        assert (answered.status, answered.cookie) == (403, "")
    assert (await hall.sign_in(KEYS[Role.ADMIN], origin="http://localhost")).cookie


def test_r22_a_form_of_ours_tells_whence_it_comes() -> None:
    """Over plain HTTP a browser says nothing but `Origin`, and that is null under `no-referrer`."""
    assert HEADERS["referrer-policy"] == "same-origin"


async def test_who_goes_out_has_no_session(hall: Hall) -> None:
    cookie = hall.guard.sessions.begin(PEOPLE[Role.ADMIN])
    session = hall.guard.sessions.read(cookie)
    assert session is not None
    visitor = Visitor(hall.site, cookie=cookie)
    form = {"csrf": hall.guard.sessions.token(session)}
    answered = await visitor.ask("POST", "/sign-out", form=form)
    assert (answered.status, answered.cookie) == (303, "")
    assert "1970" in answered.headers["set-cookie"]
    assert (await visitor.ask("POST", "/sign-out", form={})).status == 403


async def test_an_issuer_is_named_where_it_signs_people_in(tmp_path: Path) -> None:
    hall = Hall(tmp_path, "id.example.com")
    assert "Sign in with id.example.com" in (await Visitor(hall.site, None).get("/sign-in")).text
    hall.said()
