"""One request that passes through, and its answer: lists, downloads, errors. In virtual time."""

import json
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from gateway.policy.areas import Ways
from gateway.upstream.entra import Entra
from gateway.upstream.probe import client_on
from gateway.upstream.tokens import Grant, Tokens
from gateway.words.grants import EntraGrant
from gateway.words.receipt import Outcome
from gateway.words.secret import Secret
from tests.passages import ADA, BEN, FILE, NOT_FOUND, ask, key, last, made, refusal, told
from tests.stage import KEY, Stage, chunk, get, post
from tests.token_place import Lines, TokenPlace, given

pytest_plugins = ("tests.onstage", "tests.served")


async def test_what_is_made_comes_back_as_it_is_and_is_asked_with_our_key(
    served: Stage, autojump_clock: MockClock
) -> None:
    up = served.provider(
        last(200, json.dumps(FILE).encode(), b"set-cookie: a=b", b"openai-version: 2020-10-01")
    )
    body = b'--B\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--B--\r\n'
    request = post(
        body,
        key(ADA),
        "Content-Type: multipart/form-data; boundary=B",
        "OpenAI-Beta: assistants=v2",
        "X-Odd: 1",
        path="/v1/files",
    )
    reply = await served.ask(request).reply()
    assert (reply.status, json.loads(reply.body)) == (200, FILE)
    assert reply.get("set-cookie") is None
    assert reply.get("openai-version") == "2020-10-01"
    assert reply.get("x-content-type-options") == "nosniff"
    (sent,) = up.sent
    head, _, rest = sent.partition(b"\r\n\r\n")
    assert rest == body
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"post /v1/files http/1.1"
    assert b"authorization: bearer " + KEY.encode().lower() in lines
    assert b"content-type: multipart/form-data; boundary=b" in lines
    assert b"openai-beta: assistants=v2" in lines
    assert not any(line.startswith((b"x-odd", b"x-request")) for line in lines)
    receipt = await served.receipt()
    assert (receipt.endpoint, receipt.target, receipt.caller.key) == ("files", "up/files", "ada")
    assert receipt.outcome is Outcome.COMPLETED
    await served.strike()


@pytest.mark.parametrize("media", [b"application/vnd.up+json", b"text/plain"])
async def test_what_is_made_is_its_makers_whatever_the_answer_is_called(
    served: Stage, media: bytes, autojump_clock: MockClock
) -> None:
    served.provider(last(200, json.dumps(FILE).encode(), media=media))
    assert (await ask(served, ADA, "POST", "/v1/files", {})).status == 200
    served.provider(told(FILE))
    assert (await ask(served, ADA, "GET", "/v1/files/file-ada1")).status == 200


def page(*ids: str, more: bool = False) -> bytes:
    data = [{"id": each, "object": "batch", "output_file_id": f"out-{each}"} for each in ids]
    first, last = (ids[0], ids[-1]) if ids else (None, None)
    whole = {"object": "list", "data": data, "first_id": first, "last_id": last}
    return told(whole | {"has_more": more, "total": 5_000}, more=more)


async def test_api1_a_list_holds_the_callers_own_alone(
    served: Stage, autojump_clock: MockClock
) -> None:
    """API1."""
    for number in (1, 4):
        await made(served, ADA, "/v1/batches", {"id": f"b-{number}", "object": "batch"})
    await made(served, BEN, "/v1/batches", {"id": "b-2", "object": "batch"})
    up = served.provider(page("b-1", "b-2", "b-3", more=True)).then(page("b-4", "b-5"))
    reply = await ask(served, ADA, "GET", "/v1/batches?limit=2&order=asc")
    shown = json.loads(reply.body)
    assert [each["id"] for each in shown.pop("data")] == ["b-1", "b-4"]
    assert shown == {"object": "list", "first_id": "b-1", "last_id": "b-4", "has_more": False}
    asked = [part.split(b" ")[1] for part in up.sent]
    assert asked == [
        b"/v1/batches?order=asc&limit=100",
        b"/v1/batches?order=asc&limit=100&after=b-3",
    ]
    served.provider(told({}))
    assert (await ask(served, ADA, "GET", "/v1/files/out-b-1")).status == 200
    assert refusal(await ask(served, ADA, "GET", "/v1/files/out-b-2")) == NOT_FOUND
    await served.strike()


async def test_a_list_says_where_there_is_more_of_the_callers_own(
    served: Stage, autojump_clock: MockClock
) -> None:
    for number in (1, 2, 3):
        await made(served, ADA, "/v1/batches", {"id": f"b-{number}", "object": "batch"})
    served.provider(page("b-1", "b-2", "b-3"))
    shown = json.loads((await ask(served, ADA, "GET", "/v1/batches?limit=2")).body)
    assert (len(shown["data"]), shown["last_id"], shown["has_more"]) == (2, "b-2", True)


async def test_a_list_is_read_backwards_from_where_it_is_asked_for(
    served: Stage, autojump_clock: MockClock
) -> None:
    for number in (1, 3, 5, 6):
        await made(served, ADA, "/v1/batches", {"id": f"b-{number}", "object": "batch"})
    up = served.provider(page("b-3", "b-4", "b-5", more=True)).then(page("b-1", "b-2"))
    shown = json.loads((await ask(served, ADA, "GET", "/v1/batches?before=b-6&limit=3")).body)
    assert [each["id"] for each in shown["data"]] == ["b-1", "b-3", "b-5"]
    asked = [part.split(b" ")[1].partition(b"?")[2] for part in up.sent]
    assert asked == [b"before=b-6&limit=100", b"limit=100&before=b-3"]
    served.provider(page("b-1", "b-3", "b-5"))
    shown = json.loads((await ask(served, ADA, "GET", "/v1/batches?before=b-6&limit=2")).body)
    assert [each["id"] for each in shown["data"]] == ["b-3", "b-5"]


async def test_a_list_without_end_is_read_only_so_far(
    served: Stage, autojump_clock: MockClock
) -> None:
    up = served.provider(page("b-0", more=True))
    for number in range(1, 40):
        up.then(page(f"b-{number}", more=True))
    shown = json.loads((await ask(served, ADA, "GET", "/v1/batches")).body)
    assert (shown["data"], shown["last_id"], shown["has_more"]) == ([], None, True)
    assert len(up.sent) == 20


@pytest.mark.parametrize("said", [b"[]", b"not json", b'{"data": {}}', b"[" * 5_000])
async def test_what_cannot_be_told_apart_is_not_shown(
    served: Stage, said: bytes, autojump_clock: MockClock
) -> None:
    served.provider(last(200, said))
    reply = await ask(served, ADA, "GET", "/v1/files")
    assert (reply.status, reply.error["code"]) == (502, "upstream_malformed")


async def test_a_page_that_fails_is_told_as_what_it_is(
    served: Stage, autojump_clock: MockClock
) -> None:
    served.provider(page("b-1", more=True)).then(told({"error": {"message": "slow"}}, 429))
    assert (await ask(served, ADA, "GET", "/v1/batches")).status == 429
    await served.strike()


async def test_r11_an_error_is_told_in_our_shape_without_our_key(
    served: Stage, autojump_clock: MockClock
) -> None:
    """R11."""
    await made(served, ADA, "/v1/files", FILE)
    served.provider(told({"error": {"message": f"No {KEY} here", "code": "gone"}}, 404))
    reply = await ask(served, ADA, "GET", "/v1/files/file-ada1")
    assert refusal(reply) == (404, "gone")
    assert KEY not in reply.error["message"]
    served.provider(told({"error": {"message": f"Bad key {KEY}"}}, 401))
    reply = await ask(served, ADA, "GET", "/v1/files/file-ada1")
    assert refusal(reply) == (502, "upstream_auth_error")
    served.provider(last(302, b"", b"location: http://evil.test/"))
    reply = await ask(served, ADA, "GET", "/v1/files/file-ada1")
    assert refusal(reply) == (502, "upstream_malformed")
    assert reply.get("location") is None
    await served.strike()


async def test_credentials_that_are_refused_are_fetched_anew(
    served: Stage, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    place = TokenPlace(given())
    entra = EntraGrant("t", "id", Secret("s"), "https://login.test")
    grant = Grant("up", Entra(entra), Lines(), lambda: 0.5)
    nursery.start_soon(grant.serve, client_on(place))
    served.ways = lambda: Ways({"files": replace(served.target(), model="files", grant="up")}, {})
    served.provider(told({"error": {"message": "No."}}, 401))
    await trio.sleep(100)
    caller, current = served.connect(), served.current
    current.house = replace(current.house, tokens=Tokens({"up": grant}))
    caller.send(post(b"{}", key(ADA), path="/v1/files"))
    assert refusal(await caller.reply()) == (502, "upstream_auth_error")
    assert place.times == [0, 100]
    nursery.cancel_scope.cancel()


DOWNLOAD = (
    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/octet-stream\r\n"
    b'content-disposition: attachment; filename="a"\r\ntransfer-encoding: chunked\r\n\r\n'
)


async def test_a_download_passes_piece_by_piece_and_ends_with_its_client(
    served: Stage, autojump_clock: MockClock
) -> None:
    await made(served, ADA, "/v1/files", FILE)
    up = served.provider(DOWNLOAD, chunk(b"x" * 1_000))
    caller = served.ask(get("/v1/files/file-ada1/content", key(ADA)))
    with trio.fail_after(5):
        await caller.read_to(b"x" * 1_000)
    assert b'content-disposition: attachment; filename="a"' in caller.line.writes[0][1]
    caller.leave()
    await served.calls.ended()
    assert up.closed_at == trio.current_time()
    assert served.book.receipts[-1].outcome is Outcome.CLIENT_GONE
    await served.strike()


async def test_a_download_that_breaks_off_is_seen_to(
    served: Stage, autojump_clock: MockClock
) -> None:
    await made(served, ADA, "/v1/files", FILE)
    up = served.provider(DOWNLOAD, chunk(b"x" * 1_000))
    caller = served.ask(get("/v1/files/file-ada1/content", key(ADA)))
    with trio.fail_after(5):
        await caller.read_to(b"x" * 1_000)
    up.cut()
    await served.calls.ended()
    assert served.book.receipts[-1].outcome is Outcome.UPSTREAM_TRUNCATED
    await served.strike()


async def test_an_answer_without_a_body_stays_one(served: Stage, autojump_clock: MockClock) -> None:
    await made(served, ADA, "/v1/files", FILE)
    served.provider(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
    reply = await ask(served, ADA, "DELETE", "/v1/files/file-ada1")
    assert (reply.status, reply.body) == (204, b"")
    assert reply.get("transfer-encoding") is None
