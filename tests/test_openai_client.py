"""The official OpenAI client, sync and async, against the gateway's two servers.

The SDK is the judge of the wire: what it raises, what it retries, what it takes for an end. Every
test runs four times: against `gateway serve` and under stock Hypercorn, spoken by either client.
"""

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import openai
import pytest
import trio
from openai.types.chat import ChatCompletionChunk

from tests.openai_clients import HELLO, SPEAKERS, Speaker
from tests.process import Gateway, gateway, provider
from tests.scripted import Link, Scripted, listen
from tests.stock import stock

WITHIN = 0.050
"""Seconds from the client's leaving to the provider's seeing it, at most."""

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
DONE = b"data: [DONE]\n\n"
SERVERS = {"gateway": gateway, "hypercorn": stock}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}

Script = Callable[[Link], Awaitable[None]]


def chunk(finish_reason: str | None = None, **delta: object) -> bytes:
    """Return one event of a provider's stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**event, "choices": [choice]}).encode() + b"\n\n"


def streams(*events: bytes, then: str = "end") -> Script:
    """A provider that says these events, each by itself, and then ends, breaks off, or is silent."""

    async def script(link: Link) -> None:
        await link.request()
        await link.send(STREAM_HEAD)
        await link.chunk(*events)
        match then:
            case "end":
                await link.chunk(b"")
            case "fin":
                link.fin()
            case "rst":
                link.rst()

    return script


def refuses(status: int, error: dict[str, object], *fields: str) -> Script:
    """A provider that answers each request with an error."""
    body = json.dumps({"error": error}).encode()
    lines = [f"HTTP/1.1 {status} No", "content-type: application/json", *fields]
    head = "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode()

    async def script(link: Link) -> None:
        while True:
            await link.request()
            link.answered += 1
            await link.send(head + body)

    return script


@pytest.fixture(scope="module")
def upstream_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module", params=SERVERS)
def real(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream_port: int
) -> Iterator[Gateway]:
    """One server process for all tests."""
    config = provider(upstream_port, models='["m", "openai/o3"]')
    with SERVERS[request.param](tmp_path_factory.mktemp("sdk"), config) as running:
        yield running


@pytest.fixture(params=SPEAKERS)
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def speaker(real: Gateway, flavour: str) -> Speaker:
    return SPEAKERS[flavour](real.api, max_retries=0)


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    server = await listen(nursery, streams(DONE), port=upstream_port)
    yield server
    nursery.cancel_scope.cancel()
