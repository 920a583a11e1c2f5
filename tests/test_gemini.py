"""Gemini behind the gateway: OpenAI's clients ask, a scripted provider speaks Google's API.

The provider refuses what the official SDK's types would not have, as the real one does.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import trio
from openai.types.chat import ChatCompletionChunk

from tests.judges.google import judge_batch_embed, judge_generate
from tests.named import line_of
from tests.openai_clients import SPEAKERS, Speaker
from tests.process import Gateway, free_port, gateway
from tests.scripted import Link, Scripted, listen
from tests.test_client_leaves import STREAM_HEAD, WITHIN

WIRE = Path(__file__).parent / "wire" / "gemini"
KEY = "AIza-made-up"
TOKEN = "ya29-made-up"
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
IN_STREAM = b"/v1beta/models/gemini-3-flash-preview:streamGenerateContent?alt=sse"
IN_ONE = b"/v1beta/models/gemini-3-flash-preview:generateContent"
WHOLE: dict[str, Any] = {
    "candidates": [
        {
            "content": {"parts": [{"text": "Hello, wörld"}], "role": "model"},
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 25,
        "cachedContentTokenCount": 10,
        "candidatesTokenCount": 15,
        "thoughtsTokenCount": 5,
        "totalTokenCount": 45,
    },
    "modelVersion": "gemini-3-flash-preview",
    "responseId": "resp-1",
}

Script = Callable[[Link], Awaitable[None]]


def golden(name: str) -> bytes:
    return (WIRE / f"{name}.sse").read_bytes()


async def answer(link: Link, status: int, body: object) -> None:
    """Send an answer in one piece."""
    data = json.dumps(body, indent=2).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json; charset=UTF-8"
    await link.send(f"{head}\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data)


class Google:
    """A provider that speaks Gemini: it checks what it gets, and says what it is given to say."""

    def __init__(self, *said: bytes | dict[str, Any], status: int = 200) -> None:
        self.said = list(said)
        self.status = status
        self.asked: list[dict[str, Any]] = []
        self.lines: list[bytes] = []

    async def __call__(self, link: Link) -> None:
        while True:
            request = await link.request()
            self.lines.append(request.line)
            if b"/projects/" in request.line:
                assert request.values(b"authorization") == [b"Bearer " + TOKEN.encode()]
            else:
                assert request.values(b"x-goog-api-key") == [KEY.encode()]
                assert request.values(b"authorization") == []
            body = json.loads(request.body)
            if b":batchEmbedContents" in request.line:
                judge_batch_embed(body)
            else:
                judge_generate(body)
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
[providers.gemini]
base_url = "http://127.0.0.1:{upstream_port}/v1beta"
api_key = "{KEY}"
models = {{ flash = "gemini-3-flash-preview", steady = "gemini-3-flash-preview" }}

[providers.cloud]
kind = "vertex"
base_url = "http://127.0.0.1:{upstream_port}/v1"
project = "our-project"
location = "europe-west1"
api_key = "{TOKEN}"
prefix = "cloud/"

[models.steady]
resume = "verified"
retries = 1

[defaults]
retries = 0
"""
    with gateway(tmp_path_factory.mktemp("gemini"), config) as running:
        yield running


@pytest.fixture(params=SPEAKERS)
def speaker(request: pytest.FixtureRequest, real: Gateway) -> Speaker:
    return SPEAKERS[str(request.param)](real.api, max_retries=0)


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    server = await listen(nursery, Google(), port=upstream_port)
    yield server
    nursery.cancel_scope.cancel()


async def test_a_stream_is_told_in_the_chat_form(
    real: Gateway, speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = provider = Google(golden("text"))
    heard = await speaker.stream(model="flash", stop="END", seed=7)
    assert heard.error is None
    assert heard.text == "Hello, wörld!"
    assert heard.chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in heard.chunks)
    assert provider.lines == [b"POST %b HTTP/1.1" % IN_STREAM]
    assert provider.asked[0]["generationConfig"] == {"stopSequences": ["END"], "seed": 7}
    line = await line_of(real, heard.request_id)
    assert (line["outcome"], line["tokens_in"], line["tokens_out"]) == ("completed", 5, 4)


async def test_an_answer_in_one_piece_is_told_in_the_chat_form(
    speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = provider = Google(WHOLE)
    completion = await speaker.whole(model="flash", reasoning_effort="low")
    assert completion.choices[0].message.content == "Hello, wörld"
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (25, 20)
    assert completion.usage.completion_tokens_details is not None
    assert completion.usage.completion_tokens_details.reasoning_tokens == 5
    assert provider.lines == [b"POST %b HTTP/1.1" % IN_ONE]
    thinking = {"thinkingLevel": "LOW", "includeThoughts": True}
    assert provider.asked[0]["generationConfig"] == {"thinkingConfig": thinking}


async def test_the_usage_that_was_asked_for_comes_last(
    speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = Google(golden("usage_asked"))
    heard = await speaker.stream(model="flash", stream_options={"include_usage": True})
    last = heard.chunks[-1]
    assert (last.choices, heard.text) == ([], "Hi")
    assert last.usage is not None
    assert last.usage.prompt_tokens_details is not None
    assert last.usage.prompt_tokens_details.cached_tokens == 1000


async def test_vertex_is_asked_in_its_project_and_at_its_place(
    speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = provider = Google(golden("text"))
    heard = await speaker.stream(model="cloud/gemini-2.5-pro")
    assert heard.text == "Hello, wörld!"
    place = b"/v1/projects/our-project/locations/europe-west1/publishers/google"
    verb = b"streamGenerateContent?alt=sse"
    assert provider.lines == [b"POST %b/models/gemini-2.5-pro:%b HTTP/1.1" % (place, verb)]


async def test_no_name_of_a_model_leads_anywhere_else(speaker: Speaker, upstream: Scripted) -> None:
    upstream.script = provider = Google(golden("text"))
    heard = await speaker.stream(model="cloud/a?b/c:d")
    assert heard.error is None
    assert b"/publishers/google/models/a%3Fb%2Fc%3Ad:stream" in provider.lines[0]
    with pytest.raises(openai.BadRequestError):
        await speaker.whole(model="cloud/../../x")
    assert len(provider.lines) == 1


async def test_a_tool_is_called_and_its_result_given(speaker: Speaker, upstream: Scripted) -> None:
    upstream.script = provider = Google(golden("tools"), golden("text"))
    user = {"role": "user", "content": "Weather in Ghent?"}
    first = await speaker.stream(model="flash", messages=[user], tools=[TOOL])
    calls: dict[int, dict[str, Any]] = {}
    for chunk in first.chunks:
        for call in chunk.choices[0].delta.tool_calls or ():
            assert call.function is not None
            if call.id is not None:
                function = {"name": call.function.name, "arguments": ""}
                calls[call.index] = {"id": call.id, "type": "function", "function": function}
            calls[call.index]["function"]["arguments"] += call.function.arguments
    assert first.chunks[-1].choices[0].finish_reason == "tool_calls"
    said = {"role": "assistant", "content": first.text, "tool_calls": list(calls.values())}
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": call["function"]["name"]}
        for call in calls.values()
    ]
    heard = await speaker.stream(model="flash", messages=[user, said, *results], tools=[TOOL])
    assert heard.text == "Hello, wörld!"
    model, answers = provider.asked[1]["contents"][1:]
    args = [part["functionCall"]["args"] for part in model["parts"][1:]]
    assert args == [{"city": "Ghent"}, {}, {"city": "Brügge"}]
    told = [part["functionResponse"] for part in answers["parts"]]
    assert [each["name"] for each in told] == ["weather", "now", "weather"]
    assert told[1]["response"] == {"output": "now"}


LONG = "The input token count (9) exceeds the maximum number of tokens allowed (8)."
NO_KEY = "API key not valid. Please pass a valid API key."


@pytest.mark.parametrize(
    ("status", "word", "message", "told"),
    [
        (503, "UNAVAILABLE", "The model is overloaded.", (503, "server_error", "overloaded")),
        (429, "RESOURCE_EXHAUSTED", "Quota", (429, "rate_limit_error", "rate_limit_exceeded")),
        (
            *(400, "INVALID_ARGUMENT", LONG),
            (400, "invalid_request_error", "context_length_exceeded"),
        ),
        (400, "INVALID_ARGUMENT", NO_KEY, (502, "upstream_error", "upstream_auth_error")),
    ],
)
async def test_an_error_before_the_answer_gets_its_true_code(
    real: Gateway,
    upstream: Scripted,
    status: int,
    word: str,
    message: str,
    told: tuple[int, str, str],
) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"}]
    error = {"code": status, "message": message, "status": word, "details": details}
    upstream.script = Google({"error": error}, status=status)
    with pytest.raises(openai.APIStatusError) as caught:
        await SPEAKERS["sync"](real.api, max_retries=0).whole(model="flash")
    raised = caught.value
    assert (raised.status_code, raised.type, raised.code) == told
    if status == 429:
        assert raised.response.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("name", "said", "code"),
    [
        ("error_in_the_middle", "Hel", "server_error"),
        ("malformed_call", "Let me", "malformed_function_call"),
        ("cut_off", "Hello", "upstream_truncated"),
    ],
)
async def test_an_error_in_mid_stream_is_raised_by_the_client(
    real: Gateway, upstream: Scripted, name: str, said: str, code: str
) -> None:
    upstream.script = Google(golden(name))
    heard = await SPEAKERS["sync"](real.api, max_retries=0).stream(model="flash")
    assert heard.text == said
    assert isinstance(heard.error, openai.APIError)
    assert heard.error.code == code


async def test_what_cannot_be_told_is_refused_and_nobody_is_asked(
    real: Gateway, upstream: Scripted
) -> None:
    before = len(upstream.links)
    picture = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/a.png"}}
    odds: list[tuple[str, dict[str, Any]]] = [
        ("logit_bias", {"logit_bias": {"1": 5}}),
        ("messages", {"messages": [{"role": "user", "content": [picture]}]}),
    ]
    for param, wish in odds:
        with pytest.raises(openai.BadRequestError) as caught:
            await SPEAKERS["sync"](real.api, max_retries=0).whole(model="flash", **wish)
        assert (caught.value.param, caught.value.code) == (param, "unsupported_parameter")
    assert len(upstream.links) == before


async def test_embeddings_are_asked_for_and_told_as_openai_does(
    real: Gateway, upstream: Scripted
) -> None:
    vectors = [{"values": [0.5, -1.0]}, {"values": [0.25, 2.0]}]
    upstream.script = provider = Google({"embeddings": vectors})

    def ask() -> list[list[float]]:
        with openai.OpenAI(base_url=real.api, api_key="k", max_retries=0) as client:
            told = client.embeddings.create(model="flash", input=["a", "b"], dimensions=2)
        return [each.embedding for each in told.data]

    assert await trio.to_thread.run_sync(ask) == [[0.5, -1.0], [0.25, 2.0]]
    texts = [each["content"]["parts"][0]["text"] for each in provider.asked[0]["requests"]]
    assert texts == ["a", "b"]


async def test_a_client_that_leaves_in_mid_stream_closes_the_provider(
    real: Gateway, speaker: Speaker, upstream: Scripted
) -> None:
    async def endless(link: Link) -> None:
        await link.request()
        await link.send(STREAM_HEAD)
        await link.chunk(golden("cut_off"))

    def has_content(chunk: ChatCompletionChunk) -> bool:
        return bool(chunk.choices[0].delta.content)

    upstream.script = endless
    heard = await speaker.stream(has_content, model="flash")
    link = upstream.links[-1]
    with trio.fail_after(5):
        await link.gone.wait()
    assert link.saw_at - heard.closed_at < WITHIN
    line = await line_of(real, heard.request_id)
    assert (line["outcome"], line["status"]) == ("client_gone", 499)


async def test_a_stream_that_breaks_off_is_resumed(speaker: Speaker, upstream: Scripted) -> None:
    whole = golden("text").replace(b"resp-1", b"resp-2")
    upstream.script = provider = Google(golden("cut_off"), whole)
    heard = await speaker.stream(model="steady")
    assert (heard.error, heard.text) == (None, "Hello, wörld!")
    assert {chunk.id for chunk in heard.chunks} == {"resp-1"}
    assert provider.asked[0] == provider.asked[1]


async def test_the_provider_is_asked_for_its_models_in_its_own_way(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    asked: list[bytes] = []

    async def lists(link: Link) -> None:
        request = await link.request()
        asked.extend([request.line, *request.values(b"x-goog-api-key")])
        methods = {"supportedGenerationMethods": ["generateContent", "countTokens"]}
        await answer(link, 200, {"models": [{"name": "models/gemini-3", **methods}]})

    server = await listen(nursery, lists)
    config = f"""
[providers.gemini]
base_url = "http://127.0.0.1:{server.port}/v1beta"
api_key = "{KEY}"
"""
    with gateway(tmp_path, config) as running, trio.fail_after(5):
        speaker = SPEAKERS["sync"](running.api)
        while "gemini-3" not in {model.id for model in await speaker.models()}:
            await trio.sleep(0.02)
    assert asked[:2] == [b"GET /v1beta/models?pageSize=1000 HTTP/1.1", KEY.encode()]
    nursery.cancel_scope.cancel()
