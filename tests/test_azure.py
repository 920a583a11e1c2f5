"""Azure behind the gateway: its paths, its versions, its key, and the oddities of its answers."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import openai
import pytest
import trio

from tests.openai_clients import SPEAKERS, Speaker
from tests.process import Gateway, free_port, gateway
from tests.scripted import listen
from tests.told import COMPLETION, Told, in_one_piece

KEY = "azure-key-0123456789"
VERSION = "2025-04-01-preview"
FILTERED = [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False}}}]
CHUNK = {"id": "c-1", "object": "chat.completion.chunk", "created": 7, "model": "m-1"}


@pytest.fixture(scope="module")
def upstream_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    """One server process for all tests."""
    config = f"""
[providers.azure]
base_url = "http://127.0.0.1:{upstream_port}"
api_version = "{VERSION}"
api_key = "{KEY}"
models = {{ "gpt-5.2" = "prod gpt/52" }}

[providers.any]
kind = "azure"
base_url = "http://127.0.0.1:{upstream_port}"
api_version = "{VERSION}"
api_key = "{KEY}"
prefix = "any/"

[providers.foundry]
kind = "azure"
base_url = "http://127.0.0.1:{upstream_port}"
api_key = "{KEY}"
models = {{ "gpt-5.2-v1" = "prod-v1" }}
"""
    with gateway(tmp_path_factory.mktemp("azure"), config) as running:
        yield running


@pytest.fixture(params=SPEAKERS)
def speaker(request: pytest.FixtureRequest, real: Gateway) -> Speaker:
    return SPEAKERS[str(request.param)](real.api, max_retries=0)


def event(*choices: object, **more: object) -> bytes:
    return b"data: %b\n\n" % json.dumps({**CHUNK, "choices": choices, **more}).encode()


def choice(text: str | None, reason: str | None = None) -> dict[str, object]:
    delta = {} if text is None else {"content": text}
    return {"index": 0, "delta": delta, "finish_reason": reason, "content_filter_results": {}}


async def test_a_deployment_is_asked_by_its_path_in_the_version_that_is_named(
    speaker: Speaker, upstream_port: int, nursery: trio.Nursery
) -> None:
    azure = Told(COMPLETION)
    await listen(nursery, azure, port=upstream_port)
    answer = await speaker.whole(model="gpt-5.2")
    assert answer.choices[0].message.content == "Hello."
    (asked,) = azure.asked
    path = f"/openai/deployments/prod%20gpt%2F52/chat/completions?api-version={VERSION}"
    assert asked.line == f"POST {path} HTTP/1.1".encode()
    assert azure.shown(b"api-key") == [KEY.encode()]
    assert azure.shown(b"authorization") == []
    nursery.cancel_scope.cancel()


async def test_the_api_without_versions_reads_the_model_in_the_body(
    speaker: Speaker, upstream_port: int, nursery: trio.Nursery
) -> None:
    azure = Told(COMPLETION)
    await listen(nursery, azure, port=upstream_port)
    await speaker.whole(model="gpt-5.2-v1")
    assert azure.asked[0].line == b"POST /openai/v1/chat/completions HTTP/1.1"
    assert azure.bodies[0]["model"] == "prod-v1"
    nursery.cancel_scope.cancel()


async def test_what_its_filters_say_first_comes_with_the_first_choice(
    speaker: Speaker, upstream_port: int, nursery: trio.Nursery
) -> None:
    """A client that looks at the first choice of each event finds one; no `[DONE]` is missed."""
    events = [
        event(id="", model="", prompt_filter_results=FILTERED),
        *(event(choice("Hel")), event(choice("lo."))),
        event(choice(None, "stop")),
        event(usage=COMPLETION["usage"]),
        b"",
    ]
    await listen(nursery, Told(events), port=upstream_port)
    heard = await speaker.stream(model="gpt-5.2")
    assert (heard.error, heard.text) == (None, "Hello.")
    assert all(chunk.choices for chunk in heard.chunks)
    assert heard.chunks[0].to_dict()["prompt_filter_results"] == FILTERED
    assert heard.chunks[-1].choices[0].finish_reason == "stop"
    nursery.cancel_scope.cancel()


FILTER = {
    "error": {
        "message": "The response was filtered.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}},
    }
}
REFUSALS = {
    "filtered": (in_one_piece(400, FILTER), 400, "content_filter"),
    "no deployment": (
        in_one_piece(404, {"error": {"code": "DeploymentNotFound", "message": "None such."}}),
        404,
        "DeploymentNotFound",
    ),
    "too often": (
        in_one_piece(429, {"error": {"code": "429", "message": "Slow down."}}, "retry-after: 7"),
        429,
        "429",
    ),
    "a wrong key": (
        in_one_piece(401, {"statusCode": 401, "message": f"Access denied: {KEY}"}),
        502,
        "upstream_auth_error",
    ),
}


@pytest.mark.parametrize("what", REFUSALS)
async def test_its_errors_keep_their_code(
    what: str, speaker: Speaker, upstream_port: int, nursery: trio.Nursery
) -> None:
    wire, status, code = REFUSALS[what]
    await listen(nursery, Told(wire), port=upstream_port)
    with pytest.raises(openai.APIStatusError) as caught:
        await speaker.whole(model="gpt-5.2")
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert KEY not in str(caught.value)
    if status == 429:
        assert caught.value.response.headers["retry-after"] == "7"
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("name", ["any/..", "any/a/../b", "any/..\\b", "any/a//b"])
async def test_r1_a_name_does_not_leave_its_place_in_a_path(name: str, real: Gateway) -> None:
    """R1, S14: it is no model, and nobody is asked."""
    wish = {"model": name, "messages": [{"role": "user", "content": "Hi"}]}
    async with httpx2.AsyncClient() as client:
        answer = await client.post(f"{real.api}/chat/completions", json=wish)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


async def test_any_other_name_is_one_segment(
    real: Gateway, upstream_port: int, nursery: trio.Nursery
) -> None:
    azure = Told(COMPLETION)
    await listen(nursery, azure, port=upstream_port)
    wish = {"model": "any/x?y#z%2e", "messages": [{"role": "user", "content": "Hi"}]}
    async with httpx2.AsyncClient() as client:
        answer = await client.post(f"{real.api}/chat/completions", json=wish)
    assert answer.status_code == 200
    assert azure.asked[0].line.startswith(b"POST /openai/deployments/x%3Fy%23z%252e/chat/")
    nursery.cancel_scope.cancel()


def test_where_its_settings_cannot_be_the_file_is_refused(tmp_path: Path) -> None:
    config = '[providers.azure]\nbase_url = "https://x.openai.azure.com"\nmodels = "*"\n'
    with (
        pytest.raises(AssertionError, match="Azure lists models, not deployments"),
        gateway(tmp_path, config),
    ):
        pass
