"""Writes a chat completion's request for Cohere's API v2. Pure.

Every field is translated, or known to change nothing that the provider would say, or refused by its
name. Fields of Cohere's own (`documents`, `citation_options`, `safety_mode`, …) pass as they are.

https://docs.cohere.com/reference/chat
"""

from typing import Final

import msgspec

from gateway.forms.asked import Asked, is_any, is_flag, is_number, is_stop, is_text, is_whole
from gateway.forms.chat_request import (
    Chosen,
    Function,
    Json,
    Shape,
    Tool,
    check_no_tool,
    is_choice,
    is_shape,
    is_tools,
    room_in,
)
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


_encode = msgspec.json.Encoder().encode


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
        value = asked.take(name, is_any)
        if value is not None:
            body[name] = value
    _write_effort(asked, body)
    asked.take("user", is_text)
    asked.take("safety_identifier", is_text)
    return _encode(body), asked.settle()


def _write_sampling(asked: Asked, body: Fields) -> None:
    room = room_in(asked)
    top_p = asked.take("top_p", is_number)
    if top_p is not None and not LEAST_P <= top_p <= 1:
        asked.cannot("top_p", f"'top_p' must be from {LEAST_P} to 1 for this model.")
        top_p = None
    stop = asked.take("stop", is_stop)
    stops = [stop] if isinstance(stop, str) else stop
    if stops is not None and len(stops) > MOST_STOPS:
        asked.cannot("stop", f"'stop' must be at most {MOST_STOPS} texts for this model.")
        stops = None
    told: Fields = {
        "max_tokens": room,
        "temperature": asked.take("temperature", is_number),
        "p": None if top_p is None else min(top_p, MOST_P),
        "k": asked.take("top_k", is_whole),
        "seed": asked.take("seed", is_whole),
        "stop_sequences": stops,
        "logprobs": asked.take("logprobs", is_flag) or None,
    }
    body.update((name, value) for name, value in told.items() if value is not None)


def _write_penalties(asked: Asked, body: Fields) -> None:
    """Translate the penalties; a word cannot be favoured for having been said."""
    for name in ("frequency_penalty", "presence_penalty"):
        value = asked.take(name, is_number)
        if value is None:
            continue
        if 0 <= value <= 1:
            body[name] = value
        else:
            asked.cannot(name, f"{name!r} must be from 0 to 1 for this model.")


def _write_tools(asked: Asked, body: Fields) -> None:
    tools = asked.take("tools", is_tools)
    choice = asked.take("tool_choice", is_choice)
    parallel = asked.take("parallel_tool_calls", is_flag)
    if not tools:
        check_no_tool(choice)
        return
    if parallel is False:
        asked.cannot(
            "parallel_tool_calls", "'parallel_tool_calls' cannot be false for this provider."
        )
    if isinstance(choice, Chosen):
        tools = _only(tools, choice.function.name)
    _write_strictness(asked, body, tools)
    body["tools"] = [_tool(tool.function) for tool in tools]
    if choice not in (None, "auto"):  # noqa: PLR6201 (the same)
        body["tool_choice"] = "NONE" if choice == "none" else "REQUIRED"


def _only(tools: list[Tool], name: str) -> list[Tool]:
    """Return the one tool that must be called: the provider can be told that there be a call."""
    found = [tool for tool in tools if tool.function.name == name]
    if not found:
        raise BadRequest("'tool_choice' wants a tool that is not there.", param="tool_choice")
    return found


def _write_strictness(asked: Asked, body: Fields, tools: list[Tool]) -> None:
    """Say whether the tools are strict: to the provider all of them are, or none is."""
    strict = [tool for tool in tools if tool.function.strict]
    said = asked.take("strict_tools", is_flag)
    if said is not None:
        body["strict_tools"] = said
    elif strict and len(strict) < len(tools):
        asked.cannot("tools", "For this provider either all 'tools' are 'strict', or none is.")
    elif strict:
        body["strict_tools"] = True


def _tool(function: Function) -> Fields:
    written: Fields = {"name": function.name}
    if function.description is not None:
        written["description"] = function.description
    schema: Fields = {"type": "object", "properties": {}}
    written["parameters"] = {**schema, **(function.parameters or {})}
    return {"type": "function", "function": written}


def _write_shape(asked: Asked, body: Fields) -> None:
    shape = asked.take("response_format", is_shape)
    if isinstance(shape, Json):
        body["response_format"] = {"type": "json_object"}
    elif isinstance(shape, Shape):
        schema = shape.json_schema.schema
        body["response_format"] = {"type": "json_object", "json_schema": schema}


def _write_effort(asked: Asked, body: Fields) -> None:
    """Translate the effort; what the client itself says of `thinking` goes before."""
    effort = asked.take("reasoning_effort", is_text)
    if effort is None or "thinking" in body:
        return
    if effort in EFFORTS:
        body["thinking"] = EFFORTS[effort]
    else:
        asked.cannot("reasoning_effort", f"'reasoning_effort' must be {', '.join(EFFORTS)}.")
