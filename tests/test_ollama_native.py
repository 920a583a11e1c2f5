"""Ollama behind the gateway, asked by its own API: OpenAI's clients ask, a scripted server answers.

The server refuses what the official client's types would not have.
"""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import openai
import pytest
import trio
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageFunctionToolCall

from gateway.forms.ollama_answer import NDJSON
from tests.judged import Body, Judged, answer
from tests.judges.ollama import judge_chat, judge_embed
from tests.named import line_of
from tests.openai_clients import SPEAKERS, Speaker
from tests.process import Gateway, free_port, gateway
from tests.scripted import Link, Scripted, listen
from tests.test_client_leaves import WITHIN

WIRE = Path(__file__).parent / "wire" / "ollama"
JUDGES = {"/api/chat": judge_chat, "/api/embed": judge_embed}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALLED = {"function": {"name": "weather", "arguments": {"city": "Ghent"}}}
WHOLE = {
    "model": "qwen3:8b",
    "created_at": "2026-11-30T10:00:00.385406455Z",
    "message": {"role": "assistant", "content": "", "tool_calls": [CALLED]},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 25,
    "eval_count": 15,
}


def golden(name: str) -> bytes:
    return (WIRE / f"{name}.ndjson").read_bytes()


def server(*said: bytes | Body, status: int = 200) -> Judged:
    return Judged(JUDGES, NDJSON, *said, status=status)


@pytest.fixture(scope="module")
def upstream_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    """One server process for all tests."""
    config = f"""
[providers.local]
kind = "ollama-native"
base_url = "http://127.0.0.1:{upstream_port}"
models = {{ small = "qwen3:8b", steady = "qwen3:8b" }}

[models.steady]
resume = "verified"
retries = 1

[defaults]
retries = 0
"""
    with gateway(tmp_path_factory.mktemp("ollama"), config) as running:
        yield running


@pytest.fixture(params=SPEAKERS)
def speaker(request: pytest.FixtureRequest, real: Gateway) -> Speaker:
    return SPEAKERS[str(request.param)](real.api, max_retries=0)


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    listening = await listen(nursery, server(), port=upstream_port)
    yield listening
    nursery.cancel_scope.cancel()


async def test_a_stream_is_told_in_the_chat_form(
    real: Gateway, speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = provider = server(golden("text"))
    heard = await speaker.stream(model="small", stop="END", seed=7)
    assert heard.error is None
    assert heard.text == "Hello, wörld"
    assert heard.chunks[-1].choices[0].finish_reason == "stop"
    assert provider.asked[0]["options"] == {"seed": 7, "stop": ["END"]}
    assert provider.keys == [[]]
    line = await line_of(real, heard.request_id)
    assert (line["outcome"], line["tokens_in"], line["tokens_out"]) == ("completed", 25, 15)


async def test_a_tool_is_called_and_its_result_given(speaker: Speaker, upstream: Scripted) -> None:
    upstream.script = provider = server(WHOLE, golden("text"))
    user = {"role": "user", "content": "Weather in Ghent?"}
    first = await speaker.whole(model="small", messages=[user], tools=[TOOL])
    choice = first.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert isinstance(call, ChatCompletionMessageFunctionToolCall)
    assert json.loads(call.function.arguments) == {"city": "Ghent"}
    said = choice.message.model_dump(exclude_none=True)
    result = {"role": "tool", "tool_call_id": call.id, "content": "Rain"}
    heard = await speaker.stream(model="small", messages=[user, said, result], tools=[TOOL])
    assert heard.text == "Hello, wörld"
    assert provider.asked[1]["messages"][1]["tool_calls"] == [CALLED]
    told = {"role": "tool", "content": "Rain", "tool_name": "weather"}
    assert provider.asked[1]["messages"][2] == told


async def test_an_error_before_the_answer_keeps_its_words_and_gets_its_code(
    speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = server({"error": "model 'qwen3:8b' not found"}, status=404)
    with pytest.raises(openai.NotFoundError) as caught:
        await speaker.whole(model="small")
    assert caught.value.code == "model_not_found"


async def test_an_error_in_mid_stream_is_raised_by_the_client(
    speaker: Speaker, upstream: Scripted
) -> None:
    upstream.script = server(golden("error_in_the_middle"))
    heard = await speaker.stream(model="small")
    assert heard.text == "Hel"
    assert isinstance(heard.error, openai.APIError)
    assert "unexpected EOF" in heard.error.message


async def test_what_cannot_be_told_is_refused_and_nobody_is_asked(
    speaker: Speaker, upstream: Scripted
) -> None:
    before = len(upstream.links)
    with pytest.raises(openai.BadRequestError) as caught:
        await speaker.whole(model="small", n=2)
    assert (caught.value.param, caught.value.code) == ("n", "unsupported_parameter")
    assert len(upstream.links) == before


async def test_a_client_that_leaves_in_mid_stream_closes_the_provider(
    real: Gateway, speaker: Speaker, upstream: Scripted
) -> None:
    async def endless(link: Link) -> None:
        provider = server()
        await provider.take(link)
        await link.send(provider.stream_head)
        await link.chunk(golden("cut_off"))

    def has_content(chunk: ChatCompletionChunk) -> bool:
        return bool(chunk.choices[0].delta.content)

    upstream.script = endless
    heard = await speaker.stream(has_content, model="small")
    link = upstream.links[-1]
    with trio.fail_after(5):
        await link.gone.wait()
    assert link.saw_at - heard.closed_at < WITHIN
    line = await line_of(real, heard.request_id)
    assert (line["outcome"], line["status"]) == ("client_gone", 499)


async def test_a_stream_that_breaks_off_is_resumed(speaker: Speaker, upstream: Scripted) -> None:
    whole = golden("text").replace(b"30T10", b"30T11")
    begun = golden("text").partition(b"\n")[0] + b"\n"
    upstream.script = provider = server(begun, whole)
    heard = await speaker.stream(model="steady")
    assert (heard.error, heard.text) == (None, "Hello, wörld")
    assert len({chunk.id for chunk in heard.chunks}) == 1
    assert provider.asked[0] == provider.asked[1]


async def test_texts_are_embedded(real: Gateway, upstream: Scripted) -> None:
    told: Body = {"model": "embed", "embeddings": [[0.5, -1.0]], "prompt_eval_count": 3}
    upstream.script = provider = server(told, told)

    def ask() -> None:
        with openai.OpenAI(base_url=real.api, api_key="none", max_retries=0) as client:
            packed = client.embeddings.create(model="small", input=["a"], dimensions=2)
            plain = client.embeddings.create(model="small", input="a", encoding_format="float")
        assert packed.data[0].embedding == plain.data[0].embedding == [0.5, -1.0]
        assert packed.usage.prompt_tokens == 3

    await trio.to_thread.run_sync(ask)
    assert provider.asked[0] == {"model": "qwen3:8b", "input": ["a"], "dimensions": 2}


async def test_the_server_is_asked_for_its_models(tmp_path: Path, nursery: trio.Nursery) -> None:
    asked: list[bytes] = []

    async def lists(link: Link) -> None:
        asked.append((await link.request()).line)
        await answer(link, 200, {"object": "list", "data": [{"id": "qwen3:8b"}]})

    listening = await listen(nursery, lists)
    config = f"""
[providers.ollama-native]
base_url = "http://127.0.0.1:{listening.port}"
"""
    with gateway(tmp_path, config) as running, trio.fail_after(5):
        speaker = SPEAKERS["sync"](running.api)
        while "qwen3:8b" not in {model.id for model in await speaker.models()}:
            await trio.sleep(0.02)
    assert asked[0] == b"GET /v1/models HTTP/1.1"
    nursery.cancel_scope.cancel()
