"""Messages of a chat completion, as Cohere's API is told them."""

import json
from typing import Any

import pytest
from msgspec import Raw

from gateway.forms.chat_turns import MAX_OBJECTS
from gateway.forms.cohere_turns import turns_of
from gateway.words.errors import BadRequest, Unsupported

AUDIO = {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}
NEAR = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
FILE = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA"}}


def turns(*messages: dict[str, Any]) -> list[dict[str, object]]:
    return turns_of(Raw(json.dumps(messages).encode()))


@pytest.mark.parametrize(
    "message",
    [
        {"role": "robot", "content": "x"},
        {"role": "user", "content": [AUDIO]},
        {"role": "user", "content": [FILE]},
        {"role": "user", "content": [{"type": "image_url"}]},
        {"role": "system", "content": [NEAR]},
        {"role": "tool", "tool_call_id": "1", "content": [NEAR]},
        {"role": "assistant", "content": [NEAR]},
        {"role": "assistant", "function_call": {"name": "f", "arguments": ""}},
        {"role": "assistant", "audio": {"id": "a"}},
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "custom"}]},
    ],
)
def test_what_cannot_be_said_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(Unsupported) as caught:
        turns(message)
    assert caught.value.param == "messages"


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'[{"content":"x"}]',
        b'[{"role":"tool","content":"x"}]',
        b'[{"role":"user","content":[' + b"{}," * MAX_OBJECTS + b"{}]}]",
        b'[{"role":"assistant","audio":' + b"[" * 100_000 + b"]" * 100_000 + b"}]",
    ],
)
def test_what_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        turns_of(Raw(raw))
    assert caught.value.param == "messages"


def test_a_plan_without_calls_is_not_given_back() -> None:
    detail = {"type": "reasoning.summary", "summary": "I will.", "format": "cohere-v2"}
    said = {"role": "assistant", "content": "Hi", "reasoning_details": [detail]}
    assert turns(said) == [{"role": "assistant", "content": "Hi"}]


def test_a_refusal_is_what_an_assistant_said() -> None:
    part = {"type": "refusal", "refusal": "No."}
    assert turns({"role": "assistant", "content": [part]}) == [
        {"role": "assistant", "content": "No."}
    ]
    assert turns({"role": "user"}) == [{"role": "user", "content": ""}]


def test_a_result_says_that_the_tool_has_failed() -> None:
    result = {"role": "tool", "tool_call_id": "1", "is_error": True}
    parts = [{"type": "text", "text": "No."}, {"type": "text", "text": "Way."}]
    for content, told in (("No.", "Error: No."), (parts, "Error: No.\n\nWay."), ([], "Error: ")):
        assert turns({**result, "content": content})[0]["content"] == told
    assert turns({**result, "is_error": False, "content": parts})[0]["content"] == parts
