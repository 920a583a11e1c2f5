"""A provider that is given the beginning of its answer, as its own last words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.forms.chat import read_request
from gateway.forms.chat_prefill import MAX_PREFILLED_OBJECTS, fit_for_prefill, with_prefill
from gateway.forms.chat_resume import PROBE_CHARS
from gateway.words.call import Call

LONG = "Nobody begins a story twice in the same words, unless it is asked to."


def asked(*messages: dict[str, object]) -> Call:
    return read_request("chat", json.dumps({"model": "m", "messages": messages}).encode())


HELLO: dict[str, object] = {"role": "user", "content": "Hello"}


def test_a_prefill_is_the_last_message_and_all_else_keeps_its_bytes() -> None:
    body = (
        b'{"model":"m" , "messages": [ {"role":"user","content":"\\u00e9 ]"} ,{"x":[1.0]}\n ] ,'
        b'"stream":true,"unknown":{"a": 1e999}}'
    )
    call = read_request("chat", body)
    filled = with_prefill(call, 'A "beginning"\n😀')
    messages = bytes(filled.fields["messages"])
    assert messages.startswith(b'[ {"role":"user","content":"\\u00e9 ]"} ,{"x":[1.0]}\n ,')
    assert json.loads(messages)[2:] == [{"role": "assistant", "content": 'A "beginning"\n😀'}]
    others = call.fields.keys() - {"messages"}
    assert list(filled.fields) == list(call.fields)
    assert {name: bytes(filled.fields[name]) for name in others} == {
        name: bytes(call.fields[name]) for name in others
    }
    assert (filled.model, filled.stream, filled.show_usage) == ("m", True, False)
    assert len(json.loads(bytes(call.fields["messages"]))) == 2


@given(st.text())
def test_every_text_can_be_prefilled(text: str) -> None:
    filled = with_prefill(asked(HELLO), text)
    last = json.loads(bytes(filled.fields["messages"]))[-1]
    assert last == {"role": "assistant", "content": text}


def test_a_long_text_that_does_not_repeat_its_beginning_may_be_prefilled() -> None:
    assert fit_for_prefill(asked(HELLO), LONG)
    assert fit_for_prefill(asked(HELLO), LONG[:PROBE_CHARS])
    assert fit_for_prefill(asked(HELLO, {"role": "tool", "content": "x"}), LONG)


@pytest.mark.parametrize(
    "text", ["", LONG[: PROBE_CHARS - 1], "ha " * 20, LONG + LONG, LONG + LONG[:PROBE_CHARS]]
)
def test_a_text_that_cannot_be_told_apart_is_not_prefilled(text: str) -> None:
    assert not fit_for_prefill(asked(HELLO), text)


@pytest.mark.parametrize(
    "messages",
    [
        b'[{"role":"user"},{"role":"assistant","content":"So"}]',
        b'[{"role":"user"},1]',
        b'[{"role":"user"},{"role":"\\ud83d"}]',
        b"[%b{}]" % (b"{}," * MAX_PREFILLED_OBJECTS),
    ],
)
def test_a_call_whose_last_speaker_is_not_another_is_not_prefilled(messages: bytes) -> None:
    call = Call("chat", "chat", "m", True, True, {"messages": Raw(messages)})
    assert not fit_for_prefill(call, LONG)
