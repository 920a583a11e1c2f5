"""Operations that pass as they are, in memory and virtual time: whole, cut, late, left."""

import json

import pytest
import trio
from trio.testing import MockClock

from gateway.forms.raw_answer import HELD_BYTES
from gateway.relay.options import ClockOptions
from gateway.words.target import Conduct, Timeouts
from tests.caller import Caller
from tests.stage import DONE, END, STREAM_HEAD, Stage, answer, chunk, get, post

pytest_plugins = ("tests.onstage",)

SOUND_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n"
BY_LENGTH = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 9\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n\r\n"
SPEECH = post(b'{"model":"m","input":"hi","voice":"v"}', path="/v1/audio/speech")
EMBEDDINGS = post(b'{"model":"m","input":"hi"}', path="/v1/embeddings")
VECTORS = b'{"data":[{"embedding":"AAAA"}],"usage":{"prompt_tokens":2,"total_tokens":2}}'


def completion(text: str, finish: str | None = None) -> bytes:
    choice = {"text": text, "index": 0, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def told(caller: Caller) -> bytes:
    """Return all that a client was sent."""
    return b"".join(data for _, data in caller.line.writes)


def drawing(**more: object) -> bytes:
    body = json.dumps({"model": "m", "prompt": "a cat", **more}).encode()
    return post(body, path="/v1/images/generations")


async def test_sound_passes_as_it_comes(stage: Stage, autojump_clock: MockClock) -> None:
    provider = stage.provider(SOUND_HEAD, chunk(b"ID3", b"\xff\x00"), chunk(b"end") + END)
    caller = stage.ask(SPEECH)
    reply = await caller.reply()
    assert (reply.status, reply.body) == (200, b"ID3\xff\x00end")
    assert reply.get("content-type") == "audio/mpeg"
    assert reply.get("x-content-type-options") == "nosniff"
    assert provider.sent_json() == {"model": "m-1", "input": "hi", "voice": "v"}
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.endpoint, receipt.stream) == ("completed", "speech", True)


@pytest.mark.parametrize(
    "script",
    [
        (SOUND_HEAD, chunk(b"ID3"), b""),
        (BY_LENGTH, b"ID3", b""),
        (UNTIL_CLOSE, b"ID3", b""),
    ],
    ids=["in chunks", "by length", "until it closes"],
)
async def test_u14_sound_that_is_cut_is_never_told_as_whole(
    stage: Stage, script: tuple[bytes, ...], autojump_clock: MockClock
) -> None:
    """U14. Where nobody says where it ends, nobody knows that it did."""
    stage.provider(*script)
    caller = stage.ask(SPEECH)
    reply = await caller.head()
    assert reply.status == 200
    receipt = await stage.receipt()
    assert receipt.outcome == "upstream_truncated"
    assert not told(caller).endswith(END)


async def test_an_answer_that_fails_before_its_first_byte_is_another_home_s(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.homes = ["up", "next"]
    stage.provider(answer(500, b"{}"))
    stage.provider(answer(200, VECTORS), at="next")
    reply = await stage.ask(EMBEDDINGS).reply()
    assert (reply.status, reply.body) == (200, VECTORS)
    assert await stage.tries() == [("up/m-1", "upstream_error"), ("next/m-1", "completed")]


async def test_the_usage_of_an_answer_is_written_down(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(answer(200, VECTORS))
    assert (await stage.ask(EMBEDDINGS).reply()).get("content-type") == "application/json"
    receipt = await stage.receipt()
    assert receipt.usage is not None
    assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == (2, 0)


async def test_a_completion_streams_as_a_chat_does(stage: Stage, autojump_clock: MockClock) -> None:
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
    events = completion("a") + completion("", "stop")
    provider = stage.provider(STREAM_HEAD, chunk(events, usage, DONE) + END)
    body = b'{"model":"m","prompt":"hi","stream":true}'
    reply = await stage.ask(post(body, path="/v1/completions")).reply()
    assert reply.body == events + DONE
    assert reply.get("content-type") == "text/event-stream; charset=utf-8"
    assert provider.sent_json()["stream_options"] == {"include_usage": True}
    receipt = await stage.receipt()
    assert receipt.usage is not None
    assert receipt.usage.output_tokens == 2


async def test_a_completion_is_not_resumed_as_a_chat_is(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.conduct = Conduct(retries=0, resume=True)
    stage.provider(STREAM_HEAD, chunk(completion("a")), b"")
    body = b'{"model":"m","prompt":"hi","stream":true}'
    caller = stage.ask(post(body, path="/v1/completions"))
    await caller.head()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.resumed) == ("upstream_truncated", 0)


async def test_an_error_within_events_is_told_as_one(
    stage: Stage, autojump_clock: MockClock
) -> None:
    partial = b'data: {"type":"image_generation.partial_image"}\n\n'
    stage.provider(STREAM_HEAD, chunk(partial), b"")
    caller = stage.ask(drawing(stream=True))
    assert (await caller.head()).status == 200
    assert (await stage.receipt()).outcome == "upstream_truncated"
    assert b'"code":"upstream_truncated"' in told(caller)


async def test_a_cut_after_an_image_is_no_end(stage: Stage, autojump_clock: MockClock) -> None:
    """Another image may have been to come."""
    done = b'data: {"type":"image_generation.completed","b64_json":"AAAA"}\n\n'
    stage.provider(STREAM_HEAD, chunk(done), b"")
    await stage.ask(drawing(stream=True)).head()
    assert (await stage.receipt()).outcome == "upstream_truncated"


async def test_long_json_passes_as_it_comes_and_one_who_does_not_take_it_is_cut(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C9, of a call that has no clock of its own."""
    stage.clocks = ClockOptions(write_timeout=7.0)
    body = b'{"data":[' + b"0.25," * HELD_BYTES
    provider = stage.provider(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99000000\r\n\r\n",
        body,
    )
    caller = stage.connect(window=1000)
    caller.send(EMBEDDINGS)
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.ended) == ("client_stalled", 7)
    assert provider.closed_at == 7


async def test_a_silent_speaker_is_given_up(stage: Stage, autojump_clock: MockClock) -> None:
    stage.timeouts = Timeouts(idle=9.0)
    provider = stage.provider(SOUND_HEAD, chunk(b"ID3"))
    await stage.ask(SPEECH).head()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.cause) == ("timeout", "idle_silence")
    assert provider.closed_at == 9


@pytest.mark.parametrize("script", [(), (SOUND_HEAD, chunk(b"ID3"))], ids=["waiting", "within"])
async def test_c1_c4_one_who_leaves_closes_the_provider(
    stage: Stage, script: tuple[bytes, ...], autojump_clock: MockClock
) -> None:
    """C1, C4."""
    provider = stage.provider(*script)
    caller = stage.ask(SPEECH)
    await provider.asked.wait()
    await trio.sleep(3)
    caller.leave()
    receipt = await stage.receipt()
    assert (receipt.outcome, provider.closed_at) == ("client_gone", 3)


async def test_equal_calls_share_an_answer_and_its_head(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.conduct = Conduct(retries=0, coalesce=True)
    stage.provider(SOUND_HEAD, chunk(b"ID3"), chunk(b"end") + END)
    replies = [stage.ask(SPEECH), stage.ask(SPEECH)]
    for caller in replies:
        reply = await caller.reply()
        assert (reply.body, reply.get("content-type")) == (b"ID3end", "audio/mpeg")
    await stage.calls.ended()
    assert len(stage.dialled) == 1


async def test_what_is_no_operation_of_a_target_is_refused(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.also = ()
    reply = await stage.ask(EMBEDDINGS).reply()
    assert (reply.status, reply.error["code"]) == (400, "unsupported_parameter")
    assert stage.dialled == []


async def test_the_paths_are_asked_with_post(stage: Stage, autojump_clock: MockClock) -> None:
    reply = await stage.ask(get("/v1/embeddings")).reply()
    assert (reply.status, reply.get("allow")) == (405, "POST")
