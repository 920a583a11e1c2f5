"""The official clients of Node.js and the real gateway, a scripted provider behind it.

`nox -s npm` installs them, of the versions in `package.json`, and runs these tests.
"""

import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.judged import Body, Judged
from tests.judges.openai import judge_chat
from tests.npm.conftest import FOLDER
from tests.process import Gateway, free_port, gateway, provider
from tests.scripted import Link, Scripted, listen

CLIENTS = ["openai", "anthropic", "ai"]
TEXT = "It rains."
PLACE = {"name": "weather", "arguments": '{"city":"Ghent"}'}
CALL = {"id": "call_1", "type": "function", "function": PLACE}
USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
PATIENCE = 30
"""Seconds; Node.js takes one to start."""


def whole(message: Body, reason: str) -> Body:
    said = {"role": "assistant", "content": None, "refusal": None, **message}
    choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": reason}
    head = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
    return {**head, "choices": [choice], "usage": USAGE}


def event(delta: Body, reason: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: %b\n\n" % json.dumps({**head, "choices": [choice], **more}).encode()


BEGUN = event({"role": "assistant", "content": ""}) + event({"content": "It "})
ENDED = event({"content": "rains."}) + event({}, "stop")
COUNTED = b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",' + (
    b'"choices":[],"usage":%b}\n\n' % json.dumps(USAGE).encode()
)
STREAM = BEGUN + ENDED + COUNTED + b"data: [DONE]\n\n"
FAULT = b'data: {"error":{"message":"It broke.","type":"server_error","param":null,"code":"x"}}\n\n'


def server(*said: bytes | Body, status: int = 200) -> Judged:
    judges = {"/v1/chat/completions": judge_chat}
    return Judged(judges, "text/event-stream", *said, status=status)


@pytest.fixture(scope="module")
def upstream_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("npm"), provider(upstream_port)) as running:
        yield running


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    listening = await listen(nursery, server(), port=upstream_port)
    yield listening
    nursery.cancel_scope.cancel()


async def run(real: Gateway, client: str, what: str) -> dict[str, Any]:
    """Have a client do something; return what it says came of it."""
    command = ["node", "smoke.mjs", real.url, client, what]
    with trio.fail_after(PATIENCE):
        done = await trio.run_process(
            command, cwd=Path(os.environ[FOLDER]), capture_stdout=True, capture_stderr=True
        )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_stream_is_read_to_its_end(real: Gateway, upstream: Scripted, client: str) -> None:
    upstream.script = server(STREAM)
    told = await run(real, client, "stream")
    finish = "end_turn" if client == "anthropic" else "stop"
    assert told == {"told": {"text": TEXT, "finish": finish, "usage": 8}}


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_tool_is_called_and_its_result_given(
    real: Gateway, upstream: Scripted, client: str
) -> None:
    upstream.script = said = server(
        whole({"tool_calls": [CALL]}, "tool_calls"), whole({"content": TEXT}, "stop")
    )
    told = await run(real, client, "tools")
    assert told == {"told": {"city": "Ghent", "text": TEXT}}
    result = said.asked[1]["messages"][-1]
    assert (result["role"], result["tool_call_id"]) == ("tool", "call_1")


@pytest.mark.parametrize("client", CLIENTS)
async def test_an_error_is_raised_with_its_status(
    real: Gateway, upstream: Scripted, client: str
) -> None:
    error = {"message": "Too often.", "type": "rate_limit_error", "param": None, "code": "slow"}
    upstream.script = server({"error": error}, status=429)
    failed = (await run(real, client, "whole"))["failed"]
    assert failed["status"] == 429
    assert "Too often." in failed["message"]


@pytest.mark.parametrize("client", CLIENTS)
async def test_an_error_in_mid_stream_is_raised(
    real: Gateway, upstream: Scripted, client: str
) -> None:
    upstream.script = server(BEGUN + FAULT)
    failed = (await run(real, client, "stream"))["failed"]
    assert "It broke." in failed["message"]


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_that_leaves_in_mid_stream_closes_the_provider(
    real: Gateway, upstream: Scripted, client: str
) -> None:
    async def endless(link: Link) -> None:
        said = server()
        await said.take(link)
        await link.send(said.stream_head)
        await link.chunk(BEGUN)

    upstream.script = endless
    left = len(real.lines())
    told = await run(real, client, "leave")
    link = upstream.links[-1]
    with trio.fail_after(5):
        await link.gone.wait()
    assert "abort" in json.dumps(told).lower() or told["told"]["text"] == "It "
    lines = await real.wait_for_lines(left + 1)
    assert (lines[-1]["outcome"], lines[-1]["status"]) == ("client_gone", 499)
