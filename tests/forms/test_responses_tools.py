"""Tools of the Responses form, told as functions of a chat."""

import json

import pytest
from msgspec import Raw

from gateway.forms.responses_tools import (
    MAX_OBJECTS,
    MOST_REPEATED,
    Tool,
    arguments_for,
    called,
    choice_of,
    kind_of,
    known_tools,
    objects_of,
    tools_of,
)
from gateway.words.errors import BadRequest


def raw(value: object) -> Raw:
    return Raw(json.dumps(value).encode())


SPACE = {
    "type": "namespace",
    "name": "agents",
    "description": "Agents.",
    "tools": [
        {"type": "function", "name": "spawn", "description": "Begin one."},
        {"type": "custom", "name": "say"},
        {"type": "mcp", "server_label": "x"},
    ],
}


def test_a_function_in_a_namespace_is_called_by_both_names() -> None:
    beyond: dict[str, str] = {}
    functions = tools_of(raw([SPACE]), beyond)
    assert list(functions) == ["agents__spawn", "agents__say"]
    function = functions["agents__spawn"]["function"]
    assert function == {"name": "agents__spawn", "description": "Agents.\n\nBegin one."}
    assert list(beyond) == ["tools.mcp"]
    assert (called("a", None), called("a", "b")) == ("a", "b__a")


def test_the_tools_are_known_again_by_the_names_that_a_chat_has() -> None:
    assert known_tools(raw([SPACE, {"type": "web_search"}, {"type": "custom", "name": "x"}])) == {
        "agents__spawn": Tool("spawn", "agents"),
        "agents__say": Tool("say", "agents", takes_text=True),
        "x": Tool("x", takes_text=True),
    }


def test_two_tools_of_one_name_are_refused() -> None:
    twice = [{"type": "function", "name": "agents__spawn"}, SPACE]
    with pytest.raises(BadRequest) as caught:
        tools_of(raw(twice), {})
    assert caught.value.param == "tools"


def test_a_tool_may_be_chosen_by_its_names() -> None:
    functions = tools_of(raw([SPACE]), {})
    choice = choice_of(
        raw({"type": "function", "name": "spawn", "namespace": "agents"}), functions, {}
    )
    assert choice == {"type": "function", "function": {"name": "agents__spawn"}}


def test_of_the_allowed_tools_none_may_be_a_function() -> None:
    functions = tools_of(raw([SPACE]), {})
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "mcp"}]}
    assert choice_of(raw(allowed), functions, {}) is None
    assert functions == {}


def test_free_text_is_the_one_argument_of_its_function() -> None:
    assert json.loads(arguments_for('a "b"')) == {"input": 'a "b"'}


def test_r15_what_a_namespace_says_before_each_of_its_tools_is_bounded() -> None:
    tools = [{"type": "function", "name": f"f{number}"} for number in range(5)]
    space = {"type": "namespace", "name": "n", "tools": tools}
    said = "d" * (MOST_REPEATED // 10)
    spaces = [{**space, "name": name, "description": said} for name in ("a", "b")]
    with pytest.raises(BadRequest) as caught:
        tools_of(raw(spaces), {})
    assert caught.value.param == "tools"
    spaces[1]["description"] = said[:-5]
    assert len(tools_of(raw(spaces), {})) == 10


def test_r15_a_flood_of_objects_is_refused() -> None:
    with pytest.raises(BadRequest):
        objects_of(Raw(b"[" + b"{}," * MAX_OBJECTS + b"{}]"), "tools")
    with pytest.raises(BadRequest):
        objects_of(Raw(b'[{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}]"), "tools")


def test_a_type_that_cannot_be_told_is_none() -> None:
    assert (kind_of(raw({"type": 5})), kind_of(raw({"type": "x" * 99}))) == ("", "x" * 60)
