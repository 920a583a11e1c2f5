"""Requests in the Responses form told as chat completions, judged by the types of the official SDK.

In `tests/wire/responses/requests/`: what is `asked`, what a chat is `told`, what is `beyond` it.
"""

import json
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.forms.chat import write_request
from gateway.forms.responses_read import (
    LOGPROBS,
    OPERATION,
    read_request,
    wants,
    wants_summary,
)
from gateway.words.call import Call
from gateway.words.errors import BadRequest
from gateway.words.target import Origin, Target
from tests.judges.openai import judge_chat, judge_responses

WIRE = Path(__file__).parents[1] / "wire" / "responses" / "requests"
NAMES = sorted(path.stem for path in WIRE.glob("*.json"))
NOT_IN_THE_TYPES = {"items_of_the_provider", "unknown_field"}
TARGET = Target("up", "openai", "chat", Origin("http", "h", 1), "/v1", "m-1")


def read(**fields: object) -> Call:
    return of(OPERATION, **fields)


def of(operation: str, **fields: object) -> Call:
    return read_request(operation, json.dumps({"model": "m", "input": "Hi", **fields}).encode())


def refused(**fields: object) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        read(**fields)
    return caught.value


def told(call: Call) -> dict[str, Any]:
    return {name: json.loads(bytes(raw)) for name, raw in call.fields.items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_request_is_told_as_a_chat(name: str) -> None:
    golden = json.loads((WIRE / f"{name}.json").read_text())
    if name not in NOT_IN_THE_TYPES:
        judge_responses(golden["asked"])
    call = read_request(OPERATION, json.dumps(golden["asked"]).encode())
    assert told(call) == golden["told"]
    assert [name for name, _ in call.beyond] == golden["beyond"]
    assert list(call.continues) == golden["continues"]
    assert all(why.endswith(".") for _, why in call.beyond)
    assert call.native is not None
    assert {name: json.loads(bytes(raw)) for name, raw in call.native.items()} == golden["asked"]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NOT_IN_THE_TYPES])
def test_any_server_of_openais_form_takes_what_is_told(name: str) -> None:
    golden = json.loads((WIRE / f"{name}.json").read_text())
    call = read_request(OPERATION, json.dumps(golden["asked"]).encode())
    judge_chat(json.loads(bytes(write_request(call, TARGET).body)))


def test_a_stream_is_always_asked_for_its_usage() -> None:
    assert (read(stream=True).stream, read(stream=True).show_usage) == (True, False)
    assert (read().stream, read().show_usage) == (False, True)


def test_of_the_header_fields_those_of_the_form_pass() -> None:
    body = b'{"model":"m","input":"Hi"}'
    headers = {b"openai-beta": b"responses=v1", b"x-other": b"1"}
    assert read_request(OPERATION, body, headers).passed == ((b"openai-beta", b"responses=v1"),)


def test_other_operations_pass_as_they_are() -> None:
    call = of("count_input", stream=True, previous_response_id="resp_1", background=True)
    assert (call.stream, call.continues, call.beyond) == (False, ("resp_1",), ())
    assert call.fields == call.native


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input", 5),
        ("input", [5]),
        ("input", [{"role": "nobody", "content": "x"}]),
        ("input", []),
        ("input", None),
        ("instructions", 5),
        ("include", "all"),
        ("max_output_tokens", "many"),
        ("previous_response_id", 5),
        ("conversation", []),
        ("reasoning", "high"),
        ("text", {"format": {"type": "json_schema", "schema": 5}}),
        ("tools", "all"),
        ("tools", [5]),
        ("tools", [{"type": "function"}]),
        ("tools", [{"type": "function", "name": "f", "parameters": 5}]),
        ("tools", [{"type": "custom", "name": 5}]),
        ("tools", [{"type": "namespace", "tools": []}]),
        ("tool_choice", 5),
        ("model", ""),
        ("stream", "yes"),
    ],
)
def test_what_is_malformed_is_refused_by_name(name: str, value: object) -> None:
    assert refused(**{name: value}).param == name


def test_a_schema_has_a_name_whoever_gave_none() -> None:
    shape = told(read(text={"format": {"type": "json_schema", "schema": {}}}))["response_format"]
    assert shape["json_schema"] == {"name": "answer", "schema": {}}


def test_an_unknown_shape_is_beyond_a_chat() -> None:
    assert [name for name, _ in read(text={"format": {"type": "verse"}}).beyond] == ["text.format"]


def test_a_conversation_is_named_by_its_id_alone_too() -> None:
    assert read(conversation="conv_1").continues == ("conv_1",)


def test_a_request_that_goes_on_needs_to_say_nothing() -> None:
    call = read(input=None, previous_response_id="resp_1")
    assert told(call)["messages"] == []


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{", b'{"a":' * 100_000 + b"1"])
def test_r15_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_request(OPERATION, body)


def test_what_a_client_wants_to_have_told() -> None:
    native = read(include=[LOGPROBS], reasoning={"generate_summary": "auto"}).native
    assert native is not None
    assert (wants(native), wants_summary(native)) == (frozenset({LOGPROBS}), True)
    assert (wants({}), wants_summary({})) == (frozenset(), False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "role", "content", "name", "tools"]), inner)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["input", "tools", "tool_choice", "text", "reasoning", "include", "conversation", "store"]
)


@given(st.dictionaries(FIELDS, JSON, max_size=3))
def test_hostile_fields_raise_nothing_but_a_refusal(fields: dict[str, object]) -> None:
    with suppress(BadRequest):
        read(**fields)


@pytest.mark.parametrize(
    "field",
    [
        b'"prompt":[%b]',
        b'"context_management":[%b]',
        b'"text":{"format":{"type":"json_schema","schema":{"a":[%b]}}}',
        b'"tools":[{"type":"function","name":"f","parameters":{"a":[%b]}}]',
    ],
)
def test_r15_what_is_not_read_is_not_built(field: bytes) -> None:
    body = b'{"model":"m","input":"x",%b}' % (field % b",".join([b"[]"] * 200_000))
    tracemalloc.start()
    try:
        read_request("chat", body)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 * len(body)
