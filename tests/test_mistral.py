"""Mistral behind the gateway: its models that think answer in parts, and want them back as parts.

The provider refuses fields of a message that it does not know, as the real one does.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trio

from tests.judged import Body, Judged
from tests.judges.strictly import Refused, only
from tests.openai_clients import SPEAKERS, Speaker
from tests.process import Gateway, free_port, gateway
from tests.scripted import Scripted, listen

WIRE = Path(__file__).parent / "wire" / "chat"
KNOWN = ("role", "content", "tool_calls", "prefix", "name", "tool_call_id")
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "Let me see."}]}
WHOLE = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1764500000,
    "model": "magistral-medium-2509",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": [THOUGHT, {"type": "text", "text": "Hello"}],
            },
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 25, "completion_tokens": 15, "total_tokens": 40},
}


def judge(body: Body) -> None:
    """Refuse what Mistral's API does not take."""
    for message in body["messages"]:
        only(message, KNOWN)
    if not body.keys().isdisjoint({"stream_options", "max_completion_tokens", "seed"}):
        raise Refused("extra inputs are not permitted")


def provider(*said: bytes | Body) -> Judged:
    return Judged({"/v1/chat/completions": judge}, "text/event-stream", *said)


@pytest.fixture(scope="module")
def upstream_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    config = f"""
[providers.mistral]
base_url = "http://127.0.0.1:{upstream_port}/v1"
api_key = "made-up"
models = ["magistral-medium-2509"]
"""
    with gateway(tmp_path_factory.mktemp("mistral"), config) as running:
        yield running


@pytest.fixture(params=SPEAKERS)
def speaker(request: pytest.FixtureRequest, real: Gateway) -> Speaker:
    return SPEAKERS[str(request.param)](real.api, max_retries=0)


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    listening = await listen(nursery, provider(), port=upstream_port)
    yield listening
    nursery.cancel_scope.cancel()


async def test_thoughts_are_told_apart_and_given_back_in_parts(
    speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = said = provider(WHOLE, (WIRE / "thoughts_in_parts.sse").read_bytes())
    user = {"role": "user", "content": "Hi"}
    first = await speaker.whole(model="magistral-medium-2509", messages=[user])
    message = first.choices[0].message.model_dump(exclude_none=True)
    assert (message["content"], message["reasoning_content"]) == ("Hello", "Let me see.")
    messages = [user, message, user]
    heard = await speaker.stream(
        model="magistral-medium-2509", messages=messages, max_completion_tokens=99, seed=7
    )
    assert (heard.error, heard.text) == (None, "Hello")
    thoughts = [
        chunk.choices[0].delta.model_dump().get("reasoning_content") for chunk in heard.chunks
    ]
    assert "".join(filter(None, thoughts)) == "Let me see."
    assert said.asked[1]["messages"][1]["content"] == [THOUGHT, {"type": "text", "text": "Hello"}]
    assert (said.asked[1]["max_tokens"], said.asked[1]["random_seed"]) == (99, 7)
