"""Every endpoint keeps the promise: the client leaves, and its provider is closed that instant.

In virtual time, in every phase that its answers have. No endpoint is left out: the table of
endpoints itself is asked.
"""

import json
from dataclasses import dataclass
from typing import Final

import pytest
import trio
from trio.testing import MockClock

from gateway.endpoints import AZURE, ENDPOINTS, ID, Endpoint
from tests.stage import STREAM_HEAD, Stage, answer, chunk, event, post

pytest_plugins = ("tests.onstage",)

SOUND_HEAD: Final = STREAM_HEAD.replace(b"text/event-stream", b"audio/mpeg")
TURNS: Final = [{"role": "user", "content": "hello"}]
JSON_BODIES: Final[dict[str, dict[str, object]]] = {
    "/chat/completions": {"messages": TURNS},
    "/messages": {"messages": TURNS, "max_tokens": 9},
    "/messages/count_tokens": {"messages": TURNS},
    "/responses": {"input": "hello"},
    "/responses/input_tokens": {"input": "hello"},
    "/responses/compact": {"input": "hello"},
    "/completions": {"prompt": "hello"},
    "/embeddings": {"input": "hello"},
    "/moderations": {"input": "hello"},
    "/rerank": {"query": "hello", "documents": ["a", "b"]},
    "/images/generations": {"prompt": "hello"},
    "/audio/speech": {"input": "hello", "voice": "alloy"},
}
STREAMS: Final = {
    "/chat/completions": event("a"),
    "/messages": event("a"),
    "/responses": event("a"),
    "/completions": b'data: {"choices":[{"index":0,"text":"a","finish_reason":null}]}\n\n',
}
"""What a provider begins a stream with, of the operations that have one."""

NATIVE: Final = {"/responses/input_tokens", "/responses/compact"}
"""Operations that a provider is asked for in the client's own form alone."""

LOCAL: Final = {"/messages/count_tokens"}
"""Operations that a provider of another form is not asked for."""


@dataclass(frozen=True)
class Case:
    """One request, and how far its provider has come when the client leaves."""

    endpoint: Endpoint
    stream: bool
    script: tuple[bytes, ...]
    phase: str


def plain(endpoint: Endpoint) -> str:
    """Return an endpoint's path without what stands before all of its kind."""
    return endpoint.path.removeprefix("/v1").removeprefix(AZURE)


def wire(endpoint: Endpoint, *, stream: bool) -> bytes:
    """Return a request for an endpoint."""
    path = endpoint.path.replace(ID, "m")
    if endpoint.uploads:
        fields = {"model": "m", **({"stream": "true"} if stream else {}), "prompt": "hello"}
        parts = [
            f'--cut\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        parts.append(
            '--cut\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n'
        )
        body = "".join([*parts, "--cut--\r\n"]).encode()
        return post(body, "Content-Type: multipart/form-data; boundary=cut", path=path)
    said = {"model": "m", **JSON_BODIES[plain(endpoint)]}
    if stream:
        said["stream"] = True
    return post(json.dumps(said).encode(), path=path)


def cases() -> list[Case]:
    found = []
    for endpoint in ENDPOINTS:
        path = plain(endpoint)
        if not endpoint.carried or path in LOCAL:
            continue
        half = answer(200, b"{}" * 50)[:-1]
        found += [Case(endpoint, False, (), "waiting"), Case(endpoint, False, (half,), "waiting")]
        if path in STREAMS:
            begun = (STREAM_HEAD, chunk(STREAMS[path]))
            found += [Case(endpoint, True, (), "waiting"), Case(endpoint, True, begun, "streaming")]
        if path == "/audio/speech":
            begun = (SOUND_HEAD, chunk(b"\xff\xfb" * 500))
            found.append(Case(endpoint, False, begun, "streaming"))
    return found


def name_of(case: Case) -> str:
    way = "stream" if case.stream else "whole"
    return f"{case.endpoint.path} {way} {case.phase} {len(case.script)}"


@pytest.mark.parametrize("way", ["fin", "rst"])
@pytest.mark.parametrize("case", cases(), ids=name_of)
async def test_its_client_leaves_and_the_provider_is_closed_that_instant(
    stage: Stage, case: Case, way: str, autojump_clock: MockClock
) -> None:
    """C1, C2, C4, C6."""
    if plain(case.endpoint) in NATIVE:
        stage.also = ("responses",)
    provider = stage.provider(*case.script)
    caller = stage.ask(wire(case.endpoint, stream=case.stream))
    with trio.fail_after(5):
        await provider.asked.wait()
    await trio.sleep_until(12)
    caller.leave(way)
    receipt = await stage.receipt()
    assert provider.closed_at == receipt.ended == 12
    assert (receipt.outcome, receipt.cause) == ("client_gone", "client_gone")
    assert (receipt.endpoint, receipt.phase) == (case.endpoint.operation, case.phase)


@pytest.mark.parametrize(
    "endpoint", [each for each in ENDPOINTS if each.carried], ids=lambda each: each.path
)
async def test_its_client_leaves_in_the_middle_of_its_request(
    stage: Stage, endpoint: Endpoint, autojump_clock: MockClock
) -> None:
    """C7."""
    caller = stage.ask(wire(endpoint, stream=False)[:-5])
    await trio.sleep(3)
    caller.leave()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase, receipt.ended) == ("client_gone", "body", 3)
    assert stage.dialled == []
