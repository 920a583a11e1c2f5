"""A client's own fields on their way to a provider of the same form."""

import json
from typing import Any

import pytest

from gateway.forms.messages_native_request import native_body
from gateway.forms.messages_read import read_request
from gateway.forms.messages_thoughts import SEAL, UNSIGNED, seal
from gateway.words.call import Call
from gateway.words.errors import BadRequest
from gateway.words.target import Origin, Target

TARGET = Target("up", "anthropic", "messages", Origin("http", "h", 1), "/v1", "claude")


def call(body: bytes) -> Call:
    return read_request("chat", body, {})


def asking(*turns: Any) -> Call:
    return call(json.dumps({"model": "m", "max_tokens": 9, "messages": list(turns)}).encode())


def sent(*turns: Any) -> Any:
    return json.loads(native_body(asking(*turns), TARGET))["messages"]


def test_every_field_keeps_its_bytes_and_the_model_is_the_targets() -> None:
    messages = b'[ {"role" : "user", "content":"\\u00e9 1.50"} ]'
    body = b'{"odd":1.50,"model":"m","max_tokens":9,"messages":%b}' % messages
    assert native_body(call(body), TARGET) == body.replace(b'"m"', b'"claude"')
    same = body.replace(b'"m"', b'"claude"')
    assert native_body(call(same), TARGET) == same


def test_thoughts_of_others_are_left_out() -> None:
    own = {"type": "thinking", "thinking": "Mine.", "signature": "EqQB"}
    kept: list[Any] = [own, {"type": "text", "text": f"{SEAL}unsigned"}]
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": UNSIGNED},
        {"type": "redacted_thinking", "data": seal({"type": "reasoning.encrypted"})},
        *kept,
    ]
    user = {"role": "user", "content": "Hello"}
    only = {"role": "assistant", "content": blocks[:1]}
    assert sent(user, {"role": "assistant", "content": blocks}, only) == [
        user,
        {"role": "assistant", "content": kept},
    ]


def test_a_word_that_looks_like_a_seal_stays() -> None:
    turn = {"role": "user", "content": f"{SEAL} is what?"}
    assert sent(turn) == [turn]
    odd = {"type": "thinking", "thinking": SEAL, "signature": "EqQB"}
    assistant = {"role": "assistant", "content": [odd]}
    assert sent(turn, assistant) == [turn, assistant]


def test_what_cannot_be_read_is_refused() -> None:
    asked = asking({"role": "user", "content": SEAL})
    assert asked.native is not None
    asked.native["messages"] = type(asked.native["messages"])(b'[{"role":"%b"}]' % SEAL.encode())
    with pytest.raises(BadRequest):
        native_body(asked, TARGET)
