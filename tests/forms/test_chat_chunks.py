"""Chunks and completions that are written for answers of other forms, read by OpenAI's types."""

import json

import pytest
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.forms.chat_chunks import Chunks, Whole, tool_call, usage_fields
from gateway.forms.chat_facts import usage_of
from gateway.words.answer import Usage

TOKEN = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}
CALL = tool_call("call_1", "weather", "{}")


@pytest.mark.parametrize("shows_usage", [True, False])
def test_each_chunk_is_one_of_openais(shows_usage: bool) -> None:
    chunks = Chunks('chatcmpl-"1', "m", 7, shows_usage=shows_usage)
    written = [
        chunks.role(),
        chunks.content('"é\n'),
        chunks.content("Hi", [TOKEN]),
        chunks.thought("Hm."),
        chunks.add("annotations", []),
        chunks.tool(0, CALL),
        chunks.arguments(0, "{}"),
        chunks.finish("stop"),
    ]
    for raw in written:
        assert raw.startswith(b"data: ")
        assert raw.endswith(b"\n\n")
        fields = json.loads(raw[6:])
        chunk = ChatCompletionChunk.model_validate(fields)
        assert (chunk.id, chunk.created, chunk.model) == ('chatcmpl-"1', 7, "m")
        assert ("usage" in fields) is shows_usage
        assert "finish_reason" in fields["choices"][0]


def test_the_usage_stands_alone() -> None:
    fields = json.loads(Chunks("c", "m", shows_usage=True).usage(Usage(5, 3, 2, 1))[6:])
    assert fields["choices"] == []
    usage = ChatCompletionChunk.model_validate(fields).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (5, 3, 8)


def test_usage_is_told_as_it_is_read() -> None:
    usage = Usage(113, 50, 100, 4, 3)
    fields = usage_fields(usage)
    assert usage_of(fields) == usage
    assert CompletionUsage.model_validate(fields).total_tokens == 163


def test_an_answer_in_one_piece_is_one_of_openais() -> None:
    whole = Whole("c", "m", {"content": "Hi"}, "stop", 7, Usage(5, 3), [TOKEN])
    read = ChatCompletion.model_validate_json(whole.written())
    assert (read.created, read.choices[0].message.content) == (7, "Hi")
    assert read.choices[0].logprobs is not None
    assert read.choices[0].logprobs.content is not None
    assert read.choices[0].logprobs.content[0].token == "Hi"
    bare = json.loads(Whole("c", "m", {"tool_calls": [CALL]}, "tool_calls").written())
    assert "usage" not in bare
    assert bare["choices"][0]["logprobs"] is None
    message = ChatCompletion.model_validate(bare).choices[0].message
    assert (message.content, message.refusal) == (None, None)


def test_a_long_id_does_not_make_each_chunk_long() -> None:
    chunks = Chunks("x" * 1_000_000, "m", shows_usage=False)
    assert len(chunks.content("Hi")) < 1000
