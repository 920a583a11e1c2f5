"""The messages of a chat completion, as all that tell them in another form read them."""

import msgspec
import pytest
from msgspec import Raw

from gateway.forms.chat_turns import (
    MAX_OBJECTS,
    Address,
    Block,
    Function,
    Part,
    Said,
    ToolCall,
    add_to_turns,
    arguments_of,
    check_assistant,
    check_turns,
    function_of,
    no_object,
    no_part,
    no_role,
    said_in,
)
from gateway.words.errors import BadRequest, Unsupported


class Call(ToolCall, gc=False):
    id: str = ""
    own: Raw = Raw(b"null")


class Message(Said[Part, Call], gc=False):
    name: str = ""


decode = msgspec.json.Decoder(list[Message]).decode


def read(body: bytes) -> list[Message]:
    return said_in(Raw(body), decode)


def test_a_message_has_a_forms_own_fields_beside_those_of_all() -> None:
    (message,) = read(
        b'[{"role":"assistant","name":"n","tool_calls":[{"function":{"name":"f"},"own":1}],'
        b'"content":[{"type":"image_url","image_url":{"url":"u"}}]}]'
    )
    assert (message.role, message.name) == ("assistant", "n")
    assert message.content == [Part("image_url", image_url=Address("u"))]
    assert message.tool_calls is not None
    assert message.tool_calls[0].function == Function("f")
    assert bytes(message.tool_calls[0].own) == b"1"


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[{}]",
        b'[{"role":"user","content":1}]',
        b"[" + b'{"role":"user","own":' + b"[" * 100_000,
        b"[%b]" % b",".join([b'{"role":"user"}'] * (MAX_OBJECTS + 1)),
    ],
    ids=["none", "no role", "number", "deep", "many"],
)
def test_what_are_no_messages_is_refused(body: bytes) -> None:
    """R15."""
    with pytest.raises(BadRequest) as told:
        read(body)
    assert told.value.param == "messages"


def test_a_message_of_a_tool_says_which_call_it_answers() -> None:
    assert Message("tool", tool_call_id="c").answers() == "c"
    with pytest.raises(BadRequest, match="tool_call_id"):
        Message("tool").answers()


@pytest.mark.parametrize("name", ["function_call", "audio"])
def test_what_no_other_form_has_is_refused_by_name(name: str) -> None:
    check_assistant(Message("assistant"))
    (message,) = read(b'[{"role":"assistant","%b":{}}]' % name.encode())
    with pytest.raises(Unsupported, match=name):
        check_assistant(message)


def test_a_call_is_of_a_function() -> None:
    function = Function("f")
    assert function_of(ToolCall("c", function)) is function
    with pytest.raises(Unsupported, match="of no function"):
        function_of(ToolCall("c"))


def test_arguments_are_an_object_of_which_each_value_keeps_its_bytes() -> None:
    assert arguments_of(Function("f")) == {}
    assert bytes(arguments_of(Function("f", '{"a": [1.50]}'))["a"]) == b"[1.50]"


@pytest.mark.parametrize("arguments", ["[]", "{", '{"a":' + "[" * 100_000], ids=["[]", "{", "deep"])
def test_other_arguments_are_refused(arguments: str) -> None:
    with pytest.raises(BadRequest, match="of the call of 'f'"):
        arguments_of(Function("f", arguments))


def test_a_refusal_names_what_is_refused_and_not_all_of_it() -> None:
    long = "x" * 1_000_000
    refusals = [no_object(Function(long)), no_role(long), no_part(Part(long), "user")]
    for refusal in refusals:
        assert len(str(refusal)) < 200
        assert refusal.param == "messages"


def test_what_one_says_in_several_messages_is_joined() -> None:
    turns: list[Block] = []
    with pytest.raises(BadRequest, match="says nothing"):
        check_turns(turns)
    for role, text in [("user", "a"), ("user", "b"), ("assistant", ""), ("assistant", "c")]:
        add_to_turns(turns, role, [{"text": text}] if text else [])
    check_turns(turns)
    assert turns == [
        {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
        {"role": "assistant", "content": [{"text": "c"}]},
    ]
