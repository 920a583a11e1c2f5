"""The chat form of what is said in Messages, judged by the types of OpenAI's official SDK."""

import json
from typing import Any

import pytest
from msgspec import Raw
from openai.types import CompletionUsage
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessageFunctionToolCall,
)

from gateway.forms.chat_facts import usage_of
from gateway.forms.messages_build import Chunks, completion, detail_of, usage_fields
from gateway.forms.messages_facts import Block
from gateway.words.answer import Usage

USAGE = Usage(113, 50, 100, 4, 3)
TOOL = Block(type="tool_use", id="toolu_1", name="weather", input=Raw(b'{"city": "Ghent"}'))
THOUGHT = Block(type="thinking", thinking="Hm", signature="s")
HIDDEN = Block(type="redacted_thinking", data="d")


def data(event: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(event.removeprefix(b"data: "))
    return fields


def every(chunks: Chunks) -> list[bytes]:
    return [
        chunks.role(),
        chunks.content('"é\n'),
        chunks.thought("Hm"),
        chunks.details({"type": "reasoning.text"}),
        chunks.tool(0, TOOL),
        chunks.arguments(0, '{"a'),
        chunks.finish("tool_use"),
    ]


@pytest.mark.parametrize("shows_usage", [True, False])
def test_every_chunk_is_one_to_the_official_sdk(shows_usage: bool) -> None:
    chunks = Chunks('m"1', "claude", shows_usage=shows_usage)
    for event in every(chunks):
        fields = data(event)
        chunk = ChatCompletionChunk.model_validate(fields, strict=True)
        assert (chunk.id, chunk.model, chunk.created) == ('m"1', "claude", 0)
        assert ("usage" in fields) is shows_usage
        assert "finish_reason" in fields["choices"][0]
    assert data(chunks.finish("max_tokens"))["choices"][0]["finish_reason"] == "length"
    last = data(chunks.usage(USAGE))
    assert ChatCompletionChunk.model_validate(last, strict=True).choices == []
    assert usage_of(last["usage"]) == USAGE


def test_a_whole_answer_is_one_to_the_official_sdk() -> None:
    text = [Block(type="text", text="Let me "), Block(type="text", text="look.")]
    blocks = [THOUGHT, HIDDEN, *text, Block(type="server_tool_use"), TOOL]
    raw = completion("m", "claude", blocks, "tool_use", USAGE)
    whole = ChatCompletion.model_validate_json(raw, strict=True)
    message = whole.choices[0].message
    assert message.content == "Let me look."
    assert message.model_extra == {
        "reasoning_content": "Hm",
        "reasoning_details": [detail_of(0, THOUGHT), detail_of(1, HIDDEN)],
    }
    assert message.tool_calls is not None
    (call,) = message.tool_calls
    assert isinstance(call, ChatCompletionMessageFunctionToolCall)
    assert (call.id, call.function.arguments) == ("toolu_1", '{"city": "Ghent"}')
    assert whole.choices[0].finish_reason == "tool_calls"
    assert whole.usage == CompletionUsage.model_validate(usage_fields(USAGE))


def test_an_answer_without_words_has_no_content_and_no_usage_that_nobody_told() -> None:
    fields = json.loads(completion("m", "claude", [], "end_turn", None))
    message = {"role": "assistant", "content": None, "refusal": None}
    assert fields["choices"][0]["message"] == message
    assert "usage" not in fields


@pytest.mark.parametrize("kind", ["thinking", "redacted_thinking", "text"])
def test_what_is_not_proved_is_no_detail(kind: str) -> None:
    assert detail_of(0, Block(type=kind, thinking="Hm")) is None


def test_a_long_id_does_not_make_each_chunk_long() -> None:
    chunks = Chunks("x" * 1_000_000, "m", shows_usage=False)
    assert len(chunks.content("Hi")) < 1000
