"""Cohere behind the gateway: OpenAI's clients ask, a scripted provider speaks Cohere's API v2.

The provider refuses what its published reference would not have.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import openai
import pytest
import trio
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageFunctionToolCall

from tests.judged import Body, Judged, answer
from tests.judges.cohere import judge_chat, judge_embed, judge_rerank
from tests.named import line_of
from tests.openai_clients import SPEAKERS, Speaker
from tests.process import Gateway, free_port, gateway
from tests.scripted import Link, Scripted, listen
from tests.test_client_leaves import WITHIN

WIRE = Path(__file__).parent / "wire" / "cohere"
KEY = "co-made-up"
JUDGES = {"/v2/chat": judge_chat, "/v2/embed": judge_embed, "/v2/rerank": judge_rerank}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
PLACE = {"name": "weather", "arguments": '{"city":"Ghent"}'}
BILLED = {"input_tokens": 25.0, "output_tokens": 15.0}
WHOLE = {
    "id": "1",
    "finish_reason": "TOOL_CALL",
    "message": {
        "role": "assistant",
        "tool_plan": "I will look.",
        "tool_calls": [{"id": "weather_1", "type": "function", "function": PLACE}],
    },
    "usage": {"billed_units": BILLED},
}


def golden(name: str) -> bytes:
    return (WIRE / f"{name}.sse").read_bytes()


def provider(*said: bytes | Body, status: int = 200) -> Judged:
    return Judged(JUDGES, "text/event-stream", *said, status=status)


@pytest.fixture(scope="module")
def upstream_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    """One server process for all tests."""
    config = f"""
[providers.cohere]
base_url = "http://127.0.0.1:{upstream_port}"
api_key = "{KEY}"
models = {{ command = "command-a-03-2025", steady = "command-a-03-2025" }}

[models.steady]
resume = "verified"
retries = 1

[defaults]
retries = 0
"""
    with gateway(tmp_path_factory.mktemp("cohere"), config) as running:
        yield running


@pytest.fixture(params=SPEAKERS)
def speaker(request: pytest.FixtureRequest, real: Gateway) -> Speaker:
    return SPEAKERS[str(request.param)](real.api, max_retries=0)


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    listening = await listen(nursery, provider(), port=upstream_port)
    yield listening
    nursery.cancel_scope.cancel()


async def test_a_stream_is_told_in_the_chat_form(
    real: Gateway, speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = said = provider(golden("text"))
    heard = await speaker.stream(model="command", stop="END", seed=7)
    assert heard.error is None
    assert heard.text == "Hello, wörld"
    assert heard.chunks[-1].choices[0].finish_reason == "stop"
    assert (said.asked[0]["stop_sequences"], said.asked[0]["seed"]) == (["END"], 7)
    assert said.keys == [[b"Bearer " + KEY.encode()]]
    line = await line_of(real, heard.request_id)
    assert (line["outcome"], line["tokens_in"], line["tokens_out"]) == ("completed", 25, 15)


async def test_a_tool_is_called_and_its_result_given(speaker: Speaker, upstream: Scripted) -> None:
    upstream.script = said = provider(WHOLE, golden("text"))
    user = {"role": "user", "content": "Weather in Ghent?"}
    first = await speaker.whole(model="command", messages=[user], tools=[TOOL])
    choice = first.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert isinstance(call, ChatCompletionMessageFunctionToolCall)
    spoken = choice.message.model_dump(exclude_none=True)
    result = {"role": "tool", "tool_call_id": call.id, "content": "Rain"}
    heard = await speaker.stream(model="command", messages=[user, spoken, result], tools=[TOOL])
    assert heard.text == "Hello, wörld"
    assert said.asked[1]["messages"][1] == {"role": "assistant"} | {
        "tool_calls": [{"id": "weather_1", "type": "function", "function": PLACE}],
        "tool_plan": "I will look.",
    }
    assert said.asked[1]["messages"][2]["tool_call_id"] == "weather_1"


async def test_whom_it_cites_is_told(speaker: Speaker, upstream: Scripted) -> None:
    upstream.script = said = provider(golden("citations"))
    documents = {"documents": ["It rains in Ghent."]}
    heard = await speaker.stream(model="command", extra_body=documents)
    told = [chunk.choices[0].delta.model_dump().get("annotations") for chunk in heard.chunks]
    (annotations,) = [each for each in told if each]
    assert annotations[0]["url_citation"]["url"] == "https://example.com/w"
    assert said.asked[0]["documents"] == ["It rains in Ghent."]


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (429, "Too many requests", "rate_limit_exceeded"),
        (404, "model 'x' not found", "model_not_found"),
        (400, "too many tokens: 9 > 8", "context_length_exceeded"),
    ],
)
async def test_an_error_before_the_answer_keeps_its_words_and_gets_its_code(
    real: Gateway, upstream: Scripted, status: int, message: str, code: str
) -> None:
    upstream.script = provider({"id": "1", "message": message}, status=status)
    with pytest.raises(openai.APIStatusError) as caught:
        await SPEAKERS["sync"](real.api, max_retries=0).whole(model="command")
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert message in caught.value.message


async def test_an_error_at_the_end_of_a_stream_is_raised_by_the_client(
    speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = provider(golden("error_at_the_end"))
    heard = await speaker.stream(model="command")
    assert heard.text == "Hel"
    assert isinstance(heard.error, openai.APIError)
    assert heard.error.code == "server_error"


async def test_what_cannot_be_told_is_refused_and_nobody_is_asked(
    speaker: Speaker, upstream: Scripted
) -> None:
    before = len(upstream.links)
    with pytest.raises(openai.BadRequestError) as caught:
        await speaker.whole(model="command", n=2)
    assert (caught.value.param, caught.value.code) == ("n", "unsupported_parameter")
    assert len(upstream.links) == before


async def test_a_client_that_leaves_in_mid_stream_closes_the_provider(
    real: Gateway, speaker: Speaker, upstream: Scripted
) -> None:
    async def endless(link: Link) -> None:
        said = provider()
        await said.take(link)
        await link.send(said.stream_head)
        await link.chunk(golden("cut_off"))

    def has_content(chunk: ChatCompletionChunk) -> bool:
        return bool(chunk.choices[0].delta.content)

    upstream.script = endless
    heard = await speaker.stream(has_content, model="command")
    link = upstream.links[-1]
    with trio.fail_after(5):
        await link.gone.wait()
    assert link.saw_at - heard.closed_at < WITHIN
    line = await line_of(real, heard.request_id)
    assert (line["outcome"], line["status"]) == ("client_gone", 499)


async def test_a_stream_that_breaks_off_is_resumed(speaker: Speaker, upstream: Scripted) -> None:
    whole = golden("text").replace(b"29f14a5a", b"00000000")
    upstream.script = said = provider(golden("cut_off"), whole)
    heard = await speaker.stream(model="steady")
    assert (heard.error, heard.text) == (None, "Hello, wörld")
    assert len({chunk.id for chunk in heard.chunks}) == 1
    assert said.asked[0] == said.asked[1]


async def test_texts_are_embedded_and_documents_ranked(real: Gateway, upstream: Scripted) -> None:
    meta = {"billed_units": {"input_tokens": 3}}
    embedded: Body = {"id": "1", "embeddings": {"base64": ["AAAAPwAAgL8="]}, "meta": meta}
    ranked: Body = {"id": "1", "results": [{"index": 1, "relevance_score": 0.75}]}
    upstream.script = said = provider(embedded, ranked)

    def ask() -> None:
        with openai.OpenAI(base_url=real.api, api_key="none", max_retries=0) as client:
            told = client.embeddings.create(model="command", input=["a"], dimensions=256)
        assert (told.data[0].embedding, told.usage.prompt_tokens) == ([0.5, -1.0], 3)
        wish = {"model": "command", "query": "q", "documents": ["a", "b"]}
        assert httpx2.post(real.api + "/rerank", json=wish).json() == ranked

    await trio.to_thread.run_sync(ask)
    assert said.asked[0]["output_dimension"] == 256
    assert said.asked[1]["documents"] == ["a", "b"]


async def test_the_provider_is_asked_for_its_models(tmp_path: Path, nursery: trio.Nursery) -> None:
    asked: list[bytes] = []

    async def lists(link: Link) -> None:
        asked.append((await link.request()).line)
        await answer(link, 200, {"models": [{"name": "command-a", "endpoints": ["chat"]}]})

    listening = await listen(nursery, lists)
    config = f"""
[providers.cohere]
base_url = "http://127.0.0.1:{listening.port}"
api_key = "{KEY}"
"""
    with gateway(tmp_path, config) as running, trio.fail_after(5):
        speaker = SPEAKERS["sync"](running.api)
        while "command-a" not in {model.id for model in await speaker.models()}:
            await trio.sleep(0.02)
    assert asked[0] == b"GET /v1/models?page_size=1000 HTTP/1.1"
    nursery.cancel_scope.cancel()
