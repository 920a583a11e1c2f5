"""The official OpenAI client, sync and async, against the gateway's two servers.

The SDK is the judge of the wire: what it raises, what it retries, what it takes for an end. Every
test runs four times: against `gateway serve` and under stock Hypercorn, spoken by either client.
"""

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from uuid import uuid4

import openai
import pytest
import trio
from openai.types.chat import ChatCompletionChunk

from tests.named import line_of
from tests.openai_clients import HELLO, SPEAKERS, Speaker, Wish
from tests.process import ONCE, Gateway, gateway, provider
from tests.scripted import Link, Scripted, listen
from tests.stock import stock
from tests.test_client_leaves import STREAM_HEAD, WITHIN, silent

MAX_BODY_BYTES = 65_536

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
    """A provider that says these events, each by itself, then ends, breaks off or falls silent."""

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


class Refusing:
    """A provider that answers each request with an error; `times` says how often it was asked."""

    def __init__(self, status: int, error: Mapping[str, object], *fields: str) -> None:
        body = json.dumps({"error": error}).encode()
        lines = [f"HTTP/1.1 {status} No", "content-type: application/json", *fields]
        head = "\r\n".join([*lines, f"content-length: {len(body)}", "", ""])
        self.answer = head.encode() + body
        self.times = 0

    async def __call__(self, link: Link) -> None:
        while True:
            await link.request()
            self.times += 1
            await link.send(self.answer)


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
    models = provider(upstream_port, models='["m", "openai/o3"]')
    config = f"[server]\nmax_body_bytes = {MAX_BODY_BYTES}\n{models}{ONCE}"
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


async def test_an_answer_in_one_piece(real: Gateway, speaker: Speaker) -> None:
    answer = await speaker.whole()
    assert answer.choices[0].message.content == HELLO
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5
    assert answer._request_id
    line = await line_of(real, answer._request_id)
    assert (line["outcome"], line["stream"], line["status"]) == ("completed", False, 200)


async def test_a_stream_word_by_word(real: Gateway, speaker: Speaker) -> None:
    """C8: the SDK leaves at `[DONE]`, and was served."""
    heard = await speaker.stream()
    assert heard.error is None
    assert heard.text == HELLO
    assert sum(bool(chunk.choices[0].delta.content) for chunk in heard.chunks) == 5
    assert heard.chunks[-1].choices[0].finish_reason == "stop"
    line = await line_of(real, heard.request_id)
    assert (line["outcome"], line["cause"], line["status"]) == ("completed", None, 200)
    assert line["tokens_out"] == 5


async def test_usage_is_shown_to_whoever_asks_and_to_nobody_else(speaker: Speaker) -> None:
    asked = await speaker.stream(stream_options={"include_usage": True})
    assert [bool(chunk.usage) for chunk in asked.chunks[-2:]] == [False, True]
    assert asked.chunks[-1].choices == []
    assert asked.chunks[-1].usage is not None
    assert asked.chunks[-1].usage.total_tokens == 10
    silent = await speaker.stream()
    assert all(chunk.usage is None and chunk.choices for chunk in silent.chunks)


async def test_a_listener_who_leaves_at_the_last_word_was_served(
    real: Gateway, speaker: Speaker
) -> None:
    """C8: the last word, its end and `[DONE]` had been handed over together."""

    def last(said: ChatCompletionChunk) -> bool:
        return said.choices[0].finish_reason == "stop"

    heard = await speaker.stream(last)
    assert heard.text == HELLO
    line = await line_of(real, heard.request_id)
    assert line["outcome"] == "completed"


async def test_a_tool_call_arrives_in_its_parts(upstream: Scripted, speaker: Speaker) -> None:
    """U40."""
    parts = ['{"ci', 'ty": ', '"Łódź"}']
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather"}}
    pieces = [{"index": 0, "function": {"arguments": part}} for part in parts]
    upstream.script = streams(
        chunk(role="assistant", tool_calls=[first]),
        *(chunk(tool_calls=[piece]) for piece in pieces),
        chunk("tool_calls"),
        DONE,
    )
    heard = await speaker.stream(model="m", tools=[TOOL], extra_body={"guided_json": {"a": 1}})
    calls = [call for said in heard.chunks for call in said.choices[0].delta.tool_calls or []]
    assert (calls[0].id, calls[0].function and calls[0].function.name) == ("call_1", "weather")
    told = [call.function.arguments for call in calls[1:] if call.function]
    assert told == parts
    assert heard.chunks[-1].choices[0].finish_reason == "tool_calls"


async def test_fields_that_only_the_provider_knows_reach_it(
    upstream: Scripted, speaker: Speaker
) -> None:
    seen: list[dict[str, object]] = []

    async def script(link: Link) -> None:
        seen.append(json.loads((await link.request()).body))
        await link.send(STREAM_HEAD)
        await link.chunk(chunk("stop", content="x"), DONE, b"")

    upstream.script = script
    await speaker.stream(model="m", tools=[TOOL], extra_body={"guided_json": {"a": 1}})
    assert seen[0]["guided_json"] == {"a": 1}
    assert seen[0]["tools"] == [TOOL]


async def test_the_models_are_listed_and_shown(speaker: Speaker) -> None:
    names = [model.id for model in await speaker.models()]
    assert {"echo", "m", "openai/o3"} <= set(names)
    shown = await speaker.model("openai/o3")
    assert (shown.id, shown.object) == ("openai/o3", "model")


async def test_a_listener_who_leaves_in_mid_stream_stops_the_provider(
    real: Gateway, upstream: Scripted, speaker: Speaker
) -> None:
    """C1, C2."""
    upstream.script = streams(chunk(content="one"), chunk(content="two"), then="silence")
    heard = await speaker.stream(lambda said: said.choices[0].delta.content == "two", model="m")
    assert heard.text == "onetwo"
    link = await upstream.link(0)
    with trio.fail_after(1):
        await link.gone.wait()
    assert link.saw_at - heard.closed_at < WITHIN
    line = await line_of(real, heard.request_id)
    assert (line["outcome"], line["phase"], line["status"]) == ("client_gone", "streaming", 499)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_loses_patience_stops_the_provider(
    real: Gateway, upstream: Scripted, flavour: str, stream: bool
) -> None:
    """C4, C6: a timeout of the SDK is a leaving before the first byte."""
    upstream.script = streams(then="silence") if stream else silent
    request_id = uuid4().hex
    headers = {"x-request-id": request_id}
    hasty = SPEAKERS[flavour](real.api, max_retries=0, default_headers=headers)
    # It keeps to itself how long it waits, or the gateway would give up before it does.
    silence = {"x-stainless-read-timeout": "for ever"}
    wish: Wish = {"model": "m", "timeout": 0.1, "extra_headers": silence}
    with pytest.raises(openai.APITimeoutError):
        await (hasty.stream(**wish) if stream else hasty.whole(**wish))
    left_at = trio.current_time()
    link = await upstream.link(0)
    with trio.fail_after(1):
        await link.gone.wait()
    assert link.saw_at - left_at < WITHIN
    line = await line_of(real, request_id)
    assert (line["outcome"], line["phase"]) == ("client_gone", "waiting")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_says_how_long_it_waits_is_told_why_before_it_leaves(
    real: Gateway, upstream: Scripted, flavour: str, stream: bool
) -> None:
    upstream.script = streams(then="silence") if stream else silent
    hasty = SPEAKERS[flavour](real.api, max_retries=5)
    wish: Wish = {"model": "m", "timeout": 1.0}
    with pytest.raises(openai.InternalServerError) as caught:
        await (hasty.stream(**wish) if stream else hasty.whole(**wish))
    assert (caught.value.status_code, caught.value.code) == (504, "client_timeout")
    link = await upstream.link(0)
    with trio.fail_after(1):
        await link.gone.wait()
    assert len(upstream.links) == 1


async def test_an_unknown_model_is_not_found(speaker: Speaker) -> None:
    for stream in (False, True):
        with pytest.raises(openai.NotFoundError) as caught:
            await (speaker.stream if stream else speaker.whole)(model="ecko")
        error = caught.value
        assert (error.code, error.param) == ("model_not_found", "model")
        assert error.type == "invalid_request_error"
        assert "ecko" in error.message
        assert error.request_id
    with pytest.raises(openai.NotFoundError, match="ecko"):
        await speaker.model("ecko")


async def test_an_unknown_path_is_not_found(speaker: Speaker) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await speaker.get("/nowhere")
    assert caught.value.code == "unknown_url"
    assert caught.value.request_id


async def test_a_mistake_in_the_request_is_told(speaker: Speaker) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await speaker.whole(extra_body={"messages": "hello"})
    assert caught.value.type == "invalid_request_error"
    assert caught.value.param == "messages"


async def test_a_body_that_is_too_long_is_refused(speaker: Speaker) -> None:
    """C13: the answer is not lost, though the body is not read to its end."""
    with pytest.raises(openai.APIStatusError) as caught:
        await speaker.whole(messages=[{"role": "user", "content": "x" * 10 * MAX_BODY_BYTES}])
    assert (caught.value.status_code, caught.value.code) == (413, "request_too_large")


async def test_a_providers_429_keeps_its_words_and_its_retry_after(
    upstream: Scripted, speaker: Speaker
) -> None:
    """U8 in part."""
    error = {
        "message": "Slow down.",
        "type": "tokens",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    upstream.script = Refusing(429, error, "retry-after: 7", "x-ratelimit-limit-requests: 60")
    with pytest.raises(openai.RateLimitError, match="Slow down") as caught:
        await speaker.whole(model="m")
    assert (caught.value.code, caught.value.type) == ("rate_limit_exceeded", "tokens")
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.response.headers["x-ratelimit-limit-requests"] == "60"


async def test_the_sdk_asks_again_where_that_can_help(
    real: Gateway, upstream: Scripted, flavour: str
) -> None:
    upstream.script = asked = Refusing(429, {"message": "Slow down."}, "retry-after-ms: 1")
    with pytest.raises(openai.RateLimitError):
        await SPEAKERS[flavour](real.api, max_retries=2).whole(model="m")
    assert asked.times == 3


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_the_sdk_does_not_ask_again_when_our_own_key_was_refused(
    real: Gateway, upstream: Scripted, flavour: str, status: int
) -> None:
    """U6."""
    upstream.script = asked = Refusing(status, {"message": "Bad key sk-1."}, "retry-after-ms: 1")
    with pytest.raises(openai.InternalServerError) as caught:
        await SPEAKERS[flavour](real.api, max_retries=2).whole(model="m")
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_auth_error")
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert "sk-1" not in caught.value.message
    assert asked.times == 1


async def test_an_error_told_in_the_stream_is_raised(upstream: Scripted, speaker: Speaker) -> None:
    """U26."""
    told = b'data: {"error":{"message":"Overloaded.","type":"overloaded_error","code":"busy"}}\n\n'
    upstream.script = streams(chunk(content="one"), told)
    heard = await speaker.stream(model="m")
    assert heard.text == "one"
    assert type(heard.error) is openai.APIError
    assert (heard.error.code, heard.error.type) == ("busy", "overloaded_error")
    assert heard.error.message == "Overloaded."


@pytest.mark.parametrize(
    ("then", "code"),
    [("end", "upstream_truncated"), ("fin", "upstream_truncated"), ("rst", "upstream_reset")],
)
async def test_a_stream_that_breaks_off_never_looks_whole(
    real: Gateway, upstream: Scripted, speaker: Speaker, then: str, code: str
) -> None:
    """U13, U14, U15, U24, U40."""
    upstream.script = streams(chunk(content="one"), then=then)
    heard = await speaker.stream(model="m")
    assert heard.text == "one"
    assert isinstance(heard.error, openai.APIError)
    assert heard.error.code == code
    line = await line_of(real, heard.request_id)
    assert line["cause"] == code
    assert line["outcome"] == ("upstream_error" if then == "rst" else "upstream_truncated")


async def test_nobody_listens_at_the_providers_port(speaker: Speaker) -> None:
    """U1 in part."""
    with pytest.raises(openai.InternalServerError) as caught:
        await speaker.whole(model="m")
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_connect_error")
