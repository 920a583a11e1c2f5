"""What models of several families on AWS Bedrock are told of how much to think."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.forms.bedrock_effort import GPT, NOVA, OSS, ROOM, write_effort
from gateway.forms.claude import BUDGETS, EFFORTS
from gateway.words.errors import Unsupported
from gateway.words.target import Target
from tests.forms.test_bedrock_request import TARGET, TOOL, refused, written

EXTRA = "additionalModelRequestFields"
NEWER = "global.anthropic.claude-opus-4-7"


def of(model: str) -> Target:
    return replace(TARGET, model=model)


@pytest.mark.parametrize(("effort", "budget"), BUDGETS.items())
def test_thoughts_come_on_top_where_the_client_names_no_most(effort: str, budget: int) -> None:
    body = written(reasoning_effort=effort, stop="END")
    assert body[EXTRA] == {"thinking": {"type": "enabled", "budget_tokens": budget}}
    assert body["inferenceConfig"] == {"maxTokens": ROOM + budget, "stopSequences": ["END"]}


def test_of_the_most_that_a_client_names_half_is_left_for_words() -> None:
    body = written(reasoning_effort="high", max_tokens=2048)
    assert body[EXTRA]["thinking"]["budget_tokens"] == 1024
    assert body["inferenceConfig"]["maxTokens"] == 2048
    assert refused(reasoning_effort="high", max_tokens=2047).param == "reasoning_effort"


def test_with_thoughts_neither_another_temperature_nor_a_forced_tool_goes() -> None:
    error = refused(reasoning_effort="low", temperature=0.5)
    assert isinstance(error, Unsupported)
    assert error.param == "reasoning_effort"
    forced: dict[str, Any] = {"tools": [TOOL], "tool_choice": "required"}
    assert refused(reasoning_effort="low", **forced).param == "reasoning_effort"
    written(reasoning_effort="low", tools=[TOOL], tool_choice="auto")


@pytest.mark.parametrize(("effort", "told"), EFFORTS.items())
def test_a_newer_claude_is_told_the_effort_and_thinks_as_it_sees_fit(
    effort: str, told: str
) -> None:
    body = written(of(NEWER), reasoning_effort=effort)
    assert body[EXTRA] == {"thinking": {"type": "adaptive"}}
    assert body["outputConfig"] == {"effort": told}


@pytest.mark.parametrize(
    ("model", "efforts", "told"),
    [
        ("us.amazon.nova-2-lite-v1:0", NOVA, "maxReasoningEffort"),
        ("openai.gpt-oss-20b-1:0", OSS, "reasoning_effort"),
        ("global.openai.gpt-5.6-luna", GPT, "effort"),
    ],
)
def test_other_families_are_told_in_their_own_way(
    model: str, efforts: dict[str, str], told: str
) -> None:
    for effort, own in efforts.items():
        extra = json.dumps(written(of(model), reasoning_effort=effort)[EXTRA])
        assert f'"{told}": "{own}"' in extra


@pytest.mark.parametrize(
    ("model", "effort", "why"),
    [
        (NEWER, "hard", "must be none, minimal, low, medium, high, xhigh, max."),
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", "max", "none, minimal, low, medium, high."),
        ("us.amazon.nova-2-lite-v1:0", "max", "must be none, minimal, low, medium, high."),
        ("openai.gpt-oss-20b-1:0", "minimal", "must be none, low, medium, high."),
        ("us.openai.gpt-5.6-sol", "odd", "none, minimal, low, medium, high, xhigh, max."),
        ("us.amazon.nova-pro-v1:0", "low", "has no counterpart with this model."),
    ],
)
def test_an_effort_that_a_model_has_not_is_named(model: str, effort: str, why: str) -> None:
    body: dict[str, Any] = {}
    refusal = write_effort(effort, body, model, None)
    assert refusal is not None
    assert refusal.endswith(why)
    assert body == {}


def test_no_effort_is_told_to_nobody() -> None:
    for model in ("us.amazon.nova-pro-v1:0", NEWER, "openai.gpt-oss-20b-1:0"):
        body: dict[str, Any] = {}
        assert (write_effort("none", body, model, None), body) == (None, {})


def test_what_a_client_tells_the_model_itself_stays() -> None:
    own = {EXTRA: {"anthropic_beta": ["x"]}}
    assert set(written(of(NEWER), reasoning_effort="low", **own)[EXTRA]) == {
        "anthropic_beta", "thinking",
    }  # fmt: skip
