"""Which texts of an answer's events go on with which, and when they have ended."""

import json
from typing import Any

import pytest

from gateway.forms.text_events import EVERYTHING, happening_in, without_probabilities
from gateway.forms.texts import Document, Path


def document(value: Any) -> Document:
    found = Document(json.dumps(value).encode())
    for _ in found.find():
        pass
    return found


def parts(form: str, value: Any) -> list[tuple[str, Path | None]]:
    said = happening_in(form, document(value)).parts
    return [(part.leaf.text, part.channel) for part in said]


def ends(form: str, value: Any) -> tuple[Path, ...]:
    return happening_in(form, document(value)).ends


def test_in_chat_each_field_of_each_choice_goes_on_by_itself() -> None:
    call = {"index": 3, "id": "x", "function": {"name": "f", "arguments": "{"}}
    value = {
        "choices": [{"index": 2, "delta": {"content": "a", "reasoning": "b", "tool_calls": [call]}}]
    }
    place = ("choices", 2, "delta")
    tool = (*place, "tool_calls", 3, "function")
    assert parts("chat", value) == [
        ("a", (*place, "content")),
        ("b", (*place, "reasoning")),
        ("f", (*tool, "name")),
        ("{", (*tool, "arguments")),
    ]
    assert parts("raw", {"choices": [{"text": "a"}]}) == [("a", ("choices", 0, "text"))]


def test_in_chat_a_message_and_what_stands_beside_is_whole() -> None:
    value = {"choices": [{"message": {"content": "a"}}, "b"], "note": "c"}
    assert parts("chat", value) == [("a", None), ("b", None), ("c", None)]


def test_a_choice_ends_with_its_reason() -> None:
    done = {"index": 1, "finish_reason": "stop"}
    assert ends("chat", {"choices": [{"finish_reason": None}, done, 3]}) == (("choices", 1),)
    assert ends("chat", {"choices": [{"finish_reason": "stop"}]}) == (("choices", 0),)
    assert ends("chat", {"choices": "none"}) == ()


def test_in_messages_a_block_goes_on_from_where_it_begins() -> None:
    begun = {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "text", "text": "a"},
    }
    said = {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "b"}}
    tool = {"type": "content_block_delta", "index": 2, "delta": {"partial_json": "{"}}
    assert parts("messages", begun) == [("a", (1, "text"))]
    assert parts("messages", said) == [("b", (1, "text"))]
    assert parts("messages", tool) == [("{", (2, "partial_json"))]
    used = {"type": "content_block_start", "index": 1, "content_block": {"input": {"k": "v"}}}
    assert parts("messages", used) == [("k", None), ("v", None)]
    assert parts("messages", {"type": "message_delta", "delta": {"x": "y"}}) == [("y", None)]


def test_in_messages_a_block_ends_and_then_all_do() -> None:
    assert ends("messages", {"type": "content_block_stop", "index": 1}) == ((1,),)
    assert ends("messages", {"type": "message_stop"}) == (EVERYTHING,)
    assert ends("messages", {"type": "ping", "index": "odd"}) == ()


def test_in_responses_a_delta_goes_on_within_its_part() -> None:
    said = {
        "type": "response.output_text.delta",
        "output_index": 1,
        "content_index": 2,
        "delta": "a",
    }
    place = (1, "response.output_text.delta", 2, 0, "delta")
    assert parts("responses", {**said, "more": "b"}) == [("a", place), ("b", None)]
    called = document({"type": "response.function_call_arguments.delta", "delta": "{"})
    assert [part.json for part in happening_in("responses", called).parts] == [True]


def test_in_responses_what_is_told_whole_is_whole_and_ends_its_item() -> None:
    done = {"type": "response.output_text.done", "output_index": 1, "text": "a"}
    assert parts("responses", done) == [("a", None)]
    assert ends("responses", done) == ((1,),)
    assert ends("responses", {"type": "response.completed"}) == (EVERYTHING,)
    assert ends("responses", {"type": 3}) == (EVERYTHING,)


def test_sound_that_is_told_in_parts_cannot_be_looked_into() -> None:
    sound = document({"type": "response.audio.delta", "delta": "AAAA"})
    assert happening_in("responses", sound).parts == []
    assert sound.unseen


@pytest.mark.parametrize("value", ["text", ["a", {"b": "c"}]])
def test_what_is_no_object_is_whole(value: Any) -> None:
    assert {channel for _, channel in parts("chat", value)} == {None}


def test_probabilities_are_taken_out_and_nothing_else_is() -> None:
    value = {
        "choices": [{"logprobs": {"content": [{"token": "a"}]}, "delta": {"content": "a"}}],
        "logprobs": [{"token": "a"}],
        "arguments": {"logprobs": 1},
    }
    told = document(value)
    assert without_probabilities(told)
    assert told.value == {
        "choices": [{"logprobs": None, "delta": {"content": "a"}}],
        "logprobs": [],
        "arguments": {"logprobs": 1},
    }
    assert not without_probabilities(told)
