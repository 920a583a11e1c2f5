"""Answers for clients of Anthropic's Messages, each golden stream cut at every byte.

In `tests/wire/messages/clients/`: NAME.chat is what a provider of the chat form streams,
NAME.events what a client of Messages gets for it. What is told there the official SDK reads.
"""

import json
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from gateway.forms import chat
from gateway.forms.chat import AnswerReader
from gateway.forms.messages_write import AnswerWriter
from gateway.forms.sse import Splitter
from gateway.words.answer import Piece, Usage
from gateway.words.call import Call
from gateway.words.errors import (
    Busy,
    GatewayError,
    UpstreamFault,
    UpstreamMalformed,
    UpstreamTruncated,
)

WIRE = Path(__file__).parents[1] / "wire"
CLIENTS = WIRE / "messages" / "clients"
NAMES = sorted(path.stem for path in CLIENTS.glob("*.chat"))
FROM_CHAT = sorted(path.stem for path in (WIRE / "chat").glob("*.sse"))
LIMIT = 1 << 20
PING = b'event: ping\ndata: {"type":"ping"}\n\n'


def asking(*, stream: bool = True) -> Call:
    return Call("messages", "chat", "smart", stream, not stream, {}, {})


def heard(parts: list[bytes]) -> bytes:
    """Return what a client gets for a stream of the chat form."""
    call = asking()
    reader, writer = AnswerReader(call, 200, "text/event-stream", LIMIT, LIMIT), AnswerWriter(call)
    told = b""
    try:
        for part in parts:
            told += writer.write(reader.feed(part))
        told += writer.write(reader.end())
        told += writer.end()
    except GatewayError as error:
        told += writer.error(error)
    return told


def write(*events: dict[str, Any], usage: Usage | None = None) -> bytes:
    writer = AnswerWriter(asking())
    pieces = [Piece(b"data: %b\n\n" % json.dumps(event).encode()) for event in events]
    return writer.write([*pieces, Piece(b"data: {}\n\n", usage=usage)]) + writer.end()


def said(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "c", "model": "m", "choices": [choice]}


def read_by_the_sdk(told: bytes) -> Message:
    """Have Anthropic's own client read a stream."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=told)

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    client = anthropic.Anthropic(
        api_key="none", base_url="http://g", http_client=http, max_retries=0
    )
    asked: Any = [{"role": "user", "content": "hi"}]
    with client.messages.stream(model="m", max_tokens=9, messages=asked) as stream:
        return stream.get_final_message()


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_of_chat_is_told_in_events(name: str) -> None:
    assert heard([(CLIENTS / f"{name}.chat").read_bytes()]) == (
        (CLIENTS / f"{name}.events").read_bytes()
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_told_alike_wherever_it_is_cut(name: str) -> None:
    wire = (CLIENTS / f"{name}.chat").read_bytes()
    told = (CLIENTS / f"{name}.events").read_bytes()
    for at in range(1, len(wire)):
        assert heard([wire[:at], wire[at:]]) == told, at


@pytest.mark.parametrize("name", NAMES)
def test_every_event_is_one_that_the_official_sdk_knows(name: str) -> None:
    known: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    events = Splitter(LIMIT).feed((CLIENTS / f"{name}.events").read_bytes())
    told = [json.loads(event.data or b"") for event in events]
    for event, fields in zip(events, told, strict=True):
        assert event.name.decode() == fields["type"]
        known.validate_python(fields)
    assert [fields["type"] for fields in told][-2:] == ["message_delta", "message_stop"]
    read_by_the_sdk((CLIENTS / f"{name}.events").read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_one_block_is_open_at_a_time(name: str) -> None:
    open_block: int | None = None
    begun = 0
    for event in Splitter(LIMIT).feed((CLIENTS / f"{name}.events").read_bytes()):
        fields = json.loads(event.data or b"")
        match fields["type"]:
            case "content_block_start":
                assert open_block is None
                assert fields["index"] == begun
                open_block, begun = begun, begun + 1
            case "content_block_delta":
                assert fields["index"] == open_block
            case "content_block_stop":
                assert fields["index"] == open_block
                open_block = None
    assert open_block is None


@pytest.mark.parametrize("name", FROM_CHAT)
def test_whatever_chat_has_ends_as_a_message_or_in_an_error(name: str) -> None:
    told = heard([(WIRE / "chat" / f"{name}.sse").read_bytes()])
    kinds = [event.name for event in Splitter(LIMIT).feed(told)]
    assert (kinds[-1] == b"message_stop") is (b"error" not in kinds)


def test_the_sdk_makes_the_message_of_it_that_was_meant() -> None:
    message = read_by_the_sdk((CLIENTS / "tools.events").read_bytes())
    assert [block.to_dict() for block in message.content] == [
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Ghent"}},
        {"type": "tool_use", "id": "call_2", "name": "now", "input": {}},
    ]
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens) == (10, 100)
    assert (usage.cache_creation_input_tokens, usage.output_tokens) == (10, 15)


def test_what_is_of_this_form_passes_as_it_came() -> None:
    writer = AnswerWriter(asking())
    pieces = [Piece(b"event: a\n\n", native=True), Piece(b": c\n\n", comment=True, native=True)]
    assert writer.write(pieces) == b"event: a\n\n: c\n\n"
    assert writer.end() == b""


def test_a_comment_is_a_ping() -> None:
    writer = AnswerWriter(asking())
    assert writer.write([Piece(b": x\n\n", comment=True)]) == writer.keepalive() == PING


def test_many_events_in_one_piece_are_all_told() -> None:
    events = [said(content="a"), said(content="b"), said("stop")]
    raw = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    writer = AnswerWriter(asking())
    told = writer.write([Piece(raw + b": nothing\n\n")]) + writer.end()
    assert told == write(*events)


def test_other_choices_than_the_first_are_not_told() -> None:
    other = {"id": "c", "choices": [{"index": 1, "delta": {"content": "no"}}]}
    assert write(other, said(content="yes"), said("stop")) == write(
        said(content="yes"), said("stop")
    )


def test_early_usage_stands_in_the_first_event() -> None:
    event = b"data: %b\n\n" % json.dumps(said(content="a")).encode()
    told = AnswerWriter(asking()).write([Piece(event, usage=Usage(30, 1, 20))])
    fields = json.loads(Splitter(LIMIT).feed(told)[0].data or b"")
    assert fields["message"]["usage"]["input_tokens"] == 10
    assert fields["message"]["usage"]["cache_read_input_tokens"] == 20


def test_an_answer_that_does_not_say_how_it_ended_is_not_whole() -> None:
    with pytest.raises(UpstreamTruncated):
        write(said(content="and"))
    with pytest.raises(UpstreamTruncated):
        AnswerWriter(asking()).end()


def test_what_is_said_behind_the_end_is_closed_too() -> None:
    told = write(said("stop", content="So."), said(content="More."))
    kinds = [event.name for event in Splitter(LIMIT).feed(told)]
    assert kinds.count(b"content_block_start") == kinds.count(b"content_block_stop") == 2
    assert kinds[-3:] == [b"content_block_stop", b"message_delta", b"message_stop"]


def test_an_odd_end_is_a_failure() -> None:
    with pytest.raises(UpstreamFault, match="MALFORMED"):
        write(said("MALFORMED_FUNCTION_CALL"))


def whole(message: dict[str, Any], finish_reason: str | None = "stop", **more: Any) -> Any:
    choice = {"index": 0, "message": message, "finish_reason": finish_reason, **more}
    body = json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode()
    usage = Usage(130, 15, 100, 5, 10, 4)
    return json.loads(AnswerWriter(asking(stream=False)).write([Piece(body, usage=usage)]))


def test_an_answer_in_one_piece_is_a_message() -> None:
    call = {"id": "a", "function": {"name": "f", "arguments": '{"x":1}'}}
    told = whole({"content": "Hi", "tool_calls": [call]}, "tool_calls")
    TypeAdapter(Message).validate_python(told)
    assert told["stop_reason"] == "tool_use"
    assert told["content"][1] == {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}
    assert told["usage"] == {
        "input_tokens": 20,
        "cache_creation_input_tokens": 10,
        "cache_read_input_tokens": 100,
        "output_tokens": 15,
        "output_tokens_details": {"thinking_tokens": 5},
        "cache_creation": {"ephemeral_5m_input_tokens": 6, "ephemeral_1h_input_tokens": 4},
    }


def test_an_answer_in_one_piece_says_why_it_ended() -> None:
    assert whole({"content": "Hi"})["stop_reason"] == "end_turn"
    assert whole({"content": "Hi"}, "length")["stop_reason"] == "max_tokens"
    assert whole({"refusal": "No."})["stop_reason"] == "refusal"
    stopped = whole({"content": "Hi"}, stop_reason="END")
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "END")
    with pytest.raises(UpstreamTruncated):
        whole({"content": "Hi"}, None)


def test_a_stop_that_calls_a_tool_is_told_as_such() -> None:
    call = {"id": "a", "function": {"name": "f"}}
    assert whole({"tool_calls": [call]})["stop_reason"] == "tool_use"


def test_json_that_is_no_completion_is_no_answer() -> None:
    with pytest.raises(UpstreamMalformed):
        AnswerWriter(asking(stream=False)).write([Piece(b'{"object":"list"}')])


def test_an_answer_in_one_piece_has_no_events_about_it() -> None:
    writer = AnswerWriter(asking(stream=False))
    assert writer.keepalive() == writer.end() == writer.error(Busy("x")) == b""
    assert writer.headers == chat.AnswerWriter(asking(stream=False)).headers


def test_a_stream_is_declared_as_one() -> None:
    assert dict(AnswerWriter(asking()).headers)[b"content-type"].startswith(b"text/event-stream")
