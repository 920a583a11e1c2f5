"""The site: a table of routes under one guard. What is not in the table is closed to all."""

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec
import pytest
import trio
from msgspec import Meta
from quart import Response

from gateway.admin.routes import (
    ADMINS,
    EVERYONE,
    OPEN,
    OPERATORS,
    Page,
    Refusal,
    Role,
    Route,
    Visit,
    Who,
)
from gateway.admin.site import MAX_BODY_BYTES, PAGE_POLICY
from tests.admin.visitor import JSON, PEOPLE, Visitor, guard, site

WHO: dict[str, Who] = {
    "/api/admins": ADMINS, "/api/operators": OPERATORS, "/api/everyone": EVERYONE, "/open": OPEN,
    "/page": OPERATORS,
}  # fmt: skip


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A query."""

    limit: Annotated[int, Meta(ge=0, le=2000)] = 200
    name: str = ""


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body."""

    id: Annotated[str, Meta(min_length=1, max_length=256)]


class Things:
    """A subject that answers with what it was asked, or fails."""

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self.error: Exception | None = None

    def routes(self) -> Sequence[Route]:
        known = [Route("GET", path, self.view, who) for path, who in WHO.items() if path != "/page"]
        return (
            *known,
            Route("GET", "/page", self.page, WHO["/page"]),
            Route("GET", "/api/asked", self.view, EVERYONE, asks=Asked),
            Route("GET", "/api/things/<name>", self.view, EVERYONE),
            Route("POST", "/api/said", self.view, ADMINS, takes=Said),
            Route("GET", "/api/raw", self.raw, EVERYONE),
        )

    async def view(self, visit: Visit) -> object:
        await trio.lowlevel.checkpoint()
        self.visits.append(visit)
        if self.error is not None:
            raise self.error
        return {"role": None if visit.who is None else visit.who.role, "ids": dict(visit.ids)}

    async def page(self, visit: Visit) -> Page:
        await self.view(visit)
        values = {"status": 200, "message": "<script>alert(1)</script>"}
        return Page("refusal.html", values)

    async def raw(self, visit: Visit) -> Response:
        await self.view(visit)
        return Response(b"raw", content_type="text/plain")


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.mark.parametrize("path", sorted(WHO))
@pytest.mark.parametrize("role", [None, *Role])
async def test_s11_a_route_is_taken_by_whom_its_row_names(
    things: Things, path: str, role: Role | None
) -> None:
    answered = await Visitor(site([things]), role).get(path)
    who = WHO[path]
    if who is None or (role is not None and role in who):
        assert answered.status == 200
        assert len(things.visits) == 1
        assert things.visits[0].who == (PEOPLE.get(role) if who and role else None)
    else:
        assert answered.status == (401 if role is None else 403)
        assert things.visits == []


@pytest.mark.parametrize("bearer", ["", "x", "Bearer ", "Basic x", "Bearer " + "x" * 5000])
async def test_s11_a_wrong_credential_is_none(things: Things, bearer: str) -> None:
    visitor = Visitor(site([things]))
    answered = await visitor.get("/api/everyone", headers={"authorization": bearer})
    assert (answered.status, answered.code) == (401, "invalid_api_key")
    assert answered.headers["www-authenticate"] == "Bearer"
    assert things.visits == []
    assert (await visitor.get("/open", headers={"authorization": bearer})).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/x"), ("GET", "/open/"), ("GET", "/api//admins"), ("POST", "/open"),
        ("OPTIONS", "/open"), ("OPTIONS", "/api/admins"), ("GET", "/open/../api/admins"),
        ("GET", "/api/admins/"), ("GET", "/v1/models"), ("GET", "/static/../site.py"),
        ("HEAD", "/static/x/y"),
    ],
)  # fmt: skip
async def test_what_is_not_in_the_table_is_closed_to_all(
    things: Things, method: str, path: str
) -> None:
    """S11, R23: a preflight is a wrong method, and gives no page leave."""
    answered = await Visitor(site([things]), None).ask(method, path)
    assert answered.status == 401
    answered = await Visitor(site([things])).ask(method, path)
    assert answered.status in {404, 405}
    assert things.visits == []


async def test_r22_r27_no_route_answers_a_page_of_another_site(things: Things) -> None:
    visitor = Visitor(site([things]))
    for headers in ({"host": "evil.example"}, {"sec-fetch-site": "cross-site"}, {"host": "a/?"}):
        for path in ("/open", "/api/admins", "/page", "/x"):
            answered = await visitor.get(path, headers=headers)
            assert (answered.status, answered.code) == (403, "forbidden")
    assert things.visits == []


async def test_r22_a_session_changes_something_only_with_its_token(things: Things) -> None:
    own = guard()
    cookie = own.sessions.begin(PEOPLE[Role.ADMIN])
    session = own.sessions.read(cookie)
    assert session is not None
    token = own.sessions.token(session)
    visitor = Visitor(site([things], own), cookie=cookie)
    good = {"x-csrf-token": token}
    same = {"sec-fetch-site": "same-origin"}
    here = {"origin": "http://localhost"}
    for headers in (good, good | same, good | here):
        assert (await visitor.post("/api/said", {"id": "a"}, headers=headers)).status == 200
    for headers in (
        {},
        {"x-csrf-token": token[:-1] + ("0" if token[-1] != "0" else "1")},
        good | {"sec-fetch-site": "same-site"},
        good | {"sec-fetch-site": "none"},
        good | {"origin": "http://evil.example"},
        same,
    ):
        answered = await visitor.post("/api/said", {"id": "a"}, headers=headers)
        assert (answered.status, answered.code in {"csrf", "forbidden"}) == (403, True)
    assert len(things.visits) == 3


async def test_a_form_of_a_page_may_hold_the_token_itself(things: Things) -> None:
    own = guard()
    cookie = own.sessions.begin(PEOPLE[Role.ADMIN])
    session = own.sessions.read(cookie)
    assert session is not None
    visitor = Visitor(site([things], own), cookie=cookie)
    form = {"csrf": own.sessions.token(session)}
    answered = await visitor.ask("POST", "/api/said", form=form)
    assert (answered.status, answered.code) == (415, "unsupported_media_type")
    answered = await visitor.ask("POST", "/api/said", form={"csrf": "x"})
    assert (answered.status, answered.code) == (403, "csrf")


async def test_a_query_is_read_as_the_route_has_it(things: Things) -> None:
    visitor = Visitor(site([things]))
    assert (await visitor.get("/api/asked?limit=7&name=x")).status == 200
    assert (await visitor.get("/api/asked")).status == 200
    assert [visit.asked for visit in things.visits] == [Asked(7, "x"), Asked()]
    for query in ("limit=-1", "limit=x", "limit=2001", "limit=" + "9" * 5000, "other=1"):
        answered = await visitor.get(f"/api/asked?{query}")
        assert (answered.status, answered.code) == (400, "invalid_value")


async def test_a_body_is_read_as_the_route_has_it(things: Things) -> None:
    visitor = Visitor(site([things]))
    assert (await visitor.post("/api/said", {"id": "req_1"})).status == 200
    assert things.visits[0].said == Said("req_1")
    wires = [
        b"", b"{}", b"[]", b'{"id":1}', b'{"id":""}', b'{"id":"a","b":1}', b"\xff", b"[" * 4000,
        b'{"id":"' + b"x" * 257 + b'"}',
    ]  # fmt: skip
    for wire in wires:
        answered = await visitor.ask("POST", "/api/said", headers=JSON, data=wire)
        assert (answered.status, answered.code) == (400, "invalid_value")
    assert len(things.visits) == 1


async def test_r22_what_a_form_of_another_page_could_send_is_not_read(things: Things) -> None:
    visitor = Visitor(site([things]))
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answered = await visitor.ask(
            "POST", "/api/said", headers={"content-type": kind}, data=b'{"id":"req_1"}'
        )
        assert (answered.status, answered.code) == (415, "unsupported_media_type")
    answered = await visitor.get("/api/said?id=req_1")
    assert (answered.status, answered.headers["allow"]) == (405, "POST")
    assert things.visits == []


async def test_a_body_that_is_too_long_is_not_read(things: Things) -> None:
    long = b" " * (MAX_BODY_BYTES + 1)
    answered = await Visitor(site([things])).ask("POST", "/api/said", headers=JSON, data=long)
    assert (answered.status, answered.code) == (413, "request_too_large")


async def test_a_part_of_a_path_is_handed_over(things: Things) -> None:
    answered = await Visitor(site([things])).get("/api/things/req_1")
    assert answered.json["ids"] == {"name": "req_1"}
    assert (await Visitor(site([things])).get("/api/raw")).text == "raw"


async def test_errors_are_told_to_people_as_a_page_and_to_programs_as_json(things: Things) -> None:
    visitor = Visitor(site([things]))
    things.error = Refusal(429, "rate_limited", "Not so <fast>.", 60)
    people: dict[str, str | None] = {"accept": "text/html"}
    for path, is_page in (("/page", True), ("/api/admins", False)):
        answered = await visitor.get(path, headers=people)
        assert (answered.status, answered.headers["retry-after"]) == (429, "60")
        assert ("Not so &lt;fast&gt;." in answered.text) is is_page
    assert answered.code == "rate_limited"


async def test_workers_that_do_not_answer_and_bugs_are_told(things: Things) -> None:
    visitor = Visitor(site([things]))
    things.error = trio.TooSlowError()
    answered = await visitor.get("/api/admins")
    assert (answered.status, answered.code) == (503, "overloaded")
    things.error = RuntimeError("secret of the inside")
    answered = await visitor.get("/api/admins")
    assert answered.status == 500
    assert "secret" not in answered.text


async def test_r22_s20_a_page_has_nothing_inline_and_writes_names_as_text(things: Things) -> None:
    answered = await Visitor(site([things])).get("/page")
    assert answered.headers["content-security-policy"] == PAGE_POLICY
    assert set(re.findall(r"(?<= )'[^']*'", PAGE_POLICY)) == {"'none'", "'self'"}
    assert "*" not in PAGE_POLICY
    assert "<script>alert" not in answered.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answered.text
    assert " style=" not in answered.text
    assert " on" not in "".join(part for part in answered.text.split("<") if "onclick" in part)


async def test_files_are_kept_by_browsers_until_they_change(things: Things) -> None:
    visitor = Visitor(site([things]), None)
    page = await Visitor(site([things])).get("/page")
    path = next(part for part in page.text.split('"') if part.startswith("/static/app.css"))
    answered = await visitor.get(path)
    assert (answered.status, "immutable" in answered.headers["cache-control"]) == (200, True)
    assert answered.headers["content-type"].startswith("text/css")
    for other in ("/static/app.css", "/static/app.css?v=other"):
        assert (await visitor.get(other)).headers["cache-control"] == "no-cache"
    tag = answered.headers["etag"]
    again = await visitor.get("/static/app.css", headers={"if-none-match": tag})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert (await visitor.get("/static/nothing.js")).status == 404


async def test_a_person_who_has_not_signed_in_is_shown_where(things: Things) -> None:
    visitor = Visitor(site([things]), None)
    people: dict[str, str | None] = {"accept": "text/html,*/*"}
    for path in ("/page", "/nothing"):
        answered = await visitor.get(path, headers=people)
        assert (answered.status, answered.headers["location"]) == (303, "/sign-in")
    answered = await visitor.get("/api/admins", headers=people)
    assert answered.status == 401
