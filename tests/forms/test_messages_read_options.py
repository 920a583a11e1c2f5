"""Options of a request of Anthropic's Messages in the chat form, one by one."""

import json
from typing import Any

import pytest
from msgspec import Raw

from gateway.forms.messages_read_options import options_of
from gateway.words.errors import BadRequest

TOOL = {"name": "f", "input_schema": {"type": "object"}}


def said(**native: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    fields, beyond = options_of({name: Raw(json.dumps(it).encode()) for name, it in native.items()})
    return {name: json.loads(bytes(raw)) for name, raw in fields.items()}, beyond


@pytest.mark.parametrize(
    ("thinking", "effort", "told"),
    [
        ({"type": "enabled", "budget_tokens": 1024}, None, "low"),
        ({"type": "enabled", "budget_tokens": 8000}, "max", "medium"),
        ({"type": "enabled", "budget_tokens": 60_000}, None, "high"),
        ({"type": "adaptive"}, None, "high"),
        ({"type": "adaptive", "display": "omitted"}, "low", "low"),
        ({"type": "disabled"}, "high", None),
        (None, "medium", "medium"),
        (None, None, None),
    ],
)
def test_how_much_is_to_be_thought_is_an_effort(
    thinking: Any, effort: str | None, told: str | None
) -> None:
    fields, beyond = said(thinking=thinking, output_config={"effort": effort})
    assert (fields.get("reasoning_effort"), beyond) == (told, ())


def test_a_manner_of_thinking_that_is_not_known_is_named() -> None:
    assert said(thinking={"type": "between_tools"}) == ({}, ("thinking",))


def test_the_shape_of_an_answer_goes_by_either_name() -> None:
    shape = {"type": "json_schema", "schema": {"type": "object"}}
    fields, beyond = said(output_format=shape)
    assert fields == said(output_config={"format": shape})[0]
    assert fields["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert beyond == ()
    assert said(output_config={"format": {"type": "grammar"}}) == ({}, ("output_config.format",))


def test_null_says_nothing() -> None:
    config = {"effort": None, "format": None, "more": None}
    nothing = said(output_config=config, container=None, metadata={"user_id": None}, tools=None)
    assert nothing == ({}, ())
    assert said(context_management={}, stop_sequences=[]) == ({}, ())
    assert said(mcp_servers=[], container={}) == ({}, ())


def test_whatever_is_not_known_is_named() -> None:
    config = {"task_budget": {"type": "tokens"}}
    beyond = said(container="c", speed="fast", output_config=config, novelty=1)[1]
    assert set(beyond) == {"container", "speed", "output_config.task_budget", "novelty"}


def test_what_only_tidies_up_thoughts_needs_no_telling() -> None:
    tidy = {"type": "clear_thinking_20251015"}
    other = {"type": "clear_tool_uses_20250919"}
    assert said(context_management={"edits": [tidy]}) == ({}, ())
    assert said(context_management={"edits": [tidy, other, other]}) == ({}, ("context_management",))


def test_parallel_calls_are_forbidden_whatever_the_choice() -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    fields, _ = said(tools=[TOOL], tool_choice=choice)
    assert (fields["tool_choice"], fields["parallel_tool_calls"]) == ("auto", False)
    assert "parallel_tool_calls" not in said(tools=[TOOL], tool_choice={"type": "none"})[0]


def test_a_field_of_a_tool_that_is_not_known_is_named() -> None:
    tool = {**TOOL, "eager_input_streaming": True, "novelty": 1, "other": None}
    assert said(tools=[tool])[1] == ("tools.novelty",)


def test_without_tools_there_is_no_choice() -> None:
    search = {"type": "web_search_20250305", "name": "web_search"}
    assert said(tools=[search], tool_choice={"type": "any"}) == (
        {},
        ("tools.web_search_20250305",),
    )


@pytest.mark.parametrize(
    "native",
    [
        {"tools": [{"name": "f"}]},
        {"tools": ["f"]},
        {"tools": {}},
        {"tools": [1, 2]},
        {"tools": [{}] * 65_537},
        {"stop_sequences": ["x"] * 300_000},
        {"tools": [TOOL], "tool_choice": {"type": "some"}},
        {"thinking": "yes"},
        {"output_config": {"effort": 3}},
        {"output_config": []},
        {"temperature": "hot"},
        {"stop_sequences": "END"},
        {"metadata": []},
        {"context_management": []},
    ],
)
def test_what_is_malformed_is_refused(native: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        said(**native)
