"""The site's routes: what each answers, and to whom. No route is open that is not named here."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import trio

from gateway.admin.desk import Desk
from gateway.admin.door import Door
from gateway.admin.site import HEADERS, MAX_BODY_BYTES, Site
from gateway.words.secret import Secret

TOKEN = "the-operators-token-0123456789"
JSON = {"content-type": "application/json"}
OPEN = {("GET", "/healthz"), ("GET", "/metrics")}
ROUTES = OPEN | {("GET", "/api/gauges"), ("GET", "/api/tree"), ("POST", "/api/cancel")}
WORKERS = [
    {"worker": 1, "gauges": {"open_calls": 2}, "homes": [{"name": "up/m", "rests_for": 7.5}]},
    {"worker": 2, "gauges": {"open_calls": 0}},
]


class Room:
    """Workers that answer at once, or fail."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, object]] = []
        self.error: Exception | None = None

    async def ask(self, question: Mapping[str, object]) -> list[dict[str, Any]]:
        self.asked.append(question)
        await trio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error
        if question["ask"] == "cancel":
            return [{"cancelled": int(question["id"] == "req_1")}, {"cancelled": 0}]
        return WORKERS


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def site(room: Room) -> Site:
    door = Door([Secret(TOKEN)], loopback_only=True)
    return Site(Desk(room.ask), door, (1, 2), "1.2.3")


async def fetch(
    site: Site, method: str, path: str, *, token: str = TOKEN, **more: Any
) -> tuple[int, Mapping[str, str], bytes]:
    """Ask; return status, header fields and body. Every answer is sealed."""
    shown = {"authorization": f"Bearer {token}"} if token else {}
    headers = {"host": "localhost", **shown, **more.pop("headers", {})}
    client = site.app().test_client()
    response = await client.open(path, method=method, headers=headers, **more)
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
    assert "access-control-allow-origin" not in response.headers
    fields = {name.lower(): value for name, value in response.headers.items()}
    return response.status_code, fields, await response.get_data(as_text=False)


def code(said: bytes) -> str:
    return str(json.loads(said)["error"]["code"])


def test_s11_the_table_is_the_one_that_is_tested(site: Site) -> None:
    assert {(route.method, route.path) for route in site.routes()} == ROUTES
    assert {(route.method, route.path) for route in site.routes() if route.is_open} == OPEN
    rules = site.app().url_map.iter_rules()
    assert {rule.rule for rule in rules} == {path for _, path in ROUTES}


@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN + "x"])
async def test_s11_s16_every_route_but_the_open_ones_asks_for_the_credential(
    site: Site, room: Room, method: str, path: str, token: str
) -> None:
    status, headers, said = await fetch(site, method, path, token=token)
    if (method, path) in OPEN:
        assert status == 200
    else:
        assert (status, code(said)) == (401, "invalid_api_key")
        assert headers["www-authenticate"] == "Bearer"
        assert room.asked == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"), ("GET", "/metrics/"), ("GET", "/api//tree"), ("POST", "/metrics"),
        ("OPTIONS", "/metrics"), ("OPTIONS", "/api/tree"), ("GET", "/healthz/../api/tree"),
        ("GET", "/api/tree/"), ("GET", "/static/x"), ("GET", "/v1/models"),
    ],
)  # fmt: skip
async def test_what_is_not_in_the_table_is_closed_to_all(
    site: Site, room: Room, method: str, path: str
) -> None:
    """S11, R23: a preflight is a wrong method, and gives no page leave."""
    status, _, said = await fetch(site, method, path, token="")
    assert (status, code(said)) == (401, "invalid_api_key")
    status, _, said = await fetch(site, method, path)
    assert (status, code(said)) in {(404, "not_found"), (405, "method_not_allowed")}
    assert room.asked == []


@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
async def test_r22_r27_no_route_answers_a_page_of_another_site(
    site: Site, room: Room, method: str, path: str
) -> None:
    for headers in ({"host": "evil.example"}, {"sec-fetch-site": "cross-site"}, {"host": "a/?"}):
        status, _, said = await fetch(site, method, path, headers=headers)
        assert (status, code(said)) == (403, "forbidden")
    assert room.asked == []


async def test_figures_come_as_text_and_as_json(site: Site) -> None:
    status, headers, said = await fetch(site, "GET", "/metrics", token="")
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/plain")
    assert b'gateway_open_calls{worker="1"} 2.0\n' in said
    assert b'gateway_worker_up{worker="2"} 1.0\n' in said
    assert b'gateway_target_rests_seconds{target="up/m"} 7.5\n' in said
    status, _, said = await fetch(site, "GET", "/api/gauges")
    assert (status, json.loads(said)) == (200, {"workers": WORKERS})


async def test_health_asks_nobody(site: Site, room: Room) -> None:
    _, headers, said = await fetch(site, "GET", "/healthz", token="")
    assert (json.loads(said), headers["content-type"]) == ({"status": "ok"}, "application/json")
    assert room.asked == []


async def test_a_tree_has_the_size_that_is_wanted(site: Site, room: Room) -> None:
    for query in ("", "?limit=7", "?limit=0"):
        status, _, said = await fetch(site, "GET", f"/api/tree{query}")
        assert (status, json.loads(said)) == (200, {"workers": WORKERS})
    assert room.asked == [{"ask": "tree", "limit": limit} for limit in (200, 7, 0)]
    for limit in ("-1", "x", "", "1e3", "2001", "000000001" + "9" * 40, "9" * 5000, "%D9%A3"):
        status, _, said = await fetch(site, "GET", f"/api/tree?limit={limit}")
        assert (status, code(said)) == (400, "invalid_value")
    assert len(room.asked) == 3


async def test_a_call_is_cancelled_by_its_id(site: Site, room: Room) -> None:
    for call, count in (("req_1", 1), ("req_2", 0)):
        wire = json.dumps({"id": call}).encode()
        status, _, said = await fetch(site, "POST", "/api/cancel", headers=JSON, data=wire)
        assert (status, json.loads(said)) == (200, {"cancelled": count})
    assert room.asked[0] == {"ask": "cancel", "id": "req_1"}


@pytest.mark.parametrize(
    "wire",
    [
        b"", b"{}", b"[]", b'{"id":1}', b'{"id":""}', b'{"id":"a","b":1}', b"\xff", b"[" * 4000,
        b'{"id":"' + b"x" * 257 + b'"}',
    ],
)  # fmt: skip
async def test_a_mistaken_wish_to_cancel_is_asked_of_nobody(
    site: Site, room: Room, wire: bytes
) -> None:
    status, _, said = await fetch(site, "POST", "/api/cancel", headers=JSON, data=wire)
    assert (status, code(said)) == (400, "invalid_value")
    assert room.asked == []


async def test_r22_no_form_of_a_page_can_cancel(site: Site, room: Room) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        status, _, said = await fetch(
            site, "POST", "/api/cancel", headers={"content-type": kind}, data=b'{"id":"req_1"}'
        )
        assert (status, code(said)) == (415, "unsupported_media_type")
    status, headers, said = await fetch(site, "GET", "/api/cancel?id=req_1")
    assert (status, code(said), headers["allow"]) == (405, "method_not_allowed", "POST")
    assert room.asked == []


async def test_a_body_that_is_too_long_is_not_read(site: Site) -> None:
    status, _, said = await fetch(
        site, "POST", "/api/cancel", headers=JSON, data=b" " * (MAX_BODY_BYTES + 1)
    )
    assert (status, code(said)) == (413, "request_too_large")


async def test_workers_that_do_not_answer_and_bugs_are_told(site: Site, room: Room) -> None:
    room.error = trio.TooSlowError()
    status, _, said = await fetch(site, "GET", "/metrics", token="")
    assert (status, code(said)) == (503, "overloaded")
    room.error = RuntimeError("secret of the inside")
    status, _, said = await fetch(site, "GET", "/api/gauges")
    assert status == 500
    assert b"secret" not in said
