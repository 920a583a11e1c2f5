"""Real providers behind the gateway: a few short calls to each whose key is in the environment.

`nox -s live` runs them, and nothing else does. A provider without a key is skipped.
"""

import json
import os
from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageFunctionToolCall

from tests.live.real import REAL, Real
from tests.named import line_of
from tests.openai_clients import SyncSpeaker
from tests.process import Gateway, gateway

PATIENCE = 60
"""Seconds; a real model may think for a while."""

SHORT = [{"role": "user", "content": "Say the word 'rain' and nothing else."}]
LONG = [{"role": "user", "content": "Count from 1 to 500, one number a line."}]
WEATHER = [{"role": "user", "content": "What is the weather in Ghent? Use the tool."}]
PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "weather", "description": "Tells the weather in a city.", "parameters": PLACE}
TOOLS = [{"type": "function", "function": FUNCTION}]


@pytest.fixture(scope="module", params=REAL, ids=lambda real: real.kind)
def real(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """One server process for each provider."""
    provider: Real = request.param
    if missing := provider.missing():
        pytest.skip(f"{' and '.join(missing)} not set")
    given = {name: os.environ[name] for name in provider.needs}
    folder = tmp_path_factory.mktemp(provider.kind)
    with gateway(folder, provider.table(), environ=given) as running:
        yield running


@pytest.fixture
def speaker(real: Gateway) -> SyncSpeaker:
    return SyncSpeaker(real.api, max_retries=0, timeout=PATIENCE)


async def test_a_short_answer_comes_in_one_piece(real: Gateway, speaker: SyncSpeaker) -> None:
    answer = await speaker.whole(model="m", messages=SHORT)
    assert "rain" in (answer.choices[0].message.content or "").lower()
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.completion_tokens > 0


async def test_a_short_answer_comes_as_a_stream(real: Gateway, speaker: SyncSpeaker) -> None:
    heard = await speaker.stream(model="m", messages=SHORT, stream_options={"include_usage": True})
    assert heard.error is None
    assert "rain" in heard.text.lower()
    assert heard.chunks[-1].usage is not None
    line = await line_of(real, heard.request_id)
    assert line["outcome"] == "completed"
    assert line["tokens_in"] > 0


async def test_a_tool_is_called_and_its_result_given(real: Gateway, speaker: SyncSpeaker) -> None:
    first = await speaker.whole(model="m", messages=WEATHER, tools=TOOLS)
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    call = (message.tool_calls or [])[0]
    assert isinstance(call, ChatCompletionMessageFunctionToolCall)
    assert "ghent" in json.loads(call.function.arguments)["city"].lower()
    results = [
        {"role": "tool", "tool_call_id": each.id, "content": "It rains."}
        for each in message.tool_calls or ()
    ]
    said = message.model_dump(exclude_none=True)
    second = await speaker.whole(model="m", messages=[*WEATHER, said, *results], tools=TOOLS)
    assert "rain" in (second.choices[0].message.content or "").lower()


async def test_a_model_that_is_not_there_is_told_as_the_provider_tells_it(
    real: Gateway, speaker: SyncSpeaker
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        await speaker.whole(model="nobody", messages=SHORT)
    assert 400 <= caught.value.status_code < 500
    assert caught.value.message


async def test_a_client_that_leaves_in_mid_stream_is_let_go(
    real: Gateway, speaker: SyncSpeaker
) -> None:
    def has_content(chunk: ChatCompletionChunk) -> bool:
        return bool(chunk.choices and chunk.choices[0].delta.content)

    heard = await speaker.stream(has_content, model="m", messages=LONG)
    assert heard.error is None
    line = await line_of(real, heard.request_id)
    assert (line["outcome"], line["status"]) == ("client_gone", 499)
