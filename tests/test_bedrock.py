"""AWS Bedrock behind the gateway: official clients ask, a scripted provider speaks Converse.

The provider refuses what botocore's service model would not have, and a signature that does not fit
the bytes that came, as the real one does.
"""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
import trio
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageFunctionToolCall

from gateway.forms.event_stream import MEDIA
from gateway.forms.messages_dialect import BEDROCK_VERSION, VERTEX_VERSION
from gateway.forms.sse import Splitter
from tests.framed import chunk, framed, framed_file
from tests.judges.anthropic import judge_in_a_cloud
from tests.judges.bedrock import judge_converse
from tests.named import line_of
from tests.openai_clients import SPEAKERS, Speaker
from tests.process import Gateway, free_port, gateway
from tests.scripted import Link, Received, Scripted, listen
from tests.signed import signed_by
from tests.test_client_leaves import STREAM_HEAD, WITHIN

WIRE = Path(__file__).parent / "wire"
KEY_ID, SECRET, TOKEN = "AKIDEXAMPLE", "made-up-secret-of-a-pair", "made-up-token"
API_KEY = "bedrock-api-key-made-up"
NOVA = "amazon.nova-pro-v1:0"
CLAUDE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc123"
ENCODED = {
    "amazon.nova-pro-v1%3A0": NOVA,
    "eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0": CLAUDE,
    PROFILE.replace(":", "%3A").replace("/", "%2F"): PROFILE,
}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
USAGE = {"inputTokens": 25, "outputTokens": 15, "totalTokens": 140, "cacheReadInputTokens": 100}
WHOLE = {
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"text": "Let me look."},
                {"toolUse": {"toolUseId": "t_1", "name": "weather", "input": {"city": "Ghent"}}},
            ],
        }
    },
    "stopReason": "tool_use",
    "usage": USAGE,
    "metrics": {"latencyMs": 5},
}
FRAMES_HEAD = STREAM_HEAD.replace(b"text/event-stream", MEDIA.encode())


def golden(name: str) -> bytes:
    return framed_file(WIRE / "bedrock" / f"{name}.events")


def spoken(name: str) -> list[dict[str, Any]]:
    """Return what Claude itself says in one of Anthropic's golden streams."""
    found = Splitter(1 << 20).feed((WIRE / "messages" / f"{name}.sse").read_bytes())
    return [json.loads(each.data) for each in found if each.data]


async def answer(link: Link, status: int, body: object, error: str = "") -> None:
    """Send an answer in one piece."""
    data = json.dumps(body).encode()
    named = f"x-amzn-errortype: {error}\r\n" if error else ""
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{named}"
    await link.send(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)


class Bedrock:
    """A provider that checks what it gets, and says what it is given to say."""

    def __init__(self, *said: bytes | dict[str, Any], status: int = 200, error: str = "") -> None:
        self.said = list(said)
        self.status, self.error = status, error
        self.asked: list[dict[str, Any]] = []
        self.paths: list[tuple[str, str]] = []

    async def __call__(self, link: Link) -> None:
        while True:
            request = await link.request()
            self.check(request)
            said = self.said.pop(0)
            if isinstance(said, dict):
                await answer(link, self.status, said, self.error)
            else:
                await link.send(FRAMES_HEAD)
                await link.chunk(said, b"")

    def check(self, request: Received) -> None:
        """Raise for what the real one would refuse."""
        self.show(request)
        method, path, _ = request.line.decode().split(" ")
        assert method == "POST"
        empty, prefix, model, verb = path.split("/")
        assert (empty, prefix) == ("", "model")
        self.paths.append((ENCODED[model], verb))
        body = json.loads(request.body)
        if verb.startswith("invoke"):
            judge_in_a_cloud(body, BEDROCK_VERSION)
        else:
            judge_converse(body, ENCODED[model], stream=verb == "converse-stream")
        self.asked.append(body)

    def show(self, request: Received) -> None:
        """Check who asks."""
        if request.values(b"authorization") == [b"Bearer " + API_KEY.encode()]:
            return
        assert signed_by(request, {KEY_ID: SECRET}) == KEY_ID
        assert request.values(b"x-amz-security-token") == [TOKEN.encode()]


@pytest.fixture(scope="module")
def upstream_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    """One server process for all tests."""
    config = f"""
[providers.bedrock]
region = "eu-central-1"
base_url = "http://127.0.0.1:{upstream_port}"
access_key_id = "{KEY_ID}"
secret_access_key = "{SECRET}"
session_token = "{TOKEN}"
models = {{ nova = "{NOVA}", claude = "{CLAUDE}", ours = "{PROFILE}" }}

[providers.keyed]
kind = "bedrock"
region = "eu-central-1"
base_url = "http://127.0.0.1:{upstream_port}"
api_key = "{API_KEY}"
models = {{ keyed = "{NOVA}", steady = "{NOVA}" }}

[models.steady]
resume = "verified"
retries = 1

[providers.vertex-anthropic]
project = "our-project"
location = "europe-west1"
base_url = "http://127.0.0.1:{upstream_port}/v1"
api_key = "ya29.made-up"
models = {{ vertex = "claude-sonnet-4-5@20250929" }}

[defaults]
retries = 0
"""
    with gateway(tmp_path_factory.mktemp("bedrock"), config) as running:
        yield running


@pytest.fixture(params=SPEAKERS)
def speaker(request: pytest.FixtureRequest, real: Gateway) -> Speaker:
    return SPEAKERS[str(request.param)](real.api, max_retries=0)


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    server = await listen(nursery, Bedrock(), port=upstream_port)
    yield server
    nursery.cancel_scope.cancel()


@pytest.fixture
def ends(speaker: Speaker, upstream: Scripted) -> tuple[Speaker, Scripted]:
    """The client and the provider of one test."""
    return speaker, upstream


@pytest.mark.parametrize(
    ("model", "own"), [("nova", NOVA), ("claude", CLAUDE), ("ours", PROFILE), ("keyed", NOVA)]
)
async def test_a_stream_is_told_in_the_chat_form(
    real: Gateway, ends: tuple[Speaker, Scripted], model: str, own: str
) -> None:
    speaker, upstream = ends
    upstream.script = provider = Bedrock(golden("text"))
    heard = await speaker.stream(model=model, stop="END")
    assert heard.error is None
    assert heard.text == "Hello, wörld"
    assert heard.chunks[-1].choices[0].finish_reason == "stop"
    assert all(each.usage is None for each in heard.chunks)
    assert provider.paths == [(own, "converse-stream")]
    assert provider.asked[0]["inferenceConfig"] == {"stopSequences": ["END"]}
    line = await line_of(real, heard.request_id)
    assert (line["outcome"], line["tokens_in"], line["tokens_out"]) == ("completed", 25, 15)


async def test_the_usage_that_was_asked_for_comes_last(
    speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = Bedrock(golden("usage_asked"))
    heard = await speaker.stream(model="nova", stream_options={"include_usage": True})
    last = heard.chunks[-1]
    assert (last.choices, heard.text) == ([], "Hi")
    assert last.usage is not None
    assert last.usage.prompt_tokens == 1325
    assert last.usage.prompt_tokens_details is not None
    assert last.usage.prompt_tokens_details.cached_tokens == 1000


async def test_a_tool_is_called_and_its_result_given(speaker: Speaker, upstream: Scripted) -> None:
    upstream.script = provider = Bedrock(WHOLE, golden("text"))
    user = {"role": "user", "content": "Weather in Ghent?"}
    first = await speaker.whole(model="nova", messages=[user], tools=[TOOL])
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
    heard = await speaker.stream(model="nova", messages=[user, said, result], tools=[TOOL])
    assert heard.text == "Hello, wörld"
    assert provider.paths == [(NOVA, "converse"), (NOVA, "converse-stream")]
    told = provider.asked[1]["messages"]
    assert told[1] == {"role": "assistant", "content": WHOLE["output"]["message"]["content"]}  # type: ignore[index]
    assert told[2]["content"] == [
        {"toolResult": {"toolUseId": "t_1", "content": [{"text": "Rain"}]}}
    ]


async def test_tools_are_called_in_a_stream(speaker: Speaker, upstream: Scripted) -> None:
    upstream.script = Bedrock(golden("tools"))
    heard = await speaker.stream(model="nova", tools=[TOOL])
    arguments = {0: "", 1: ""}
    for each in heard.chunks:
        for call in each.choices[0].delta.tool_calls or ():
            assert call.function is not None
            arguments[call.index] += call.function.arguments or ""
    assert [json.loads(said) for said in arguments.values()] == [{"city": "Ghent"}, {}]


@pytest.mark.parametrize(
    ("status", "name", "message", "told", "code"),
    [
        (429, "ThrottlingException", "Slow", 429, "rate_limit_exceeded"),
        (429, "ModelNotReadyException", "Wait", 503, "overloaded"),
        (404, "ResourceNotFoundException", "No", 404, "model_not_found"),
        (400, "ValidationException", "Input is too long.", 400, "context_length_exceeded"),
        (403, "AccessDeniedException", "No AKIDEXAMPLE", 502, "upstream_auth_error"),
    ],
)
async def test_an_error_before_the_answer_gets_its_true_code(
    ends: tuple[Speaker, Scripted], status: int, name: str, message: str, told: int, code: str
) -> None:
    speaker, upstream = ends
    upstream.script = Bedrock({"message": message}, status=status, error=name + ":http://x/")
    with pytest.raises(openai.APIStatusError) as caught:
        await speaker.whole(model="nova")
    assert (caught.value.status_code, caught.value.code) == (told, code)
    assert KEY_ID not in caught.value.message


async def test_an_error_in_mid_stream_is_raised_by_the_client(
    speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = Bedrock(golden("error_in_the_middle"))
    heard = await speaker.stream(model="nova")
    assert heard.text == "Hel"
    assert isinstance(heard.error, openai.APIError)
    assert (heard.error.code, heard.error.type) == ("server_error", "ModelStreamErrorException")


async def test_frames_that_do_not_add_up_break_the_answer_off(
    real: Gateway, ends: tuple[Speaker, Scripted]
) -> None:
    speaker, upstream = ends
    upstream.script = Bedrock(golden("cut_off") + b"\x00" * 16)
    heard = await speaker.stream(model="nova")
    assert heard.text == "Hel"
    assert isinstance(heard.error, openai.APIError)
    assert heard.error.code == "upstream_malformed"
    line = await line_of(real, heard.request_id)
    assert line["outcome"] == "upstream_error"


async def test_what_cannot_be_told_is_refused_and_nobody_is_asked(
    speaker: Speaker, upstream: Scripted
) -> None:
    before = len(upstream.links)
    with pytest.raises(openai.BadRequestError) as caught:
        await speaker.whole(model="nova", seed=7)
    assert (caught.value.param, caught.value.code) == ("seed", "unsupported_parameter")
    assert len(upstream.links) == before


async def test_a_client_that_leaves_in_mid_stream_closes_the_provider(
    real: Gateway, speaker: Speaker, upstream: Scripted
) -> None:
    async def endless(link: Link) -> None:
        await link.request()
        await link.send(FRAMES_HEAD)
        await link.chunk(golden("cut_off"))

    def has_content(each: ChatCompletionChunk) -> bool:
        return bool(each.choices[0].delta.content)

    upstream.script = endless
    heard = await speaker.stream(has_content, model="nova")
    link = upstream.links[-1]
    with trio.fail_after(5):
        await link.gone.wait()
    assert link.saw_at - heard.closed_at < WITHIN
    assert heard.text == "Hel"
    line = await line_of(real, heard.request_id)
    assert (line["outcome"], line["status"]) == ("client_gone", 499)


async def test_a_stream_that_breaks_off_is_resumed(speaker: Speaker, upstream: Scripted) -> None:
    upstream.script = provider = Bedrock(golden("cut_off"), golden("text"))
    heard = await speaker.stream(model="steady")
    assert (heard.error, heard.text) == (None, "Hello, wörld")
    assert len({each.id for each in heard.chunks}) == 1
    assert provider.asked[0] == provider.asked[1]


@pytest.fixture
def claude(real: Gateway) -> Iterator[anthropic.Anthropic]:
    """Anthropic's own client."""
    asks = anthropic.Anthropic(api_key="none", base_url=real.url, max_retries=0, timeout=10)
    with asks as client:
        yield client


HELLO: dict[str, Any] = {"max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}


async def test_anthropics_client_is_passed_to_claude_as_it_speaks(
    real: Gateway, upstream: Scripted, claude: anthropic.Anthropic
) -> None:
    upstream.script = provider = Bedrock(b"".join(map(chunk, spoken("tools"))))

    def ask() -> Any:
        beta = {"anthropic-beta": "one-2025-01-01"}
        with claude.messages.stream(model="claude", extra_headers=beta, **HELLO) as stream:
            return stream.get_final_message(), stream.response.headers["x-request-id"]

    message, request_id = await trio.to_thread.run_sync(ask)
    assert [block.type for block in message.content] == ["text", "tool_use", "tool_use"]
    assert message.stop_reason == "tool_use"
    assert provider.paths == [(CLAUDE, "invoke-with-response-stream")]
    assert provider.asked[0] == {
        **HELLO,
        "anthropic_version": BEDROCK_VERSION,
        "anthropic_beta": ["one-2025-01-01"],
    }
    line = await line_of(real, request_id)
    assert (line["outcome"], line["tokens_out"]) == ("completed", message.usage.output_tokens)


async def test_anthropics_client_gets_one_piece_as_claude_says_it(
    upstream: Scripted, claude: anthropic.Anthropic
) -> None:
    said = {
        "id": "msg_bdrk_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 25, "output_tokens": 15},
    }
    upstream.script = provider = Bedrock(said)
    message = await trio.to_thread.run_sync(lambda: claude.messages.create(model="claude", **HELLO))
    assert (message.id, message.content[0].type) == ("msg_bdrk_01", "text")
    assert provider.paths == [(CLAUDE, "invoke")]


async def test_anthropics_client_is_told_of_a_failure_of_claudes(
    upstream: Scripted, claude: anthropic.Anthropic
) -> None:
    upstream.script = Bedrock({"message": "Slow"}, status=429, error="ThrottlingException")
    with pytest.raises(anthropic.RateLimitError) as caught:
        await trio.to_thread.run_sync(lambda: claude.messages.create(model="claude", **HELLO))
    assert "Slow" in caught.value.message


async def test_anthropics_client_is_translated_for_every_other_model(
    upstream: Scripted, claude: anthropic.Anthropic
) -> None:
    upstream.script = provider = Bedrock(golden("text"))

    def ask() -> str:
        with claude.messages.stream(model="nova", **HELLO) as stream:
            return stream.get_final_text()

    assert await trio.to_thread.run_sync(ask) == "Hello, wörld"
    assert provider.paths == [(NOVA, "converse-stream")]
    assert provider.asked[0]["inferenceConfig"] == {"maxTokens": 9}


async def test_claude_on_vertex_is_asked_by_both_kinds_of_clients(
    speaker: Speaker, upstream: Scripted, claude: anthropic.Anthropic
) -> None:
    asked: list[dict[str, Any]] = []

    async def vertex(link: Link) -> None:
        while True:
            request = await link.request()
            path = "/v1/projects/our-project/locations/europe-west1/publishers/anthropic/models"
            model = "claude-sonnet-4-5%4020250929:streamRawPredict"
            assert request.line.decode() == f"POST {path}/{model} HTTP/1.1"
            assert request.values(b"authorization") == [b"Bearer ya29.made-up"]
            assert request.values(b"anthropic-version") == []
            asked.append(json.loads(request.body))
            judge_in_a_cloud(asked[-1], VERTEX_VERSION)
            await link.send(STREAM_HEAD)
            await link.chunk((WIRE / "messages" / "text.sse").read_bytes(), b"")

    def ask() -> str:
        with claude.messages.stream(model="vertex", **HELLO) as stream:
            return stream.get_final_text()

    upstream.script = vertex
    heard = await speaker.stream(model="vertex")
    assert (heard.error, heard.text) == (None, "Hello, wörld")
    assert await trio.to_thread.run_sync(ask) == "Hello, wörld"
    assert [body["max_tokens"] for body in asked] == [8192, 9]


async def test_tokens_are_counted_by_vertex_and_for_bedrock_by_the_gateway(
    upstream: Scripted, claude: anthropic.Anthropic
) -> None:
    paths: list[bytes] = []

    async def vertex(link: Link) -> None:
        request = await link.request()
        paths.append(request.line.split(b" ")[1].rpartition(b"/")[2])
        assert json.loads(request.body)["model"] == "claude-sonnet-4-5@20250929"
        await answer(link, 200, {"input_tokens": 77})

    def count(model: str) -> int:
        said = HELLO["messages"]
        return claude.messages.count_tokens(model=model, messages=said).input_tokens

    upstream.script = vertex
    assert await trio.to_thread.run_sync(count, "vertex") == 77
    assert paths == [b"count-tokens:rawPredict"]
    assert 0 < await trio.to_thread.run_sync(count, "claude") < 77
    assert len(paths) == 1


async def test_what_is_not_known_is_left_out_and_nothing_is_no_answer(
    speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = Bedrock(golden("of_a_later_day"), framed([{"musing": {}}]))
    assert (await speaker.stream(model="nova")).text == "Be"
    with pytest.raises(openai.InternalServerError) as caught:
        await speaker.stream(model="nova")
    assert caught.value.code == "upstream_truncated"
