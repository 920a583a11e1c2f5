"""The page of what runs now: what it shows, who may cancel, and what stands in the audit log."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import trio

from gateway.admin.audit import Audit
from gateway.admin.desk import Desk
from gateway.admin.furniture import STATIC
from gateway.admin.live.page import CONNECTIONS, MAX_ID, MOST_CONNECTIONS, Live
from gateway.admin.routes import Role
from gateway.downstream import live as seen
from gateway.downstream import questions
from gateway.telemetry.endings import SeenEnded
from tests.admin.desks import Heard
from tests.admin.visitor import JSON, Answered, Visitor, site

HOSTILE = "<script>alert(1)</script>\u202e"

UPSTREAM = {"peer": "up.test:443", "age": 40.0, "requests": 7}
CALL = {
    "id": "req_1", "method": "POST", "path": "/v1/chat/completions", "model": HOSTILE,
    "stream": True, "age": 8.1, "phase": "streaming", "waits_for": "the provider", "cause": None,
    "tokens": 1214, "tokens_per_second": 26.4, "ttft": 0.12, "key": "ann", "team": "red",
    "attempts": [
        {"target": "up/a", "age": 1.0, "outcome": "upstream_error", "upstream": None},
        {"target": "up/m", "age": 8.0, "outcome": "open", "upstream": UPSTREAM},
    ],
}  # fmt: skip
ENDING = {"id": "req_2", "method": "POST", "path": "/x", "age": 75.0, "phase": "waiting",
          "cause": "operator", "waits_for": "its end"}  # fmt: skip
GONE = {
    "number": 3, "id": "req_0", "model": "m", "key": "ben", "outcome": "client_gone",
    "phase": "streaming", "ago": 2.0, "cut": True, "cancel_ms": 0.42,
}  # fmt: skip
FIRST = {
    "worker": 1, "pid": 71, "uptime": 12.0, "draining": True,
    "gauges": {"open_calls": 802.0, "open_connections": 900.0, "open_upstream_streams": 2.0},
    "connections": [
        {"peer": "127.0.0.1", "age": 8.2, "call": CALL},
        {"peer": "10.0.0.9", "age": None, "call": ENDING},
        {"peer": "10.0.0.8", "age": 3.0, "call": None},
    ],
    "resting": [{"name": "up/down", "state": "open", "rests_for": 14.0, "failures": 3}],
    "ended": [GONE, {**GONE, "id": "req_9", "cut": False}],
}  # fmt: skip
THIRD = {"worker": 3, "pid": 73, "gauges": {"open_calls": 0.0}, "connections": [], "ended": []}


class Room:
    """Workers that answer at once, or fail."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, object]] = []
        self.error: Exception | None = None
        self.told: list[dict[str, Any]] = [FIRST, THIRD]

    async def ask(self, question: Mapping[str, object]) -> list[dict[str, Any]]:
        self.asked.append(question)
        await trio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error
        if question["ask"] == "cancel":
            return [{"cancelled": int(question["id"] == "req_1")}, {"cancelled": 0}]
        return self.told


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def live(room: Room, heard: Heard) -> Live:
    return Live(Desk(room.ask), (1, 2, 3), Audit(heard, None))


async def page(live: Live, role: Role = Role.ADMIN) -> str:
    answered = await Visitor(site([live]), role).get("/live")
    assert answered.status == 200
    return answered.text


def row(text: str, call: str) -> str:
    """Return the words of a call's row, apart by a bar."""
    (found,) = re.findall(rf'<tr role="row" data-call="{call}".*?</tr>', text, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"(\s*<[^>]*>\s*)+", " | ", found)).strip(" |")


async def test_a_call_is_shown_from_its_connection_to_its_upstream(live: Live) -> None:
    assert row(await page(live), "req_1") == (
        "127.0.0.1 | connected 8.2 s | &lt;script&gt;alert(1)&lt;/script&gt;\\u202e | ann · red"
        " | req_1 | streaming | waits for the provider | up/a | upstream error 1.0 s"
        " | up/m | open 8.0 s | up.test:443 · 40 s · request 7"
        " | 1,214 | 26/s | 8.1 s | first 120 ms | Cancel"
    )


async def test_a_call_that_is_ending_says_why(live: Live) -> None:
    text = await page(live)
    assert 'data-call="req_2" data-ending="operator"' in text
    assert "POST /x" in row(text, "req_2")
    assert "ending: operator" in row(text, "req_2")


async def test_workers_that_drain_or_are_down_and_what_is_not_shown_are_told(live: Live) -> None:
    text = await page(live)
    assert re.search(r'data-worker="1".*?data-f="draining">draining', text, re.DOTALL)
    assert re.search(r'data-worker="3".*?data-f="draining" hidden>', text, re.DOTALL)
    assert "Worker 2 does not answer." in text
    assert 'data-down="2"' in text
    assert "and 800 more calls" in text
    assert "pid 71 · up 12 s · calls 802 · connections 900 · provider streams 2" in text


async def test_what_was_cut_off_and_what_rests_are_told(live: Live) -> None:
    text = await page(live)
    assert text.count('data-cut="req_') == 1
    assert "provider closed after 0.4 ms" in text
    assert "while streaming · ben · 2.0 s ago" in text
    assert 'data-rest="up/down"' in text
    assert "home · for 14 s more · 3 failures · worker 1" in text


async def test_where_nothing_runs_the_page_says_so(live: Live, room: Room) -> None:
    room.told = [THIRD]
    text = await page(live)
    assert "Nobody has left before the end" in text
    assert re.search(r'id="rests-card"[^>]* hidden', text)
    assert re.search(r'data-worker="3".*?data-f="empty">No call is open', text, re.DOTALL)


async def test_a_viewer_looks_and_has_no_button(live: Live) -> None:
    text = await page(live, Role.VIEWER)
    assert "data-cancel " not in text
    assert 'data-may-cancel="no"' in text
    assert (await Visitor(site([live]), Role.DEVELOPER).get("/live")).status == 403


async def test_s20_r22_nothing_that_is_told_becomes_markup_and_nothing_is_inline(
    room: Room,
) -> None:
    """S20, R22."""
    cut = {**GONE, "id": HOSTILE, "model": HOSTILE, "key": HOSTILE}
    rest = {"name": HOSTILE, "state": "open"}
    for name in ("id", "method", "path", "phase", "waits_for", "cause", "key", "team"):
        call = {"peer": HOSTILE, "call": {**CALL, name: HOSTILE}}
        room.told = [{**FIRST, "connections": [call], "resting": [rest], "ended": [cut]}]
        text = await page(Live(Desk(room.ask), (1,), Audit(Heard(), None)))
        assert HOSTILE[:13] not in text
        assert " style=" not in text
        assert re.findall(r"<script(?![^>]*\ssrc=)", text) == []


async def test_a_tree_has_the_size_that_is_wanted(live: Live, room: Room) -> None:
    visitor = Visitor(site([live]))
    for query in ("", "?limit=7", "?limit=0"):
        answered = await visitor.get(f"/api/tree{query}")
        assert (answered.status, answered.json) == (200, {"workers": room.told})
    assert room.asked == [{"ask": "tree", "limit": limit} for limit in (CONNECTIONS, 7, 0)]
    for limit in ("-1", "x", "0.5", str(MOST_CONNECTIONS + 1), "9" * 5000):
        answered = await visitor.get(f"/api/tree?limit={limit}")
        assert (answered.status, answered.code) == (400, "invalid_value")
    assert len(room.asked) == 3


async def test_figures_come_as_json(live: Live, room: Room) -> None:
    answered = await Visitor(site([live])).get("/api/gauges")
    assert (answered.status, answered.json) == (200, {"workers": room.told})
    assert room.asked == [{"ask": "gauges"}]


async def test_a_call_is_cancelled_by_its_id_and_that_is_noted(
    live: Live, room: Room, heard: Heard
) -> None:
    visitor = Visitor(site([live]))
    for call, count in (("req_1", 1), ("req_2", 0)):
        answered = await visitor.post("/api/cancel", {"id": call})
        assert (answered.status, answered.json) == (200, {"cancelled": count})
    assert room.asked[0] == {"ask": "cancel", "id": "req_1"}
    ((event, fields),) = heard.lines
    assert (event, fields["who"], fields["action"]) == ("audit", "admin key", "cancel call")
    assert fields["subject"] == "req_1"


async def test_only_an_admin_cancels(live: Live, room: Room) -> None:
    for role in (Role.VIEWER, Role.DEVELOPER, None):
        answered = await Visitor(site([live]), role).post("/api/cancel", {"id": "req_1"})
        assert answered.status == (401 if role is None else 403)
    assert room.asked == []


@pytest.mark.parametrize(
    "wire",
    [
        b"", b"{}", b"[]", b'{"id":1}', b'{"id":""}', b'{"id":"a","b":1}', b"\xff", b"[" * 4000,
        b'{"id":"' + b"x" * (MAX_ID + 1) + b'"}',
    ],
)  # fmt: skip
async def test_a_mistaken_wish_to_cancel_is_asked_of_nobody(
    live: Live, room: Room, wire: bytes
) -> None:
    visitor = Visitor(site([live]))
    answered: Answered = await visitor.ask("POST", "/api/cancel", headers=JSON, data=wire)
    assert (answered.status, answered.code) == (400, "invalid_value")
    assert room.asked == []


async def test_workers_that_do_not_answer_in_time_are_told(live: Live, room: Room) -> None:
    room.error = trio.TooSlowError()
    visitor = Visitor(site([live]))
    answered = await visitor.get("/api/tree")
    assert (answered.status, answered.code) == (503, "overloaded")
    assert (await visitor.get("/live", headers={"accept": "text/html"})).status == 503


def test_the_page_asks_for_as_much_as_a_worker_shows() -> None:
    assert CONNECTIONS == questions.CONNECTIONS
    assert MOST_CONNECTIONS == seen.MOST_CONNECTIONS
    script = "".join(path.read_text() for path in sorted(STATIC.glob("live*.js")))
    assert f"const USUAL = {CONNECTIONS};" in script
    assert f"const MOST = {MOST_CONNECTIONS};" in script


def test_what_a_worker_tells_is_what_the_page_reads(live: Live) -> None:
    """Names that one side changes alone would be empty on the other."""
    for told, struct in ((CALL, seen.SeenCall), (GONE, SeenEnded), (FIRST, seen.SeenProcess),
                         (UPSTREAM, seen.SeenUpstream)):  # fmt: skip
        assert set(json.loads(json.dumps(told))) <= set(struct.__struct_fields__)
