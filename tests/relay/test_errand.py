"""A call as each target is asked it."""

import json
from math import inf
from typing import Any, cast

from gateway.forms.chat import read_request
from gateway.policy.wishes import NOTHING
from gateway.relay.errand import Errand
from gateway.words.receipt import Receipt
from gateway.words.target import Origin, Target

TEXT = "Nobody begins a story twice in the same words, unless asked."


def errand(beginning: str = "") -> Errand:
    said = [{"role": "user", "content": "hello"}]
    call = read_request("chat", json.dumps({"model": "m", "messages": said}).encode())
    receipt = Receipt("req_1", "POST", "/", "127.0.0.1", 0.0)
    nobody = cast("Any", None)
    return Errand(call, NOTHING, receipt, nobody, nobody, inf, inf, beginning)


def target(*, prefill: bool) -> Target:
    origin = Origin("http", "up.test", 80)
    return Target("up", "openai", "chat", origin, "/v1", "m", prefill=prefill)


def test_a_call_is_asked_as_it_came() -> None:
    first = errand()
    assert first.call_for(target(prefill=True)) is first.call


def test_only_a_target_that_takes_it_is_given_the_beginning() -> None:
    again = errand(TEXT)
    assert again.call_for(target(prefill=False)) is again.call
    filled = again.call_for(target(prefill=True))
    assert json.loads(bytes(filled.fields["messages"]))[-1]["content"] == TEXT


def test_a_beginning_that_is_too_short_is_not_given() -> None:
    again = errand("Too short.")
    assert again.call_for(target(prefill=True)) is again.call
