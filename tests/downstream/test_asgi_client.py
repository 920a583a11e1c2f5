"""The client behind an ASGI server: the same front, told in messages. Virtual time."""

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.downstream.asgi_client import UNREAD_BYTES, AsgiClient, head_of
from gateway.downstream.calls import Calls
from gateway.downstream.client import MIN_BODY_RATE
from gateway.downstream.connection import LINGER_BYTES, LINGER_TIMEOUT
from gateway.downstream.options import HttpOptions
from gateway.words.errors import BadRequest
from tests.asgi_server import AsgiServer, scope_of
from tests.stage import (
    COMPLETION,
    DONE,
    STOP,
    STREAM_HEAD,
    WHOLE_STREAM,
    Stage,
    answer,
    chunk,
    event,
    words,
)

pytest_plugins = ("tests.onstage",)

PATH = "/v1/chat/completions"
BODY = words()


def posted(*fields: tuple[str, str], size: int = len(BODY)) -> dict[str, Any]:
    """Return the scope of a chat request."""
    return scope_of("POST", PATH, *fields, ("content-length", str(size)))


def ask(stage: Stage, scope: dict[str, Any], *parts: bytes, more: bool = False) -> AsgiServer:
    """Let a request arrive."""
    server = AsgiServer()
    server.body(*parts, more=more)
    front = stage.front
    client = AsgiClient(head_of(scope), server.receive, server.send, stage.http, stage.calls)

    async def serve() -> None:
        await front.serve(client, head_of(scope), "127.0.0.1")

    stage.accepted += 1
    stage.nursery.start_soon(serve)
    return server


def test_a_head_is_read_from_a_scope() -> None:
    head = head_of(scope_of("POST", "/v1/models/a%2Fb?x=1", ("content-length", "5")))
    assert (head.method, head.path, head.length) == ("POST", "/v1/models/a%2Fb", 5)
    assert head.query == "x=1"
    apart = head_of(scope_of("GET", "/v1/files") | {"query_string": b"after=a%2Fb"})
    assert (apart.path, apart.query) == ("/v1/files", "after=a%2Fb")
    assert (head.host, head.http10, head.keep_alive) == ("localhost", False, True)
    old = head_of(scope_of("GET", "/", version="1.0"))
    assert (old.http10, old.keep_alive) == (True, False)
    without = scope_of("GET", "/healthz")
    del without["raw_path"]
    assert head_of(without).path == "/healthz"


@pytest.mark.parametrize(
    "scope",
    [
        scope_of("GET", "/../etc"),
        scope_of("GET", "/", ("host", "a/b")),
        scope_of("GET", "/", ("host", "a"), ("host", "b")),
    ],
)
def test_r2_what_the_server_lets_pass_is_refused(scope: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        head_of(scope)


async def test_a_stream_is_told_in_messages(stage: Stage, autojump_clock: MockClock) -> None:
    stage.provider(*WHOLE_STREAM)
    server = ask(stage, posted(), BODY[:10], BODY[10:])
    receipt = await stage.receipt()
    assert (server.status, receipt.outcome, receipt.status) == (200, "completed", 200)
    assert server.bodies == [
        (event("hel"), True),
        (event("lo"), True),
        (STOP + DONE, False),
    ]
    assert server.fields[b"x-request-id"] == b"req_1"
    assert server.fields[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert b"transfer-encoding" not in server.fields
    assert (receipt.bytes_in, receipt.bytes_out) == (len(BODY), len(server.answer))


async def test_an_answer_in_one_piece_ends_with_it(stage: Stage, autojump_clock: MockClock) -> None:
    stage.provider(answer(200, COMPLETION))
    body = words(stream=False)
    server = ask(stage, posted(size=len(body)), body)
    await stage.receipt()
    assert server.bodies == [(COMPLETION, False)]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_c28_a_head_request_has_no_body(
    stage: Stage, method: str, autojump_clock: MockClock
) -> None:
    """C28."""
    server = ask(stage, scope_of(method, "/healthz"), b"")
    await stage.receipt()
    assert server.fields[b"content-length"] == b"15"
    assert server.bodies == [(b'{"status":"ok"}' if method == "GET" else b"", False)]


@pytest.mark.parametrize(
    ("script", "phase"),
    [([], "waiting"), (WHOLE_STREAM[:1], "waiting"), (WHOLE_STREAM[:2], "streaming")],
)
async def test_c1_c4_a_client_that_leaves_closes_the_provider_at_the_same_instant(
    stage: Stage, script: list[bytes], phase: str, autojump_clock: MockClock
) -> None:
    """C1, C4."""
    provider = stage.provider(*script)
    server = ask(stage, posted(), BODY)
    await provider.asked.wait()
    await trio.sleep(7)
    server.leave()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase) == ("client_gone", phase)
    assert provider.closed_at == receipt.ended == 7


async def test_c7_gone_within_its_body(stage: Stage, autojump_clock: MockClock) -> None:
    """C7."""
    server = ask(stage, posted(), BODY[:10], more=True)
    await trio.sleep(7)
    server.leave()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase, receipt.ended) == ("client_gone", "body", 7)
    assert (stage.dialled, server.sent) == ([], [])


async def test_c8_the_disconnect_from_within_the_last_send_means_nothing(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C8."""
    stage.provider(*WHOLE_STREAM)
    server = ask(stage, posted(), BODY)
    server.on_send = lambda message: None if message.get("more_body", True) else server.leave()
    assert (await stage.receipt()).outcome == "completed"


async def test_u13_an_answer_that_breaks_off_has_no_last_message(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U13. The server ends the connection then, without the end of the body."""
    stage.provider(STREAM_HEAD, chunk(event("a")), b"")
    server = ask(stage, posted(), BODY)
    assert (await stage.receipt()).outcome == "upstream_truncated"
    assert all(more for _, more in server.bodies)
    error = json.loads(server.bodies[-1][0].removeprefix(b"data: "))["error"]
    assert error["code"] == "upstream_truncated"


async def test_c12_a_body_that_stops_is_too_slow(stage: Stage, autojump_clock: MockClock) -> None:
    """C12."""
    server = ask(stage, posted(), BODY[:10], more=True)
    receipt = await stage.receipt()
    assert (server.status, receipt.cause) == (408, "request_body_timeout")
    assert server.sent[0][0] == stage.http.body_timeout


async def test_c12_a_body_must_keep_a_rate(stage: Stage, autojump_clock: MockClock) -> None:
    """C12, R17."""
    server = ask(stage, posted(size=10_000_000), b"x" * MIN_BODY_RATE, more=True)
    while not server.sent:
        await trio.sleep(20)
        server.body(b"x", more=True)
    assert server.status == 408
    assert server.sent[0][0] < 32


async def test_c13_a_body_that_is_declared_too_long_is_refused_at_once(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C13, R14."""
    stage.http = HttpOptions(max_body_bytes=100)
    server = ask(stage, posted(size=101), b"x" * 10, more=True)
    await stage.receipt()
    assert (server.status, server.sent[0][0]) == (413, 0)


@pytest.mark.parametrize("at_once", [True, False])
async def test_c13_a_body_without_a_length_is_counted(
    stage: Stage, at_once: bool, autojump_clock: MockClock
) -> None:
    """C13, R14."""
    stage.http = HttpOptions(max_body_bytes=100)
    parts = [b"x" * 101] if at_once else [b"x" * 60, b"x" * 60]
    server = ask(stage, scope_of("POST", PATH, ("transfer-encoding", "chunked")), *parts)
    receipt = await stage.receipt()
    assert (server.status, receipt.cause) == (413, "request_too_large")


def end_of(server: AsgiServer) -> float:
    """Return when the answer was ended; its words must have been out at once."""
    (_, head), (said_at, said), (ended_at, end) = server.sent
    assert (head["type"], said["more_body"]) == ("http.response.start", True)
    assert (end["body"], end["more_body"]) == (b"", False)
    assert said_at == 0
    return ended_at


async def test_c13_the_end_of_a_refusal_waits_for_the_rest_of_the_body(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C13. The server closes at that end, and a reset would eat the answer on its way."""
    stage.http = HttpOptions(max_body_bytes=100)
    server = ask(stage, posted(size=1000), b"x" * 10, more=True)
    await trio.sleep(1)
    server.body(b"x" * 990)
    await stage.receipt()
    assert end_of(server) == 1


async def test_c13_it_waits_for_a_moment_only(stage: Stage, autojump_clock: MockClock) -> None:
    """C13."""
    stage.http = HttpOptions(max_body_bytes=100)
    server = ask(stage, posted(size=1000), b"x" * 10, more=True)
    await stage.receipt()
    assert end_of(server) == LINGER_TIMEOUT


async def test_c13_it_does_not_wait_for_a_flood_or_for_one_who_has_left(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C13."""
    stage.http = HttpOptions(max_body_bytes=100)
    flood = ask(stage, posted(size=10_000_000), b"x" * (LINGER_BYTES + 101), more=True)
    gone = ask(stage, posted(size=1000), b"x", more=True)
    gone.on_send = lambda message: gone.leave()
    await trio.sleep(1)
    await stage.calls.ended()
    assert (end_of(flood), end_of(gone)) == (0, 0)
    assert {receipt.outcome for receipt in stage.book.receipts} == {"refused"}


async def test_r5_a_field_that_would_split_the_answer_is_refused() -> None:
    server = AsgiServer()
    head = head_of(scope_of("GET", "/"))
    client = AsgiClient(head, server.receive, server.send, HttpOptions(), Calls(1))
    with pytest.raises(ValueError, match="control"):
        client.start(200, [(b"x-a", b"a\r\nb: c")])
    await client.respond(200, [], b"ok")
    assert server.fields == {b"content-length": b"2"}


async def test_r5_one_who_has_left_before_anything_is_told_nothing() -> None:
    server = AsgiServer()
    server.leave()
    client = AsgiClient(
        head_of(scope_of("GET", "/")), server.receive, server.send, HttpOptions(), Calls(1)
    )
    await client.listen()
    assert server.sent == []


async def test_a_stop_that_comes_with_the_providers_words_is_told(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G1: what was not written yet is not torn."""
    provider = stage.provider(STREAM_HEAD, chunk(event("a")))
    server = ask(stage, posted(), BODY)
    await trio.sleep(5)
    provider.say(chunk(event("b")))
    stage.calls.stop_all()
    assert (await stage.receipt()).outcome == "stopped"
    assert b"gateway_shutdown" in server.answer


async def test_g9_bodies_behind_a_server_are_counted_too(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G9."""
    stage.calls.most_body_bytes = len(BODY)
    provider = stage.provider(STREAM_HEAD)
    first = ask(stage, posted(), BODY)
    await provider.asked.wait()
    assert stage.calls.body_bytes == len(BODY)
    refused = ask(stage, posted(size=1), b"x")
    await trio.sleep(1)
    assert (refused.status, refused.fields[b"retry-after"]) == (503, b"1")
    assert stage.calls.body_bytes == len(BODY)
    first.leave()
    await stage.calls.ended()
    assert stage.calls.body_bytes == 0


async def test_g9_a_body_that_grows_behind_a_server_is_refused_when_it_does(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G9."""
    stage.calls.most_body_bytes = 15
    scope = scope_of("POST", PATH, ("content-type", "application/json"))
    server = ask(stage, scope, b"x" * 10, more=True)
    await trio.sleep(1)
    assert stage.calls.body_bytes == 10
    server.body(b"x" * 10)
    await trio.sleep(1)
    assert server.status == 503
    await stage.calls.ended()
    assert stage.calls.body_bytes == 0


FORM = (
    b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n'
    b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
)
FORM_END = b"\r\n--b--\r\n"
FORM_PATH = "/v1/audio/transcriptions"
FORM_MEDIA = ("content-type", "multipart/form-data; boundary=b")


def uploading(*fields: tuple[str, str]) -> dict[str, Any]:
    """Return the scope of a form whose length nobody knows."""
    return scope_of("POST", FORM_PATH, FORM_MEDIA, ("transfer-encoding", "chunked"), *fields)


async def test_a_form_is_poured_out_part_by_part(stage: Stage, autojump_clock: MockClock) -> None:
    provider = stage.provider(answer(200, b'{"text":"hi"}'))
    server = ask(stage, uploading(), FORM, b"", b"ID3", more=True)
    await trio.sleep(1)
    server.body(FORM_END)
    assert (await stage.receipt()).outcome == "completed"
    assert b"".join(provider.sent).endswith(
        FORM.replace(b"\r\nm\r\n", b"\r\nm-1\r\n") + b"ID3" + FORM_END
    )


async def test_while_a_part_is_taken_no_more_than_a_few_wait(
    stage: Stage, autojump_clock: MockClock
) -> None:
    server = AsgiServer()
    scope = uploading()
    client = AsgiClient(head_of(scope), server.receive, server.send, stage.http, stage.calls)
    go_on, taken = trio.Event(), []

    async def take(part: bytes) -> None:
        await go_on.wait()
        taken.append(part)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.listen)
        nursery.start_soon(client.pour, take)
        await trio.sleep(1)
        server.body(*[b"x" * UNREAD_BYTES] * 7, more=True)
        await trio.sleep(1)
        assert client.bytes_in <= 4 * UNREAD_BYTES
        go_on.set()
        server.body(b"end")
        await trio.sleep(1)
        assert b"".join(taken) == b"x" * (7 * UNREAD_BYTES) + b"end"
        nursery.cancel_scope.cancel()


async def test_c12_c13_a_form_is_bounded_like_any_body(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C12, C13."""
    stage.http = HttpOptions(max_body_bytes=500)
    slow = ask(stage, uploading(), FORM, more=True)
    await trio.sleep(stage.http.body_timeout + 1)
    assert slow.status == 408
    long = ask(stage, uploading(), FORM, b"x" * 500)
    await trio.sleep(1)
    assert long.status == 413
    declared = ask(stage, scope_of("POST", FORM_PATH, FORM_MEDIA, ("content-length", "501")))
    await trio.sleep(1)
    assert declared.status == 413
    await trio.sleep(LINGER_TIMEOUT)


async def test_a_form_that_is_refused_half_way_lets_the_rest_come(
    stage: Stage, autojump_clock: MockClock
) -> None:
    server = ask(stage, uploading(), b"no form", *[b"x" * UNREAD_BYTES] * 3, more=True)
    await trio.sleep(0.5)
    server.body(b"end")
    await stage.receipt()
    assert server.status == 400
    assert end_of(server) == 0.5
