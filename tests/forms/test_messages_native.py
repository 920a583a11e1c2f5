"""Answers in Anthropic's Messages for clients of the same form: bytes pass, facts are read beside.

Each golden stream of `tests/wire/messages/` is cut at every byte, and passes as it came.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from anthropic.types import RawMessageStreamEvent
from pydantic import TypeAdapter

from gateway.forms.messages_native import NativeReader, read_happening
from gateway.forms.messages_write import AnswerWriter
from gateway.forms.messages_write_events import STOP
from gateway.forms.sse import BOM, Splitter
from gateway.words.answer import Fault, Piece, Usage
from gateway.words.call import Call
from gateway.words.errors import (
    AnswerTooLarge,
    GatewayError,
    UpstreamFault,
    UpstreamMalformed,
    UpstreamTruncated,
)
from tests.forms.test_messages_answer import EVENTS, JSON, WHOLE, golden

WIRE = Path(__file__).parents[1] / "wire" / "messages"
NAMES = sorted(path.stem for path in WIRE.glob("*.sse"))
ODD = {
    "comments", "cut_off", "error_in_the_middle", "of_a_later_day", "stop_without_a_reason",
    "without_stop",
}  # fmt: skip
"""Streams that do not pass whole: something in them is malformed, or missing."""

LIMIT = 1 << 20


def asking(*, stream: bool = True, operation: str = "chat") -> Call:
    return Call("messages", operation, "smart", stream, not stream, {}, {})


class Heard:
    """What came of one answer."""

    def __init__(self, parts: list[bytes], call: Call, content_type: str = EVENTS) -> None:
        reader = NativeReader(call, 200, content_type, LIMIT, LIMIT)
        self.pieces: list[Piece] = []
        self.error: GatewayError | None = None
        try:
            for part in parts:
                self.pieces += reader.feed(part)
            self.pieces += reader.end()
        except GatewayError as error:
            self.error = error
        self.ended, self.malformed = reader.ended, reader.malformed_events
        self.sent = AnswerWriter(call).write(self.pieces)

    def all(self) -> tuple[object, ...]:
        return self.pieces, self.sent, self.ended, self.malformed, str(self.error)


@pytest.mark.parametrize("name", NAMES)
def test_the_facts_are_those_that_a_client_of_chat_is_told(name: str) -> None:
    wire, _, facts = golden(name)
    heard = Heard([wire], asking())
    assert all(piece.native for piece in heard.pieces)
    usages = [piece.usage for piece in heard.pieces if piece.usage is not None]
    assert (usages[-1] if usages else None) == (facts["usage"] and Usage(*facts["usage"]))
    faults = [piece.fault for piece in heard.pieces if piece.fault is not None]
    assert faults == ([Fault(*facts["fault"])] if facts["fault"] else [])
    assert (heard.error.code if heard.error else None) == facts["error"]
    assert heard.ended is (heard.error is None)
    assert {piece.model for piece in heard.pieces} - {None} == {facts["model"]} - {None}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ODD])
def test_a_stream_passes_byte_for_byte(name: str) -> None:
    wire = golden(name)[0]
    assert Heard([wire], asking()).sent == wire


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_the_same_wherever_it_is_cut(name: str) -> None:
    wire = golden(name)[0]
    whole = Heard([wire], asking()).all()
    for at in range(1, len(wire)):
        assert Heard([wire[:at], wire[at:]], asking()).all() == whole, at
    assert Heard([wire[at : at + 1] for at in range(len(wire))], asking()).all() == whole


def event(**fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (fields["type"].encode(), json.dumps(fields).encode())


START = event(type="message_start", message={"model": "m", "usage": {"input_tokens": 3}})
ENDED = event(type="message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})
STOPPED = event(type="message_stop")


def test_content_begins_with_the_first_word_or_call() -> None:
    events = [
        START,
        event(type="content_block_start", index=0, content_block={"type": "text", "text": ""}),
        event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": "a"}),
        event(type="content_block_stop", index=0),
        event(type="content_block_start", index=1, content_block={"type": "server_tool_use"}),
        event(type="content_block_start", index=1),
        event(type="message_start"),
        ENDED,
        STOPPED,
    ]
    heard = Heard([b"".join(events)], asking())
    speaks = [piece.has_content for piece in heard.pieces]
    assert speaks == [False, False, True, False, True, False, False, True, False]
    assert heard.pieces[-2].usage == Usage(3, 2)


def test_a_delta_without_a_reason_ends_nothing() -> None:
    heard = Heard([START + event(type="message_delta", delta={}) + STOPPED], asking())
    assert isinstance(heard.error, UpstreamTruncated)
    assert heard.sent.endswith(event(type="message_delta", delta={}))
    heard = Heard([START + event(type="message_delta")], asking())
    assert isinstance(heard.error, UpstreamTruncated)


def test_a_stream_that_has_said_why_it_ended_gets_its_last_event() -> None:
    heard = Heard([START + ENDED + b"event: message_st"], asking())
    assert heard.sent == START + ENDED + STOP
    assert heard.ended


def test_what_another_form_takes_for_an_end_is_none() -> None:
    heard = Heard([START + b"data: [DONE]"], asking())
    assert isinstance(heard.error, UpstreamTruncated)
    assert not heard.ended


def test_nothing_is_read_behind_the_end() -> None:
    heard = Heard([START + ENDED + STOPPED, START], asking())
    assert heard.sent == START + ENDED + STOPPED


def test_malformed_events_are_left_out_and_counted() -> None:
    odd = [b"data: {\n\n", b"data: \xff\n\n", b"event: x\n\n", b": hello\n\n", b"data: []\n\n"]
    heard = Heard([BOM + START + b"".join(odd) + ENDED + STOPPED], asking())
    assert heard.malformed == 3
    assert heard.sent == START + b": hello\n\n" + ENDED + STOPPED


def test_marks_are_left_out() -> None:
    marked = b"id: 3\nretry: 9\n" + START
    assert Heard([marked + ENDED + STOPPED], asking()).sent == START + ENDED + STOPPED


def test_an_event_with_odd_types_passes_and_nothing_is_read_of_it() -> None:
    odd = event(type="content_block_delta", delta=[3], usage=3)
    heard = Heard([START + odd + ENDED + STOPPED], asking())
    assert (heard.sent, heard.malformed) == (START + odd + ENDED + STOPPED, 0)
    assert read_happening(b'{"delta":"\\ud800"}') is not None
    assert read_happening(rb'{"type":"x\ud800"}') is not None
    assert read_happening(b'{"a":' * 50_000) is None


@pytest.mark.parametrize("kind", [None, 7, {"a": 1}, ["text"]])
def test_a_block_of_an_odd_type_passes_and_is_no_content(kind: object) -> None:
    odd = event(type="content_block_start", index=0, content_block={"type": kind})
    (piece,) = NativeReader(asking(), 200, EVENTS, LIMIT, LIMIT).feed(odd)
    assert (piece.raw, piece.has_content) == (odd, False)


def test_an_error_is_kept_back_for_whoever_tells_it() -> None:
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    heard = Heard([START + event(**body) + ENDED], asking())
    assert isinstance(heard.error, UpstreamFault)
    assert heard.pieces[-1].fault == Fault("Overloaded", "overloaded_error", "overloaded")
    assert heard.pieces[-1].usage == Usage(3)


def test_an_error_without_a_type_is_one_too() -> None:
    told = b'data: {"error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    heard = Heard([START + told + ENDED], asking())
    assert isinstance(heard.error, UpstreamFault)
    assert heard.pieces[-1].fault == Fault("Overloaded", "overloaded_error", "overloaded")


def test_an_answer_in_one_piece_passes_as_it_came() -> None:
    body = json.dumps(WHOLE, indent=1).encode()
    heard = Heard([body[:50], body[50:]], asking(stream=False), JSON)
    (piece,) = heard.pieces
    assert (piece.raw, heard.sent, piece.native) == (body, body, True)
    assert (piece.usage, piece.model) == (Usage(125, 15, 100), "claude-sonnet-4-5")


def test_a_whole_answer_is_told_as_the_stream_that_was_asked_for() -> None:
    heard = Heard([json.dumps(WHOLE).encode()], asking(), JSON)
    known: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    for told in Splitter(LIMIT).feed(heard.sent):
        known.validate_python(json.loads(told.data or b""))
    assert heard.ended
    assert heard.pieces[-2].usage == Usage(125, 15, 100)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"type":"error","error":{"type":"api_error","message":"x"}}', UpstreamFault),
        (b'{"error":"x"}', UpstreamFault),
        (b'{"content":3,"stop_reason":"x"}', UpstreamMalformed),
        (b'{"content":[]}', UpstreamMalformed),
        (b"[]", UpstreamMalformed),
        (b"{", UpstreamMalformed),
        (b'{"a":"\xff"}', UpstreamMalformed),
        (b'{"a":' * 50_000, UpstreamMalformed),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_what_is_no_message_is_no_answer(
    body: bytes, error: type[GatewayError], *, stream: bool
) -> None:
    heard = Heard([body], asking(stream=stream), JSON)
    assert isinstance(heard.error, error)
    assert not heard.ended


def test_a_message_whose_blocks_cannot_be_read_is_not_told_as_a_stream() -> None:
    body = json.dumps({**WHOLE, "content": [3]}).encode()
    assert isinstance(Heard([body], asking(), JSON).error, UpstreamMalformed)
    assert Heard([body], asking(stream=False), JSON).sent == body


def test_a_count_passes_and_costs_nothing() -> None:
    counting = asking(stream=False, operation="count_tokens")
    heard = Heard([b'{"input_tokens":14}'], counting, JSON)
    (piece,) = heard.pieces
    assert (piece.raw, piece.usage, piece.has_content) == (b'{"input_tokens":14}', Usage(), False)
    assert isinstance(Heard([b"{}"], counting, JSON).error, UpstreamMalformed)


def test_what_is_too_large_is_refused() -> None:
    reader = NativeReader(asking(), 200, EVENTS, 50, 100)
    with pytest.raises(AnswerTooLarge):
        reader.feed(START)
