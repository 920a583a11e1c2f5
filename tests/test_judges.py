"""The judges take what providers take, and refuse what these would refuse."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.judges import anthropic, bedrock, cohere, google, ollama, openai
from tests.judges.strictly import Refused

Body = dict[str, Any]

HI = {"role": "user", "content": "Hi"}
PART = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {"name": "weather", "description": "Tells it.", "parameters": SCHEMA}
TOOL = {"type": "function", "function": FUNCTION}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
CHAT = {"model": "m", "messages": [HI]}
MESSAGES = {"model": "m", "max_tokens": 9, "messages": [PART]}
TURN = {"role": "user", "parts": [{"text": "Hi"}]}
SAID = {"role": "user", "content": [{"text": "Hi"}]}
PLACE = {"name": "weather", "arguments": '{"city": "Ghent"}'}
CALLED = {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": PLACE}]}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "Rain"}
USE = {"type": "tool_use", "id": "t", "name": "weather", "input": {}}
ASKED = {"role": "assistant", "content": [USE]}
ANSWERED = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}
NATIVE_CALL = {"function": {"name": "weather", "arguments": {"city": "Ghent"}}}


def in_a_cloud(body: Body) -> None:
    anthropic.judge_in_a_cloud(body, "vertex-2023-10-16")


GOOD: list[tuple[Callable[[Body], None], Body]] = [
    (openai.judge_chat, CHAT),
    (openai.judge_chat, {**CHAT, "stream": True, "temperature": 1, "tools": [TOOL]}),
    (openai.judge_chat, {"model": "m", "messages": [{**PART, "content": [PICTURE]}]}),
    (openai.judge_responses, {"model": "m", "input": [HI], "stream": True}),
    (openai.judge_responses, {"model": "m", "input": "Hi", "previous_response_id": "resp_1"}),
    (openai.judge_completions, {"model": "m", "prompt": "Once"}),
    (openai.judge_images, {"model": "m", "prompt": "A tree"}),
    (openai.judge_embeddings, {"model": "m", "input": ["a", "b"], "encoding_format": "base64"}),
    (openai.judge_embeddings, {"model": "m", "input": [[1, 2], [3]]}),
    (openai.judge_moderations, {"input": "x"}),
    (anthropic.judge_messages, {**MESSAGES, "temperature": 0.5}),
    (anthropic.judge_messages, {**MESSAGES, "messages": [PART, ASKED, ANSWERED]}),
    (anthropic.judge_count_tokens, {"model": "m", "messages": [HI]}),
    (in_a_cloud, {"max_tokens": 9, "messages": [HI], "anthropic_version": "vertex-2023-10-16"}),
    (google.judge_generate, {"contents": [TURN], "generationConfig": {"maxOutputTokens": 9}}),
    (google.judge_generate, {"contents": [TURN], "tools": [{"functionDeclarations": [FUNCTION]}]}),
    (google.judge_embed, {"content": TURN, "outputDimensionality": 8}),
    (google.judge_batch_embed, {"requests": [{"model": "models/m", "content": TURN}]}),
    (bedrock.judge_converse, {"messages": [SAID], "inferenceConfig": {"maxTokens": 9}}),
    (cohere.judge_chat, {**CHAT, "tools": [TOOL], "tool_choice": "REQUIRED", "p": 0.5}),
    (cohere.judge_chat, {"model": "m", "messages": [HI, CALLED, RESULT]}),
    (cohere.judge_embed, {"model": "m", "texts": ["a"], "input_type": "search_query"}),
    (cohere.judge_rerank, {"model": "m", "query": "q", "documents": ["a"]}),
    (ollama.judge_chat, {**CHAT, "tools": [TOOL], "options": {"seed": 7}, "keep_alive": "5m"}),
    (
        ollama.judge_chat,
        {"model": "m", "messages": [{"role": "assistant", "tool_calls": [NATIVE_CALL]}]},
    ),
    (ollama.judge_chat, {"model": "m", "messages": [{**HI, "images": ["aGk="]}], "think": "low"}),
    (ollama.judge_embed, {"model": "m", "input": ["a"], "dimensions": 8}),
]

BAD: list[tuple[Callable[[Body], None], Body]] = [
    (openai.judge_chat, {"messages": [HI]}),
    (openai.judge_chat, {**CHAT, "max_output_tokens": 9}),
    (openai.judge_chat, {**CHAT, "temperature": "hot"}),
    (openai.judge_chat, {**CHAT, "temperature": "0.5"}),
    (openai.judge_chat, {**CHAT, "messages": [{**HI, "odd": 1}]}),
    (openai.judge_chat, {**CHAT, "messages": [{**PART, "content": [{"type": "text"}]}]}),
    (openai.judge_chat, {**CHAT, "messages": [{**RESULT, "tool_call_id": 7}]}),
    (openai.judge_chat, {**CHAT, "tools": [{"type": "function", "function": {}}]}),
    (openai.judge_chat, {**CHAT, "tool_choice": "any"}),
    (openai.judge_responses, {"model": "m", "messages": [HI]}),
    (openai.judge_responses, {"model": "m", "input": [{"role": "robot", "content": "x"}]}),
    (openai.judge_completions, {"model": "m", "prompt": {}}),
    (openai.judge_images, {"model": "m"}),
    (openai.judge_embeddings, {"model": "m", "input": [{}]}),
    (openai.judge_embeddings, {"model": "m", "input": "a", "encoding_format": "int8"}),
    (openai.judge_moderations, {}),
    (anthropic.judge_messages, {"model": "m", "messages": [PART]}),
    (anthropic.judge_messages, {**MESSAGES, "n": 1}),
    (anthropic.judge_messages, {**MESSAGES, "max_tokens": "many"}),
    (anthropic.judge_messages, {**MESSAGES, "temperature": "hot"}),
    (anthropic.judge_messages, {**MESSAGES, "messages": [{"role": "user"}]}),
    (anthropic.judge_messages, {**MESSAGES, "messages": [{"role": "user", "content": ""}]}),
    (
        anthropic.judge_messages,
        {**MESSAGES, "messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
    ),
    (anthropic.judge_messages, {**MESSAGES, "messages": [PART, ANSWERED]}),
    (anthropic.judge_messages, {**MESSAGES, "messages": [{**PART, "odd": 1}]}),
    (anthropic.judge_messages, {**MESSAGES, "system": [{"type": "text", "text": 7}]}),
    (anthropic.judge_count_tokens, MESSAGES),
    (in_a_cloud, {**MESSAGES, "anthropic_version": "vertex-2023-10-16"}),
    (in_a_cloud, {"max_tokens": 9, "messages": [HI], "anthropic_version": "other"}),
    (google.judge_generate, {"contents": []}),
    (google.judge_generate, {"contents": [TURN], "labels": {"a": "b"}}),
    (google.judge_generate, {"contents": [TURN], "generationConfig": {"maxTokens": 9}}),
    (google.judge_generate, {"contents": [{**TURN, "role": "assistant"}]}),
    (google.judge_generate, {"contents": [{"role": "user", "parts": []}]}),
    (google.judge_generate, {"contents": [{"role": "user", "parts": [{"thought": True}]}]}),
    (
        google.judge_generate,
        {"contents": [{"parts": [{"text": "x", "functionCall": {"name": "f"}}]}]},
    ),
    (google.judge_generate, {"contents": [TURN], "tools": [{"functions": []}]}),
    (google.judge_embed, {"outputDimensionality": 8}),
    (google.judge_embed, {"content": TURN, "outputDimensionality": "8"}),
    (google.judge_batch_embed, {"requests": []}),
    (google.judge_batch_embed, {"requests": [{"model": "m", "content": TURN}]}),
    (bedrock.judge_converse, {"messages": [{"role": "user", "content": [{"text": "x", "o": 1}]}]}),
    (bedrock.judge_converse, {"messages": [{**SAID, "role": "robot"}]}),
    (bedrock.judge_converse, {"messages": [SAID], "modelId": "m"}),
    (bedrock.judge_converse, {"messages": [SAID], "inferenceConfig": {"temperature": 1.5}}),
    (bedrock.judge_converse, {"messages": [SAID], "inferenceConfig": {"maxTokens": 0}}),
    (
        bedrock.judge_converse,
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"image": {"format": "png", "source": {"bytes": "!"}}}],
                }
            ]
        },
    ),
    (cohere.judge_chat, {**CHAT, "n": 1}),
    (cohere.judge_chat, {**CHAT, "tool_choice": "REQUIRED"}),
    (cohere.judge_chat, {**CHAT, "tools": [TOOL], "tool_choice": "auto"}),
    (cohere.judge_chat, {**CHAT, "frequency_penalty": 1.5}),
    (cohere.judge_chat, {**CHAT, "messages": [{"role": "developer", "content": "x"}]}),
    (cohere.judge_chat, {**CHAT, "messages": [{"role": "assistant", "content": ""}]}),
    (cohere.judge_embed, {"model": "m", "texts": ["a"]}),
    (cohere.judge_rerank, {"model": "m", "query": "q", "documents": []}),
    (ollama.judge_chat, {"model": "m", "messages": []}),
    (ollama.judge_chat, {**CHAT, "temperature": 1}),
    (ollama.judge_chat, {**CHAT, "options": {"max_tokens": 7}}),
    (ollama.judge_chat, {**CHAT, "options": {"seed": "x"}}),
    (ollama.judge_chat, {**CHAT, "messages": [PART]}),
    (ollama.judge_chat, {**CHAT, "messages": [{"role": "developer", "content": "x"}]}),
    (ollama.judge_chat, {**CHAT, "messages": [{**HI, "images": ["data:image/png;base64,aGk="]}]}),
    (ollama.judge_chat, {**CHAT, "messages": [CALLED]}),
    (ollama.judge_chat, {**CHAT, "tools": [{"type": "function", "function": {"strict": True}}]}),
    (
        ollama.judge_chat,
        {**CHAT, "tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
    ),
    (ollama.judge_embed, {"model": "m", "input": [[1, 2]]}),
]


@pytest.mark.parametrize(("judge", "body"), GOOD)
def test_what_a_provider_takes_is_taken(judge: Callable[[Body], None], body: Body) -> None:
    judge(body)


@pytest.mark.parametrize(("judge", "body"), BAD)
def test_what_a_provider_would_refuse_is_refused(judge: Callable[[Body], None], body: Body) -> None:
    with pytest.raises(Refused):
        judge(body)
