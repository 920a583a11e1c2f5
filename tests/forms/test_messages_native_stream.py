"""A whole message told as a stream: what the SDK makes of it is the message again."""

import json
from typing import Any

import pytest

from gateway.forms.messages_native_stream import MOST_BLOCKS, as_stream
from tests.forms.test_messages_answer import WHOLE
from tests.forms.test_messages_write import read_by_the_sdk

SEARCH = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
BLOCKS: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"},
    {"type": "redacted_thinking", "data": "EmwK"},
    SEARCH,
    FOUND,
    {"type": "text", "text": "So."},
    {"type": "text", "text": ""},
    {"type": "tool_use", "id": "a", "name": "f", "input": {"x": [1, 2]}},
]


def test_the_sdk_makes_the_same_message_of_it() -> None:
    whole = {**WHOLE, "content": BLOCKS, "stop_reason": "stop_sequence", "stop_sequence": "END"}
    told = as_stream(json.dumps(whole, indent=2).encode())
    assert told is not None
    message = read_by_the_sdk(told).to_dict()
    assert message["content"] == BLOCKS
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "END")
    usage: Any = message["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (25, 15)


def test_a_message_of_too_many_blocks_is_not_told() -> None:
    many = {**WHOLE, "content": [{"type": "container_upload"}] * (MOST_BLOCKS + 1)}
    assert as_stream(json.dumps(many).encode()) is None


def test_a_message_may_have_no_usage() -> None:
    assert as_stream(b'{"content":[],"stop_reason":"end_turn"}') is not None


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b'{"content":3}', b'{"content":[{}]}', b'{"content":[{"type":3}]}',
     b'{"content":[{"type":"tool_use"}]}', b'{"content":[{"type":"text","text":3}]}'],
)  # fmt: skip
def test_what_is_no_message_is_no_stream(body: bytes) -> None:
    assert as_stream(body) is None
