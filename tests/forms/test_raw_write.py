"""What clients are written of answers that pass as they are."""

import json

import pytest

from gateway.forms import chat
from gateway.forms.raw_operations import OPERATIONS
from gateway.forms.raw_write import AnswerWriter
from gateway.words.answer import Piece
from gateway.words.call import Call
from gateway.words.errors import IdleTimeout


def asking(operation: str, *, stream: bool) -> Call:
    return Call("raw", operation, "m", stream, True, {})


def test_a_completion_is_written_as_a_chat_is() -> None:
    writer = AnswerWriter(asking("completions", stream=True))
    assert isinstance(writer, chat.AnswerWriter)
    assert writer.end() == b"data: [DONE]\n\n"


@pytest.mark.parametrize("operation", sorted(set(OPERATIONS) - {"completions"}))
def test_nothing_stands_before_or_behind_the_provider_s_bytes(operation: str) -> None:
    for stream in (True, False):
        writer = AnswerWriter(asking(operation, stream=stream))
        assert writer.keepalive() == b""
        assert writer.write([Piece(b"a"), Piece(b"b")]) + writer.end() == b"ab"
        assert writer.error(IdleTimeout("silent")) == b""


def test_what_may_be_of_two_kinds_is_not_said_to_be_one() -> None:
    assert AnswerWriter(asking("speech", stream=True)).headers == ()
    assert AnswerWriter(asking("transcription", stream=False)).headers == ()
    assert AnswerWriter(asking("image_edit", stream=True)).headers == ()
    told = AnswerWriter(asking("image_edit", stream=False)).headers
    assert told == ((b"content-type", b"application/json"),)


@pytest.mark.parametrize("first", [b"data: {}\n\n", b"event: x\ndata: {}\n\n", b": ping\n\n"])
def test_an_error_is_told_as_an_event_within_events(first: bytes) -> None:
    writer = AnswerWriter(asking("image_generation", stream=True))
    writer.write([])
    writer.write([Piece(first)])
    writer.write([Piece(b"whatever")])
    said = writer.error(IdleTimeout("silent"))
    assert json.loads(said.removeprefix(b"data: "))["error"]["code"] == "idle_timeout"


def test_an_error_is_not_told_within_sound() -> None:
    writer = AnswerWriter(asking("speech", stream=True))
    writer.write([Piece(b"ID3")])
    writer.write([Piece(b"data: ")])
    assert writer.error(IdleTimeout("silent")) == b""
