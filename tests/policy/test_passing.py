"""What passes beside a body, and the usage that an answer reports on its way."""

import json

import pytest

from gateway.policy.passing import MOST_KEPT, MOST_TAIL, Meter, headers_back, headers_on
from gateway.words.answer import Usage


def test_r7_a_provider_is_told_what_the_body_is_and_nothing_of_who_asks() -> None:
    """R7."""
    told = {
        b"content-type": b"application/json",
        b"openai-beta": b"x",
        b"authorization": b"Bearer a",
        b"cookie": b"b",
        b"x-forwarded-for": b"c",
        b"host": b"d",
    }
    assert headers_on(told, b"team t") == (
        (b"content-type", b"application/json"),
        (b"openai-beta", b"x"),
    )


def test_s12_nobody_is_told_again_what_another_was_told() -> None:
    """S12."""
    told = {b"idempotency-key": b"one"}
    fields = [headers_on(told, scope) for scope in (b"team a", b"team a", b"team b")]
    assert fields[0] == fields[1] != fields[2]
    assert all(b"one" not in value for each in fields for _, value in each)


def test_r7_a_client_is_told_what_the_answer_is_and_nothing_of_the_provider() -> None:
    """R7."""
    kept = ((b"content-type", b"text/plain"), (b"content-disposition", b"attachment"))
    dropped = (
        *((b"set-cookie", b"a"), (b"location", b"b"), (b"server", b"c")),
        *((b"accept-ranges", b"bytes"), (b"connection", b"accept-ranges")),
        (b"content-range", b"a\nb"),
    )
    assert headers_back((*kept, *dropped)) == kept


CHAT = {"usage": {"prompt_tokens": 7, "completion_tokens": 3}}
OTHER = {"usage": {"input_tokens": 7, "output_tokens": 3}}
GEMINI = {"usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 3}}


def metered(body: bytes, media: str = "application/json; charset=utf-8", step: int = 5) -> object:
    meter = Meter(media)
    for at in range(0, len(body), step):
        meter.feed(body[at : at + step])
    return meter.usage()


@pytest.mark.parametrize("told", [CHAT, OTHER, GEMINI, {"response": OTHER}, {"message": OTHER}])
def test_usage_is_seen_in_whichever_form(told: object) -> None:
    assert metered(json.dumps(told).encode()) == Usage(7, 3)
    stream = b"event: x\ndata: " + json.dumps(told).encode() + b"\n\ndata: [DONE]\n\n"
    assert metered(stream, "text/event-stream") == Usage(7, 3)


def test_of_a_stream_the_last_word_counts_and_takes_nothing_away() -> None:
    first = {"message": {"usage": {"input_tokens": 7, "output_tokens": 1}}}
    last = {"usage": {"output_tokens": 3}}
    events = b"".join(b"data: %b\n\n" % json.dumps(each).encode() for each in (first, last, {}))
    assert metered(events, "text/event-stream") == Usage(7, 3)
    events = b"".join(b"data: %b\n\n" % json.dumps(each).encode() for each in (last, first))
    assert metered(events, "text/event-stream") == Usage(7, 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"usage": 7}',
        b'{"usage": {"prompt_tokens": null}}',
    ],
)
def test_an_answer_may_report_nothing(body: bytes) -> None:
    assert metered(body, step=1_000) is None


def test_odd_numbers_are_none() -> None:
    assert metered(b'{"usage": {"input_tokens": -1, "output_tokens": true}}') == Usage()


def test_what_is_kept_is_bounded() -> None:
    long = b'{"a": "' + b"x" * MOST_KEPT + b'", ' + json.dumps(CHAT).encode()[1:]
    assert metered(long, step=100_000) is None
    meter = Meter("text/event-stream")
    for _ in range(100):
        meter.feed(b"x" * 10_000)
    assert len(meter._kept) == MOST_TAIL
    assert metered(json.dumps(CHAT).encode(), "application/octet-stream") is None
