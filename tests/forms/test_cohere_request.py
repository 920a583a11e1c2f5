"""Requests for Cohere's API v2, each golden pair judged by its published reference.

In `tests/wire/cohere/`: NAME.call.json is what a client asks, NAME.request.json what the provider
is sent for it.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.forms import cohere
from gateway.forms.chat import read_request
from gateway.forms.cohere_request import EFFORTS, body_of
from gateway.words.call import Call
from gateway.words.errors import BadRequest
from gateway.words.target import Origin, Target
from tests.heard import Golden
from tests.judges.cohere import judge_chat

GOLDEN = Golden(cohere, "cohere", "sse", "text/event-stream")
TARGET = Target("up", "cohere", "cohere", Origin("http", "h", 1), "", "command-a-03-2025")
TOOL = {"type": "function", "function": {"name": "weather"}}
STRICT = {"type": "function", "function": {"name": "clock", "strict": True}}
OTHER = {"type": "function", "function": {"name": "other"}}


def call(**fields: object) -> Call:
    said = {"model": "smart", "messages": [{"role": "user", "content": "Hello"}], **fields}
    return read_request("chat", json.dumps(said).encode())


@pytest.mark.parametrize("name", GOLDEN.calls())
def test_a_call_is_written_as_the_provider_is_asked(name: str) -> None:
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
    ("web_search_options", {"web_search_options": {}}),
    ("top_logprobs", {"logprobs": True, "top_logprobs": 3}),
    ("frequency_penalty", {"frequency_penalty": -0.5}),
    ("presence_penalty", {"presence_penalty": 1.5}),
    ("top_p", {"top_p": 0.001}),
    ("stop", {"stop": ["1", "2", "3", "4", "5", "6"]}),
    ("reasoning_effort", {"reasoning_effort": "utter"}),
    ("parallel_tool_calls", {"tools": [TOOL], "parallel_tool_calls": False}),
    ("tools", {"tools": [TOOL, STRICT]}),
]


@pytest.mark.parametrize(("name", "fields"), REFUSED)
def test_what_the_provider_cannot_be_told_is_refused_by_name(
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
        ("strict_tools", {"tools": [TOOL], "strict_tools": "yes"}),
        ("tools", {"tools": [{"type": 7, "custom": {"name": "f"}}]}),
        ("tool_choice", {"tool_choice": "always"}),
        ("tool_choice", {"tool_choice": "required"}),
        ("tool_choice", {"tools": [TOOL], "tool_choice": OTHER}),
        ("response_format", {"response_format": {"type": 7}}),
    ],
)
def test_what_nobody_could_be_told_is_refused(name: str, fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        body_of(call(**fields), TARGET)
    assert (caught.value.param, caught.value.code) == (name, "invalid_request")


@pytest.mark.parametrize("effort", EFFORTS)
def test_each_effort_is_one_that_the_provider_knows(effort: str) -> None:
    body = json.loads(body_of(call(reasoning_effort=effort), TARGET)[0])
    assert body["thinking"] == EFFORTS[effort]
    judge_chat(body)
