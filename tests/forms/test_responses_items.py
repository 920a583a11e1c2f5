"""Items of the input, as messages of a chat."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.forms.chat import AnswerReader
from gateway.forms.responses import AnswerWriter, read_request
from gateway.forms.responses_items import messages_of
from gateway.forms.responses_thoughts import Thought, pack
from gateway.forms.responses_tools import arguments_for
from gateway.words.errors import BadRequest


def told(*items: object, instructions: str | None = None) -> tuple[list[Any], list[str]]:
    beyond: dict[str, str] = {}
    messages = messages_of(Raw(json.dumps(items).encode()), instructions, beyond)
    return messages, list(beyond)


def test_an_input_of_nothing_is_no_message() -> None:
    assert messages_of(Raw(b"null"), "Be brief.", {}) == [
        {"role": "system", "content": "Be brief."}
    ]


def test_what_an_assistant_says_in_many_items_is_one_message() -> None:
    packed = pack(Thought(reasoning="Hm.", reasoning_details=[{"type": "t", "index": 0}]))
    thought: dict[str, Any] = {"type": "reasoning", "summary": [], "encrypted_content": packed}
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    said = {"role": "assistant", "content": [{"type": "output_text", "text": "Well."}]}
    empty = {"role": "assistant", "content": ""}
    messages, beyond = told(thought, empty, call, said)
    assert beyond == []
    assert len(messages) == 1
    assert (messages[0]["content"], messages[0]["reasoning"]) == ("Well.", "Hm.")
    assert messages[0]["reasoning_details"] == [{"type": "t", "index": 0}]
    assert [call["id"] for call in messages[0]["tool_calls"]] == ["c"]


def test_instructions_and_assistants_have_no_words_but_text() -> None:
    image = {"type": "input_image", "image_url": "https://example.com/a.png"}
    gone = {"type": "input_image", "file_id": "file-1"}
    messages, beyond = told(
        {"role": "system", "content": [image, {"type": "input_text", "text": "Be brief."}]},
        {"role": "assistant", "content": [gone]},
        {"role": "user", "content": [gone]},
    )
    assert beyond == ["input.image_url", "input.input_image"]
    assert messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": ""},
    ]


def test_sound_is_told_as_it_is() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}
    messages, _ = told({"role": "user", "content": [sound, {"type": "input_text", "text": "?"}]})
    assert json.loads(bytes(messages[0]["content"][0]["input_audio"]))["format"] == "wav"


@pytest.mark.parametrize(
    "item",
    [
        {"type": "function_call", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "c", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c", "name": 5, "input": "x"},
        {"type": "function_call_output", "output": "x"},
        {"type": "function_call_output", "call_id": "c", "output": 5},
        {"type": "message", "role": "user", "content": {"text": "x"}},
        {"type": "message", "role": "critic", "content": "x"},
        {"type": 5},
        {"role": "user", "content": [{"type": "input_image", "image_url": {"url": "x"}}]},
    ],
)
def test_what_is_malformed_is_refused(item: object) -> None:
    with pytest.raises(BadRequest) as caught:
        told(item)
    assert caught.value.param == "input"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
OBJECT = st.dictionaries(TEXT, TEXT, max_size=2).map(json.dumps)
TOOLS = [
    {"type": "function", "name": "plain"},
    {"type": "custom", "name": "free"},
    {"type": "namespace", "name": "agents", "tools": [{"type": "function", "name": "spawn"}]},
]


@st.composite
def said_in_a_chat(draw: st.DrawFn) -> dict[str, Any]:
    """Return a message of an assistant, as a chat's answer holds it."""
    names = st.sampled_from(["plain", "agents__spawn", "unknown"])
    functions = st.fixed_dictionaries({"name": names, "arguments": OBJECT}) | st.builds(
        lambda text: {"name": "free", "arguments": arguments_for(text)}, TEXT
    )
    calls = draw(st.lists(functions, max_size=3))
    message: dict[str, Any] = {"role": "assistant", "content": draw(st.none() | TEXT)}
    if calls:
        message["tool_calls"] = [
            {"id": f"call_{at}", "type": "function", "function": function}
            for at, function in enumerate(calls)
        ]
        if (thought := draw(st.none() | TEXT)) is not None:
            message[draw(st.sampled_from(["reasoning_content", "reasoning"]))] = thought
    if (refusal := draw(st.none() | TEXT)) is not None:
        message["refusal"] = refusal
    signatures = draw(st.lists(TEXT, max_size=2))
    if signatures and (calls or refusal or message["content"]):
        message["reasoning_details"] = [
            {"type": "reasoning.text", "text": "x", "signature": each, "index": at}
            for at, each in enumerate(signatures)
        ]
    return message


@given(said_in_a_chat(), st.booleans())
def test_what_a_chat_has_said_comes_back_to_it_unchanged(
    message: dict[str, Any], stream: bool
) -> None:
    asked = {"model": "m", "input": "Hi", "tools": TOOLS, "stream": stream}
    call = read_request("chat", json.dumps(asked).encode())
    finish = "tool_calls" if "tool_calls" in message else "stop"
    choice = {"index": 0, "message": message, "finish_reason": finish}
    body = json.dumps({"id": "chatcmpl-1", "choices": [choice]}).encode()
    reader = AnswerReader(call, 200, "application/json", 1 << 20, 1 << 20)
    writer = AnswerWriter(call)
    told = writer.write([*reader.feed(body), *reader.end()]) + writer.end()
    last = told.rpartition(b"data: ")[2]
    response = json.loads(last)["response"] if stream else json.loads(last)
    again = messages_of(Raw(json.dumps(response["output"]).encode()), None, {})
    spoken = [name for name in ("content", "refusal", "tool_calls") if message.get(name)]
    assert again == ([message] if spoken else [])


def test_r15_instructions_in_very_many_parts_are_written_once() -> None:
    """Joined one by one, they would cost the square of their length."""
    parts = [{"role": "system", "content": "x" * 450}] * 20_000
    told = [*parts, {"role": "user", "content": "Hi"}, *parts[:1]]
    began = time.process_time()
    messages = messages_of(Raw(json.dumps(told).encode()), "Be brief.", {})
    assert time.process_time() - began < 3
    assert [message["role"] for message in messages] == ["system", "user", "system"]
    assert messages[0]["content"] == "\n\n".join(["Be brief.", *["x" * 450] * 20_000])
    assert messages[2]["content"] == "x" * 450
