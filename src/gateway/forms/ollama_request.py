"""Writes a chat completion's request for Ollama's own API. Pure.

Every field is translated, or known to change nothing that the provider would say, or refused by its
name. Of Ollama's own, `think` passes as it is, and of its `options` what steers the words.

https://docs.ollama.com/api/chat
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Raw

from gateway.forms.asked import Asked
from gateway.forms.ollama_options import options_in
from gateway.forms.ollama_turns import turns_of
from gateway.words.call import Call
from gateway.words.errors import BadRequest
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

Positive = Annotated[int, Meta(gt=0)]


class _Function(msgspec.Struct, gc=False):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Tool(msgspec.Struct, gc=False):
    type: Literal["function"]
    function: _Function


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
_is_choice: Any = msgspec.json.Decoder(Literal["auto", "none", "required"] | dict[str, Raw]).decode
_is_shape = msgspec.json.Decoder(_Text | _Json | _Shape).decode


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
    asked.take("user", _is_text)
    asked.take("safety_identifier", _is_text)
    return _encode(body), asked.settle()


def _write_options(asked: Asked, body: Fields) -> None:
    """Put together what steers the words: options of the client's own, then fields of OpenAI's."""
    options: Fields = dict(options_in(asked))
    newer = asked.take("max_completion_tokens", _is_positive)
    older = asked.take("max_tokens", _is_positive)
    told: Fields = {name: asked.take(name, _is_number) for name in SAMPLING}
    told |= {name: asked.take(name, _is_whole) for name in WHOLE}
    told["num_predict"] = newer or older
    stop = asked.take("stop", _is_stop)
    told["stop"] = [stop] if isinstance(stop, str) else stop
    options |= {name: value for name, value in told.items() if value is not None}
    if options:
        body["options"] = options


def _write_tools(asked: Asked, body: Fields) -> None:
    """Translate the tools. That there must be a call cannot be told; that there be none is."""
    tools = asked.take("tools", _is_tools)
    choice = asked.take("tool_choice", _is_choice)
    if asked.take("parallel_tool_calls", _is_flag) is False and tools:
        asked.cannot(
            "parallel_tool_calls",
            "'parallel_tool_calls' cannot be false for this model's provider.",
        )
    if choice not in (None, "auto", "none"):  # noqa: PLR6201 (a named tool has no hash)
        if not tools:
            raise BadRequest("'tool_choice' wants a tool, and there are none.", param="tool_choice")
        asked.cannot("tool_choice", "'tool_choice' must be auto or none for this model's provider.")
    if not tools or choice == "none":
        return
    if any(tool.function.strict for tool in tools):
        asked.cannot("tools", "'strict' tools cannot be held to by this model's provider.")
    body["tools"] = [{"type": "function", "function": _declared(tool.function)} for tool in tools]


def _declared(function: _Function) -> Fields:
    declared: Fields = {"name": function.name}
    if function.description is not None:
        declared["description"] = function.description
    if function.parameters is not None:
        declared["parameters"] = function.parameters
    return declared


def _write_shape(asked: Asked, body: Fields) -> None:
    shape = asked.take("response_format", _is_shape)
    if isinstance(shape, _Json):
        body["format"] = "json"
    elif isinstance(shape, _Shape):
        body["format"] = shape.json_schema.schema


def _write_thinking(asked: Asked, body: Fields) -> None:
    """Translate the effort; what the client itself says of `think` goes before."""
    effort, think = asked.take("reasoning_effort", _is_text), asked.take("think", _is_any)
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
    if asked.take("logprobs", _is_flag):
        body["logprobs"] = True
        most = asked.take("top_logprobs", _is_whole)
        if most is not None:
            body["top_logprobs"] = most
