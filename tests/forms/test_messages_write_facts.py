"""What is read of a chat completion to be told in Anthropic's Messages, whatever its types."""

import json
from typing import Any

import pytest

from gateway.forms.messages_write_facts import Chunk, Said, read_chunk


def delta(**fields: Any) -> Said:
    choice = {"index": 0, "delta": fields}
    first = read_chunk(json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode()).first
    assert first is not None
    assert first.delta is not None
    return first.delta


@pytest.mark.parametrize("data", [b"[]", b"3", b"{", b'{"choices":3}', b"", b'{"choices":[]}'])
def test_what_is_no_chunk_says_nothing(data: bytes) -> None:
    assert read_chunk(data).first is None


def test_what_is_nested_too_deeply_says_nothing() -> None:
    assert read_chunk(b'{"id":3,"x":' * 50_000) == Chunk()


def test_half_a_surrogate_pair_is_no_reason_to_lose_the_rest() -> None:
    data = rb'{"id":"c","choices":[{"index":0,"delta":{"content":"a\ud800b"}}]}'
    first = read_chunk(data).first
    assert first is not None
    assert first.delta is not None
    assert first.delta.content == "a\ufffdb"


def test_of_odd_types_as_much_is_read_as_can_be() -> None:
    odd = {
        "id": 3,
        "model": None,
        "choices": [3, {"index": "x", "delta": [], "message": {}, "finish_reason": 7}],
    }
    chunk = read_chunk(json.dumps(odd).encode())
    assert (chunk.id, chunk.model) == ("", "")
    first = chunk.first
    assert first is not None
    assert (first.delta, first.finish_reason) == (None, None)
    assert chunk.choices[1].message == Said()


def test_content_may_be_parts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}, 3]}
    told = delta(content=[thinking, {"type": "text", "text": "Yes"}, {"type": "text", "text": 3}])
    assert (told.content, told.thought) == ("Yes", "Hm.")


def test_an_odd_field_does_not_take_the_others_with_it() -> None:
    told = delta(content=3, tool_calls="x", reasoning_details=[3], refusal="No.", reasoning="Hm.")
    assert (told.content, told.tool_calls, told.reasoning_details) == (None, None, None)
    assert (told.refusal, told.thought) == ("No.", "Hm.")
    calls = delta(content=3, tool_calls=[{"index": 0, "id": "a"}], reasoning_details=[{}])
    assert calls.tool_calls is not None
    assert (calls.tool_calls[0].id, calls.reasoning_details) == ("a", [{}])
