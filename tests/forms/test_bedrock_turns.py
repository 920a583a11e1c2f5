"""Turns of a chat completion as AWS Bedrock's Converse takes them."""

import json
from typing import Any

import pytest
from msgspec import Raw

from gateway.forms.bedrock_build import SIGNED
from gateway.forms.bedrock_turns import NOTHING, Mark, cache_point, turns_of
from gateway.forms.chat_turns import MAX_OBJECTS
from gateway.words.errors import BadRequest, Unsupported

USER = {"role": "user", "content": "Hello"}


def said(*messages: object) -> list[dict[str, object]]:
    return turns_of(Raw(json.dumps(messages).encode())).turns


def refused(*messages: object) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        said(*messages)
    assert caught.value.param == "messages"
    return caught.value


def called_with(arguments: str) -> dict[str, Any]:
    return {"id": "a", "function": {"name": "f", "arguments": arguments}}


def test_those_who_speak_take_turns() -> None:
    assert said(USER, USER, {"role": "assistant", "content": "Hi"}, USER) == [
        {"role": "user", "content": [{"text": "Hello"}, {"text": "Hello"}]},
        {"role": "assistant", "content": [{"text": "Hi"}]},
        {"role": "user", "content": [{"text": "Hello"}]},
    ]


@pytest.mark.parametrize("blank", ["", " \n\t"])
def test_what_is_blank_is_not_said_and_marks_nothing(blank: str) -> None:
    part = {"type": "text", "text": blank, "cache_control": {"type": "ephemeral"}}
    odd = {"role": "user", "content": [part], "cache_control": {"type": "ephemeral"}}
    assert said(USER, odd, {"role": "assistant", "content": blank}) == [
        {"role": "user", "content": [{"text": "Hello"}]}
    ]


def test_tools_are_seen_in_what_was_said() -> None:
    use = {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f"}}]}
    result = {"role": "tool", "tool_call_id": "a", "content": ""}
    for messages, uses in (([USER], False), ([USER, use], True), ([USER, result], True)):
        assert turns_of(Raw(json.dumps(messages).encode())).uses_tools is uses


def test_a_result_that_says_nothing_is_a_result() -> None:
    (turn,) = said({"role": "tool", "tool_call_id": "a", "content": ""})
    told = {"toolUseId": "a", "content": [{"text": NOTHING}]}
    assert turn["content"] == [{"toolResult": told}]


def test_an_id_that_the_provider_would_not_take_is_another_and_always_the_same() -> None:
    odd = "x" * 65
    use = {"role": "assistant", "tool_calls": [{"id": odd, "function": {"name": "f"}}]}
    turns: Any = said(USER, use, {"role": "tool", "tool_call_id": odd, "content": "y"})
    told = turns[1]["content"][0]["toolUse"]["toolUseId"]
    assert told == turns[2]["content"][0]["toolResult"]["toolUseId"]
    assert told != odd
    assert len(told) <= 64


@pytest.mark.parametrize(
    ("mark", "point"),
    [
        (None, []),
        (Mark(), [{"cachePoint": {"type": "default"}}]),
        (Mark("1h"), [{"cachePoint": {"type": "default", "ttl": "1h"}}]),
        (Mark("2h"), [{"cachePoint": {"type": "default"}}]),
    ],
)
def test_a_mark_is_a_point_up_to_which_to_cache(mark: Mark | None, point: list[object]) -> None:
    assert cache_point(mark) == point


@pytest.mark.parametrize(
    "message",
    [
        {"role": "function", "content": "x"},
        {"role": "user", "content": [{"type": "video_url"}]},
        {"role": "user", "content": [{"type": "image_url"}]},
        {"role": "user", "content": [{"type": "file"}]},
        {"role": "user", "content": [{"type": "input_audio"}]},
        {"role": "system", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
        {"role": "assistant", "content": [{"type": "file", "file": {}}]},
        {"role": "assistant", "function_call": {"name": "f"}},
        {"role": "assistant", "audio": {"id": "a"}},
        {"role": "assistant", "tool_calls": [{"id": "a", "type": "custom"}]},
    ],
)
def test_what_cannot_be_said_is_refused_and_another_might(message: dict[str, Any]) -> None:
    assert isinstance(refused(USER, message), Unsupported)


@pytest.mark.parametrize(
    "message",
    [
        7,
        {},
        {"role": "user", "content": 7},
        {"role": "tool", "content": "x"},
        {"role": "user", "content": "x", "cache_control": {"ttl": ["1h"]}},
        {"role": "assistant", "tool_calls": [called_with("[")]},
        {"role": "assistant", "tool_calls": [called_with("[]")]},
    ],
)
def test_what_is_malformed_is_refused_for_all(message: object) -> None:
    assert not isinstance(refused(USER, message), Unsupported)


def test_without_marks_nothing_is_said_of_a_cache() -> None:
    mark = {"type": "ephemeral"}
    system = {"role": "system", "content": "x", "cache_control": mark}
    user = {"role": "user", "content": [{"type": "text", "text": "y", "cache_control": mark}]}
    result = {"role": "tool", "tool_call_id": "a", "content": "z", "cache_control": mark}
    raw = Raw(json.dumps([system, user, result]).encode())
    marked, plain = turns_of(raw), turns_of(raw, marks=False)
    assert str(marked).count("cachePoint") == 3
    assert "cachePoint" not in str(plain)
    assert plain.system == [{"text": "x"}]


def test_somebody_must_say_something() -> None:
    assert "says nothing" in refused({"role": "system", "content": "x"}).message


def test_more_objects_than_the_body_is_worth_are_refused() -> None:
    with pytest.raises(BadRequest):
        turns_of(Raw(b"[" + b"{}," * MAX_OBJECTS + b"{}]"))


def test_arguments_that_are_nested_too_deeply_are_refused() -> None:
    deep = '{"a":' * 50_000 + "1" + "}" * 50_000
    message = {"role": "assistant", "tool_calls": [called_with(deep)]}
    assert "no JSON object" in refused(USER, message).message


def test_a_thought_of_another_provider_is_not_given_back() -> None:
    details = [
        {"type": "reasoning.text", "text": "a", "signature": "s", "format": "x"},
        {"type": "reasoning.text", "text": "a", "format": "anthropic-claude-v1"},
        {"type": "reasoning.encrypted", "data": "a", "format": "anthropic-claude-v1"},
        {"type": "reasoning.summary", "format": "bedrock-converse-v1"},
    ]
    turns = said(USER, {"role": "assistant", "content": "Hi", "reasoning_details": details})
    assert turns[1]["content"] == [{"text": "Hi"}]


EPHEMERAL = {"type": "ephemeral", "ttl": "1h"}
POINT = {"cachePoint": {"type": "default", "ttl": "1h"}}


def test_a_mark_stands_behind_all_that_a_message_says() -> None:
    call = called_with("{}")
    for content in ("Hi", None):
        message = {"role": "assistant", "content": content, "tool_calls": [call]}
        (turn,) = said({**message, "cache_control": EPHEMERAL})
        blocks = turn["content"]
        assert isinstance(blocks, list)
        assert blocks[-1] == POINT
        assert blocks.count(POINT) == 1


def test_a_mark_on_the_call_of_a_tool_stands_behind_that_call() -> None:
    calls = [{**called_with("{}"), "cache_control": EPHEMERAL}, called_with("{}")]
    (turn,) = said({"role": "assistant", "tool_calls": calls})
    blocks = turn["content"]
    assert isinstance(blocks, list)
    assert [list(block) for block in blocks] == [["toolUse"], ["cachePoint"], ["toolUse"]]


def test_thoughts_that_claude_has_signed_go_back_to_claude_alone() -> None:
    detail = {"type": "reasoning.text", "text": "Hm", "signature": "s", "format": SIGNED}
    message = {"role": "assistant", "content": "Hi", "reasoning_details": [detail]}
    messages = Raw(json.dumps([USER, message]).encode())
    thought = {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "s"}}}
    assert turns_of(messages).turns[1]["content"] == [thought, {"text": "Hi"}]
    assert turns_of(messages, signed=False).turns[1]["content"] == [{"text": "Hi"}]
