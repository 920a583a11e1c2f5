"""Blocks of a stream, where their parts come in an odd order."""

import json
from typing import Any

import pytest

from gateway.forms.messages_write_blocks import MOST_LOOKED_AT, Blocks
from gateway.forms.messages_write_facts import Function, ToolPart
from gateway.forms.sse import Splitter
from gateway.words.errors import UpstreamMalformed


def events(told: bytes) -> list[tuple[Any, ...]]:
    """Return what was told: what began, what was added to which block, which one ended."""
    found: list[tuple[Any, ...]] = []
    for event in Splitter(1 << 20).feed(told):
        fields = json.loads(event.data or b"")
        index = fields["index"]
        match fields["type"]:
            case "content_block_start":
                found.append((index, fields["content_block"]["type"]))
            case "content_block_delta":
                found.append((index, *list(fields["delta"].values())[1:]))
            case _:
                found.append((index,))
    return found


def part(index: int, id: str | None = None, name: str | None = None, said: str = "") -> ToolPart:
    return ToolPart(index, id, Function(name, said))


def test_an_empty_answer_has_no_blocks() -> None:
    blocks = Blocks("m")
    assert blocks.close() == b""
    assert not blocks.calls


def test_a_call_waits_until_the_one_before_is_whole() -> None:
    blocks = Blocks("m")
    assert events(blocks.call(part(0, "a", "f"))) == [(0, "tool_use")]
    assert blocks.call(part(1, "b", "g", "{}")) == b""
    assert events(blocks.call(part(0, said='{"x"'))) == [(0, '{"x"')]
    told = events(blocks.call(part(0, said=":1}")))
    assert told == [(0, ":1}"), (0,), (1, "tool_use"), (1, "{}")]
    assert events(blocks.close()) == [(1,)]
    assert blocks.calls


def test_a_part_without_arguments_says_nothing() -> None:
    blocks = Blocks("m")
    blocks.call(part(0, "a", "f"))
    assert blocks.call(ToolPart(0)) == blocks.call(part(0, "a", "f")) == b""


def test_a_call_that_has_ended_does_not_go_on() -> None:
    blocks = Blocks("m")
    blocks.call(part(0, "a", "f"))
    blocks.text("So.")
    with pytest.raises(UpstreamMalformed):
        blocks.call(part(0, said="{}"))


def test_a_call_may_begin_without_a_function() -> None:
    blocks = Blocks("m")
    assert events(blocks.call(ToolPart(0))) == [(0, "tool_use")]
    assert events(blocks.close()) == [(0, "{}"), (0,)]


def test_what_is_nested_too_deeply_is_not_whole() -> None:
    blocks = Blocks("m")
    blocks.call(part(0, "a", "f", '{"a":' * 100_000))
    assert blocks.call(part(1, "b", "g")) == b""


def test_whether_a_call_is_whole_is_not_looked_at_for_ever() -> None:
    blocks = Blocks("m")
    blocks.call(part(0, "a", "f", '{"x":"'))
    assert blocks.call(part(1, "b", "g", "{}")) == b""
    for _ in range(3):
        blocks.call(part(0, said="}" * (MOST_LOOKED_AT // 4)))
    assert events(blocks.call(part(0, said='"}'))) == [(0, '"}')]
    assert events(blocks.close()) == [(0,), (1, "tool_use"), (1, "{}"), (1,)]


def test_many_calls_that_wait_cost_no_more_each() -> None:
    blocks = Blocks("m")
    blocks.call(part(0, "a", "f", '{"x":'))
    for index in range(1, 20_000):
        assert blocks.call(part(index, f"b{index}", "g", "{")) == b""
        assert blocks.call(part(index, said="}")) == b""
    assert events(blocks.call(part(0, said="1}")))[-1] == (19_999, "{}")


def test_a_detail_that_proves_nothing_says_its_words_alone() -> None:
    blocks = Blocks("m")
    detail = {"type": "reasoning.text", "text": "Hm.", "signature": None}
    assert blocks.detail(detail, told=True) == b""
    assert events(blocks.detail(detail, told=False)) == [(0, "thinking"), (0, "Hm.")]
    assert blocks.detail({"type": "reasoning.text", "text": 3}, told=False) == b""
    assert blocks.detail({"type": "reasoning.encrypted", "data": 3}, told=False) == b""
