"""Messages of a chat completion, as Ollama's own API is told them."""

import json
from typing import Any

import pytest
from msgspec import Raw

from gateway.forms.chat_turns import MAX_OBJECTS
from gateway.forms.ollama_turns import turns_of
from gateway.words.errors import BadRequest, Unsupported

AUDIO = {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}
FAR = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
TIFF = {"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AA"}}
NEAR = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
FILE = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA"}}


def turns(*messages: dict[str, Any]) -> list[dict[str, object]]:
    return turns_of(Raw(json.dumps(messages).encode()))


@pytest.mark.parametrize(
    "message",
    [
        {"role": "robot", "content": "x"},
        {"role": "user", "content": [AUDIO]},
        {"role": "user", "content": [FAR]},
        {"role": "user", "content": [TIFF]},
        {"role": "user", "content": [FILE]},
        {"role": "user", "content": [{"type": "image_url"}]},
        {"role": "system", "content": [NEAR]},
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
        b'[{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"["}}]}]',
        b'[{"role":"user","content":[' + b"{}," * MAX_OBJECTS + b"{}]}]",
        b'[{"role":"assistant","audio":' + b"[" * 100_000 + b"]" * 100_000 + b"}]",
    ],
)
def test_what_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        turns_of(Raw(raw))
    assert caught.value.param == "messages"


def test_the_result_of_an_unknown_call_is_of_no_tool() -> None:
    assert turns({"role": "tool", "tool_call_id": "9", "content": "x"}) == [
        {"role": "tool", "content": "x"}
    ]


def test_a_refusal_is_what_an_assistant_said() -> None:
    part = {"type": "refusal", "refusal": "No."}
    assert turns({"role": "assistant", "content": [part]}) == [
        {"role": "assistant", "content": "No."}
    ]


def test_a_result_is_of_the_last_call_of_its_id() -> None:
    def call(name: str) -> dict[str, Any]:
        return {"role": "assistant", "tool_calls": [{"id": "call_0", "function": {"name": name}}]}

    result = {"role": "tool", "tool_call_id": "call_0", "content": "x"}
    told = turns(call("first"), result, call("second"), result)
    assert [turn["tool_name"] for turn in told[1::2]] == ["first", "second"]


def test_a_result_says_that_the_tool_has_failed() -> None:
    result = {"role": "tool", "tool_call_id": "9", "is_error": True}
    assert turns({**result, "content": "No way."})[0]["content"] == "Error: No way."
    assert turns({**result, "content": "An error."})[0]["content"] == "An error."


def test_texts_of_one_message_do_not_run_together() -> None:
    parts = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]
    for role, told in (("system", "Be brief.\n\nBe kind."), ("assistant", "Be brief.Be kind.")):
        assert turns({"role": role, "content": parts})[0]["content"] == told


def test_a_jpeg_has_two_names() -> None:
    for name in ("jpg", "jpeg"):
        part = {"type": "image_url", "image_url": {"url": f"data:image/{name};base64,AA"}}
        assert turns({"role": "user", "content": [part]})[0]["images"] == ["AA"]
