"""Answers of Cohere's API v2, each golden stream cut at every byte.

In `tests/wire/cohere/`: NAME.sse is what the provider sends, NAME.client what a client of OpenAI's
form gets for it, NAME.json the facts. The `first_content` is the piece that is the commit.
"""

import json
from typing import Any

import openai
import pytest
from msgspec import Raw
from openai.types.chat import ChatCompletion

from gateway.forms import cohere
from gateway.forms.chat_join import MAX_CALLS
from gateway.words.answer import Usage
from gateway.words.call import Call
from gateway.words.errors import UpstreamFault, UpstreamMalformed, UpstreamTruncated
from tests.heard import LIMIT, Golden, Heard, asking, chunks_in

EVENTS, JSON = "text/event-stream", "application/json; charset=utf-8"
GOLDEN = Golden(cohere, "cohere", "sse", EVENTS)
NAMES = GOLDEN.names()
ID = "29f14a5a-11de-4cae-9800-25e4747408ea"
USAGE = {"billed_units": {"input_tokens": 25.0, "output_tokens": 15.0}}
DOCUMENT = {"type": "document", "id": "doc:0", "document": {"title": "Weather"}}
TOKEN = {"text": "Hello", "token_ids": [1], "logprobs": [-0.5]}
CALLED = {"name": "weather", "arguments": '{"city": "Ghent"}'}
WHOLE: dict[str, Any] = {
    "id": ID,
    "finish_reason": "COMPLETE",
    "message": {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Hello"}],
        "citations": [
            {"start": 0, "end": 5, "text": "Hello", "sources": [DOCUMENT], "content_index": 1}
        ],
    },
    "usage": USAGE,
    "logprobs": [TOKEN],
}
CALLS: dict[str, Any] = {
    "id": ID,
    "finish_reason": "TOOL_CALL",
    "message": {
        "role": "assistant",
        "tool_plan": "I will look.",
        "tool_calls": [
            {"id": "weather_1", "type": "function", "function": CALLED},
            {"id": "clock_1", "type": "function", "function": {"name": "clock"}},
        ],
    },
}


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_told_in_the_chat_form_and_its_facts_are_read(name: str) -> None:
    GOLDEN.check(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_translated_stream_is_the_same_wherever_it_is_cut(name: str) -> None:
    GOLDEN.cut(name)


@pytest.mark.parametrize("name", NAMES)
def test_openais_own_client_reads_what_is_written(name: str) -> None:
    if GOLDEN.facts(name)["fault"]:
        with pytest.raises(openai.APIError) as caught:
            chunks_in(GOLDEN.client(name))
        assert caught.value.code == GOLDEN.facts(name)["fault"][2]
        return
    chunks = chunks_in(GOLDEN.client(name))
    assert {chunk.id for chunk in chunks} == {ID}
    assert chunks[0].choices[0].delta.role == "assistant"


def whole(fields: object, *, stream: bool = False) -> Heard:
    call = asking(stream=stream, show_usage=not stream)
    return Heard(cohere, [json.dumps(fields).encode()], call, JSON)


def test_an_answer_in_one_piece_is_a_chat_completion() -> None:
    heard = whole(WHOLE)
    (piece,) = heard.pieces
    assert (piece.has_content, piece.usage, heard.ended) == (True, Usage(25, 15), True)
    choice = ChatCompletion.model_validate_json(heard.sent).choices[0]
    assert (choice.finish_reason, choice.message.content) == ("stop", "Hello")
    assert choice.message.annotations is not None
    cited = choice.message.annotations[0].url_citation
    assert (cited.start_index, cited.end_index, cited.url) == (0, 5, "doc:0")
    assert choice.logprobs is not None
    message = json.loads(heard.sent)["choices"][0]["message"]
    assert message["reasoning_content"] == "Hm."
    assert message["reasoning_details"][0]["format"] == "cohere-v2"


def test_tools_are_called_in_one_piece() -> None:
    choice = json.loads(whole(CALLS).sent)["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    message = choice["message"]
    assert (message["content"], message["reasoning_content"]) == (None, "I will look.")
    assert message["reasoning_details"][0]["type"] == "reasoning.summary"
    first, second = message["tool_calls"]
    assert json.loads(first["function"]["arguments"]) == {"city": "Ghent"}
    assert (second["id"], second["function"]["arguments"]) == ("clock_1", "{}")


def test_an_answer_in_one_piece_is_the_same_wherever_it_is_cut() -> None:
    body = json.dumps(WHOLE).encode()
    call = asking(stream=False, show_usage=True)
    expected = Heard(cohere, [body], call, JSON).all()
    for at in range(len(body)):
        assert Heard(cohere, [body[:at], body[at:]], call, JSON).all() == expected


@pytest.mark.parametrize("fields", [WHOLE, CALLS])
def test_a_whole_answer_is_told_as_the_stream_that_was_asked_for(fields: dict[str, Any]) -> None:
    heard = whole(fields, stream=True)
    assert heard.ended
    assert heard.sent.endswith(b"data: [DONE]\n\n")
    assert chunks_in(heard.sent)[-1].choices[0].finish_reason
    assert all(piece.model is None for piece in heard.pieces)


@pytest.mark.parametrize("stream", [True, False])
def test_an_error_in_place_of_an_answer_is_raised(stream: bool) -> None:
    error = whole({**WHOLE, "finish_reason": "ERROR"}, stream=stream).error
    assert isinstance(error, UpstreamFault)
    assert error.code == "server_error"
    error = whole({**WHOLE, "error": "too many tokens: 9"}, stream=stream).error
    assert error is not None
    assert error.code == "context_length_exceeded"


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"{",
        b'{"message":"no"}',
        b'{"finish_reason":"COMPLETE"}',
        b'{"id":"\xff"}',
        b'{"usage":' + b"[" * 100_000,
    ],
)
def test_what_is_no_whole_message_is_malformed(body: bytes) -> None:
    for stream in (True, False):
        heard = Heard(cohere, [body], asking(stream=stream), JSON)
        assert isinstance(heard.error, UpstreamMalformed)


def test_an_event_that_is_no_utf_8_is_left_out() -> None:
    wire = GOLDEN.stream("text").replace(b'"Hel"', b'"\xff"')
    heard = GOLDEN.heard([wire], asking())
    assert (heard.malformed, heard.ended) == (1, True)


def test_a_stream_without_a_word_is_truncated() -> None:
    assert isinstance(GOLDEN.heard([b""], asking()).error, UpstreamTruncated)


def test_a_thought_that_is_too_large_is_not_told_again() -> None:
    events = GOLDEN.stream("thinking").split(b"\n\n")
    for times, told_again in ((1, True), (99, False)):
        reader = cohere.AnswerReader(asking(), 200, EVENTS, 400, LIMIT)
        parts = [*events[:2], *([events[2]] * times), *events[3:]]
        told = b"".join(piece.raw for part in parts for piece in reader.feed(part + b"\n\n"))
        assert reader.ended
        assert b"reasoning_content" in told
        assert (b"reasoning_details" in told) is told_again


def test_what_follows_the_end_is_not_read() -> None:
    reader = cohere.AnswerReader(asking(), 200, EVENTS, LIMIT, LIMIT)
    assert reader.feed(GOLDEN.stream("text"))
    assert (reader.ended, reader.feed(b"data: {}\n\n"), reader.end()) == (True, [], [])


def test_an_operation_is_told_as_it_is_asked() -> None:
    body = b'{"id":"1","embeddings":{"float":[[0.5]]},"meta":{"billed_units":{"input_tokens":3}}}'
    call = asking(stream=False, operation="embeddings")
    heard = Heard(cohere, [body], call, JSON)
    assert (heard.ended, heard.pieces[0].usage) == (True, Usage(3))
    assert json.loads(heard.sent)["data"][0]["embedding"] == [0.5]
    call = Call("raw", "rerank", "m", False, True, {"documents": Raw(b'["a"]')})
    body = b'{"results":[{"index":0,"relevance_score":0.5}]}'
    assert Heard(cohere, [body], call, JSON).sent == body


def event(type: str, index: int = 0, **delta: object) -> bytes:
    told = {"type": type, "index": index, "delta": delta}
    return b"data: %b\n\n" % json.dumps(told).encode()


def called(index: int, arguments: str | None = "") -> bytes:
    function = {"name": f"f{index}", "arguments": arguments}
    call = {"id": f"id{index}", "type": "function", "function": function}
    return event("tool-call-start", index, message={"tool_calls": call})


def part(index: int, arguments: str) -> bytes:
    call = {"function": {"arguments": arguments}}
    return event("tool-call-delta", index, message={"tool_calls": call})


def arguments_in(*events: bytes, reason: str = "TOOL_CALL") -> dict[int, str]:
    wire = [*events, event("message-end", finish_reason=reason)]
    told: dict[int, str] = {}
    for chunk in chunks_in(GOLDEN.heard(wire, asking()).sent):
        for call in chunk.choices[0].delta.tool_calls or ():
            arguments = call.function.arguments or ""
            told[call.index] = told.get(call.index, "") + arguments
    return told


def test_calls_that_are_told_side_by_side_keep_their_arguments() -> None:
    wire = [
        called(0),
        called(2, None),
        part(0, ""),
        part(0, '{"a":'),
        part(2, '{"b":2}'),
        part(0, "1}"),
    ]
    assert arguments_in(*wire) == {0: '{"a":1}', 1: '{"b":2}'}


def test_a_call_without_arguments_has_empty_ones_even_where_its_end_is_not_told() -> None:
    assert arguments_in(called(0), called(1, '{"x":1}')) == {0: "{}", 1: '{"x":1}'}
    assert arguments_in(called(0), event("tool-call-end", 0)) == {0: "{}"}
    assert arguments_in(called(0), part(7, "x"), event("tool-call-end", 7)) == {0: "{}"}
    assert arguments_in(called(0), reason="MAX_TOKENS") == {0: ""}


def test_calls_of_tools_without_an_end_are_malformed() -> None:
    message = {"role": "assistant", "tool_calls": [{}] * (MAX_CALLS + 1)}
    assert isinstance(whole({**CALLS, "message": message}).error, UpstreamMalformed)
