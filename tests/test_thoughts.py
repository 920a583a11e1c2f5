"""Signed thoughts find their way back, although OpenAI's own client drops what it does not know.

Two scripted providers, of which each refuses what the official SDK's types would not have.
"""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
import trio

from tests.judges.anthropic import judge_messages
from tests.judges.google import judge_generate
from tests.openai_clients import SPEAKERS, Speaker
from tests.process import Gateway, free_port, gateway
from tests.scripted import Link, Scripted, listen
from tests.test_client_leaves import STREAM_HEAD
from tests.test_gemini import WHOLE as OF_GOOGLE
from tests.test_gemini import answer, golden

TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("weather", "now")
]
USER = {"role": "user", "content": "Weather in Ghent?"}
THINKING = {"type": "thinking", "thinking": "Where is it?", "signature": "c2lnbmVk"}
USE = {"type": "tool_use", "id": "toolu_01", "name": "weather", "input": {"city": "Ghent"}}
OF_ANTHROPIC: dict[str, Any] = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [THINKING, USE],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 25, "output_tokens": 15},
}


class Provider:
    """A provider that checks what it gets, and says what it is given to say."""

    def __init__(self, *said: bytes | dict[str, Any]) -> None:
        self.said = list(said)
        self.asked: list[dict[str, Any]] = []

    async def __call__(self, link: Link) -> None:
        while True:
            request = await link.request()
            body = json.loads(request.body)
            (judge_messages if b"/messages" in request.line else judge_generate)(body)
            self.asked.append(body)
            said = self.said.pop(0)
            if isinstance(said, dict):
                await answer(link, 200, said)
            else:
                await link.send(STREAM_HEAD)
                await link.chunk(said, b"")


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Gateway]:
    """One server process for all tests."""
    config = f"""
[providers.gemini]
base_url = "http://127.0.0.1:{port}/v1beta"
models = {{ flash = "gemini-3-flash-preview" }}

[providers.anthropic]
base_url = "http://127.0.0.1:{port}/v1"
models = {{ claude = "claude-sonnet-4-5" }}
"""
    with gateway(tmp_path_factory.mktemp("thoughts"), config) as running:
        yield running


@pytest.fixture
def speaker(real: Gateway) -> Speaker:
    return SPEAKERS["sync"](real.api, max_retries=0)


async def first_turn(speaker: Speaker, model: str, *, stream: bool) -> dict[str, Any]:
    """Ask, and return the assistant's message as a client keeps it that knows OpenAI's fields."""
    wish: dict[str, Any] = {"model": model, "messages": [USER], "tools": TOOLS}
    if not stream:
        message = (await speaker.whole(**wish)).choices[0].message
        assert message.tool_calls is not None
        calls = [call.model_dump() for call in message.tool_calls]
        return {"role": "assistant", "content": message.content, "tool_calls": calls}
    calls = []
    for chunk in (await speaker.stream(**wish)).chunks:
        for part in chunk.choices[0].delta.tool_calls or ():
            assert part.function is not None
            if part.id is not None:
                function = {"name": part.function.name, "arguments": ""}
                calls.append({"id": part.id, "type": "function", "function": function})
            calls[-1]["function"]["arguments"] += part.function.arguments or ""
    return {"role": "assistant", "content": None, "tool_calls": calls}


async def second_turn(speaker: Speaker, model: str, said: dict[str, Any]) -> None:
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": "Rain"}
        for call in said["tool_calls"]
    ]
    await speaker.whole(model=model, messages=[USER, said, *results], tools=TOOLS)


async def upstream(nursery: trio.Nursery, port: int, *said: bytes | dict[str, Any]) -> Provider:
    provider = Provider(*said)
    server: Scripted = await listen(nursery, provider, port=port)
    assert server.port == port
    return provider


@pytest.mark.parametrize("stream", [True, False])
async def test_gemini_gets_its_signatures_back(
    speaker: Speaker, nursery: trio.Nursery, port: int, stream: bool
) -> None:
    call = {"functionCall": {"name": "weather", "args": {}}, "thoughtSignature": "c2ln"}
    content = {"parts": [call], "role": "model"}
    whole = {**OF_GOOGLE, "candidates": [{"content": content, "finishReason": "STOP"}]}
    first = golden("tools") if stream else whole
    provider = await upstream(nursery, port, first, OF_GOOGLE)
    said = await first_turn(speaker, "flash", stream=stream)
    assert not {"reasoning_details", "reasoning_content"} & said.keys()
    await second_turn(speaker, "flash", said)
    parts = provider.asked[1]["contents"][1]["parts"]
    signs = [part.get("thoughtSignature") for part in parts if "functionCall" in part]
    assert signs == (["c2ln", None, None] if stream else ["c2ln"])
    nursery.cancel_scope.cancel()


def events_of(message: dict[str, Any]) -> bytes:
    """Return an answer of Messages as the stream that it would be."""
    start = {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}}
    events: list[dict[str, Any]] = [start]
    for at, block in enumerate(message["content"]):
        known = {"index": at}
        if block["type"] == "thinking":
            begun: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        else:
            begun = {**block, "input": {}}
            parts = json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": parts}]
        events.append({"type": "content_block_start", **known, "content_block": begun})
        events += [{"type": "content_block_delta", **known, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", **known})
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": 15}})
    events.append({"type": "message_stop"})
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())
        for event in events
    )


@pytest.mark.parametrize("stream", [True, False])
async def test_anthropic_gets_its_thoughts_back(
    speaker: Speaker, nursery: trio.Nursery, port: int, stream: bool
) -> None:
    first = events_of(OF_ANTHROPIC) if stream else OF_ANTHROPIC
    provider = await upstream(nursery, port, first, OF_ANTHROPIC)
    said = await first_turn(speaker, "claude", stream=stream)
    await second_turn(speaker, "claude", said)
    assert provider.asked[1]["messages"][1]["content"] == [THINKING, USE]
    nursery.cancel_scope.cancel()


async def test_one_provider_is_not_given_the_thoughts_of_another(
    speaker: Speaker, nursery: trio.Nursery, port: int
) -> None:
    provider = await upstream(nursery, port, OF_ANTHROPIC, OF_GOOGLE)
    said = await first_turn(speaker, "claude", stream=False)
    await second_turn(speaker, "flash", said)
    (part,) = provider.asked[1]["contents"][1]["parts"]
    assert part["functionCall"]["name"] == "weather"
    assert part["thoughtSignature"] == "skip_thought_signature_validator"
    nursery.cancel_scope.cancel()


async def test_anthropics_own_client_has_gemini_find_its_signatures(
    real: Gateway, nursery: trio.Nursery, port: int
) -> None:
    provider = await upstream(nursery, port, golden("tools"), OF_GOOGLE)
    tools: Any = [{"name": name, "input_schema": {"type": "object"}} for name in ("weather", "now")]
    user: Any = {"role": "user", "content": "Weather in Ghent?"}

    def ask() -> str:
        with anthropic.Anthropic(base_url=real.url, api_key="k", max_retries=0) as client:
            wish: Any = {"model": "flash", "max_tokens": 99, "tools": tools}
            with client.messages.stream(messages=[user], **wish) as stream:
                said = stream.get_final_message()
            assert said.stop_reason == "tool_use"
            uses = [block.id for block in said.content if block.type == "tool_use"]
            results: Any = [
                {"type": "tool_result", "tool_use_id": each, "content": "Rain"} for each in uses
            ]
            turns: Any = [
                *(user, {"role": "assistant", "content": said.content}),
                {"role": "user", "content": results},
            ]
            (block,) = client.messages.create(messages=turns, **wish).content
            assert block.type == "text"
            return str(block.text)

    assert await trio.to_thread.run_sync(ask) == "Hello, wörld"
    parts = provider.asked[1]["contents"][1]["parts"]
    signs = [part.get("thoughtSignature") for part in parts if "functionCall" in part]
    assert signs == ["c2ln", None, None]
    nursery.cancel_scope.cancel()
