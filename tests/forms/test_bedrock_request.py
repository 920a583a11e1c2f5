"""Requests for AWS Bedrock's Converse, each golden pair judged by botocore's service model.

In `tests/wire/bedrock/`: NAME.call.json is what a client asks, NAME.request.json what the provider
is sent for it.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw, structs

from gateway.forms.asked import MAX_VALUES
from gateway.forms.bedrock_request import body_of
from gateway.forms.chat import read_request
from gateway.words.call import Call
from gateway.words.errors import BadRequest, Unsupported
from gateway.words.target import Origin, Target
from tests.judges.bedrock import judge_converse
from tests.judges.strictly import Refused

WIRE = Path(__file__).parents[1] / "wire" / "bedrock"
NAMES = sorted(path.name.removesuffix(".call.json") for path in WIRE.glob("*.call.json"))
CLAUDE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
TARGET = Target("up", "bedrock", "bedrock", Origin("http", "h", 1), "", CLAUDE)
TOOL = {"type": "function", "function": {"name": "weather"}}
CALLED: list[dict[str, Any]] = [
    {"role": "user", "content": "Hello"},
    {
        "role": "assistant",
        "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "weather"}}],
    },
    {"role": "tool", "tool_call_id": "t1", "content": "Rain"},
]


def call(**fields: object) -> Call:
    said = {"model": "smart", "messages": [{"role": "user", "content": "Hello"}], **fields}
    return read_request("chat", json.dumps(said).encode())


def written(target: Target = TARGET, **fields: object) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(body_of(call(**fields), target)[0])
    judge_converse(body, target.model)
    return body


def refused(**fields: object) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        body_of(call(**fields), TARGET)
    return caught.value


@pytest.mark.parametrize("name", NAMES)
def test_a_call_is_written_as_the_provider_is_asked(name: str) -> None:
    asked = read_request("chat", (WIRE / f"{name}.call.json").read_bytes())
    body, dropped = body_of(asked, replace(TARGET, model=asked.model))
    assert json.loads(body) == json.loads((WIRE / f"{name}.request.json").read_text())
    assert dropped == ()
    judge_converse(json.loads(body), asked.model, stream=asked.stream)


def test_the_judge_knows_what_is_no_request() -> None:
    odds: list[dict[str, Any]] = [
        {"n": 1},
        {"inferenceConfig": {"maxTokens": "many"}},
        {"inferenceConfig": {"temperature": 1.2}},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": [{"text": "x", "image": {}}]}]},
        {"system": [{"text": ""}]},
        {"toolConfig": {"tools": []}},
    ]
    for odd in odds:
        with pytest.raises(Refused):
            judge_converse({**written(), **odd})


UNTOLD = [
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
    ("service_tier", "scale"),
    ("store", True),
    ("verbosity", "low"),
    ("web_search_options", {}),
    ("web_search_options", {"user_location": {"type": "approximate"}}),
    ("guided_json", {}),
    ("temperature", 1.2),
    ("temperature", -0.1),
    ("top_p", 1.5),
    ("response_format", {"type": "json_object"}),
    ("response_format", {"type": "json_schema"}),
    ("response_format", {"type": "json_schema", "json_schema": {"schema": [7]}}),
    ("reasoning_effort", "max"),
]
"""What the provider cannot be told."""


@pytest.mark.parametrize(("name", "value"), UNTOLD)
def test_what_the_provider_cannot_be_told_is_refused_by_name(name: str, value: object) -> None:
    error = refused(**{name: value})
    assert isinstance(error, Unsupported)
    assert (error.status, error.param) == (400, name)
    assert repr(name) in error.message


@pytest.mark.parametrize(("name", "value"), UNTOLD)
def test_what_the_provider_cannot_be_told_is_let_go_where_the_operator_says_so(
    name: str, value: object
) -> None:
    body, dropped = body_of(call(**{name: value}), replace(TARGET, drops=True))
    assert dropped == (name,)
    judge_converse(json.loads(body))
    assert json.loads(body) == written()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 0),
        ("max_completion_tokens", "many"),
        ("temperature", "hot"),
        ("top_p", []),
        ("top_k", -1),
        ("stop", [1]),
        ("service_tier", 7),
        ("tools", [{"type": 7, "custom": {"name": "f"}}]),
        ("tools", [{"type": "function"}]),
        ("tool_choice", "always"),
        ("tool_choice", {"type": 7}),
        ("tool_choice", "required"),
        ("tool_choice", {"type": "function", "function": {"name": "weather"}}),
        ("parallel_tool_calls", "no"),
        ("reasoning_effort", 7),
        ("guardrailConfig", "strict"),
        ("additionalModelRequestFields", []),
        ("tools", [{"x": {f"{at}": at for at in range(MAX_VALUES + 1)}}]),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(name: str, value: object) -> None:
    error = refused(**{name: value})
    assert (error.param, error.code) == (name, "invalid_request")
    assert repr(name) in error.message


def test_one_tool_at_a_time_cannot_be_told_to_all() -> None:
    nova = replace(TARGET, model="amazon.nova-pro-v1:0")
    for target, choice in ((nova, None), (nova, "auto"), (TARGET, "required")):
        asked = call(tools=[TOOL], parallel_tool_calls=False, tool_choice=choice)
        with pytest.raises(Unsupported) as caught:
            body_of(asked, target)
        assert caught.value.param == "parallel_tool_calls"
        body, dropped = body_of(asked, replace(target, drops=True))
        assert dropped == ("parallel_tool_calls",)
        assert ("toolChoice" in json.loads(body)["toolConfig"]) is (choice is not None)
    assert "toolConfig" not in written(parallel_tool_calls=False)


def test_tools_that_have_been_called_must_be_told_again() -> None:
    assert refused(messages=CALLED).param == "tools"
    assert "toolConfig" in written(messages=CALLED, tools=[TOOL])


def test_no_tool_can_be_ruled_out_once_one_has_been_called() -> None:
    asked: dict[str, Any] = {"messages": CALLED, "tools": [TOOL], "tool_choice": "none"}
    assert refused(**asked).param == "tool_choice"
    body, dropped = body_of(call(**asked), replace(TARGET, drops=True))
    assert dropped == ("tool_choice",)
    assert json.loads(body)["toolConfig"]["toolChoice"] == {"auto": {}}


@pytest.mark.parametrize("model", ["amazon.nova-lite-v1:0", "meta.llama3-70b-instruct-v1:0"])
def test_a_one_is_told_to_models_to_which_it_says_something(model: str) -> None:
    body = written(replace(TARGET, model=model), temperature=1, top_p=1)
    assert body["inferenceConfig"] == {"temperature": 1.0, "topP": 1.0}


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("mistral.mistral-large-2407-v1:0", {"top_k": 9}),
        ("eu.amazon.nova-micro-v1:0", {"inferenceConfig": {"topK": 9}}),
    ],
)
def test_of_how_many_words_one_is_drawn_each_family_is_told_in_its_own_way(
    model: str, told: dict[str, Any]
) -> None:
    assert written(replace(TARGET, model=model), top_k=9)["additionalModelRequestFields"] == told


def test_a_tool_whose_name_the_provider_would_refuse_has_another() -> None:
    tool = {"type": "function", "function": {"name": "mcp.server/weather"}}
    chosen = {"type": "function", "function": {"name": "mcp.server/weather"}}
    body = written(tools=[tool], tool_choice=chosen)
    (told,) = body["toolConfig"]["tools"]
    assert told["toolSpec"]["name"].startswith("mcp_server_weather_")
    assert body["toolConfig"]["toolChoice"]["tool"]["name"] == told["toolSpec"]["name"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("response_format", b'{"type":"json_schema","json_schema":{"schema":%b}}'),
        ("tools", b'[{"type":"function","function":{"name":"f","parameters":{"a":%b}}}]'),
        ("additionalModelRequestFields", b'{"a":%b}'),
        ("messages", b'[{"role":"user","content":"x","audio":%b}]'),
    ],
)
def test_what_is_nested_too_deeply_is_refused_by_name(name: str, value: bytes) -> None:
    deep = Raw(value % (b'{"a":' * 100_000 + b"1" + b"}" * 100_000))
    asked = call()
    with pytest.raises(BadRequest) as caught:
        body_of(structs.replace(asked, fields={**asked.fields, name: deep}), TARGET)
    assert caught.value.param == name


def test_nova_may_search_the_web_and_no_more_is_told_it() -> None:
    nova = replace(TARGET, model="us.amazon.nova-premier-v1:0")
    search = {"systemTool": {"name": "nova_grounding"}}
    assert written(nova, web_search_options={})["toolConfig"] == {"tools": [search]}
    both = written(nova, web_search_options={"search_context_size": "low"}, tools=[TOOL])
    assert both["toolConfig"]["tools"][1:] == [search]
    asked = call(web_search_options={"user_location": {"type": "approximate"}})
    with pytest.raises(Unsupported):
        body_of(asked, nova)
    assert body_of(asked, replace(nova, drops=True))[1] == ("web_search_options",)


@pytest.mark.parametrize(
    ("model", "in_messages", "in_tools"),
    [
        (CLAUDE, True, True),
        ("arn:aws:bedrock:eu-central-1:1:application-inference-profile/a", True, True),
        ("amazon.nova-pro-v1:0", True, False),
        ("meta.llama3-70b-instruct-v1:0", False, False),
    ],
)
def test_only_a_model_that_caches_is_told_up_to_where(
    model: str, in_messages: bool, in_tools: bool
) -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    part = {"type": "text", "text": "x", **mark}
    body = written(
        replace(TARGET, model=model),
        messages=[{"role": "user", "content": [part]}],
        tools=[{**TOOL, **mark}],
    )
    assert ("cachePoint" in str(body["messages"])) is in_messages
    assert ("cachePoint" in str(body["toolConfig"])) is in_tools
