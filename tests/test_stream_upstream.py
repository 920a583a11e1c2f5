"""`stream_upstream`: who wants one piece gets it, made of a stream that stops when he leaves."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import trio

from gateway.forms.chat_build import as_stream
from tests.openai_clients import SPEAKERS, Speaker
from tests.process import Gateway, free_port, gateway
from tests.scripted import Link, listen
from tests.test_client_leaves import CHUNK, STREAM_HEAD, WITHIN
from tests.told import COMPLETION, Told

MESSAGES = [{"role": "user", "content": "Hi"}]
FINGERPRINT = {"system_fingerprint": "fp-1"}
RICH: dict[str, Any] = {
    **COMPLETION,
    **FINGERPRINT,
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "reasoning_content": "Two cities.",
                "tool_calls": [
                    {
                        "id": f"call-{number}",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city":"Ghent"}'},
                    }
                    for number in range(2)
                ],
            },
            "logprobs": None,
            "finish_reason": "tool_calls",
        },
        {
            "index": 1,
            "message": {"role": "assistant", "content": None, "refusal": "I cannot."},
            "logprobs": {
                "content": None,
                "refusal": [{"token": "I", "logprob": -0.5, "bytes": [73], "top_logprobs": []}],
            },
            "finish_reason": "stop",
        },
    ],
}
TEXT: dict[str, Any] = {
    **COMPLETION,
    **FINGERPRINT,
    "usage": {**COMPLETION["usage"], "prompt_tokens_details": {"cached_tokens": 1}},
}


@pytest.fixture(scope="module")
def upstream_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    """One server process for all tests: each level says it once."""
    table = f"""
kind = "openai"
base_url = "http://127.0.0.1:{upstream_port}/v1"
"""
    config = f"""
[providers.streams]{table}
models = ["m", "whole"]
stream_upstream = true
[providers.wholes]{table}
models = ["plain", "named"]
[models]
whole = {{ stream_upstream = false }}
named = {{ stream_upstream = true }}
"""
    with gateway(tmp_path_factory.mktemp("streams"), config) as running:
        yield running


@pytest.fixture(params=SPEAKERS)
def speaker(request: pytest.FixtureRequest, real: Gateway) -> Speaker:
    return SPEAKERS[str(request.param)](real.api, max_retries=0)


def events_of(whole: dict[str, Any]) -> list[bytes]:
    """Return a completion as a provider streams it: its texts and arguments in halves."""
    stream = as_stream(json.dumps(whole).encode())
    assert stream is not None
    found: list[bytes] = []
    for data in stream.split(b"\n\n")[:-1]:
        found += halves(data)
    return [b"data: %b\n\n" % data for data in found] + [b""]


def halves(event: bytes) -> list[bytes]:
    data = event.removeprefix(b"data: ")
    if data == b"[DONE]":
        return [data]
    first, second = json.loads(data), json.loads(data)
    for choice, other in zip(first["choices"], second["choices"], strict=True):
        delta, rest = choice["delta"], other["delta"]
        other["logprobs"] = None
        rest.pop("role", None)
        for name in ("content", "refusal", "reasoning_content"):
            if (text := delta.get(name)) is not None:
                delta[name], rest[name] = text[:3], text[3:]
        for call, more in zip(delta.get("tool_calls", ()), rest.get("tool_calls", ()), strict=True):
            arguments = call["function"]["arguments"]
            call["function"]["arguments"] = arguments[:4]
            more.clear()
            more.update(index=call["index"], function={"arguments": arguments[4:]})
    if not first["choices"] or first["choices"][0]["finish_reason"]:
        second = {}
    return [json.dumps(FINGERPRINT | each).encode() for each in (first, second) if each]


async def ask(real: Gateway, model: str, **wish: object) -> dict[str, Any]:
    said = {"model": model, "messages": MESSAGES, **wish}
    async with httpx2.AsyncClient(timeout=10) as client:
        answer = await client.post(f"{real.api}/chat/completions", json=said)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize("whole", [TEXT, RICH], ids=["text", "rich"])
async def test_what_comes_of_a_stream_is_what_comes_in_one_piece(
    whole: dict[str, Any], real: Gateway, upstream_port: int, nursery: trio.Nursery
) -> None:
    up = Told(events_of(whole), whole)
    await listen(nursery, up, port=upstream_port)
    assert await ask(real, "m", n=2) == await ask(real, "plain", n=2) == whole
    joined, plain = up.bodies
    streams = {"stream": True, "stream_options": {"include_usage": True}}
    assert joined == {**plain, "model": "m", **streams}
    assert "stream" not in plain
    nursery.cancel_scope.cancel()


async def test_an_official_client_sees_no_difference(
    speaker: Speaker, upstream_port: int, nursery: trio.Nursery
) -> None:
    up = Told(events_of(TEXT))
    await listen(nursery, up, port=upstream_port)
    answer = await speaker.whole(model="m")
    assert answer.choices[0].message.content == "Hello."
    assert answer.usage is not None
    assert answer.usage.total_tokens == 5
    heard = await speaker.stream(model="m")
    assert heard.text == "Hello."
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("model", "streams"), [("whole", False), ("named", True)])
async def test_a_model_may_say_otherwise_than_its_provider(
    model: str, streams: bool, real: Gateway, upstream_port: int, nursery: trio.Nursery
) -> None:
    up = Told(events_of(TEXT) if streams else TEXT)
    await listen(nursery, up, port=upstream_port)
    await ask(real, model)
    assert [body.get("stream", False) for body in up.bodies] == [streams]
    nursery.cancel_scope.cancel()


async def test_audio_is_asked_for_in_one_piece(
    real: Gateway, upstream_port: int, nursery: trio.Nursery
) -> None:
    """A stream has it in another encoding."""
    up = Told(TEXT)
    await listen(nursery, up, port=upstream_port)
    await ask(real, "m", audio={"format": "mp3", "voice": "alloy"}, modalities=["text", "audio"])
    assert "stream" not in up.bodies[0]
    nursery.cancel_scope.cancel()


BROKEN = {
    "cut off": ([events_of(TEXT)[0]], "upstream_truncated"),
    "an error": ([events_of(TEXT)[0], b'data: {"error":{"message":"Oh","code":"oh"}}\n\n'], "oh"),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_stream_that_breaks_off_is_an_error_and_no_half_of_an_answer(
    what: str, real: Gateway, upstream_port: int, nursery: trio.Nursery
) -> None:
    events, code = BROKEN[what]
    await listen(nursery, Told([*events, b""]), port=upstream_port)
    wish = {"model": "m", "messages": MESSAGES}
    async with httpx2.AsyncClient(timeout=10) as client:
        answer = await client.post(f"{real.api}/chat/completions", json=wish)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, code)
    nursery.cancel_scope.cancel()


async def test_who_leaves_stops_the_provider_at_once(
    real: Gateway, upstream_port: int, nursery: trio.Nursery
) -> None:
    """In mid-answer: a provider that was asked for one piece would go on to its end."""
    speaks = trio.Event()

    async def script(link: Link) -> None:
        await link.request()
        await link.send(STREAM_HEAD)
        while True:
            await link.chunk(CHUNK % b"word ")
            speaks.set()
            await trio.sleep(0.01)

    server = await listen(nursery, script, port=upstream_port)
    said = {"model": "m", "messages": MESSAGES}
    left = 0.0
    async with httpx2.AsyncClient(timeout=10) as client, trio.open_nursery() as asking:
        asking.start_soon(client_asks, client, real, said)
        await speaks.wait()
        await trio.sleep(0.03)
        asking.cancel_scope.cancel()
        left = trio.current_time()
    link = await server.link(0)
    with trio.fail_after(5):
        await link.gone.wait()
    assert link.saw_at - left < WITHIN
    (line,) = await real.wait_for_lines(1, lambda line: line["outcome"] == "client_gone")
    assert line["target"] == "streams/m"
    nursery.cancel_scope.cancel()


async def client_asks(client: httpx2.AsyncClient, real: Gateway, said: object) -> None:
    await client.post(f"{real.api}/chat/completions", json=said)
