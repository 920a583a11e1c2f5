"""How a try begins, or does not: whatever fails before the commit is an ordinary HTTP error."""

import json

import pytest
import trio
from trio.testing import MockClock

from gateway.relay.ask import MAX_PREAMBLE_BYTES, passes
from gateway.relay.options import AnswerOptions
from gateway.upstream import failures
from gateway.words.target import Timeouts
from tests.stage import (
    COMPLETION,
    DONE,
    END,
    KEY,
    STOP,
    STREAM_HEAD,
    WHOLE_STREAM,
    Stage,
    answer,
    chat,
    chunk,
    event,
    fault,
)

pytest_plugins = ("tests.onstage",)

ROLE = event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}])
BROKEN = b"data: {not json}\n\n"
EVENTS = b"text/event-stream"


@pytest.mark.parametrize(
    "script",
    [[], [STREAM_HEAD], [STREAM_HEAD, chunk(b": processing\n\n")], [STREAM_HEAD, chunk(ROLE)]],
    ids=["nothing", "a head", "a comment", "a role"],
)
async def test_u10_no_content_in_time_is_a_504(
    stage: Stage, script: list[bytes], autojump_clock: MockClock
) -> None:
    """U10 in part. What comes before content is no content."""
    stage.timeouts = Timeouts(first_token=10.0)
    provider = stage.provider(*script)
    caller = stage.ask(chat())
    reply = await caller.reply()
    assert (reply.status, reply.error["code"]) == (504, "first_token_timeout")
    assert "up/m-1" in reply.error["message"]
    assert reply.get("x-should-retry") is None
    assert reply.get("connection") == "keep-alive"
    assert provider.closed_at == 10
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase, receipt.status) == ("timeout", "waiting", 504)
    (attempt,) = receipt.attempts
    assert (attempt.outcome, attempt.began, attempt.ended) == ("first_token_timeout", 0, 10)


async def test_an_answer_in_one_piece_has_no_first_token(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """Nor a head before its time: its status is not known until it is here."""
    stage.timeouts = Timeouts(first_token=10.0, idle=10.0)
    provider = stage.provider()
    caller = stage.ask(chat(stream=False))
    await trio.sleep(500)
    assert caller.line.writes == []
    provider.say(answer(200, COMPLETION))
    assert (await caller.reply()).body == COMPLETION


async def test_what_comes_before_content_leaves_with_it(
    stage: Stage, autojump_clock: MockClock
) -> None:
    provider = stage.provider(STREAM_HEAD, chunk(b": hi\n\n"), chunk(ROLE))
    caller = stage.ask(chat())
    await trio.sleep(5)
    assert caller.line.writes == []
    provider.say(chunk(event("a")), chunk(STOP, DONE) + END)
    assert (await caller.reply()).chunks[0] == b": hi\n\n" + ROLE + event("a")
    assert (await stage.receipt()).first_content_at == 5


async def test_what_comes_before_content_is_bounded(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """A provider that never says anything, at length, is let through before it costs memory."""
    comment = b": " + b"x" * 60_000 + b"\n\n"
    count = MAX_PREAMBLE_BYTES // len(comment) + 1
    provider = stage.provider(STREAM_HEAD, *[chunk(comment)] * count)
    caller = stage.ask(chat())
    await provider.asked.wait()
    await trio.sleep(1)
    (first,) = caller.line.writes
    assert first[0] == 0
    assert len(first[1]) > MAX_PREAMBLE_BYTES


async def test_a_stream_that_ends_before_content_is_whole_or_a_502(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(STREAM_HEAD, chunk(ROLE, DONE), b"")
    assert (await stage.ask(chat()).reply()).body == ROLE + DONE
    for script in ([chunk(ROLE) + END, b""], [chunk(ROLE), b""], [b""]):
        stage.provider(STREAM_HEAD, *script)
        reply = await stage.ask(chat()).reply()
        assert (reply.status, reply.error["code"]) == (502, "upstream_truncated")
    await stage.calls.ended()
    assert {receipt.outcome for receipt in stage.book.receipts[1:]} == {"upstream_truncated"}


async def test_u26_an_error_told_before_content_is_a_502_with_its_words(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U26."""
    stage.provider(STREAM_HEAD, chunk(ROLE + fault("busy", "overloaded")))
    reply = await stage.ask(chat()).reply()
    assert (reply.status, reply.error["code"]) == (502, "overloaded")
    assert (reply.error["message"], reply.error["type"]) == ("busy", "server_error")


async def test_u16_malformed_events_are_counted_even_if_no_content_comes(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U16."""
    stage.provider(STREAM_HEAD, chunk(BROKEN, BROKEN, ROLE), b"")
    assert (await stage.ask(chat()).reply()).status == 502
    assert (await stage.receipt()).malformed_events == 2


async def test_u9_what_is_no_stream_is_a_502_and_json_is_told_as_one(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U9."""
    for wire in (
        answer(200, b"<html>busy</html>", media=b"text/html"),
        answer(200, b"<html>busy</html>", media=EVENTS),
        answer(200, b'{"error": {"message": "broken"}}'),
    ):
        stage.provider(wire, b"")
        reply = await stage.ask(chat()).reply()
        assert (reply.status, reply.error["type"]) == (502, "upstream_error")
    stage.provider(answer(200, COMPLETION), b"")
    reply = await stage.ask(chat()).reply()
    assert (reply.text, reply.events[-1]) == ("hi", "[DONE]")


@pytest.mark.parametrize("status", [400, 404, 409, 422, 429, 500, 503, 529])
async def test_u6_u7_a_providers_own_error_is_passed_on(
    stage: Stage, status: int, autojump_clock: MockClock
) -> None:
    """U6, U7 in part."""
    told = {"error": {"message": "no", "type": "some_error", "code": "c", "param": "p"}}
    provider = stage.provider(answer(status, json.dumps(told).encode()))
    reply = await stage.ask(chat()).reply()
    assert (reply.status, reply.error) == (status, told["error"])
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.cause, receipt.status) == ("upstream_error", "c", status)
    assert not provider.closed


async def test_u8_when_to_come_back_is_passed_on(stage: Stage, autojump_clock: MockClock) -> None:
    """U8 in part, U34: and what is none of the client's business is not."""
    stage.provider(
        answer(
            429,
            b"slow down",
            b"retry-after: 7",
            b"Retry-After-Ms: 7000",
            b"x-ratelimit-reset-tokens: 6m0s",
            b"set-cookie: a=b",
            b"server: them",
            b"x-request-id: theirs",
        )
    )
    reply = await stage.ask(chat()).reply()
    assert (reply.get("retry-after"), reply.get("retry-after-ms")) == ("7", "7000")
    assert reply.get("x-ratelimit-reset-tokens") == "6m0s"
    assert (reply.get("set-cookie"), reply.get("server")) == (None, None)
    assert (reply.get("x-request-id"), reply.error["message"]) == ("req_1", "slow down")


async def test_r7_only_named_fields_of_a_good_answer_pass(
    stage: Stage, autojump_clock: MockClock
) -> None:
    passing = (b"openai-processing-ms: 5", b"X-RateLimit-Remaining-Requests: 1")
    stage.provider(answer(200, COMPLETION, *passing, b"set-cookie: a=b", b"date: then"))
    reply = await stage.ask(chat(stream=False)).reply()
    assert reply.get("openai-processing-ms") == "5"
    assert reply.get("x-ratelimit-remaining-requests") == "1"
    assert reply.get("set-cookie") is None
    assert passes(b"openai-version")
    assert not passes(b"openai-organization")


@pytest.mark.parametrize("status", [200, 429])
async def test_r11_a_secret_in_a_field_that_passes_is_masked(
    stage: Stage, status: int, autojump_clock: MockClock
) -> None:
    """R11."""
    note = f"x-ratelimit-key: of {KEY}".encode()
    stage.provider(answer(status, COMPLETION, note))
    reply = await stage.ask(chat(stream=False)).reply()
    assert (reply.status, reply.get("x-ratelimit-key")) == (status, "of ***")


@pytest.mark.parametrize("status", [401, 402, 403])
@pytest.mark.parametrize("stream", [True, False])
async def test_u6_a_refusal_of_our_own_key_is_our_error_and_is_not_repeated(
    stage: Stage, status: int, stream: bool, autojump_clock: MockClock
) -> None:
    """U6."""
    body = b'{"error":{"message":"Incorrect API key provided: %b"}}' % KEY.encode()
    stage.provider(answer(status, body))
    caller = stage.ask(chat(stream=stream))
    reply = await caller.reply()
    assert (reply.status, reply.error["code"]) == (502, "upstream_auth_error")
    assert reply.get("x-should-retry") == "false"
    assert "Incorrect" not in reply.error["message"]
    assert KEY.encode() not in b"".join(data for _, data in caller.line.writes)


ECHOES = {
    "refusal": answer(
        400,
        json.dumps(
            {"error": {"message": f"bad {KEY}", "type": KEY, "code": KEY, "param": KEY}}
        ).encode(),
    ),
    "plain refusal": answer(500, f"bad key {KEY}".encode()),
    "fault": STREAM_HEAD + chunk(fault(f"bad {KEY}", KEY)),
    "late fault": STREAM_HEAD + chunk(event("a"), fault(f"bad {KEY}", KEY)),
    "content type": answer(200, b"{}", media=KEY.encode()),
    "error in json": answer(200, f'{{"error": "bad {KEY}"}}'.encode()),
}


@pytest.mark.parametrize("wire", ECHOES.values(), ids=ECHOES)
async def test_r11_a_configured_secret_never_comes_back(
    stage: Stage, wire: bytes, autojump_clock: MockClock
) -> None:
    stage.provider(wire)
    caller = stage.ask(chat())
    await caller.reply()
    written = b"".join(data for _, data in caller.line.writes)
    assert KEY.encode() not in written
    assert b"***" in written
    receipt = await stage.receipt()
    assert KEY not in repr(receipt)


@pytest.mark.parametrize("status", [201, 204, 302])
async def test_u33_what_is_neither_an_answer_nor_an_error_is_not_followed(
    stage: Stage, status: int, autojump_clock: MockClock
) -> None:
    """U33."""
    stage.provider(answer(status, b"", b"location: http://elsewhere/"))
    reply = await stage.ask(chat()).reply()
    assert (reply.status, reply.error["code"]) == (502, "upstream_malformed")


async def test_u29_an_answer_in_one_piece_is_bounded(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U29."""
    stage.answers = AnswerOptions(max_answer_bytes=100)
    stage.provider(answer(200, COMPLETION))
    reply = await stage.ask(chat(stream=False)).reply()
    assert (reply.status, reply.error["code"]) == (502, "upstream_answer_too_large")
    assert reply.get("x-should-retry") == "false"


FAILURES = {
    "refused": (failures.Refused("no"), 502, "upstream_connect_error", None),
    "no name": (failures.NameFailed("no"), 502, "upstream_dns_error", None),
    "no trust": (failures.TlsFailed("no"), 502, "upstream_tls_error", "false"),
    "no descriptor": (failures.Exhausted("no"), 503, "overloaded", None),
}


@pytest.mark.parametrize(("error", "status", "code", "hint"), FAILURES.values(), ids=FAILURES)
async def test_u1_u3_u4_a_provider_that_cannot_be_reached_is_told(
    stage: Stage,
    error: Exception,
    status: int,
    code: str,
    hint: str | None,
    autojump_clock: MockClock,
) -> None:
    """U1 in part, U3, U4."""
    stage.refuse(error)
    reply = await stage.ask(chat()).reply()
    assert (reply.status, reply.error["code"], reply.get("x-should-retry")) == (status, code, hint)
    assert (await stage.receipt()).attempts[0].outcome == code


async def test_u2_a_connection_that_does_not_come_is_a_504(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U2."""
    stage.timeouts = Timeouts(connect=5.0)
    reply = await stage.ask(chat()).reply()
    assert (reply.status, reply.error["code"]) == (504, "upstream_connect_timeout")
    assert (await stage.receipt()).ended == 5


async def test_u15_a_reset_before_the_answer_is_a_502(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U15."""
    provider = stage.provider()
    caller = stage.ask(chat(stream=False))
    await provider.asked.wait()
    provider.reset()
    reply = await caller.reply()
    assert (reply.status, reply.error["code"]) == (502, "upstream_reset")


async def test_u5_a_kept_connection_that_went_stale_is_tried_once_more_on_a_fresh_one(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U5."""
    old = stage.provider(*WHOLE_STREAM)
    caller = stage.ask(chat())
    await caller.reply()
    old.write_error = trio.BrokenResourceError()
    stage.provider(*WHOLE_STREAM)
    caller.send(chat())
    assert (await caller.reply()).text == "hello"
    assert len(stage.dialled) == 2
    await stage.calls.ended()
    stale = [attempt.stale for receipt in stage.book.receipts for attempt in receipt.attempts]
    assert stale == [False, True]
