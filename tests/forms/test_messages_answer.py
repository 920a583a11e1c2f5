"""Answers in Anthropic's Messages, each golden stream cut at every byte.

In `tests/wire/messages/`: NAME.sse is what a provider sends, NAME.client what a client of the chat
form gets for it, NAME.json the facts. The `first_content` is the piece that is the commit.
"""

import json
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter, ValidationError

from gateway.forms.chat import AnswerWriter, read_request
from gateway.forms.chat_resume import Delivered, Differs, Join
from gateway.forms.messages import AnswerReader
from gateway.forms.messages_request import body_of
from gateway.forms.sse import Splitter
from gateway.words.answer import Fault, Piece, Usage
from gateway.words.call import Call
from gateway.words.errors import (
    AnswerTooLarge,
    GatewayError,
    UpstreamFault,
    UpstreamMalformed,
    UpstreamTruncated,
)
from gateway.words.target import Origin, Target

WIRE = Path(__file__).parents[1] / "wire" / "messages"
NAMES = sorted(path.stem for path in WIRE.glob("*.sse"))
UNKNOWN = {"comments", "no_usage", "of_a_later_day"}
"""Streams that hold what the official SDK's types do not have, or miss what they must have."""

LIMIT = 1 << 20
EVENTS, JSON = "text/event-stream; charset=utf-8", "application/json"
USAGE = {"input_tokens": 25, "cache_read_input_tokens": 100, "output_tokens": 15}
WHOLE: dict[str, Any] = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USAGE,
}


def asking(*, stream: bool = True, show_usage: bool = False) -> Call:
    return Call("chat", "chat", "smart", stream, show_usage, {})


class Heard:
    """What came of one answer: its pieces, what the client got, how it ended."""

    def __init__(self, parts: list[bytes], call: Call, content_type: str = EVENTS) -> None:
        reader, writer = AnswerReader(call, 200, content_type, LIMIT, LIMIT), AnswerWriter(call)
        self.pieces: list[Piece] = []
        self.error: GatewayError | None = None
        try:
            for part in parts:
                self.pieces += reader.feed(part)
            self.pieces += reader.end()
        except GatewayError as error:
            self.error = error
        self.ended = reader.ended
        self.malformed = reader.malformed_events
        self.sent = writer.write(self.pieces) + (writer.end() if self.ended else b"")

    def all(self) -> tuple[object, ...]:
        error = (type(self.error), str(self.error))
        return self.pieces, self.sent, self.ended, self.malformed, error


def golden(name: str) -> tuple[bytes, bytes, dict[str, Any]]:
    wire, client = (WIRE / f"{name}.sse").read_bytes(), (WIRE / f"{name}.client").read_bytes()
    return wire, client, json.loads((WIRE / f"{name}.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_told_in_the_chat_form_and_its_facts_are_read(name: str) -> None:
    wire, client, facts = golden(name)
    heard = Heard([wire], asking(show_usage=facts["show_usage"]))
    assert heard.sent == client
    assert len(heard.pieces) == facts["pieces"]
    assert heard.malformed == facts["malformed"]
    content = [at for at, piece in enumerate(heard.pieces) if piece.has_content]
    assert (content[0] if content else None) == facts["first_content"]
    usages = [piece.usage for piece in heard.pieces if piece.usage is not None]
    assert (usages[-1] if usages else None) == (facts["usage"] and Usage(*facts["usage"]))
    assert {piece.model for piece in heard.pieces} - {None} == {facts["model"]} - {None}
    faults = [piece.fault for piece in heard.pieces if piece.fault is not None]
    assert faults == ([Fault(*facts["fault"])] if facts["fault"] else [])
    assert (heard.error.code if heard.error else None) == facts["error"]
    assert heard.ended is (heard.error is None)


@pytest.mark.parametrize("name", NAMES)
def test_a_translated_stream_is_the_same_wherever_it_is_cut(name: str) -> None:
    wire, _, facts = golden(name)
    call = asking(show_usage=facts["show_usage"])
    whole = Heard([wire], call).all()
    for at in range(1, len(wire)):
        assert Heard([wire[:at], wire[at:]], call).all() == whole, at
    assert Heard([wire[at : at + 1] for at in range(len(wire))], call).all() == whole


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNKNOWN])
def test_the_golden_streams_are_what_the_official_sdk_reads(name: str) -> None:
    known: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    for event in Splitter(LIMIT).feed(golden(name)[0]):
        fields = json.loads(event.data or b"")
        if fields["type"] not in {"ping", "error"}:
            known.validate_python(fields)


def test_the_sdk_knows_what_is_no_event() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(RawMessageStreamEvent).validate_python({"type": "message_delta", "delta": {}})


def official_client(body: bytes) -> openai.OpenAI:
    """Return OpenAI's own client, answered with this stream."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    client = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="none", base_url="http://g/v1", http_client=client, max_retries=0)


@pytest.mark.parametrize("name", NAMES)
def test_openais_own_client_reads_what_is_written(name: str) -> None:
    _, client, facts = golden(name)
    speaker = official_client(client)
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    if facts["fault"]:
        with pytest.raises(openai.APIError) as caught:
            list(speaker.chat.completions.create(**asked))
        assert caught.value.code == facts["fault"][2]
        return
    chunks = list(speaker.chat.completions.create(**asked))
    assert {chunk.id for chunk in chunks} == {"msg_01"}
    assert chunks[0].choices[0].delta.role == "assistant"


def whole(fields: dict[str, Any], *, stream: bool = False) -> Heard:
    return Heard([json.dumps(fields).encode()], asking(stream=stream, show_usage=not stream), JSON)


def test_an_answer_in_one_piece_is_a_chat_completion() -> None:
    TypeAdapter(Message).validate_python(WHOLE)
    heard = whole(WHOLE)
    (piece,) = heard.pieces
    assert piece.has_content
    assert (piece.usage, piece.model) == (Usage(125, 15, 100), "claude-sonnet-4-5")
    assert heard.ended
    fields = json.loads(heard.sent)
    assert (fields["id"], fields["object"]) == ("msg_01", "chat.completion")
    assert fields["choices"][0]["message"]["content"] == "Hello"


def test_an_answer_in_one_piece_is_the_same_wherever_it_is_cut() -> None:
    body = json.dumps(WHOLE).encode()
    expected = whole(WHOLE).all()
    for at in range(len(body)):
        assert Heard([body[:at], body[at:]], asking(stream=False, show_usage=True), JSON).all() == (
            expected
        )


def test_a_whole_answer_is_told_as_the_stream_that_was_asked_for() -> None:
    kept = {"ephemeral_1h_input_tokens": 7, "ephemeral_5m_input_tokens": 0}
    usage = {**USAGE, "cache_creation_input_tokens": 7, "cache_creation": kept}
    heard = whole({**WHOLE, "usage": usage}, stream=True)
    assert heard.ended
    assert heard.sent.count(b"data: ") == 3
    assert heard.sent.endswith(b"data: [DONE]\n\n")
    assert heard.pieces[-1].usage == Usage(132, 15, 100, 0, 7, 7)
    assert heard.pieces[-1].usage_only
    assert whole({**WHOLE, "usage": None}, stream=True).ended


def test_an_error_without_a_type_is_one_too() -> None:
    told = b'data: {"error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    heard = Heard([golden("cut_off")[0] + told], asking())
    assert heard.pieces[-1].fault == Fault("Overloaded", "overloaded_error", "overloaded")


@pytest.mark.parametrize("stream", [True, False])
def test_an_error_in_place_of_an_answer_is_raised(stream: bool) -> None:
    told = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    error = whole(told, stream=stream).error
    assert isinstance(error, UpstreamFault)
    assert (error.type, error.code) == ("overloaded_error", "overloaded")


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"{",
        b'{"content":"text"}',
        b'{"content":[],"stop_reason":null}',
        b'{"stop_reason":"end_turn"}',
        b'{"id":"\xff"}',
    ],
)
def test_what_is_no_message_is_malformed(body: bytes) -> None:
    heard = Heard([body], asking(stream=False), JSON)
    assert isinstance(heard.error, UpstreamMalformed)


def test_a_model_without_a_fit_name_goes_by_the_name_that_was_asked_for() -> None:
    heard = whole({**WHOLE, "model": "a\nb"})
    assert json.loads(heard.sent)["model"] == "smart"
    assert heard.pieces[0].model is None


def happening(type: str, **fields: object) -> bytes:
    return b"data: %b\n\n" % json.dumps({"type": type, **fields}).encode()


@pytest.mark.parametrize(
    "events",
    [
        happening("message_start"),
        happening("content_block_start", index=0),
        happening("content_block_delta", index=0),
        happening("content_block_delta", index=0, delta={"type": "text_delta", "text": "x"}),
        happening("content_block_stop", index=0),
        happening("message_delta"),
        happening("message_stop"),
        b"event: ping\n\n",
        b"\n\n",
    ],
)
def test_an_event_that_says_nothing_is_left_out(events: bytes) -> None:
    heard = Heard([events], asking())
    assert heard.pieces == []
    assert isinstance(heard.error, UpstreamTruncated)


def test_what_is_no_utf8_is_malformed_and_left_out() -> None:
    heard = Heard([b'data: {"type":"ping","x":"\xff"}\n\n'], asking())
    assert (heard.pieces, heard.malformed) == ([], 1)


def test_another_forms_last_word_is_no_end() -> None:
    for done in (b"data: [DONE]", b"data: [DONE]\n\n"):
        heard = Heard([golden("cut_off")[0] + done], asking())
        assert isinstance(heard.error, UpstreamTruncated)
        assert not heard.ended


def test_a_message_begins_once_and_ends_once() -> None:
    wire, client, _ = golden("text")
    start, _, rest = wire.partition(b"event: content_block_start")
    rest = rest.replace(b"event: message_stop", wire[wire.index(b"event: message_delta") :])
    assert Heard([start * 2 + b"event: content_block_start" + rest], asking()).sent == client


def test_text_that_comes_with_its_block_and_delays_nothing_is_told() -> None:
    wire = golden("of_a_later_day")[0]
    reader = AnswerReader(asking(), 200, EVENTS, LIMIT, LIMIT)
    pieces = reader.feed(wire[: wire.index(b"hold")])
    assert b'"content":"Be"' in pieces[-1].raw


def test_an_event_above_the_limit_and_an_answer_without_end_are_refused() -> None:
    reader = AnswerReader(asking(), 200, EVENTS, 100, 1000)
    with pytest.raises(AnswerTooLarge):
        reader.feed(b"data: " + b"x" * 101)
    reader = AnswerReader(asking(), 200, EVENTS, 100, 1000)
    with pytest.raises(AnswerTooLarge):
        reader.feed(b": x\n\n" * 201)


@pytest.mark.parametrize(("parts", "told_again"), [(2, True), (4, False)])
def test_a_thought_too_large_for_one_event_is_not_told_again(parts: int, told_again: bool) -> None:
    block = {"type": "thinking", "thinking": "", "signature": ""}
    part = happening(
        "content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "x" * 100}
    )
    sign = happening(
        "content_block_delta", index=0, delta={"type": "signature_delta", "signature": "s"}
    )
    begin = happening("content_block_start", index=0, content_block=block)
    reader = AnswerReader(asking(), 200, EVENTS, 300, LIMIT)
    pieces = reader.feed(begin + part * parts + sign + happening("content_block_stop", index=0))
    assert sum(b"reasoning_content" in piece.raw for piece in pieces) == parts
    assert (b"reasoning_details" in pieces[-1].raw) is told_again


def test_what_comes_behind_the_end_is_not_read() -> None:
    reader = AnswerReader(asking(), 200, EVENTS, LIMIT, LIMIT)
    reader.feed(golden("text")[0])
    assert reader.ended
    assert (reader.feed(b"data: x\n\n"), reader.end()) == ([], [])


def test_the_last_event_may_wait_for_the_end_of_the_body() -> None:
    wire, client, _ = golden("crlf")
    cut = wire.removesuffix(b"\r\n\r\n") + b"\r\r"
    assert Heard([cut], asking()).sent == client


def test_a_thought_that_is_sent_back_comes_to_the_provider_unchanged() -> None:
    heard = Heard([golden("thinking")[0]], asking())
    details = [
        detail
        for piece in heard.pieces
        for choice in json.loads(piece.raw.removeprefix(b"data: "))["choices"]
        for detail in choice["delta"].get("reasoning_details", ())
    ]
    user = {"role": "user", "content": "Count"}
    answer = {"role": "assistant", "content": "Three.", "reasoning_details": details}
    asked = {"model": "smart", "messages": [user, answer, user]}
    target = Target("up", "anthropic", "messages", Origin("http", "h", 1), "/v1", "c", max_tokens=9)
    body = json.loads(body_of(read_request("chat", json.dumps(asked).encode()), target)[0])
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "First, I count.", "signature": "EqQBCgIYAhIM=="},
        {"type": "redacted_thinking", "data": "EmwKAhgB"},
        {"type": "text", "text": "Three."},
    ]


def test_a_stream_that_broke_off_is_joined_where_another_says_the_same() -> None:
    delivered = Delivered()
    delivered.note(Heard([golden("cut_off")[0]], asking()).pieces)
    assert (delivered.text, delivered.id, delivered.resumable) == ("Hel", "msg_01", True)
    again = golden("text")[0].replace(b"msg_01", b"msg_02").replace(b'"Hel"', b'"Hell"')
    join = Join(delivered.text, prefilled=False, answer_id=delivered.id)
    sent = AnswerWriter(asking()).write(join.feed(Heard([again], asking()).pieces))
    assert b'"content":"l"' in sent
    assert b"msg_02" not in sent
    other = Heard([again.replace(b"Hell", b"Hallo")], asking()).pieces
    with pytest.raises(Differs):
        Join(delivered.text, prefilled=False).feed(other)
