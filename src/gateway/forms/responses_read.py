"""Reads a client's request in OpenAI's Responses form, and tells it as a chat completion. Pure.

Each field is told to a chat in its words, or says nothing about the answer, or is noted by its name
as beyond the common form. A field that is not known passes under its own name, as one of a chat's
own does.

https://developers.openai.com/api/reference/responses
"""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw

from gateway.forms.asked import Asked, decode_short
from gateway.forms.fields import NULL, FieldReader, read_model, read_stream
from gateway.forms.responses_items import messages_of
from gateway.forms.responses_tools import Beyond, Fields, choice_of, object_in, tools_of
from gateway.words.call import Call
from gateway.words.client import Header
from gateway.words.errors import BadRequest

FORM: Final = "responses"
OPERATION: Final = "chat"
"""What is asked for is what a chat completion is: every form knows it."""

LOGPROBS: Final = "message.output_text.logprobs"

PASSED: Final = (b"openai-beta",)
"""Header fields that belong to a request of this form."""

SAY_NOTHING: Final = frozenset(
    {
        *("client_metadata", "include", "input", "max_tool_calls", "metadata", "model", "stream"),
        *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "stream_options"),
    }
)
"""Fields that are read elsewhere, or that change nothing of what a model without tools of its
provider's answers."""

_BEYOND: Final = {
    "background": "Only a provider that keeps responses can answer in the background.",
    "background_options": "Only a provider that keeps responses can answer in the background.",
    "context_management": "Only a provider of the Responses API compacts a conversation.",
    "conversation": "Only the provider that keeps a conversation can go on with it.",
    "previous_response_id": "Only the provider that keeps a response can go on from it.",
    "prompt": "Only the provider that keeps a prompt knows what it says.",
    "store": "Only a provider of the Responses API keeps what it has answered.",
    "truncation": "Only a provider of the Responses API shortens what is too long.",
}
_ARE_DEFAULTS: Final[Mapping[str, tuple[object, ...]]] = {
    "background": (False,),
    "context_management": ([],),
    "store": (False,),
    "truncation": ("disabled",),
}
_SAME: Final = ("parallel_tool_calls", "temperature", "top_p")


class _Reasoning(msgspec.Struct, gc=False):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None
    context: str | None = None
    mode: str | None = None


class _Format(msgspec.Struct, gc=False):
    type: str = "text"
    name: str | None = None
    schema: Raw = NULL
    description: str | None = None
    strict: bool | None = None


class _Text(msgspec.Struct, gc=False):
    format: _Format | None = None
    verbosity: str | None = None


class _Kept(msgspec.Struct, gc=False):
    id: str


_encode = msgspec.json.Encoder().encode
_is_text = msgspec.json.Decoder(str).decode
_is_raw = msgspec.json.Decoder(Raw).decode
_is_count = msgspec.json.Decoder(Annotated[int, Meta(ge=0)]).decode
_is_include = msgspec.json.Decoder(list[str]).decode
_is_reasoning = msgspec.json.Decoder(_Reasoning).decode
_is_shape = msgspec.json.Decoder(_Text).decode
_is_kept = msgspec.json.Decoder(str | _Kept).decode
_read_fields = FieldReader("input", "tools", "text", "instructions", "metadata", "prompt").read

NO_HEADERS: Mapping[bytes, bytes] = {}


def read_request(
    operation: str, body: bytes, headers: Mapping[bytes, bytes] = NO_HEADERS, /
) -> Call:
    """Read a client's request: its own fields, and what they are in a chat.

    Raises `BadRequest`, with the field's name where there is one.
    """
    native = _read_fields(body)
    model, stream = read_model(native), read_stream(native)
    if operation != OPERATION:
        return _as_it_is(operation, model, native, headers)
    beyond: Beyond = {}
    fields, kept = _fields_of(native, beyond)
    return Call(
        form=FORM,
        operation=operation,
        model=model,
        stream=stream,
        show_usage=not stream,
        fields={name: raw for name, raw in fields.items() if bytes(raw) != b"null"},
        native=native,
        passed=_passed(headers),
        beyond=tuple(beyond.items()),
        continues=kept,
    )


def _as_it_is(
    operation: str, model: str, native: dict[str, Raw], headers: Mapping[bytes, bytes]
) -> Call:
    """Return a call that no form has a word for but this one."""
    kept = _write_beyond(Asked(native, drops=False), {})
    passed = _passed(headers)
    return Call(FORM, operation, model, False, True, native, native, passed, continues=kept)


def wants(native: Mapping[str, Raw]) -> frozenset[str]:
    """Return what a request wants to have included in its answer."""
    raw = native.get("include", NULL)
    return frozenset(() if bytes(raw) == b"null" else _is_include(raw))


def wants_summary(native: Mapping[str, Raw]) -> bool:
    """Say whether a request asks for its model's thoughts in the form of a summary."""
    raw = native.get("reasoning", NULL)
    if bytes(raw) == b"null":
        return False
    reasoning = _is_reasoning(raw)
    return bool(reasoning.summary or reasoning.generate_summary)


def _fields_of(native: dict[str, Raw], beyond: Beyond) -> tuple[dict[str, Raw], tuple[str, ...]]:
    """Return the fields of a chat, and the ids of what is kept and the request goes on from."""
    asked = Asked(native, drops=False, hints=SAY_NOTHING)
    told: Fields = {"model": native["model"], "stream": native.get("stream", NULL)}
    kept = _write_beyond(asked, beyond)
    messages = messages_of(native.get("input", NULL), asked.take("instructions", _is_text), beyond)
    if not messages and not beyond:
        raise BadRequest("'input' is missing, or says nothing.", param="input")
    told["messages"] = messages
    for name in _SAME:
        told[name] = asked.take(name, _is_raw)
    told["max_tokens"] = asked.take("max_output_tokens", _is_count)
    _write_tools(asked, told, beyond)
    _write_shape(asked, told, beyond)
    _write_effort(asked, told, beyond)
    _write_chances(asked, told, _included(native))
    if (tier := asked.take("service_tier", _is_text)) not in {None, "auto", "default"}:
        told["service_tier"] = tier
    written = {name: Raw(_encode(value)) for name, value in told.items() if value is not None}
    return {**asked.left(), **written}, kept


def _included(native: dict[str, Raw]) -> frozenset[str]:
    try:
        return wants(native)
    except msgspec.DecodeError as error:
        raise BadRequest(f"'include' cannot be read: {error}.", param="include") from None


def _write_beyond(asked: Asked, beyond: Beyond) -> tuple[str, ...]:
    """Note what only a provider of this form can do; return the ids of what it keeps for that."""
    previous = asked.take("previous_response_id", _is_text)
    conversation = asked.take("conversation", _is_kept)
    if isinstance(conversation, _Kept):
        conversation = conversation.id
    kept = {"previous_response_id": previous, "conversation": conversation}
    beyond |= {name: _BEYOND[name] for name, given in kept.items() if given}
    for name, why in _BEYOND.items():
        value = asked.take(name, decode_short)
        if value is not None and value not in _ARE_DEFAULTS.get(name, ()):
            beyond[name] = why
    return tuple(given for given in kept.values() if given)


def _write_tools(asked: Asked, told: Fields, beyond: Beyond) -> None:
    """Translate the tools; where there are none, nothing is said of how to choose them."""
    tools, choice = asked.take("tools", _is_raw), asked.take("tool_choice", _is_raw)
    functions = {} if tools is None else tools_of(tools, beyond)
    chosen = None if choice is None else choice_of(choice, functions, beyond)
    if functions:
        told["tools"], told["tool_choice"] = list(functions.values()), chosen
    else:
        told["parallel_tool_calls"] = None


def _write_shape(asked: Asked, told: Fields, beyond: Beyond) -> None:
    text = asked.take("text", _is_shape)
    if text is None:
        return
    if text.verbosity != "medium":
        told["verbosity"] = text.verbosity
    match text.format:
        case None | _Format(type="text"):
            pass
        case _Format(type="json_object"):
            told["response_format"] = {"type": "json_object"}
        case _Format(type="json_schema") as shape:
            schema: Fields = {"name": shape.name or "answer"}
            more = {"schema": object_in(shape.schema, "text"), "description": shape.description}
            schema |= {name: it for name, it in more.items() if it is not None}
            if shape.strict is not None:
                schema["strict"] = shape.strict
            told["response_format"] = {"type": "json_schema", "json_schema": schema}
        case other:
            why = f"A text of the format {other.type[:60]!r} has no counterpart in a chat."
            beyond["text.format"] = why


def _write_effort(asked: Asked, told: Fields, beyond: Beyond) -> None:
    """Translate how much is thought; that thoughts be told is a matter of whoever writes them."""
    reasoning = asked.take("reasoning", _is_reasoning)
    if reasoning is None:
        return
    told["reasoning_effort"] = reasoning.effort
    for name, harmless in (("context", "auto"), ("mode", "standard")):
        if getattr(reasoning, name) not in {None, harmless}:
            why = f"'reasoning.{name}' has no counterpart in a chat."
            beyond[f"reasoning.{name}"] = why


def _write_chances(asked: Asked, told: Fields, included: frozenset[str]) -> None:
    """Translate the wish for the chances of tokens."""
    most = asked.take("top_logprobs", _is_count)
    if most or LOGPROBS in included:
        told["logprobs"] = True
        told["top_logprobs"] = most or None


def _passed(headers: Mapping[bytes, bytes]) -> tuple[Header, ...]:
    return tuple((name, headers[name]) for name in PASSED if name in headers)
