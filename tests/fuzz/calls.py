"""Bodies of chat requests: a call that loses nothing, or a sentence that says what is wrong."""

import json
from typing import Any

import msgspec

from gateway.forms.chat import read_request, write_error, write_request
from gateway.forms.chat_facts import MAX_MODEL_BYTES
from gateway.words.call import Call
from gateway.words.errors import BadRequest
from gateway.words.target import Origin, Target

OURS = frozenset({"model", "stream_options"})
"""The fields that the house may write anew."""

TARGETS = tuple(
    Target(
        provider="up",
        kind="openai",
        form="chat",
        origin=Origin("http", "up.test", 80),
        path="/v1",
        model=model,
    )
    for model in ("m", 'a "model" of é')
)


def calls(data: bytes) -> None:
    """Oracle: every field that is not the house's reaches the provider with its own bytes."""
    try:
        call = read_request("chat", data)
    except BadRequest as mistake:
        check_refusal(mistake)
        return
    assert 0 < len(call.model.encode()) <= MAX_MODEL_BYTES
    assert call.model.isprintable() or not any(ord(char) < 32 for char in call.model)
    data.decode()
    for target in TARGETS:
        check_written(call, write_request(call, target).body, target)
    _compare(data, call)


def check_refusal(mistake: BadRequest) -> None:
    """Check that a refusal can be told: a sentence, and an answer in JSON."""
    assert mistake.status == 400
    assert mistake.message.endswith(".")
    assert mistake.message.isprintable()
    assert json.loads(write_error(mistake))["error"]["message"] == mistake.message


def check_written(call: Call, written: bytes, target: Target) -> None:
    """Check what a provider is sent."""
    fields = msgspec.json.decode(written, type=dict[str, msgspec.Raw])
    assert list(fields)[: len(call.fields)] == list(call.fields)
    for name, raw in call.fields.items():
        assert name in OURS or bytes(fields[name]) == bytes(raw)
    assert msgspec.json.decode(fields["model"]) == target.model
    if call.stream and not call.show_usage:
        assert msgspec.json.decode(fields["stream_options"])["include_usage"] is True


def _compare(data: bytes, call: Call) -> None:
    """See that another reader of JSON finds the same fields in what came and in what is sent."""
    try:
        came = _loads(data)
        sent = _loads(write_request(call, TARGETS[0]).body)
    except RecursionError:
        return
    assert came.pop("model") == call.model
    assert sent.pop("model") == TARGETS[0].model
    came.pop("stream_options", None)
    sent.pop("stream_options", None)
    assert came == sent
    assert isinstance(came["messages"], list)
    assert (came.get("stream") or False) is call.stream


def _loads(data: bytes) -> Any:
    """Read JSON and keep numbers as they are written."""
    return json.loads(data, parse_int=str, parse_float=str, parse_constant=_refuse)


def _refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")
