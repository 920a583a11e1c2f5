"""OpenAI's official client speaks Responses to the gateway, over chats and over providers of both.

The providers are scripted. They refuse what the official types would not have.
"""

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import openai
import pytest
import trio
from openai.types.responses import Response, ResponseFunctionToolCall

from tests.judges.openai import judge_chat, judge_responses
from tests.named import line_of
from tests.openai_clients import SyncSpeaker, to_trio
from tests.process import Gateway, free_port, gateway
from tests.scripted import Link, Received, Scripted, listen
from tests.test_anthropic import answer
from tests.test_client_leaves import STREAM_HEAD, WITHIN

WIRE = Path(__file__).parent / "wire" / "responses"
T = TypeVar("T")
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1731628800,
    "model": "small-1",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
}


def golden(name: str) -> bytes:
    return (WIRE / f"{name}.sse").read_bytes()


def without_thoughts(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request without what the official types do not have, and providers want back."""
    kept = [
        {name: said for name, said in message.items() if not name.startswith("reasoning")}
        for message in body["messages"]
    ]
    return {**body, "messages": kept}


class Provider:
    """A provider: it notes what it is asked, and says what it is given to say."""

    def __init__(self, *said: bytes | dict[str, Any], status: int = 200) -> None:
        self.said = list(said)
        self.status = status
        self.asked: list[dict[str, Any]] = []
        self.requests: list[Received] = []

    async def __call__(self, link: Link) -> None:
        while True:
            request = await link.request()
            body = json.loads(request.body or b"{}")
            if request.line.startswith(b"POST /v1/chat/completions "):
                judge_chat(without_thoughts(body))
            if request.line.startswith(b"POST /v1/responses "):
                judge_responses(body)
            self.requests.append(request)
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
[providers.chats]
kind = "litellm"
responses = false
base_url = "http://127.0.0.1:{upstream_port}/v1"
models = {{ chat = "small-1", either = "small-1" }}

[providers.both]
kind = "openai"
base_url = "http://127.0.0.1:{upstream_port}/v1"
api_key = "sk-made-up"
responses = true
models = {{ native = "large-1", either = "large-1" }}

[providers.lax]
kind = "openai"
base_url = "http://127.0.0.1:{upstream_port}/v1"
models = {{ lax = "small-1" }}
on_unsupported = "drop"

[models.either]
order = ["chats", "both"]

[defaults]
retries = 0
"""
    with gateway(tmp_path_factory.mktemp("responses"), config) as running:
        yield running


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    server = await listen(nursery, Provider(), port=upstream_port)
    yield server
    nursery.cancel_scope.cancel()


class Client:
    """The official client, in a thread beside the test."""

    def __init__(self, real: Gateway) -> None:
        self._speaker = SyncSpeaker(real.api, max_retries=0)

    async def ask(self, speak: Callable[[openai.OpenAI], T]) -> T:
        return await self._speaker._speak(speak)

    async def create(self, **wish: Any) -> Response:
        """Ask for an answer in one piece."""
        said = {"model": "chat", "input": "Hello", **wish}

        def speak(client: openai.OpenAI) -> Response:
            found = client.responses.create(**said)
            assert isinstance(found, Response)
            return found

        return await self.ask(speak)

    async def stream(self, **wish: Any) -> tuple[list[Any], Response]:
        """Listen to a stream with the official helper."""
        said = {"model": "chat", "input": "Hello", **wish}

        def speak(client: openai.OpenAI) -> tuple[list[Any], Response]:
            with client.responses.stream(**said) as stream:
                return list(stream), stream.get_final_response()

        return await self.ask(speak)


@pytest.fixture
def client(real: Gateway) -> Client:
    return Client(real)


async def test_a_chat_is_streamed_as_a_response(
    real: Gateway, client: Client, upstream: Scripted
) -> None:
    upstream.script = provider = Provider(golden("text"))
    events, response = await client.stream(instructions="Be brief.", max_output_tokens=99)
    assert response.output_text == "Hello, wörld"
    assert [event.type for event in events][:3] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
    ]
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (20, 7)
    assert response.usage.input_tokens_details.cached_tokens == 4
    assert response.instructions == "Be brief."
    assert response.to_dict()["store"] is False
    (asked,) = provider.asked
    assert asked["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]
    assert (asked["model"], asked["max_tokens"]) == ("small-1", 99)
    assert asked["stream_options"] == {"include_usage": True}
    (line,) = await real.wait_for_lines(1, lambda line: line["tokens_in"] == 20)
    assert (line["outcome"], line["status"]) == ("completed", 200)


async def test_a_chat_is_answered_in_one_piece(client: Client, upstream: Scripted) -> None:
    upstream.script = Provider(COMPLETION)
    response = await client.create()
    assert (response.output_text, response.status, response.model) == (
        "Hello",
        "completed",
        "small-1",
    )
    assert response.usage is not None
    assert response.usage.total_tokens == 12


async def test_a_tool_is_called_and_its_result_given(client: Client, upstream: Scripted) -> None:
    upstream.script = provider = Provider(golden("thoughts_signed"), golden("text"))
    user = {"role": "user", "content": "Weather in Ghent?"}
    _, first = await client.stream(input=[user], tools=[WEATHER])
    thought, call = first.output
    assert isinstance(call, ResponseFunctionToolCall)
    assert json.loads(call.arguments) == {"city": "Ghent"}
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "Rain"}
    again = [user, thought.to_dict(), call.to_dict(), result]
    _, second = await client.stream(input=again, tools=[WEATHER])
    assert second.output_text == "Hello, wörld"
    said, told = provider.asked[1]["messages"][1:]
    assert said["tool_calls"][0]["id"] == "toolu_1"
    assert said["reasoning_details"][0]["signature"] == "c2ln"
    assert told == {"role": "tool", "tool_call_id": "toolu_1", "content": "Rain"}


async def test_an_answer_that_was_cut_is_incomplete(client: Client, upstream: Scripted) -> None:
    upstream.script = Provider(golden("cut_for_length"))

    def listen(official: openai.OpenAI) -> list[Any]:
        return list(official.responses.create(model="chat", input="Hello", stream=True))

    events = await client.ask(listen)
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.incomplete_details.reason == "max_output_tokens"


async def test_an_error_before_the_answer_has_openais_shape(
    client: Client, upstream: Scripted
) -> None:
    error = {"message": "Too long.", "type": "invalid_request_error", "param": "messages"}
    body = {"error": {**error, "code": "context_length_exceeded"}}
    upstream.script = Provider(body, status=400)
    with pytest.raises(openai.BadRequestError) as caught:
        await client.create()
    assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize("name", ["error_in_the_middle", "cut_off"])
async def test_an_error_in_the_answer_is_raised_by_the_client(
    client: Client, upstream: Scripted, name: str
) -> None:
    upstream.script = Provider(golden(name))
    with pytest.raises(openai.APIError) as caught:
        await client.stream()
    assert caught.value.code in {"overloaded", "upstream_truncated"}


async def test_what_a_chat_cannot_be_told_is_refused_by_name(
    client: Client, upstream: Scripted
) -> None:
    before = len(upstream.links)
    with pytest.raises(openai.BadRequestError) as caught:
        await client.create(tools=[{"type": "web_search"}])
    assert (caught.value.param, caught.value.code) == (
        "tools.web_search",
        "unsupported_parameter",
    )
    assert len(upstream.links) == before


async def test_what_a_chat_cannot_be_told_is_let_go_where_the_operator_says_so(
    client: Client, upstream: Scripted
) -> None:
    upstream.script = provider = Provider(COMPLETION)

    def speak(official: openai.OpenAI) -> str | None:
        raw = official.responses.with_raw_response.create(
            model="lax", input="Hello", tools=[{"type": "web_search"}], truncation="auto"
        )
        return raw.headers.get("x-gateway-dropped")

    assert await client.ask(speak) == "truncation, tools.web_search"
    assert "tools" not in provider.asked[0]


async def test_a_provider_that_can_is_asked_where_another_cannot(
    client: Client, upstream: Scripted
) -> None:
    upstream.script = provider = Provider(native("completed"))
    response = await client.create(model="either", tools=[{"type": "web_search"}])
    assert response.output_text == "Hello"
    assert provider.requests[0].line == b"POST /v1/responses HTTP/1.1"


def native(status: str, **fields: object) -> dict[str, Any]:
    """Return a response as a provider of the form gives it."""
    part = {"type": "output_text", "text": "Hello", "annotations": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    return {
        "id": "resp_made_up",
        "object": "response",
        "created_at": 1731628800,
        "status": status,
        "model": "large-1-2026",
        "output": [{**message, "content": [part]}],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "store": True,
        "usage": {
            "input_tokens": 11,
            "input_tokens_details": {"cached_tokens": 5},
            "output_tokens": 4,
            "output_tokens_details": {"reasoning_tokens": 1},
            "total_tokens": 15,
        },
        **fields,
    }


async def test_a_provider_of_responses_is_asked_as_the_client_asked(
    real: Gateway, client: Client, upstream: Scripted
) -> None:
    wire = (WIRE / "native" / "text.sse").read_bytes()
    upstream.script = provider = Provider(wire)
    asked = {"input": [{"role": "user", "content": "Hi"}], "truncation": "auto"}
    headers = {"openai-beta": "responses=v1", "x-other": "1"}
    events, response = await client.stream(model="native", extra_headers=headers, **asked)
    assert response.output_text == "Hello, wörld"
    assert len(events) == wire.count(b"event: ")
    request, body = provider.requests[0], provider.asked[0]
    assert request.line == b"POST /v1/responses HTTP/1.1"
    assert request.values(b"openai-beta") == [b"responses=v1"]
    assert request.values(b"x-other") == []
    assert request.values(b"authorization") == [b"Bearer sk-made-up"]
    assert body == {"model": "large-1", "stream": True, **asked}
    (line,) = await real.wait_for_lines(1, lambda line: line["model"] == "native")
    assert (line["outcome"], line["tokens_in"], line["tokens_out"]) == ("completed", 20, 7)


async def test_a_native_stream_that_fails_is_raised(client: Client, upstream: Scripted) -> None:
    upstream.script = Provider((WIRE / "native" / "failed_in_the_middle.sse").read_bytes())
    with pytest.raises(openai.APIError) as caught:
        await client.stream(model="native")
    assert caught.value.code == "server_error"


@pytest.mark.parametrize("model", ["chat", "native"])
async def test_a_client_that_leaves_in_mid_stream_closes_the_provider(
    real: Gateway, client: Client, upstream: Scripted, model: str
) -> None:
    begun = golden("cut_off") if model == "chat" else (WIRE / "native" / "cut_off.sse").read_bytes()

    async def endless(link: Link) -> None:
        await link.request()
        await link.send(STREAM_HEAD)
        await link.chunk(begun)

    upstream.script = endless
    shift = to_trio()

    def leave(official: openai.OpenAI) -> tuple[str, float]:
        stream = official.responses.create(model=model, input="Hello", stream=True)
        for event in stream:
            if event.type == "response.output_text.delta":
                break
        stream.close()
        return stream.response.headers["x-request-id"], time.perf_counter() + shift

    request_id, closed_at = await client.ask(leave)
    link = upstream.links[-1]
    with trio.fail_after(5):
        await link.gone.wait()
    assert link.saw_at - closed_at < WITHIN
    line = await line_of(real, request_id)
    assert (line["outcome"], line["status"]) == ("client_gone", 499)


async def test_a_response_is_gone_on_from_where_it_is_kept(
    client: Client, upstream: Scripted
) -> None:
    upstream.script = provider = Provider(native("completed"), native("completed"))
    first = await client.create(model="native")
    await client.create(model="either", previous_response_id=first.id)
    assert provider.asked[1]["previous_response_id"] == first.id
    assert provider.asked[1]["model"] == "large-1"
    with pytest.raises(openai.BadRequestError) as caught:
        await client.create(model="chat", previous_response_id=first.id)
    assert caught.value.param == "model"


async def test_what_nobody_keeps_is_not_gone_on_from(client: Client, upstream: Scripted) -> None:
    before = len(upstream.links)
    with pytest.raises(openai.BadRequestError) as caught:
        await client.create(model="native", previous_response_id="resp_of_nobody")
    assert (caught.value.code, caught.value.param) == (
        "previous_response_not_found",
        "previous_response_id",
    )
    assert len(upstream.links) == before


async def test_a_response_is_shown_cancelled_and_deleted_where_it_is_kept(
    client: Client, upstream: Scripted
) -> None:
    other = native("completed", id="resp_shown")
    gone = {"id": "resp_shown", "object": "response", "deleted": True}
    items = {"object": "list", "data": [], "has_more": False, "first_id": "", "last_id": ""}
    upstream.script = provider = Provider(other, other, items, other, gone)
    made = await client.create(model="native")

    def speak(official: openai.OpenAI) -> list[object]:
        shown = official.responses.retrieve(made.id)
        listed = official.responses.input_items.list(made.id, limit=3)
        cancelled = official.responses.cancel(made.id)
        official.responses.delete(made.id)
        with pytest.raises(openai.NotFoundError):
            official.responses.retrieve(made.id)
        return [shown.id, listed.data, cancelled.id]

    assert await client.ask(speak) == [made.id, [], made.id]
    assert [request.line.decode() for request in provider.requests[1:]] == [
        "GET /v1/responses/resp_shown HTTP/1.1",
        "GET /v1/responses/resp_shown/input_items?limit=3 HTTP/1.1",
        "POST /v1/responses/resp_shown/cancel HTTP/1.1",
        "DELETE /v1/responses/resp_shown HTTP/1.1",
    ]
    assert provider.requests[1].values(b"authorization") == [b"Bearer sk-made-up"]


async def test_input_is_counted_and_compacted_by_who_speaks_the_form(
    client: Client, upstream: Scripted
) -> None:
    counted = {"object": "response.input_tokens", "input_tokens": 11}
    compacted = native("completed", object="response.compaction")
    upstream.script = provider = Provider(counted, compacted)

    def speak(official: openai.OpenAI) -> tuple[int, str]:
        count = official.responses.input_tokens.count(model="native", input="Hello")
        compact = official.responses.compact(model="native", input="Hello")
        with pytest.raises(openai.BadRequestError):
            official.responses.input_tokens.count(model="chat", input="Hello")
        return count.input_tokens, compact.object

    assert await client.ask(speak) == (11, "response.compaction")
    assert [request.line.split()[1] for request in provider.requests] == [
        b"/v1/responses/input_tokens",
        b"/v1/responses/compact",
    ]
