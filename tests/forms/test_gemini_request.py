"""Requests for Gemini, each golden pair judged by the types of the official SDK.

In `tests/wire/gemini/`: NAME.call.json is what a client asks, NAME.request.json what the provider
is sent for it.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.forms.chat import read_request
from gateway.forms.gemini_embeddings import VERTEX
from gateway.forms.gemini_request import body_of
from gateway.words.call import Call
from gateway.words.errors import BadRequest, Unsupported
from gateway.words.target import Origin, Target
from tests.judges.google import judge_generate
from tests.judges.strictly import Refused

WIRE = Path(__file__).parents[1] / "wire" / "gemini"
NAMES = sorted(path.name.removesuffix(".call.json") for path in WIRE.glob("*.call.json"))
TARGET = Target(
    "up", "gemini", "gemini", Origin("http", "h", 1), "/v1beta", "gemini-3-flash-preview"
)
TOOL = {"type": "function", "function": {"name": "weather"}}


def call(**fields: object) -> Call:
    said = {"model": "smart", "messages": [{"role": "user", "content": "Hello"}], **fields}
    return read_request("chat", json.dumps(said).encode())


def written(model: str = TARGET.model, /, **fields: object) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(body_of(call(**fields), replace(TARGET, model=model))[0])
    return body


def refused(model: str = TARGET.model, /, **fields: object) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        body_of(call(**fields), replace(TARGET, model=model))
    return caught.value


def test_a_cloud_that_knows_no_ids_of_calls_is_told_none() -> None:
    function = {"name": "weather", "arguments": "{}"}
    called = {"role": "assistant", "tool_calls": [{"id": "toolu_1", "function": function}]}
    result = {"role": "tool", "tool_call_id": "toolu_1", "content": "Rain"}
    asked = call(messages=[{"role": "user", "content": "Hm"}, called, result])
    for dialect, ids in ((VERTEX, 0), ("", 2)):
        body = body_of(asked, replace(TARGET, dialect=dialect))[0]
        assert body.count(b"toolu_1") == ids


@pytest.mark.parametrize("name", NAMES)
def test_a_call_is_written_as_the_provider_is_asked(name: str) -> None:
    asked = read_request("chat", (WIRE / f"{name}.call.json").read_bytes())
    body, dropped = body_of(asked, TARGET)
    assert json.loads(body) == json.loads((WIRE / f"{name}.request.json").read_text())
    assert dropped == ()
    judge_generate(json.loads(body))


def test_the_judge_knows_what_is_no_request() -> None:
    odds: list[dict[str, Any]] = [
        {"n": 1},
        {"contents": []},
        {"contents": [{"role": "user", "parts": [{"text": 7}]}]},
        {"contents": [{"role": "user", "parts": [{"text": "x", "odd": 1}]}]},
        {"generationConfig": {"maxOutputTokens": "many"}},
        {"tools": [{"functionDeclarations": [{"odd": 1}]}]},
    ]
    for odd in odds:
        with pytest.raises(Refused):
            judge_generate({**written(), **odd})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("logit_bias", {"50256": -100}),
        ("audio", {"voice": "alloy", "format": "wav"}),
        ("modalities", ["text", "audio"]),
        ("prediction", {"type": "content", "content": "x"}),
        ("functions", [{"name": "f"}]),
        ("function_call", "auto"),
        ("service_tier", "scale"),
        ("store", True),
        ("verbosity", "low"),
        ("guided_json", {}),
        ("web_search_options", {"search_context_size": "low"}),
        ("reasoning_effort", "none"),
        ("reasoning_effort", "max"),
        ("response_format", {"type": "grammar", "grammar": "x"}),
    ],
)
def test_what_the_provider_cannot_be_told_is_refused_by_name_or_dropped(
    name: str, value: object
) -> None:
    error = refused(**{name: value})
    assert isinstance(error, Unsupported)
    assert (error.param, error.code) == (name, "unsupported_parameter")
    body, dropped = body_of(call(**{name: value}), replace(TARGET, drops=True))
    assert dropped == (name,)
    judge_generate(json.loads(body))


@pytest.mark.parametrize("drops", [False, True])
@pytest.mark.parametrize("name", ["tools", "tool_choice"])
def test_a_tool_of_another_type_is_refused_for_another_home(name: str, drops: bool) -> None:
    tool = {"type": "custom", "custom": {"name": "x"}}
    asked = call(**{name: [tool] if name == "tools" else tool})
    with pytest.raises(Unsupported) as caught:
        body_of(asked, replace(TARGET, drops=drops))
    assert caught.value.param == name


def test_a_tier_is_told_to_ai_studio_and_not_to_vertex() -> None:
    body = written(service_tier="flex")
    assert body["serviceTier"] == "flex"
    judge_generate(body)
    with pytest.raises(Unsupported) as caught:
        body_of(call(service_tier="flex"), replace(TARGET, dialect="vertex"))
    assert caught.value.param == "service_tier"


def test_calls_side_by_side_cannot_be_forbidden() -> None:
    assert refused(tools=[TOOL], parallel_tool_calls=False).param == "parallel_tool_calls"
    assert "toolConfig" not in written(parallel_tool_calls=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", "hot"),
        ("n", 0),
        ("seed", 1.5),
        ("stop", 7),
        ("max_tokens", 0),
        ("tools", [{"type": 7, "custom": {"name": "x"}}]),
        ("tool_choice", "always"),
        ("safety_settings", [7]),
        ("messages", [{"role": "system", "content": "Only this"}]),
    ],
)
def test_what_nobody_could_be_told_is_refused_by_name(name: str, value: object) -> None:
    error = refused(**{name: value})
    assert not isinstance(error, Unsupported)
    assert error.param == name


def test_a_choice_of_tools_wants_tools() -> None:
    assert refused(tool_choice="required").param == "tool_choice"
    assert "tools" not in written(tool_choice="none", tools=[])


@pytest.mark.parametrize(
    ("model", "effort", "config"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-flash-lite", "low", {"thinkingBudget": 1024, "includeThoughts": True}),
        ("gemini-2.5-pro", "high", {"thinkingBudget": 24_576, "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-pro-latest", "medium", {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        ("gemini-3.8-flash", "minimal", {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ("gemini-9", "xhigh", {"thinkingLevel": "XHIGH", "includeThoughts": True}),
    ],
)
def test_each_family_thinks_in_its_own_way(
    model: str, effort: str, config: dict[str, object]
) -> None:
    body = written(model, reasoning_effort=effort)
    assert body["generationConfig"] == {"thinkingConfig": config}


def test_a_model_that_does_not_think_may_be_told_not_to() -> None:
    assert "generationConfig" not in written("gemini-2.0-flash", reasoning_effort="none")
    assert refused("gemini-2.0-flash", reasoning_effort="low").param == "reasoning_effort"
    assert refused("gemini-2.5-pro", reasoning_effort="none").param == "reasoning_effort"


def test_older_models_want_no_signature_of_their_calls() -> None:
    function = {"name": "weather", "arguments": "{}"}
    said = {"role": "assistant", "tool_calls": [{"id": "a", "type": "f", "function": function}]}
    body = written("gemini-2.5-flash", messages=[{"role": "user", "content": "Hm"}, said])
    assert "thoughtSignature" not in body["contents"][1]["parts"][0]


def test_a_schema_that_is_nested_too_deeply_is_refused() -> None:
    deep: dict[str, object] = {}
    # Later Pythons follow what is written in C much further than what is written in Python.
    for _ in range(400 if sys.version_info < (3, 12) else 2000):
        deep = {"type": "object", "properties": {"a": deep}}
    tool = {"type": "function", "function": {"name": "deep", "parameters": deep}}
    assert refused(tools=[tool]).code == "invalid_request"


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({}, False),
        ({"type": "object", "properties": {}}, False),
        ({"type": "object", "additionalProperties": False, "required": [], "title": "No"}, False),
        ({"type": "object", "additionalProperties": {"type": "string"}}, True),
        ({"additionalProperties": False, "properties": {"a": {}}, "title": "One"}, True),
    ],
)
def test_of_a_tool_that_takes_nothing_it_is_not_said_what_it_takes(
    parameters: dict[str, Any], says: bool
) -> None:
    tool = {"type": "function", "function": {"name": "now", "parameters": parameters}}
    [declared] = written(tools=[tool])["tools"][0]["functionDeclarations"]
    assert ("parametersJsonSchema" in declared) is says
    if says:
        assert declared["parametersJsonSchema"] == {"type": "object", **parameters}
