"""Turns of Anthropic's Messages: what of a chat's messages is refused, and by which words.

What is translated, the golden pairs of `test_messages_request.py` show.
"""

import json

import pytest
from msgspec import Raw

from gateway.forms.chat_turns import MAX_OBJECTS
from gateway.forms.messages_build import FORMAT
from gateway.forms.messages_turns import Turns, turns_of
from gateway.words.errors import BadRequest

PDF = "data:application/pdf;base64,JVBERi0="


def turns(*messages: object) -> Turns:
    return turns_of(Raw(json.dumps(messages).encode()), FORMAT)


def refused(*messages: object) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        turns(*messages)
    assert caught.value.param == "messages"
    return caught.value


def part(role: str = "user", **fields: object) -> dict[str, object]:
    return {"role": role, "content": [fields]}


def tool_call(arguments: str) -> dict[str, object]:
    function = {"name": "weather", "arguments": arguments}
    calls = [{"id": "c", "type": "function", "function": function}]
    return {"role": "assistant", "content": None, "tool_calls": calls}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"role": "function", "name": "f", "content": "7"}, "'function'"),
        (part(type="input_audio", input_audio={"data": "", "format": "wav"}), "'input_audio'"),
        (part(type="image_url"), "'image_url'"),
        (part("system", type="image_url", image_url={"url": "https://e.com/a"}), "by system"),
        (part("assistant", type="file", file={"file_data": PDF}), "by assistant"),
        (part(type="image_url", image_url={"url": "data:image/tiff;base64,AA"}), "PNG"),
        (part(type="image_url", image_url={"url": "file:///etc/passwd"}), "PNG"),
        (part(type="file", file={"file_id": "file-1"}), "PDF"),
        (part(type="file", file={"file_data": "data:text/plain;base64,AA"}), "PDF"),
        ({"role": "assistant", "function_call": {"name": "f"}}, "'function_call'"),
        ({"role": "assistant", "audio": {"id": "a"}}, "'audio'"),
        ({"role": "assistant", "tool_calls": [{"id": "c", "type": "custom"}]}, "'tool_calls'"),
    ],
)
def test_what_cannot_be_said_there_is_refused(message: object, words: str) -> None:
    error = refused(message)
    assert words in error.message
    assert (error.status, error.code) == (400, "unsupported_parameter")


@pytest.mark.parametrize("arguments", ["[]", "7", "{", "null", '{"a":}', "weather", "[" * 9999])
def test_arguments_that_are_no_object_are_refused_by_name(arguments: str) -> None:
    message = refused(tool_call(arguments)).message
    assert "'arguments' of the call of 'weather'" in message


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"content": "Hello"}, "role"),
        ({"role": "user", "content": 7}, "content"),
        ({"role": "user", "content": [{"text": "no type"}]}, "type"),
        ({"role": "tool", "content": "7"}, "'tool_call_id'"),
        ({"role": "user", "content": ""}, "says nothing"),
        ({"role": "system", "content": "Be brief."}, "says nothing"),
    ],
)
def test_what_is_no_message_is_refused(message: object, words: str) -> None:
    assert words in refused(message).message


def test_a_flood_of_objects_is_not_built() -> None:
    assert "objects" in refused(*[{}] * (MAX_OBJECTS + 1)).message


def test_an_empty_text_takes_no_mark_and_no_place() -> None:
    marked = part(type="text", text="", cache_control={"type": "ephemeral"})
    said = turns(marked, {"role": "user", "content": "Hello"})
    hello = {"role": "user", "content": [{"type": "text", "text": "Hello"}]}
    assert (said.system, said.turns) == ([], [hello])
