"""Answers of Ollama's own API, each golden stream cut at every byte.

In `tests/wire/ollama/`: NAME.ndjson is what a server sends, NAME.client what a client of OpenAI's
form gets for it, NAME.json the facts. The `first_content` is the piece that is the commit.
"""

import json
from typing import Any

import openai
import pytest
from ollama import ChatResponse

from gateway.forms import ollama
from gateway.forms.chat_join import MAX_CALLS
from gateway.forms.ollama_answer import NDJSON
from gateway.words.answer import Usage
from gateway.words.errors import AnswerTooLarge, UpstreamFault, UpstreamMalformed
from tests.heard import LIMIT, Golden, Heard, asking, chunks_in

GOLDEN = Golden(ollama, "ollama", "ndjson", NDJSON)
NAMES = GOLDEN.names()
UNKNOWN = {"malformed", "lone_surrogate", "cut_off_in_a_line", "of_a_later_day"}
"""Streams that hold what the official client's types do not have."""

JSON = "application/json; charset=utf-8"
WHOLE: dict[str, Any] = {
    "model": "qwen3:8b",
    "created_at": "2026-11-30T10:00:00.385406455Z",
    "message": {"role": "assistant", "content": "Hello", "thinking": "Hm."},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 25,
    "eval_count": 15,
}
CALLED = {"function": {"name": "weather", "arguments": {"city": "Ghent"}}}


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_told_in_the_chat_form_and_its_facts_are_read(name: str) -> None:
    GOLDEN.check(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_translated_stream_is_the_same_wherever_it_is_cut(name: str) -> None:
    GOLDEN.cut(name)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNKNOWN])
def test_the_golden_streams_are_what_the_official_client_reads(name: str) -> None:
    for line in GOLDEN.stream(name).splitlines():
        fields = json.loads(line)
        if "error" not in fields:
            ChatResponse.model_validate(fields)


@pytest.mark.parametrize("name", NAMES)
def test_openais_own_client_reads_what_is_written(name: str) -> None:
    if GOLDEN.facts(name)["fault"]:
        with pytest.raises(openai.APIError) as caught:
            chunks_in(GOLDEN.client(name))
        assert caught.value.code == GOLDEN.facts(name)["fault"][2]
        return
    chunks = chunks_in(GOLDEN.client(name))
    assert {chunk.id for chunk in chunks} == {"chatcmpl-20261130100000385406455"}
    assert chunks[0].choices[0].delta.role == "assistant"


def whole(fields: object, *, operation: str = "chat", stream: bool = False) -> Heard:
    call = asking(stream=stream, show_usage=not stream, operation=operation)
    return Heard(ollama, [json.dumps(fields).encode()], call, JSON)


def test_an_answer_in_one_piece_is_a_chat_completion() -> None:
    heard = whole(WHOLE)
    (piece,) = heard.pieces
    assert piece.has_content
    assert (piece.usage, piece.model, heard.ended) == (Usage(25, 15), "qwen3:8b", True)
    fields = json.loads(heard.sent)
    assert (fields["object"], fields["created"]) == ("chat.completion", 1796032800)
    message = fields["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("Hello", "Hm.")
    assert fields["choices"][0]["finish_reason"] == "stop"


def test_tools_are_called_in_one_piece() -> None:
    message = {"role": "assistant", "content": "", "tool_calls": [CALLED, CALLED]}
    choice = json.loads(whole({**WHOLE, "message": message}).sent)["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    first, second = choice["message"]["tool_calls"]
    assert json.loads(first["function"]["arguments"]) == {"city": "Ghent"}
    assert first["id"] != second["id"]


def test_an_answer_in_one_piece_is_the_same_wherever_it_is_cut() -> None:
    body = json.dumps(WHOLE, indent=1).encode()
    call = asking(stream=False, show_usage=True)
    expected = Heard(ollama, [body], call, JSON).all()
    for at in range(len(body)):
        assert Heard(ollama, [body[:at], body[at:]], call, JSON).all() == expected


def test_a_whole_answer_is_told_as_the_stream_that_was_asked_for() -> None:
    heard = whole(WHOLE, stream=True)
    assert heard.ended
    assert heard.sent.endswith(b"data: [DONE]\n\n")
    assert heard.pieces[-1].usage_only


def test_an_error_in_place_of_an_answer_is_raised() -> None:
    error = whole({"error": "model 'x' not found"}).error
    assert isinstance(error, UpstreamFault)
    assert error.code == "model_not_found"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        [],
        {**WHOLE, "done": False},
        {**WHOLE, "message": None},
        {**WHOLE, "message": {"content": 7}},
        {**WHOLE, "logprobs": "many"},
    ],
)
def test_what_is_no_whole_message_is_malformed(fields: object) -> None:
    assert isinstance(whole(fields).error, UpstreamMalformed)


def test_bytes_that_are_no_utf_8_are_malformed() -> None:
    body = json.dumps(WHOLE).encode().replace(b"Hello", b"\xff")
    heard = Heard(ollama, [body], asking(stream=False), JSON)
    assert isinstance(heard.error, UpstreamMalformed)
    lines = [body + b"\n", json.dumps(WHOLE).encode()]
    heard = Heard(ollama, lines, asking(), NDJSON)
    assert (heard.malformed, heard.ended) == (1, True)


def test_nesting_without_an_end_is_malformed() -> None:
    deep = b'{"message":{"tool_calls":[{"function":{"arguments":' + b"[" * 100_000
    assert isinstance(Heard(ollama, [deep], asking(stream=False), JSON).error, UpstreamMalformed)


def test_a_page_is_no_answer() -> None:
    with pytest.raises(UpstreamMalformed):
        ollama.AnswerReader(asking(), 200, "text/html", LIMIT, LIMIT)


def test_an_answer_above_the_limit_is_refused() -> None:
    for stream in (True, False):
        reader = ollama.AnswerReader(asking(stream=stream), 200, NDJSON, 100, 10)
        with pytest.raises(AnswerTooLarge):
            reader.feed(b"12345678901")


def test_what_follows_the_end_is_not_read() -> None:
    reader = ollama.AnswerReader(asking(), 200, NDJSON, LIMIT, LIMIT)
    assert reader.feed(json.dumps(WHOLE).encode() + b"\n{}\n")
    assert reader.ended
    assert reader.feed(b"{}\n") == []
    assert reader.end() == []


def test_what_follows_an_error_is_not_read() -> None:
    reader = ollama.AnswerReader(asking(), 200, NDJSON, LIMIT, LIMIT)
    (piece,) = reader.feed(b'{"error":{"message":"x"}}\n{}\n')
    assert piece.fault is not None
    assert reader.feed(b"{}\n") == []
    with pytest.raises(UpstreamFault):
        reader.end()


def test_embeddings_are_told_in_openais_form() -> None:
    fields = {"model": "embed", "embeddings": [[0.5, 1.0]], "prompt_eval_count": 3}
    heard = whole(fields, operation="embeddings")
    assert (heard.ended, heard.pieces[0].usage) == (True, Usage(3))
    told = json.loads(heard.sent)
    assert told["data"] == [{"object": "embedding", "index": 0, "embedding": [0.5, 1.0]}]
    assert told["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    # Nobody may take tokens that were not told for none at all.
    assert whole({"embeddings": []}, operation="embeddings").pieces[0].usage is None
    assert isinstance(whole({}, operation="embeddings").error, UpstreamMalformed)


@pytest.mark.parametrize("stream", [True, False])
def test_calls_of_tools_without_an_end_are_malformed(stream: bool) -> None:
    fields = {"message": {"tool_calls": [{}] * (MAX_CALLS + 1)}, "done": True}
    assert isinstance(whole(fields, stream=stream).error, UpstreamMalformed)
