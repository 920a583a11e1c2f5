"""Requests for Anthropic's Messages, each golden pair judged by the types of the official SDK.

In `tests/wire/messages/`: NAME.call.json is what a client asks, NAME.request.json what the provider
is sent for it.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.forms.chat import read_request
from gateway.forms.claude import BUDGETS, EFFORTS
from gateway.forms.messages_request import body_of
from gateway.words.call import Call
from gateway.words.errors import BadRequest
from gateway.words.target import Origin, Target
from tests.judges.anthropic import OLDER
from tests.judges.anthropic import judge_messages as judge

WIRE = Path(__file__).parents[1] / "wire" / "messages"
NAMES = sorted(path.name.removesuffix(".call.json") for path in WIRE.glob("*.call.json"))
TARGET = Target(
    "up", "anthropic", "messages", Origin("http", "h", 1), "/v1", "claude-sonnet-4-5",
    max_tokens=8192,
)  # fmt: skip
TOOL = {"type": "function", "function": {"name": "weather"}}


def call(**fields: object) -> Call:
    said = {"model": "smart", "messages": [{"role": "user", "content": "Hello"}], **fields}
    return read_request("chat", json.dumps(said).encode())


def written(**fields: object) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(body_of(call(**fields), TARGET)[0])
    return body


def refused(**fields: object) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        body_of(call(**fields), TARGET)
    return caught.value


@pytest.mark.parametrize("name", NAMES)
def test_a_call_is_written_as_the_provider_is_asked(name: str) -> None:
    asked = read_request("chat", (WIRE / f"{name}.call.json").read_bytes())
    body = json.loads(body_of(asked, TARGET)[0])
    assert body == json.loads((WIRE / f"{name}.request.json").read_text())
    judge(body)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 7),
        ("n", 2),
        ("logprobs", True),
        ("top_logprobs", 3),
        ("frequency_penalty", 0.5),
        ("presence_penalty", -1),
        ("logit_bias", {"50256": -100}),
        ("audio", {"voice": "alloy", "format": "wav"}),
        ("modalities", ["text", "audio"]),
        ("prediction", {"type": "content", "content": "x"}),
        ("functions", [{"name": "f"}]),
        ("function_call", "auto"),
        ("service_tier", "flex"),
        ("store", True),
        ("verbosity", "low"),
        ("web_search_options", {}),
        ("guided_json", {}),
        ("temperature", 1.2),
        ("temperature", -0.1),
        ("response_format", {"type": "json_object"}),
        ("response_format", {"type": "json_schema"}),
        ("reasoning_effort", "xhigh"),
    ],
)
def test_what_the_provider_cannot_be_told_is_refused_by_name(name: str, value: object) -> None:
    error = refused(**{name: value})
    assert (error.status, error.param) == (400, name)
    assert error.code == "unsupported_parameter"
    assert repr(name) in error.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 0),
        ("max_completion_tokens", "many"),
        ("temperature", "hot"),
        ("top_p", []),
        ("stop", [1]),
        ("user", 7),
        ("tools", [{"type": 7, "custom": {"name": "f"}}]),
        ("tools", [{"type": "function"}]),
        ("tool_choice", "always"),
        ("tool_choice", {"type": 7}),
        ("parallel_tool_calls", "no"),
        ("tool_choice", "required"),
        ("tool_choice", {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(name: str, value: object) -> None:
    error = refused(**{name: value})
    assert (error.param, error.code) == (name, "invalid_request")
    assert repr(name) in error.message


@pytest.mark.parametrize(("effort", "budget"), BUDGETS.items())
def test_thoughts_come_on_top_where_the_client_names_no_most(effort: str, budget: int) -> None:
    body = written(reasoning_effort=effort)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert body["max_tokens"] == 8192 + budget
    judge(body)


def test_of_the_most_that_a_client_names_half_is_left_for_words() -> None:
    body = written(reasoning_effort="high", max_tokens=2048)
    assert (body["thinking"]["budget_tokens"], body["max_tokens"]) == (1024, 2048)
    assert refused(reasoning_effort="high", max_tokens=2047).param == "reasoning_effort"


def test_with_thoughts_neither_another_temperature_nor_a_forced_tool_goes() -> None:
    assert refused(reasoning_effort="low", temperature=0.5).param == "reasoning_effort"
    forced = {"tools": [TOOL], "tool_choice": "required"}
    assert refused(reasoning_effort="low", **forced).param == "reasoning_effort"


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("seed", {"seed": 7}),
        ("temperature", {"temperature": 1.5}),
        ("response_format", {"response_format": {"type": "json_object"}}),
        ("reasoning_effort", {"reasoning_effort": "low", "temperature": 0.5}),
        ("reasoning_effort", {"reasoning_effort": "extreme"}),
    ],
)
def test_what_the_provider_cannot_be_told_is_let_go_where_the_operator_says_so(
    name: str, beside: dict[str, object]
) -> None:
    body, dropped = body_of(call(**beside), replace(TARGET, drops=True))
    assert dropped == (name,)
    judge(json.loads(body))


@pytest.mark.parametrize(("effort", "told"), EFFORTS.items())
@pytest.mark.parametrize(
    "model", ["claude-opus-4-7", "claude-sonnet-5", "claude-opus-4-6-20260201"]
)
def test_a_newer_model_is_told_the_effort_and_thinks_as_it_sees_fit(
    effort: str, told: str, model: str
) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    asked = call(reasoning_effort=effort, response_format=schema)
    body = json.loads(body_of(asked, replace(TARGET, model=model))[0])
    assert body["thinking"] == {"type": "adaptive"}
    assert body["output_config"]["effort"] == told
    assert body["output_config"]["format"]["type"] == "json_schema"
    assert body["max_tokens"] == 8192
    judge(body)
    plain = json.loads(body_of(call(reasoning_effort=effort), replace(TARGET, model=model))[0])
    assert plain["output_config"] == {"effort": told}


@pytest.mark.parametrize(
    "model",
    [
        "claude-3-7-sonnet-20250219",
        "claude-3-7-sonnet-latest",
        "claude-opus-4-0",
        "claude-opus-4-20250514",
        "claude-opus-4-1-20250805",
        "claude-haiku-4-5@20251001",
        "eu.anthropic.claude-sonnet-4-5-v1:0",
    ],
)
def test_an_older_model_is_given_a_budget(model: str) -> None:
    body = json.loads(body_of(call(reasoning_effort="low"), replace(TARGET, model=model))[0])
    assert body["thinking"]["type"] == "enabled"
    assert "output_config" not in body


def test_a_one_is_left_out_because_newer_models_want_no_such_field() -> None:
    assert not set(OLDER) & written(temperature=1, top_p=1.0).keys()
