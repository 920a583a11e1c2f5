"""Anthropic's official client asks the gateway; scripted providers of two forms answer it.

The SDK is the judge of the wire: what it reads, what it raises. `claude` is served by a provider of
Messages, `gpt` by one of OpenAI's chat; both refuse what their official types would not have.
"""

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

import anthropic
import pytest
import trio
from anthropic.types import Message, TextBlock, ThinkingBlock, ToolUseBlock

from tests.judges.anthropic import judge_count_tokens, judge_messages
from tests.judges.openai import judge_chat
from tests.named import line_of
from tests.openai_clients import to_trio
from tests.process import Gateway, free_port, gateway
from tests.scripted import Link, Received, Scripted, listen
from tests.test_anthropic import WHOLE, answer, golden
from tests.test_client_leaves import STREAM_HEAD, WITHIN
from tests.test_openai_client import DONE, chunk

KEY = "sk-ant-made-up"
OWN_VERSION = str(anthropic.Anthropic(api_key="none").default_headers["anthropic-version"])
HELLO: dict[str, Any] = {"max_tokens": 256, "messages": [{"role": "user", "content": "Hello"}]}
TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}
USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 15,
    "total_tokens": 135,
    "prompt_tokens_details": {"cached_tokens": 100},
}
COUNTED = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],'
COUNTED += b'"usage":%b}\n\n' % json.dumps(USAGE).encode()
CALL: dict[str, Any] = {"index": 0, "id": "call_1", "type": "function"}
TOLD = (
    chunk(role="assistant", content=""),
    chunk(reasoning_content="I count."),
    chunk(content="Let me "),
    chunk(content="look."),
    chunk(tool_calls=[{**CALL, "function": {"name": "weather", "arguments": ""}}]),
    chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"city": "Gh'}}]),
    chunk(tool_calls=[{"index": 0, "function": {"arguments": 'ent"}'}}]),
    chunk(tool_calls=[{**CALL, "index": 1, "id": "call_2", "function": {"name": "now"}}]),
    chunk("tool_calls"),
    COUNTED,
    DONE,
)

T = TypeVar("T")


class Provider:
    """A provider: it judges what it is asked, and says what it is given to say."""

    def __init__(self, *said: bytes | dict[str, Any], status: int = 200) -> None:
        self.said = list(said)
        self.status = status
        self.asked: list[dict[str, Any]] = []
        self.requests: list[Received] = []

    async def __call__(self, link: Link) -> None:
        while True:
            request = await link.request()
            body = json.loads(request.body)
            path = request.line.split(b" ")[1]
            judge = {
                b"/v1/messages": judge_messages,
                b"/v1/messages/count_tokens": judge_count_tokens,
                b"/v1/chat/completions": judge_chat,
            }[path]
            judge(body)
            self.asked.append(body)
            self.requests.append(request)
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
    base_url = f"http://127.0.0.1:{upstream_port}/v1"
    config = f"""
[providers.anthropic]
base_url = "{base_url}"
api_key = "{KEY}"
models = {{ claude = "claude-sonnet-4-5" }}

[providers.other]
kind = "openai"
base_url = "{base_url}"
models = {{ gpt = "gpt-5.2" }}

[providers.lenient]
kind = "openai"
base_url = "{base_url}"
models = {{ any = "gpt-5.2" }}
on_unsupported = "drop"

[models]
both = {{ targets = ["gpt", "claude"] }}

[defaults]
retries = 0
"""
    with gateway(tmp_path_factory.mktemp("messages"), config) as running:
        yield running


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    server = await listen(nursery, Provider(), port=upstream_port)
    yield server
    nursery.cancel_scope.cancel()


async def ask(real: Gateway, asks: Callable[[anthropic.Anthropic], T], **options: Any) -> T:
    """Have the official client ask, in a thread beside the test."""

    def run() -> T:
        root = real.api.removesuffix("/v1")
        options.setdefault("max_retries", 0)
        with anthropic.Anthropic(base_url=root, api_key="none", timeout=10, **options) as client:
            return asks(client)

    return await trio.to_thread.run_sync(run)


async def told(real: Gateway, model: str, **wish: Any) -> tuple[list[str], Message]:
    """Ask for a stream: the kinds of its events, and the message that the client makes of it."""

    def asks(client: anthropic.Anthropic) -> tuple[list[str], Message]:
        with client.messages.stream(model=model, **{**HELLO, **wish}) as stream:
            kinds: list[str] = [event.type for event in stream]
            return kinds, stream.get_final_message()

    return await ask(real, asks)


async def whole(real: Gateway, model: str, **wish: Any) -> Message:
    return await ask(real, lambda client: client.messages.create(model=model, **{**HELLO, **wish}))


async def refusal(real: Gateway, model: str, **wish: Any) -> anthropic.APIStatusError:
    with pytest.raises(anthropic.APIStatusError) as caught:
        await whole(real, model, **wish)
    return caught.value


async def test_a_stream_of_the_same_form_passes_as_it_came(
    real: Gateway, upstream: Scripted
) -> None:
    upstream.script = provider = Provider(golden("text"))
    kinds, message = await told(real, "claude", extra_headers={"anthropic-beta": "a-1,b-2"})
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert message.content[0].to_dict() == {"type": "text", "text": "Hello, wörld"}
    assert (message.stop_reason, message.usage.input_tokens) == ("end_turn", 25)
    (asked,) = provider.asked
    assert asked == {**HELLO, "model": "claude-sonnet-4-5", "stream": True}
    (request,) = provider.requests
    assert request.values(b"x-api-key") == [KEY.encode()]
    assert request.values(b"anthropic-beta") == [b"a-1,b-2"]
    assert request.values(b"anthropic-version") == [OWN_VERSION.encode()]


async def test_every_byte_of_a_stream_of_the_same_form_is_the_providers(
    real: Gateway, upstream: Scripted
) -> None:
    upstream.script = Provider(golden("thinking"))

    def asks(client: anthropic.Anthropic) -> tuple[bytes, str]:
        create = client.messages.with_streaming_response.create
        with create(model="claude", stream=True, **HELLO) as response:
            return response.read(), response.headers["request-id"]

    body, request_id = await ask(real, asks)
    assert body == golden("thinking")
    line = await line_of(real, request_id)
    assert (line["outcome"], line["tokens_in"], line["tokens_out"]) == ("completed", 25, 90)


async def test_what_only_this_form_has_reaches_a_provider_of_it(
    real: Gateway, upstream: Scripted
) -> None:
    upstream.script = provider = Provider(WHOLE)
    search = {"type": "web_search_20250305", "name": "web_search"}
    more = {"container": "c", "extra_body": {"top_k": 3}}
    message = await whole(real, "claude", tools=[TOOL, search], **more)
    assert message.to_dict()["content"] == WHOLE["content"]
    assert message._request_id
    (asked,) = provider.asked
    assert (asked["container"], asked["tools"][1], asked["top_k"]) == ("c", search, 3)


async def test_a_stream_of_chat_is_told_in_events_of_messages(
    real: Gateway, upstream: Scripted
) -> None:
    upstream.script = provider = Provider(b"".join(TOLD))
    kinds, message = await told(real, "gpt", tools=[TOOL], stop_sequences=["END"])
    raw = [kind for kind in kinds if kind.startswith(("message", "content_block"))]
    block = ["content_block_start", "content_block_delta", "content_block_stop"]
    thought, words, call, empty = block[:2] + block[1:], block[:2] + block[1:], block, block
    assert raw[: 1 + len(thought)] == ["message_start", *thought]
    assert raw[-2:] == ["message_delta", "message_stop"]
    assert raw.count("content_block_start") == raw.count("content_block_stop") == 4
    assert len(words) + len(call) + len(empty) < len(raw)
    thinking, text, first, second = message.content
    assert isinstance(thinking, ThinkingBlock)
    assert (thinking.thinking, bool(thinking.signature)) == ("I count.", True)
    assert isinstance(text, TextBlock)
    assert text.text == "Let me look."
    assert isinstance(first, ToolUseBlock)
    assert (first.id, first.name, first.input) == ("call_1", "weather", {"city": "Ghent"})
    assert isinstance(second, ToolUseBlock)
    assert second.input == {}
    assert message.stop_reason == "tool_use"
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (20, 100, 15)
    (asked,) = provider.asked
    assert asked["stream_options"] == {"include_usage": True}
    assert (asked["max_completion_tokens"], asked["stop"]) == (256, ["END"])


async def test_a_conversation_with_tools_goes_on_with_a_provider_of_chat(
    real: Gateway, upstream: Scripted
) -> None:
    upstream.script = provider = Provider(b"".join(TOLD), completion("It rains."))
    _, first = await told(real, "gpt", tools=[TOOL])
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "no", "is_error": True}
    other = {"type": "tool_result", "tool_use_id": "call_2", "content": [
        {"type": "text", "text": "noon"}
    ]}  # fmt: skip
    turns = [
        *HELLO["messages"],
        {"role": "assistant", "content": [block.to_dict() for block in first.content]},
        {"role": "user", "content": [result, other, {"type": "text", "text": "Well?"}]},
    ]
    marked = [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}]
    message = await whole(real, "gpt", messages=turns, tools=[TOOL], system=marked)
    assert message.to_dict()["content"] == [{"type": "text", "text": "It rains."}]
    system, _, said, failed, noon, last = provider.asked[1]["messages"]
    assert system == {"role": "system", "content": "Be kind."}
    assert said["content"] == "Let me look."
    assert [call["function"]["arguments"] for call in said["tool_calls"]] == [
        '{"city":"Ghent"}', "{}",
    ]  # fmt: skip
    assert failed == {"role": "tool", "tool_call_id": "call_1", "content": "Error: no"}
    assert noon["content"] == "noon"
    assert last == {"role": "user", "content": "Well?"}


def completion(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-5.2"}
    return {**head, "choices": [choice], "usage": USAGE}


async def test_an_answer_of_chat_in_one_piece_is_a_message(
    real: Gateway, upstream: Scripted
) -> None:
    upstream.script = Provider(completion("Hi"))
    message = await whole(real, "gpt")
    assert (message.stop_reason, message.model) == ("end_turn", "gpt-5.2")
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (20, 100, 15)
    line = await line_of(real, message._request_id or "")
    assert (line["tokens_in"], line["cached_tokens"], line["outcome"]) == (120, 100, "completed")


async def test_what_a_provider_of_chat_cannot_be_told_is_refused_by_name(
    real: Gateway, upstream: Scripted
) -> None:
    before = len(upstream.links)
    error = await refusal(real, "gpt", container="c")
    assert (error.status_code, error.type) == (400, "invalid_request_error")
    assert "'container'" in error.message
    assert len(upstream.links) == before


async def test_what_a_provider_of_chat_cannot_be_told_is_let_go_where_the_operator_says_so(
    real: Gateway, upstream: Scripted
) -> None:
    upstream.script = provider = Provider(completion("Hi"))

    def asks(client: anthropic.Anthropic) -> str:
        search: Any = {"type": "web_search_20250305", "name": "web_search"}
        answered = client.messages.with_raw_response.create(
            model="any", container="c", tools=[search], **HELLO
        )
        return answered.headers["x-gateway-dropped"]

    assert await ask(real, asks) == "tools.web_search_20250305, container"
    assert not {"container", "tools"} & provider.asked[0].keys()


async def test_a_call_goes_on_to_a_home_that_can_be_told_all_of_it(
    real: Gateway, upstream: Scripted
) -> None:
    upstream.script = provider = Provider(WHOLE)
    await whole(real, "both", container="c")
    assert provider.asked[0]["container"] == "c"


RAISED = {
    429: (anthropic.RateLimitError, "rate_limit_error"),
    529: (anthropic.InternalServerError, "overloaded_error"),
    404: (anthropic.NotFoundError, "not_found_error"),
    400: (anthropic.BadRequestError, "invalid_request_error"),
}


@pytest.mark.parametrize("model", ["claude", "gpt"])
@pytest.mark.parametrize("status", RAISED)
async def test_a_providers_error_is_told_in_anthropics_shape(
    real: Gateway, upstream: Scripted, model: str, status: int
) -> None:
    raised, kind = RAISED[status]
    body: dict[str, Any] = {"type": "error", "error": {"type": kind, "message": "Not now."}}
    if model == "gpt":
        body = {"error": {"message": "Not now.", "type": "x", "param": None, "code": None}}
    upstream.script = Provider(body, status=status)
    error = await refusal(real, model)
    assert isinstance(error, raised)
    assert (error.status_code, error.type) == (status, kind)
    assert "Not now." in error.message
    assert error.request_id


async def test_an_unknown_model_is_an_error_of_anthropics_shape(real: Gateway) -> None:
    error = await refusal(real, "nobody")
    assert (error.status_code, error.type) == (404, "not_found_error")
    assert error.request_id


async def test_an_unknown_key_is_an_error_of_anthropics_shape(tmp_path: Any) -> None:
    pepper = "a-made-up-pepper"
    config = f"""
[auth]
pepper = "{pepper}"
required = true

[[keys]]
name = "ci"
hash = "{"0" * 64}"
"""
    with gateway(tmp_path, config) as running:
        error = await refusal(running, "echo")
    assert isinstance(error, anthropic.AuthenticationError)
    assert error.type == "authentication_error"
    assert error.request_id


OVERLOADED = b'data: {"error":{"message":"Overloaded","type":"x","param":null,"code":"overloaded"}}'


@pytest.mark.parametrize(
    ("model", "said", "kind"),
    [
        ("claude", golden("error_in_the_middle"), "api_error"),
        ("gpt", b"".join(TOLD[:3]) + OVERLOADED + b"\n\n", "overloaded_error"),
        ("gpt", b"".join(TOLD[:3]), "api_error"),
        ("claude", golden("cut_off"), "api_error"),
        ("gpt", b"".join(TOLD[:3]) + chunk("error") + DONE, "api_error"),
        ("gpt", b"".join(TOLD[:3]) + DONE, "api_error"),
    ],
    ids=["told", "told in chat", "cut off in chat", "cut off", "odd end", "no reason"],
)
async def test_what_does_not_end_well_is_never_told_as_whole(
    real: Gateway, upstream: Scripted, model: str, said: bytes, kind: str
) -> None:
    upstream.script = Provider(said)

    def asks(client: anthropic.Anthropic) -> list[str]:
        kinds: list[str] = []
        with pytest.raises(anthropic.APIStatusError) as caught:
            stream = client.messages.create(model=model, stream=True, **HELLO)
            kinds.extend(event.type for event in stream)
        assert caught.value.type == kind
        return kinds

    kinds = await ask(real, asks)
    assert not {"message_delta", "message_stop"} & set(kinds)


@pytest.mark.parametrize(
    ("model", "said"), [("claude", golden("cut_off")), ("gpt", b"".join(TOLD[:3]))]
)
async def test_a_client_that_leaves_in_mid_stream_closes_the_provider(
    real: Gateway, upstream: Scripted, model: str, said: bytes
) -> None:
    async def endless(link: Link) -> None:
        await link.request()
        await link.send(STREAM_HEAD)
        await link.chunk(said)

    upstream.script = endless
    shift = to_trio()

    def asks(client: anthropic.Anthropic) -> tuple[float, str]:
        stream = client.messages.create(model=model, stream=True, **HELLO)
        for event in stream:
            if event.type == "content_block_delta":
                break
        closed_at = time.perf_counter() + shift
        stream.close()
        return closed_at, stream.response.headers["request-id"]

    closed_at, request_id = await ask(real, asks)
    link = upstream.links[-1]
    with trio.fail_after(5):
        await link.gone.wait()
    assert link.saw_at - closed_at < WITHIN
    line = await line_of(real, request_id)
    assert (line["outcome"], line["status"]) == ("client_gone", 499)


async def test_tokens_are_counted_by_a_provider_that_can(real: Gateway, upstream: Scripted) -> None:
    upstream.script = provider = Provider({"input_tokens": 2095})
    messages = HELLO["messages"]

    def asks(client: anthropic.Anthropic) -> tuple[int, bool]:
        answered = client.messages.with_raw_response.count_tokens(model="claude", messages=messages)
        return answered.parse().input_tokens, "x-gateway-estimated" in answered.headers

    assert await ask(real, asks) == (2095, False)
    assert provider.asked == [{"model": "claude-sonnet-4-5", "messages": messages}]


async def test_tokens_that_nobody_can_count_are_estimated_and_told_as_such(
    real: Gateway, upstream: Scripted
) -> None:
    before = len(upstream.links)

    def asks(client: anthropic.Anthropic) -> tuple[int, str]:
        messages: Any = [{"role": "user", "content": "word " * 800}]
        answered = client.messages.with_raw_response.count_tokens(model="gpt", messages=messages)
        return answered.parse().input_tokens, answered.headers["x-gateway-estimated"]

    tokens, estimated = await ask(real, asks)
    assert 800 <= tokens <= 1200
    assert estimated == "input_tokens"
    assert len(upstream.links) == before


async def test_a_thought_of_another_provider_is_not_shown_to_anthropic(
    real: Gateway, upstream: Scripted
) -> None:
    upstream.script = provider = Provider(b"".join(TOLD), WHOLE)
    _, first = await told(real, "gpt", tools=[TOOL])
    results = [
        {"type": "tool_result", "tool_use_id": name, "content": "x"}
        for name in ("call_1", "call_2")
    ]
    turns = [
        *HELLO["messages"],
        {"role": "assistant", "content": [block.to_dict() for block in first.content]},
        {"role": "user", "content": results},
    ]
    await whole(real, "claude", messages=turns, tools=[TOOL])
    kinds = [block["type"] for block in provider.asked[1]["messages"][1]["content"]]
    assert kinds == ["text", "tool_use", "tool_use"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_client_that_looks_whether_anybody_is_there_is_answered(
    real: Gateway, method: str
) -> None:
    def asks(client: anthropic.Anthropic) -> int:
        return client._client.request(method, "/").status_code

    assert await ask(real, asks) == 200
