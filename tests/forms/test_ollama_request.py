"""Requests for Ollama's own API, each golden pair judged by the official client's types.

In `tests/wire/ollama/`: NAME.call.json is what a client asks, NAME.request.json what the server is
sent for it.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.forms import ollama
from gateway.forms.chat import read_request
from gateway.forms.ollama_answer import NDJSON
from gateway.forms.ollama_request import EFFORTS, body_of
from gateway.words.call import Call
from gateway.words.errors import BadRequest
from gateway.words.target import Origin, Target
from tests.heard import Golden
from tests.judges.ollama import judge_chat

GOLDEN = Golden(ollama, "ollama", "ndjson", NDJSON)
TARGET = Target("up", "ollama-native", "ollama", Origin("http", "h", 1), "", "qwen3:8b")
TOOL = {"type": "function", "function": {"name": "weather"}}
STRICT = {"type": "function", "function": {"name": "weather", "strict": True}}
NAMED = {"type": "function", "function": {"name": "weather"}}


def call(**fields: object) -> Call:
    said = {"model": "smart", "messages": [{"role": "user", "content": "Hello"}], **fields}
    return read_request("chat", json.dumps(said).encode())


def written(**fields: object) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(body_of(call(**fields), TARGET)[0])
    return body


@pytest.mark.parametrize("name", GOLDEN.calls())
def test_a_call_is_written_as_the_server_is_asked(name: str) -> None:
    body, dropped = body_of(read_request("chat", GOLDEN.call(name)), TARGET)
    assert json.loads(body) == GOLDEN.request(name)
    assert dropped == ()
    judge_chat(json.loads(body))


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("n", {"n": 2}),
    ("logit_bias", {"logit_bias": {"7": -100}}),
    ("audio", {"audio": {"voice": "alloy", "format": "wav"}}),
    ("prediction", {"prediction": {"type": "content", "content": "x"}}),
    ("functions", {"functions": [{"name": "f"}]}),
    ("service_tier", {"service_tier": "flex"}),
    ("verbosity", {"verbosity": "low"}),
    ("guided_json", {"guided_json": {}}),
    ("reasoning_effort", {"reasoning_effort": "utter"}),
    ("tool_choice", {"tools": [TOOL], "tool_choice": "required"}),
    ("tool_choice", {"tools": [TOOL], "tool_choice": NAMED}),
    ("parallel_tool_calls", {"tools": [TOOL], "parallel_tool_calls": False}),
    ("tools", {"tools": [STRICT]}),
    ("top_logprobs", {"top_logprobs": 3}),
    ("keep_alive", {"keep_alive": "10m"}),
    ("options.num_ctx", {"options": {"num_ctx": 8192, "seed": 7}}),
]


@pytest.mark.parametrize(("name", "fields"), REFUSED)
def test_what_the_server_cannot_be_told_is_refused_by_name(
    name: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(BadRequest) as caught:
        body_of(call(**fields), TARGET)
    error = caught.value
    assert (error.status, error.param, error.code) == (400, name, "unsupported_parameter")


@pytest.mark.parametrize(("name", "fields"), REFUSED)
def test_it_is_let_go_and_named_where_the_operator_says_so(
    name: str, fields: dict[str, Any]
) -> None:
    body, dropped = body_of(call(**fields), replace(TARGET, drops=True))
    assert dropped == (name,)
    judge_chat(json.loads(body))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("max_tokens", {"max_tokens": 0}),
        ("temperature", {"temperature": "hot"}),
        ("seed", {"seed": 1.5}),
        ("stop", {"stop": [1]}),
        ("options", {"options": []}),
        ("tools", {"tools": [{"type": 7, "custom": {"name": "f"}}]}),
        ("tool_choice", {"tool_choice": "always"}),
        ("tool_choice", {"tool_choice": "required"}),
        ("response_format", {"response_format": {"type": 7}}),
    ],
)
def test_what_nobody_could_be_told_is_refused(name: str, fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        body_of(call(**fields), TARGET)
    assert (caught.value.param, caught.value.code) == (name, "invalid_request")


def test_each_effort_has_a_word() -> None:
    for effort, told in EFFORTS.items():
        assert written(reasoning_effort=effort)["think"] == told


def test_who_may_not_call_at_once_without_tools_is_told_nothing() -> None:
    assert "tools" not in written(parallel_tool_calls=False)
    assert written(logprobs=True)["logprobs"] is True
