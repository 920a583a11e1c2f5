"""A stream that is joined: one piece at its end, and what it came to so far at any time."""

import json

import msgspec
import pytest

from gateway.forms.chat import AnswerReader, read_request
from gateway.relay.joining import Joining, is_joined, streamed
from gateway.words.answer import Usage
from gateway.words.call import Call
from gateway.words.errors import UpstreamTruncated
from gateway.words.receipt import Attempt
from gateway.words.target import Conduct, Origin, Target

BODY = b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}'
STREAM = (
    b": hi\n\n"
    b'data: {"id":"c","model":"m-1","choices":[{"index":0,"delta":{"content":"He"}}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{"content":"y"}}],"usage":{"prompt_tokens":3,'
    b'"completion_tokens":1}}\n\n'
    b"data: {no json}\n\n"
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
    b"data: [DONE]\n\n"
)


def target(**more: object) -> Target:
    conduct = Conduct(stream_upstream=True)
    said = {"also": (), "conduct": conduct} | more
    return Target("p", "openai", "chat", Origin("http", "p", 80), "", "m", **said)  # type: ignore[arg-type]


def call(**more: object) -> Call:
    return msgspec.structs.replace(read_request("chat", BODY), **more)


def joining() -> tuple[Joining, Attempt]:
    reader = AnswerReader(streamed(call()), 200, "text/event-stream", 9999, 9999)
    attempt = Attempt("p/m", 0.0)
    return Joining(reader, attempt), attempt


@pytest.mark.parametrize("at", range(len(STREAM)))
def test_there_is_one_piece_wherever_the_bytes_are_cut(at: int) -> None:
    reader, attempt = joining()
    pieces = reader.feed(STREAM[:at]) + reader.feed(STREAM[at:]) + reader.end()
    (piece,) = pieces
    assert json.loads(piece.raw)["choices"][0]["message"]["content"] == "Hey"
    assert (piece.has_content, piece.usage, piece.model) == (True, Usage(3, 2), "m-1")
    assert (reader.ended, reader.malformed_events) == (True, 1)
    assert (attempt.usage, attempt.pieces + 1) == (Usage(3, 2), 3)
    assert reader.feed(b"more") == []


def test_what_it_came_to_is_known_before_its_end() -> None:
    reader, attempt = joining()
    assert reader.feed(STREAM[: STREAM.index(b"data: {no")]) == []
    assert (attempt.pieces, attempt.usage, attempt.counted) == (2, Usage(3, 1), 2)
    with pytest.raises(UpstreamTruncated):
        reader.end()


def test_an_error_in_the_stream_is_told_at_once() -> None:
    reader, _ = joining()
    (piece,) = reader.feed(STREAM[:80] + b'\n\ndata: {"error":{"message":"Oh"}}\n\n')
    assert piece.fault is not None
    assert not reader.ended


def test_a_stream_is_asked_for_with_its_usage() -> None:
    asked = streamed(call())
    assert (asked.stream, asked.show_usage, bytes(asked.fields["stream"])) == (True, False, b"true")


@pytest.mark.parametrize(
    ("call", "target", "joined"),
    [
        (call(), target(), True),
        (call(stream=True), target(), False),
        (call(operation="embeddings"), target(), False),
        (call(fields={"audio": msgspec.Raw(b"{}")}), target(), False),
        (call(), target(conduct=Conduct()), False),
        (call(form="messages"), target(), True),
        (call(form="messages"), target(also=("messages",)), False),
    ],
)
def test_which_calls_are_joined(call: Call, target: Target, *, joined: bool) -> None:
    assert is_joined(call, target) is joined
