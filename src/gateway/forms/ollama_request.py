"""Writes a chat completion's request for Ollama's own API. Pure.

Every field is translated, or known to change nothing that the provider would say, or refused by its
name. Of Ollama's own, `think` passes as it is, and of its `options` what steers the words.

https://docs.ollama.com/api/chat
"""

from typing import Any, Final, Literal

import msgspec
from msgspec import Raw

from gateway.forms.asked import Asked, is_any, is_flag, is_number, is_stop, is_text, is_whole
from gateway.forms.chat_request import (
    Function,
    Json,
    Shape,
    check_no_tool,
    is_shape,
    is_tools,
    room_in,
    wants_a_tool,
)
from gateway.forms.ollama_options import options_in
from gateway.forms.ollama_turns import turns_of
from gateway.words.call import Call
from gateway.words.target import Target

Fields = dict[str, object]

EFFORTS: Final[dict[str, bool | str]] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
"""What `think` is told for each `reasoning_effort`; who thinks or not takes each word for yes."""

SAMPLING: Final = ("temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty")
WHOLE: Final = ("seed", "top_k")
"""Fields that go under the same name into the options: numbers, and whole ones."""


_encode = msgspec.json.Encoder().encode
_is_choice: Any = msgspec.json.Decoder(Literal["auto", "none", "required"] | dict[str, Raw]).decode


def body_of(call: Call, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """Write the body of the request for a target; name the fields that it cannot be told.

    Raises `BadRequest` or `Unsupported` with the field's name.
    """
    asked = Asked(call.fields, drops=target.drops)
    body: Fields = {
        "model": target.model,
        "messages": turns_of(call.fields["messages"]),
        "stream": call.stream,
    }
    _write_options(asked, body)
    _write_tools(asked, body)
    _write_shape(asked, body)
    _write_thinking(asked, body)
    _write_logprobs(asked, body)
    asked.take("user", is_text)
    asked.take("safety_identifier", is_text)
    return _encode(body), asked.settle()


def _write_options(asked: Asked, body: Fields) -> None:
    """Put together what steers the words: options of the client's own, then fields of OpenAI's."""
    options: Fields = dict(options_in(asked))
    room = room_in(asked)
    told: Fields = {name: asked.take(name, is_number) for name in SAMPLING}
    told |= {name: asked.take(name, is_whole) for name in WHOLE}
    told["num_predict"] = room
    stop = asked.take("stop", is_stop)
    told["stop"] = [stop] if isinstance(stop, str) else stop
    options |= {name: value for name, value in told.items() if value is not None}
    if options:
        body["options"] = options


def _write_tools(asked: Asked, body: Fields) -> None:
    """Translate the tools. That there must be a call cannot be told; that there be none is."""
    tools = asked.take("tools", is_tools)
    choice = asked.take("tool_choice", _is_choice)
    if asked.take("parallel_tool_calls", is_flag) is False and tools:
        asked.cannot(
            "parallel_tool_calls",
            "'parallel_tool_calls' cannot be false for this model's provider.",
        )
    if not tools:
        check_no_tool(choice)
    elif wants_a_tool(choice):
        asked.cannot("tool_choice", "'tool_choice' must be auto or none for this model's provider.")
    if not tools or choice == "none":
        return
    if any(tool.function.strict for tool in tools):
        asked.cannot("tools", "'strict' tools cannot be held to by this model's provider.")
    body["tools"] = [{"type": "function", "function": _declared(tool.function)} for tool in tools]


def _declared(function: Function) -> Fields:
    declared: Fields = {"name": function.name}
    if function.description is not None:
        declared["description"] = function.description
    if function.parameters is not None:
        declared["parameters"] = function.parameters
    return declared


def _write_shape(asked: Asked, body: Fields) -> None:
    shape = asked.take("response_format", is_shape)
    if isinstance(shape, Json):
        body["format"] = "json"
    elif isinstance(shape, Shape):
        body["format"] = shape.json_schema.schema


def _write_thinking(asked: Asked, body: Fields) -> None:
    """Translate the effort; what the client itself says of `think` goes before."""
    effort, think = asked.take("reasoning_effort", is_text), asked.take("think", is_any)
    if think is not None:
        body["think"] = think
        return
    if effort is None:
        return
    if effort in EFFORTS:
        body["think"] = EFFORTS[effort]
    else:
        asked.cannot("reasoning_effort", f"'reasoning_effort' must be {', '.join(EFFORTS)}.")


def _write_logprobs(asked: Asked, body: Fields) -> None:
    if asked.take("logprobs", is_flag):
        body["logprobs"] = True
        most = asked.take("top_logprobs", is_whole)
        if most is not None:
            body["top_logprobs"] = most
