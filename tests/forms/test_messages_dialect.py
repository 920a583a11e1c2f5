"""Anthropic's Messages as AWS Bedrock and Vertex AI take them, and the errors of both."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.forms import messages
from gateway.forms.chat import read_request as read_chat
from gateway.forms.event_stream import MEDIA
from gateway.forms.messages_dialect import BEDROCK_VERSION, VERTEX_VERSION, in_dialect, read_error
from gateway.words.call import UpstreamRequest
from gateway.words.errors import BadRequest, Unsupported, UpstreamAuth
from gateway.words.target import Origin, Target
from tests.judges.anthropic import judge_in_a_cloud

VERTEX = Target(
    "up", "vertex-anthropic", "messages", Origin("http", "h", 1), "/v1",
    "claude-sonnet-4-5@20250929", max_tokens=9, dialect="vertex",
)  # fmt: skip
BEDROCK = replace(
    VERTEX, form="bedrock", model="eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    dialect="bedrock", also=("messages",), also_of="anthropic.",
)  # fmt: skip
ASKED: dict[str, Any] = {
    "model": "smart",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hello"}],
    "metadata": {"user_id": "u"},
}
BETA = {b"anthropic-beta": b"one-2025-01-01, two-2025-01-01", b"anthropic-version": b"2023-06-01"}


def native(
    target: Target, headers: dict[bytes, bytes] | None = None, **more: Any
) -> UpstreamRequest:
    body = json.dumps({**ASKED, **more}).encode()
    return messages.write_request(messages.read_request("chat", body, headers or {}), target)


def body_of(request: UpstreamRequest) -> dict[str, Any]:
    assert isinstance(request.body, bytes)
    body: dict[str, Any] = json.loads(request.body)
    return body


@pytest.mark.parametrize(("stream", "verb"), [(False, "rawPredict"), (True, "streamRawPredict")])
def test_vertex_is_told_the_model_in_the_path(stream: bool, verb: str) -> None:
    request = native(VERTEX, BETA, stream=stream)
    assert request.path == f"/claude-sonnet-4-5%4020250929:{verb}"
    body = body_of(request)
    judge_in_a_cloud(body, VERTEX_VERSION)
    assert body["stream"] is stream
    assert body["metadata"] == {"user_id": "u"}
    names = [name for name, _ in request.headers]
    assert b"anthropic-version" not in names
    assert dict(request.headers)[b"anthropic-beta"] == BETA[b"anthropic-beta"]


def test_vertex_is_asked_in_translation_too() -> None:
    asked = read_chat("chat", json.dumps({**ASKED, "metadata": None}).encode())
    request = messages.write_request(asked, VERTEX)
    assert request.path == "/claude-sonnet-4-5%4020250929:rawPredict"
    judge_in_a_cloud(body_of(request), VERTEX_VERSION)


def test_vertex_counts_tokens_at_a_path_of_its_own() -> None:
    asked = {name: ASKED[name] for name in ("model", "messages")}
    call = messages.read_request("count_tokens", json.dumps(asked).encode(), {})
    request = messages.write_request(call, VERTEX)
    assert request.path == "/count-tokens:rawPredict"
    assert body_of(request) == {
        "anthropic_version": VERTEX_VERSION,
        "model": VERTEX.model,
        "messages": ASKED["messages"],
    }


@pytest.mark.parametrize(
    ("stream", "verb", "accept"),
    [(False, "invoke", "application/json"), (True, "invoke-with-response-stream", MEDIA)],
)
def test_bedrock_is_told_the_model_and_the_stream_in_the_path(
    stream: bool, verb: str, accept: str
) -> None:
    request = native(BEDROCK, stream=stream)
    assert request.path == f"/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/{verb}"
    body = body_of(request)
    judge_in_a_cloud(body, BEDROCK_VERSION)
    assert "stream" not in body
    assert "anthropic_beta" not in body
    assert dict(request.headers) == {
        b"content-type": b"application/json",
        b"accept": accept.encode(),
    }


def test_bedrock_is_told_in_the_body_what_the_header_says() -> None:
    request = native(BEDROCK, BETA)
    assert body_of(request)["anthropic_beta"] == ["one-2025-01-01", "two-2025-01-01"]
    assert {name for name, _ in request.headers} == {b"content-type", b"accept"}


@pytest.mark.parametrize(("said", "told"), [(b"", None), (b" , one,", ["one"])])
def test_a_header_that_says_nothing_is_no_beta(said: bytes, told: list[str] | None) -> None:
    assert body_of(native(BEDROCK, {b"anthropic-beta": said})).get("anthropic_beta") == told


def test_bedrock_is_not_asked_to_count() -> None:
    asked = json.dumps({name: ASKED[name] for name in ("model", "messages")}).encode()
    with pytest.raises(Unsupported):
        messages.write_request(messages.read_request("count_tokens", asked, {}), BEDROCK)


@pytest.mark.parametrize("target", [VERTEX, BEDROCK])
@pytest.mark.parametrize("model", ["..", "a/../../b"])
def test_no_name_of_a_model_leads_elsewhere(target: Target, model: str) -> None:
    with pytest.raises(BadRequest):
        native(replace(target, model=model))


@pytest.mark.parametrize(
    ("model", "form"),
    [
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", True),
        ("anthropic.claude-3-haiku-20240307-v1:0", True),
        ("amazon.nova-pro-v1:0", False),
    ],
)
def test_only_claude_is_asked_in_messages_on_bedrock(model: str, form: bool) -> None:
    assert replace(BEDROCK, model=model).speaks("messages") is form


def test_what_is_nested_too_deeply_is_refused() -> None:
    body = b'{"model":"m","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    call = read_chat("chat", json.dumps({**ASKED, "metadata": None}).encode())
    with pytest.raises(BadRequest):
        in_dialect(UpstreamRequest("POST", "/messages", (), body), call, VERTEX)


GOOGLE = {"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}
ANTHROPIC = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


@pytest.mark.parametrize(
    ("status", "name", "body", "code"),
    [
        (429, b"", GOOGLE, "rate_limit_exceeded"),
        (429, b"", [GOOGLE], "rate_limit_exceeded"),
        (529, b"", ANTHROPIC, "overloaded"),
        (429, b"ThrottlingException", {"message": "Slow"}, "rate_limit_exceeded"),
        (400, b"", [], None),
        (400, b"", {"error": {"status": 7}}, None),
    ],
)
def test_an_error_is_read_whoever_tells_it(
    status: int, name: bytes, body: object, code: str | None
) -> None:
    headers = ((b"x-amzn-errortype", name),) if name else ()
    error = read_error(status, headers, json.dumps(body).encode())
    assert (error.status, error.code) == (status, code)


def test_refused_credentials_are_the_operators_matter() -> None:
    told = {"error": {"code": 403, "message": "No", "status": "PERMISSION_DENIED"}}
    assert isinstance(read_error(403, (), json.dumps(told).encode()), UpstreamAuth)
