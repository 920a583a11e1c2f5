"""What a chat completion asks for beside its messages, as whoever translates it reads it."""

import pytest
from msgspec import Raw

from gateway.forms.asked import Asked
from gateway.forms.chat_request import (
    Chosen,
    Function,
    Json,
    Named,
    Schema,
    Shape,
    Text,
    Tool,
    check_no_tool,
    is_choice,
    is_shape,
    is_tools,
    names_of,
    room_in,
    wants_a_tool,
)
from gateway.words.errors import BadRequest, Unsupported

CHOSEN = Chosen("function", Named("f"))


def asked(**fields: bytes) -> Asked:
    return Asked({name: Raw(value) for name, value in fields.items()}, drops=False)


def test_a_tool_is_a_function_with_what_it_takes() -> None:
    told = b'[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]'
    tools = asked(tools=told).take("tools", is_tools)
    assert tools == [Tool("function", Function("f", parameters={"type": "object"}))]


def test_a_tool_of_another_kind_may_be_known_elsewhere() -> None:
    with pytest.raises(Unsupported):
        asked(tools=b'[{"type":"custom","function":{"name":"f"}}]').take("tools", is_tools)


@pytest.mark.parametrize(
    ("told", "shape"),
    [
        (b'{"type":"text"}', Text()),
        (b'{"type":"json_object"}', Json()),
        (b'{"type":"json_schema","json_schema":{"name":"n","schema":{}}}', Shape(Schema({}))),
    ],
)
def test_an_answer_may_have_a_shape(told: bytes, shape: object) -> None:
    assert asked(response_format=told).take("response_format", is_shape) == shape


def test_the_newer_name_of_the_room_comes_first() -> None:
    fields = asked(max_tokens=b"5", max_completion_tokens=b"7")
    assert room_in(fields) == 7
    assert fields.settle() == ()
    assert room_in(asked(max_tokens=b"5")) == 5
    assert room_in(asked()) is None


@pytest.mark.parametrize("told", [b'"auto"', b'"none"', b"null"])
def test_where_no_tool_is_wanted_there_need_be_none(told: bytes) -> None:
    choice = asked(tool_choice=told).take("tool_choice", is_choice)
    assert not wants_a_tool(choice)
    check_no_tool(choice)


@pytest.mark.parametrize(
    ("told", "choice"),
    [
        (b'"required"', "required"),
        (b'{"type":"function","function":{"name":"f"}}', CHOSEN),
    ],
)
def test_a_tool_that_is_wanted_must_be_there(told: bytes, choice: object) -> None:
    assert asked(tool_choice=told).take("tool_choice", is_choice) == choice
    assert wants_a_tool(choice)
    with pytest.raises(BadRequest, match="wants a tool"):
        check_no_tool(choice)


def test_tools_have_their_own_names_again() -> None:
    told = b'[{"function":{"name":"A"}},{"function":{"name":"b"}},{}]'
    assert names_of({"tools": Raw(told)}, str.lower) == {"a": "A"}


@pytest.mark.parametrize("told", [b"{}", b"[", b"[" * 100_000], ids=["{}", "[", "deep"])
def test_tools_that_cannot_be_read_have_no_names(told: bytes) -> None:
    assert names_of({"tools": Raw(told)}, str.lower) == {}
    assert names_of({}, str.lower) == {}
