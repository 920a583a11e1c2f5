"""Writes a chat completion's request for Cohere's API v2. Pure.

Every field is translated, or known to change nothing that the provider would say, or refused by its
name. Fields of Cohere's own (`documents`, `citation_options`, `safety_mode`, …) pass as they are.

https://docs.cohere.com/reference/chat
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Raw

from gateway.forms.asked import Asked
from gateway.forms.cohere_turns import turns_of
from gateway.words.call import Call
from gateway.words.errors import BadRequest
from gateway.words.target import Target

Fields = dict[str, object]

EFFORTS: Final[dict[str, Fields]] = {
    "none": {"type": "disabled"},
    "minimal": {"type": "enabled", "token_budget": 1024},
    "low": {"type": "enabled", "token_budget": 2048},
    "medium": {"type": "enabled", "token_budget": 8192},
    "high": {"type": "enabled"},
    "xhigh": {"type": "enabled"},
    "max": {"type": "enabled"},
}
"""What `thinking` is told for each `reasoning_effort`; without a budget it thinks as it likes."""

OWN: Final = ("documents", "citation_options", "safety_mode", "priority", "thinking")
"""Fields of the provider's own, which pass as they are."""

MOST_STOPS: Final = 5
LEAST_P: Final = 0.01
MOST_P: Final = 0.99
"""The nearest to all words that may be told."""

Positive = Annotated[int, Meta(gt=0)]


class _Function(msgspec.Struct, gc=False):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Tool(msgspec.Struct, gc=False):
    type: Literal["function"]
    function: _Function


class _Named(msgspec.Struct, gc=False):
    name: str


class _Chosen(msgspec.Struct, gc=False):
    type: Literal["function"]
    function: _Named


class _Schema(msgspec.Struct, gc=False):
    schema: dict[str, Any]


class _Text(msgspec.Struct, tag="text", gc=False):
    pass


class _Json(msgspec.Struct, tag="json_object", gc=False):
    pass


class _Shape(msgspec.Struct, tag="json_schema", gc=False):
    json_schema: _Schema


_encode = msgspec.json.Encoder().encode
_is_text = msgspec.json.Decoder(str).decode
_is_number = msgspec.json.Decoder(float).decode
_is_whole = msgspec.json.Decoder(int).decode
_is_flag = msgspec.json.Decoder(bool).decode
_is_positive = msgspec.json.Decoder(Positive).decode
_is_any = msgspec.json.Decoder(Raw).decode
_is_stop = msgspec.json.Decoder(str | list[str]).decode
_is_tools = msgspec.json.Decoder(list[_Tool]).decode
_is_choice = msgspec.json.Decoder(Literal["auto", "none", "required"] | _Chosen).decode
_is_shape = msgspec.json.Decoder(_Text | _Json | _Shape).decode


def body_of(call: Call, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """Write the body of the request for a target; name the fields that it cannot be told.

    Raises `BadRequest` or `Unsupported` with the field's name.
    """
    asked = Asked(call.fields, drops=target.drops)
    body: Fields = {"model": target.model, "messages": turns_of(call.fields["messages"])}
    if call.stream:
        body["stream"] = True
    _write_sampling(asked, body)
    _write_penalties(asked, body)
    _write_tools(asked, body)
    _write_shape(asked, body)
    for name in OWN:
        value = asked.take(name, _is_any)
        if value is not None:
            body[name] = value
    _write_effort(asked, body)
    asked.take("user", _is_text)
    asked.take("safety_identifier", _is_text)
    return _encode(body), asked.settle()


def _write_sampling(asked: Asked, body: Fields) -> None:
    newer = asked.take("max_completion_tokens", _is_positive)
    older = asked.take("max_tokens", _is_positive)
    top_p = asked.take("top_p", _is_number)
    if top_p is not None and not LEAST_P <= top_p <= 1:
        asked.cannot("top_p", f"'top_p' must be from {LEAST_P} to 1 for this model.")
        top_p = None
    stop = asked.take("stop", _is_stop)
    stops = [stop] if isinstance(stop, str) else stop
    if stops is not None and len(stops) > MOST_STOPS:
        asked.cannot("stop", f"'stop' must be at most {MOST_STOPS} texts for this model.")
        stops = None
    told: Fields = {
        "max_tokens": newer or older,
        "temperature": asked.take("temperature", _is_number),
        "p": None if top_p is None else min(top_p, MOST_P),
        "k": asked.take("top_k", _is_whole),
        "seed": asked.take("seed", _is_whole),
        "stop_sequences": stops,
        "logprobs": asked.take("logprobs", _is_flag) or None,
    }
    body.update((name, value) for name, value in told.items() if value is not None)


def _write_penalties(asked: Asked, body: Fields) -> None:
    """Translate the penalties; a word cannot be favoured for having been said."""
    for name in ("frequency_penalty", "presence_penalty"):
        value = asked.take(name, _is_number)
        if value is None:
            continue
        if 0 <= value <= 1:
            body[name] = value
        else:
            asked.cannot(name, f"{name!r} must be from 0 to 1 for this model.")


def _write_tools(asked: Asked, body: Fields) -> None:
    tools = asked.take("tools", _is_tools)
    choice = asked.take("tool_choice", _is_choice)
    parallel = asked.take("parallel_tool_calls", _is_flag)
    if not tools:
        if choice not in (None, "auto", "none"):  # noqa: PLR6201 (a named tool has no hash)
            raise BadRequest("'tool_choice' wants a tool, and there are none.", param="tool_choice")
        return
    if parallel is False:
        asked.cannot(
            "parallel_tool_calls", "'parallel_tool_calls' cannot be false for this provider."
        )
    if isinstance(choice, _Chosen):
        tools = _only(tools, choice.function.name)
    _write_strictness(asked, body, tools)
    body["tools"] = [_tool(tool.function) for tool in tools]
    if choice not in (None, "auto"):  # noqa: PLR6201 (the same)
        body["tool_choice"] = "NONE" if choice == "none" else "REQUIRED"


def _only(tools: list[_Tool], name: str) -> list[_Tool]:
    """Return the one tool that must be called: the provider can be told that there be a call."""
    found = [tool for tool in tools if tool.function.name == name]
    if not found:
        raise BadRequest("'tool_choice' wants a tool that is not there.", param="tool_choice")
    return found


def _write_strictness(asked: Asked, body: Fields, tools: list[_Tool]) -> None:
    """Say whether the tools are strict: to the provider all of them are, or none is."""
    strict = [tool for tool in tools if tool.function.strict]
    said = asked.take("strict_tools", _is_flag)
    if said is not None:
        body["strict_tools"] = said
    elif strict and len(strict) < len(tools):
        asked.cannot("tools", "For this provider either all 'tools' are 'strict', or none is.")
    elif strict:
        body["strict_tools"] = True


def _tool(function: _Function) -> Fields:
    written: Fields = {"name": function.name}
    if function.description is not None:
        written["description"] = function.description
    schema: Fields = {"type": "object", "properties": {}}
    written["parameters"] = {**schema, **(function.parameters or {})}
    return {"type": "function", "function": written}


def _write_shape(asked: Asked, body: Fields) -> None:
    shape = asked.take("response_format", _is_shape)
    if isinstance(shape, _Json):
        body["response_format"] = {"type": "json_object"}
    elif isinstance(shape, _Shape):
        schema = shape.json_schema.schema
        body["response_format"] = {"type": "json_object", "json_schema": schema}


def _write_effort(asked: Asked, body: Fields) -> None:
    """Translate the effort; what the client itself says of `thinking` goes before."""
    effort = asked.take("reasoning_effort", _is_text)
    if effort is None or "thinking" in body:
        return
    if effort in EFFORTS:
        body["thinking"] = EFFORTS[effort]
    else:
        asked.cannot("reasoning_effort", f"'reasoning_effort' must be {', '.join(EFFORTS)}.")
