"""Anthropic behind the gateway: OpenAI's clients ask, a scripted provider speaks Messages.

The provider refuses what the official SDK's types would not have, as the real one does.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import trio
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageFunctionToolCall

from tests.judges.anthropic import judge_messages
from tests.named import line_of
from tests.openai_clients import SPEAKERS, Speaker
from tests.process import Gateway, free_port, gateway
from tests.scripted import Link, Scripted, listen
from tests.test_client_leaves import STREAM_HEAD, WITHIN

WIRE = Path(__file__).parent / "wire" / "messages"
KEY = "sk-ant-made-up"
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
WHOLE = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "toolu_01", "name": "weather", "input": {"city": "Ghent"}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 25, "cache_read_input_tokens": 100, "output_tokens": 15},
}

Script = Callable[[Link], Awaitable[None]]


def golden(name: str) -> bytes:
    return (WIRE / f"{name}.sse").read_bytes()


async def answer(link: Link, status: int, body: object) -> None:
    """Send an answer in one piece."""
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}"
    await link.send(f"{head}\r\n\r\n".encode() + data)


class Messages:
    """A provider that speaks Messages: it checks what it gets, and says what it is given to say."""

    def __init__(self, *said: bytes | dict[str, Any], status: int = 200) -> None:
        self.said = list(said)
        self.status = status
        self.asked: list[dict[str, Any]] = []

    async def __call__(self, link: Link) -> None:
        while True:
            request = await link.request()
            assert request.line == b"POST /v1/messages HTTP/1.1"
            assert request.values(b"x-api-key") == [KEY.encode()]
            assert request.values(b"anthropic-version") == [b"2023-06-01"]
            assert request.values(b"authorization") == []
            body = json.loads(request.body)
            judge_messages(body)
            self.asked.append(body)
            said = self.said.pop(0)
            if isinstance(said, dict):
                await answer(link, self.status, said)
            else:
                await link.send(STREAM_HEAD)
                await link.chunk(said, b"")


@pytest.fixture(scope="module")
def upstream_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    """One server process for all tests."""
    config = f"""
[providers.anthropic]
base_url = "http://127.0.0.1:{upstream_port}/v1"
api_key = "{KEY}"
max_tokens = 4321
models = {{ claude = "claude-sonnet-4-5", steady = "claude-sonnet-4-5" }}

[models.steady]
resume = "verified"
retries = 1

[defaults]
retries = 0
"""
    with gateway(tmp_path_factory.mktemp("anthropic"), config) as running:
        yield running


@pytest.fixture(params=SPEAKERS)
def speaker(request: pytest.FixtureRequest, real: Gateway) -> Speaker:
    return SPEAKERS[str(request.param)](real.api, max_retries=0)


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    server = await listen(nursery, Messages(), port=upstream_port)
    yield server
    nursery.cancel_scope.cancel()


@pytest.fixture
def ends(speaker: Speaker, upstream: Scripted) -> tuple[Speaker, Scripted]:
    """The client and the provider of one test."""
    return speaker, upstream


async def test_a_stream_is_told_in_the_chat_form(
    real: Gateway, speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = provider = Messages(golden("text"))
    heard = await speaker.stream(model="claude", stop="END")
    assert heard.error is None
    assert heard.text == "Hello, wörld"
    assert heard.chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in heard.chunks)
    assert provider.asked[0]["stop_sequences"] == ["END"]
    assert provider.asked[0]["model"] == "claude-sonnet-4-5"
    assert provider.asked[0]["max_tokens"] == 4321
    line = await line_of(real, heard.request_id)
    assert (line["outcome"], line["tokens_in"], line["tokens_out"]) == ("completed", 25, 15)


async def test_the_usage_that_was_asked_for_comes_last(
    speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = Messages(golden("usage_asked"))
    heard = await speaker.stream(model="claude", stream_options={"include_usage": True})
    last = heard.chunks[-1]
    assert (last.choices, heard.text) == ([], "Hi")
    assert last.usage is not None
    assert last.usage.prompt_tokens == 1325
    assert last.usage.prompt_tokens_details is not None
    assert last.usage.prompt_tokens_details.cached_tokens == 1000


async def test_a_tool_is_called_and_its_result_given(speaker: Speaker, upstream: Scripted) -> None:
    upstream.script = provider = Messages(WHOLE, golden("text"))
    user = {"role": "user", "content": "Weather in Ghent?"}
    first = await speaker.whole(model="claude", messages=[user], tools=[TOOL])
    choice = first.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert isinstance(call, ChatCompletionMessageFunctionToolCall)
    assert json.loads(call.function.arguments) == {"city": "Ghent"}
    assert first.usage is not None
    assert (first.usage.prompt_tokens, first.usage.completion_tokens) == (125, 15)
    said = choice.message.model_dump(exclude_none=True)
    result = {"role": "tool", "tool_call_id": call.id, "content": "Rain"}
    heard = await speaker.stream(model="claude", messages=[user, said, result], tools=[TOOL])
    assert heard.text == "Hello, wörld"
    assert provider.asked[1]["messages"][1]["content"] == WHOLE["content"]
    (told,) = provider.asked[1]["messages"][2]["content"]
    assert (told["type"], told["tool_use_id"]) == ("tool_result", "toolu_01")


async def test_tools_are_called_in_a_stream(speaker: Speaker, upstream: Scripted) -> None:
    upstream.script = Messages(golden("tools"))
    heard = await speaker.stream(model="claude", tools=[TOOL])
    arguments = {0: "", 1: ""}
    for chunk in heard.chunks:
        for call in chunk.choices[0].delta.tool_calls or ():
            assert call.function is not None
            arguments[call.index] += call.function.arguments or ""
    assert [json.loads(said) for said in arguments.values()] == [{"city": "Ghent"}, {}]


LONG = "prompt is too long: 9 tokens > 8 maximum"


@pytest.mark.parametrize(
    ("status", "type", "message", "code"),
    [
        (529, "overloaded_error", "Overloaded", "overloaded"),
        (429, "rate_limit_error", "Slow", "rate_limit_exceeded"),
        (404, "not_found_error", "model: x", "model_not_found"),
        (400, "invalid_request_error", LONG, "context_length_exceeded"),
    ],
)
async def test_an_error_before_the_answer_keeps_its_words_and_gets_its_code(
    ends: tuple[Speaker, Scripted], status: int, type: str, message: str, code: str
) -> None:
    speaker, upstream = ends
    told = {"type": "error", "error": {"type": type, "message": message}}
    upstream.script = Messages(told, status=status)
    with pytest.raises(openai.APIStatusError) as caught:
        await speaker.whole(model="claude")
    assert (caught.value.status_code, caught.value.type, caught.value.code) == (status, type, code)
    assert message in caught.value.message


async def test_an_error_in_mid_stream_is_raised_by_the_client(
    speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = Messages(golden("error_in_the_middle"))
    heard = await speaker.stream(model="claude")
    assert heard.text == "Hel"
    assert isinstance(heard.error, openai.APIError)
    assert (heard.error.code, heard.error.type) == ("server_error", "api_error")


async def test_what_cannot_be_told_is_refused_and_nobody_is_asked(
    real: Gateway, speaker: Speaker, upstream: Scripted
) -> None:
    before = len(upstream.links)
    with pytest.raises(openai.BadRequestError) as caught:
        await speaker.whole(model="claude", seed=7)
    assert (caught.value.param, caught.value.code) == ("seed", "unsupported_parameter")
    assert len(upstream.links) == before
    line = await line_of(real, caught.value.request_id or "")
    assert (line["outcome"], line["status"]) == ("refused", 400)


async def test_a_client_that_leaves_in_mid_stream_closes_the_provider(
    real: Gateway, speaker: Speaker, upstream: Scripted
) -> None:
    async def endless(link: Link) -> None:
        await link.request()
        await link.send(STREAM_HEAD)
        await link.chunk(golden("cut_off"))

    def has_content(chunk: ChatCompletionChunk) -> bool:
        return bool(chunk.choices[0].delta.content)

    upstream.script = endless
    heard = await speaker.stream(has_content, model="claude")
    link = upstream.links[-1]
    with trio.fail_after(5):
        await link.gone.wait()
    assert link.saw_at - heard.closed_at < WITHIN
    assert heard.text == "Hel"
    line = await line_of(real, heard.request_id)
    assert (line["outcome"], line["status"]) == ("client_gone", 499)


async def test_a_stream_that_breaks_off_is_resumed(
    real: Gateway, speaker: Speaker, upstream: Scripted
) -> None:
    whole = golden("text").replace(b"msg_01", b"msg_02")
    upstream.script = provider = Messages(golden("cut_off"), whole)
    heard = await speaker.stream(model="steady")
    assert (heard.error, heard.text) == (None, "Hello, wörld")
    assert {chunk.id for chunk in heard.chunks} == {"msg_01"}
    assert provider.asked[0] == provider.asked[1]


async def test_the_provider_is_asked_for_its_models_in_its_own_way(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    asked: list[bytes] = []

    async def lists(link: Link) -> None:
        request = await link.request()
        asked.extend([request.line, *request.values(b"x-api-key")])
        asked.extend(request.values(b"anthropic-version"))
        model = {"type": "model", "id": "claude-sonnet-4-5", "display_name": "Claude"}
        await answer(link, 200, {"data": [model], "has_more": False})

    server = await listen(nursery, lists)
    config = f"""
[providers.anthropic]
base_url = "http://127.0.0.1:{server.port}/v1"
api_key = "{KEY}"
models = "*"
"""
    with gateway(tmp_path, config) as running, trio.fail_after(5):
        speaker = SPEAKERS["sync"](running.api)
        while "claude-sonnet-4-5" not in {model.id for model in await speaker.models()}:
            await trio.sleep(0.02)
    assert asked[:3] == [b"GET /v1/models?limit=1000 HTTP/1.1", KEY.encode(), b"2023-06-01"]
    nursery.cancel_scope.cancel()
