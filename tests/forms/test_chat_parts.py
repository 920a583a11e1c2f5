"""Thoughts as parts of a content, as Mistral tells them: they become OpenAI's fields, and back."""

import json
from typing import Any

import pytest
from msgspec import Raw

from gateway.forms.chat import read_request, write_request
from gateway.forms.chat_answer import EVENT_STREAM, AnswerReader
from gateway.forms.chat_parts import (
    DIALECT,
    IN_PARTS,
    MAX_OBJECTS,
    given_back,
    joined,
)
from gateway.words.target import Origin, Target
from tests.heard import LIMIT, asking, chunks_in

TEXT = {"type": "text", "text": "Hi"}
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "closed": True}
CITED = {"type": "reference", "reference_ids": [1]}
THINKS = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}


def said(place: str, message: object) -> bytes:
    choice = {"index": 0, place: message, "finish_reason": None, "odd": 1}
    return json.dumps({"id": "c", "model": "m", "choices": [choice], "more": [1.0]}).encode()


def told(place: str, message: object) -> Any:
    fields = json.loads(joined(said(place, message)))
    assert (fields["more"], fields["choices"][0]["odd"]) == ([1.0], 1)
    return fields["choices"][0][place]


@pytest.mark.parametrize(
    ("place", "parts", "expected"),
    [
        ("delta", [TEXT], {"content": "Hi"}),
        ("delta", [THOUGHT], {"reasoning_content": "Hm."}),
        ("delta", [THOUGHT, TEXT, TEXT], {"content": "HiHi", "reasoning_content": "Hm."}),
        ("delta", [{"type": "thinking", "thinking": "Hm."}], {"reasoning_content": "Hm."}),
        ("delta", [CITED], {}),
        ("delta", [], {}),
        ("message", [THOUGHT, TEXT], {"content": "Hi", "reasoning_content": "Hm."}),
        ("message", [THOUGHT], {"content": None, "reasoning_content": "Hm."}),
        ("message", "Hi", {"content": "Hi"}),
    ],
)
def test_parts_are_told_as_text_and_thoughts(
    place: str, parts: object, expected: dict[str, object]
) -> None:
    assert told(place, {"role": "assistant", "content": parts}) == {
        "role": "assistant",
        **expected,
    }


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b'{"choices":[]}',
        b'{"choices":[{"delta":null}]}',
        b'{"choices":[{"delta":{"content":[7]}}]}',
        b'{"choices":7}',
        b"[]",
        b'{"choices":[{"delta":{"content":[{"thinking":' + b"[" * 100_000,
    ],
)
def test_what_cannot_be_read_stays_as_it_is(data: bytes) -> None:
    found = joined(data)
    assert found == data or json.loads(found) == {"choices": [], **json.loads(data)}


def test_half_a_surrogate_pair_is_a_mark_of_what_is_lost() -> None:
    data = said("delta", {"content": [{"type": "text", "text": "XX"}]}).replace(b"XX", b"\\ud83d")
    assert json.loads(joined(data))["choices"][0]["delta"]["content"] == "\ufffd"


def test_a_body_in_parts_is_known_by_its_content() -> None:
    assert IN_PARTS.search(b'{"content" : [')
    assert not IN_PARTS.search(json.dumps({"content": '"content":['}).encode())


def test_a_stream_in_parts_is_one_of_openais() -> None:
    reader = AnswerReader(asking(), 200, EVENT_STREAM, LIMIT, LIMIT)
    wire = b"".join(
        b"data: %b\n\n"
        % json.dumps(json.loads(said("delta", delta)), indent=1).replace("\n", "\ndata: ").encode()
        for delta in (
            {"role": "assistant", "content": ""},
            {"content": [THOUGHT]},
            {"content": [TEXT]},
        )
    )
    pieces = reader.feed(wire + b"data: [DONE]\n\n")
    assert [piece.has_content for piece in pieces] == [False, True, True]
    chunks = chunks_in(b"".join(piece.raw for piece in pieces))
    assert chunks[1].choices[0].delta.model_dump()["reasoning_content"] == "Hm."
    assert chunks[2].choices[0].delta.content == "Hi"


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_in_one_piece_is_one_of_openais(stream: bool) -> None:
    reader = AnswerReader(asking(stream=stream), 200, "application/json", LIMIT, LIMIT)
    reader.feed(said("message", {"role": "assistant", "content": [THOUGHT, TEXT]}))
    sent = b"".join(piece.raw for piece in reader.end())
    assert b'"content":"Hi"' in sent
    assert b'"reasoning_content":"Hm."' in sent
    assert b"thinking" not in sent


def back(*messages: object) -> Any:
    return json.loads(bytes(given_back(Raw(json.dumps(messages).encode()))))


def test_thoughts_are_given_back_as_parts() -> None:
    user = {"role": "user", "content": "Hi"}
    texts = [TEXT]
    assert back(
        user,
        {"role": "assistant", "content": "Hi", "reasoning_content": "Hm.", "reasoning": "Hm."},
        {"role": "assistant", "content": texts, "reasoning": "Hm."},
        {"role": "assistant", "reasoning_content": "Hm.", "tool_calls": []},
        {"role": "assistant", "content": "Hi", "reasoning_content": "", "reasoning_details": []},
    ) == [
        user,
        {"role": "assistant", "content": [THINKS, TEXT]},
        {"role": "assistant", "content": [THINKS, TEXT]},
        {"role": "assistant", "content": [THINKS], "tool_calls": []},
        {"role": "assistant", "content": "Hi"},
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b'[{"role":"user","content":"Hi"}]',
        b'{"reasoning":1}',
        b'[{"reasoning":"x","content":' + b"[" * 100_000 + b"]" * 100_000 + b"}]",
        b'[{"reasoning":"x"}' + b",{}" * MAX_OBJECTS + b"]",
    ],
)
def test_messages_without_thoughts_or_that_cannot_be_read_stay_as_they_are(raw: bytes) -> None:
    assert bytes(given_back(Raw(raw))) == raw


def test_only_who_speaks_this_dialect_is_told_parts() -> None:
    message = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm."}
    body = {"model": "m", "messages": [message]}
    call = read_request("chat", json.dumps(body).encode())
    for dialect, expected in (("", message), (DIALECT, {"role": "assistant"} | back(message)[0])):
        target = Target("u", "k", "chat", Origin("http", "h", 1), "", "m", dialect=dialect)
        assert json.loads(write_request(call, target).body)["messages"] == [expected]


def test_a_whole_answer_keeps_its_bytes_where_its_content_is_a_text() -> None:
    body = b'{ "choices": [ {"message": {"content": "Hi"}, "logprobs": { "content": [] } } ] }'
    assert joined(body) == body
