"""The chat form of what is said in Messages, judged by the types of OpenAI's official SDK."""

import json

import pytest
from msgspec import Raw
from openai.types import CompletionUsage
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionMessageFunctionToolCall,
)

from gateway.forms.chat_chunks import usage_fields
from gateway.forms.messages_build import completion, detail_of
from gateway.forms.messages_facts import Block
from gateway.words.answer import Usage

USAGE = Usage(113, 50, 100, 4, 3)
TOOL = Block(type="tool_use", id="toolu_1", name="weather", input=Raw(b'{"city": "Ghent"}'))
THOUGHT = Block(type="thinking", thinking="Hm", signature="s")
HIDDEN = Block(type="redacted_thinking", data="d")


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
