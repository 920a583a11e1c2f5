"""Says the options of a request of Anthropic's Messages in the chat form. Pure.

Each is translated, or of no meaning for what another provider answers, or named as what the chat
form cannot say.
"""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw

from gateway.forms.asked import Asked
from gateway.forms.claude import BUDGETS
from gateway.forms.fields import NULL
from gateway.forms.messages_floods import check_flood, mark_of, objects_in
from gateway.words.errors import BadRequest

HINTS: Final = frozenset({"model", "messages", "system", "stream", "cache_control", "diagnostics"})
"""Fields that are translated elsewhere, or of no meaning for what is answered."""

_NOTHING: Final = frozenset({b"[]", b"{}"})
"""Values of fields that are not known here and say nothing, as of servers of tools: none."""

_GIVEN = ("low", "medium", "high")
"""Efforts that a budget of tokens may mean; not every model knows `minimal`."""

Fields = dict[str, object]


class _Tool(msgspec.Struct, gc=False):
    """A tool that the client itself has made."""

    name: str
    input_schema: Raw
    description: str | None = None
    strict: bool | None = None
    cache_control: Raw = NULL
    defer_loading: bool | None = None
    allowed_callers: Raw = NULL
    input_examples: Raw = NULL


class _Choice(msgspec.Struct, gc=False):
    type: str
    name: str = ""
    disable_parallel_tool_use: bool | None = None


class _Thinking(msgspec.Struct, gc=False):
    type: str
    budget_tokens: int = 0


class _Format(msgspec.Struct, gc=False):
    type: str
    schema: Raw = NULL


class _Edit(msgspec.Struct, gc=False):
    type: str


class _Management(msgspec.Struct, gc=False):
    edits: list[_Edit] | None = None


class _Metadata(msgspec.Struct, gc=False):
    user_id: str | None = None


_CALLERS: Final = frozenset({b"null", b'["direct"]'})
_NO_EXAMPLES: Final = frozenset({b"null", b"[]"})
_KNOWN: Final = frozenset({*_Tool.__struct_fields__, "type", "eager_input_streaming"})
"""Fields of a tool that are read, or say only how its input is to come."""

_encode = msgspec.json.Encoder().encode
_decode_kind = msgspec.json.Decoder(str | None).decode
_decode_tool = msgspec.json.Decoder(_Tool).decode
_is_text = msgspec.json.Decoder(str).decode
_is_number = msgspec.json.Decoder(float).decode
_is_count = msgspec.json.Decoder(Annotated[int, Meta(ge=0)]).decode
_are_stops = msgspec.json.Decoder(list[str]).decode
_is_config = msgspec.json.Decoder(dict[str, Raw]).decode
_is_choice = msgspec.json.Decoder(_Choice).decode
_is_thinking = msgspec.json.Decoder(_Thinking).decode
_is_format = msgspec.json.Decoder(_Format).decode
_is_management = msgspec.json.Decoder(_Management).decode
_is_metadata = msgspec.json.Decoder(_Metadata).decode


def options_of(native: Mapping[str, Raw]) -> tuple[dict[str, Raw], tuple[str, ...]]:
    """Return the options in the chat form, and the names of those that it has not.

    Raises `BadRequest` for what is malformed.
    """
    check_flood("tools", native.get("tools", NULL))
    asked = Asked(native, drops=True, hints=HINTS)
    fields: Fields = {}
    _read_sampling(asked, fields)
    _read_tools(asked, fields)
    config = asked.take("output_config", _is_config) or {}
    _read_effort(asked, fields, config)
    _read_format(asked, fields, config)
    for name, value in config.items():
        if bytes(value) != b"null":
            asked.cannot(f"output_config.{name}", "")
    managed = asked.take("context_management", _is_management)
    for edit in (managed and managed.edits) or ():
        # Thoughts of earlier turns are not told to other providers anyway.
        if not edit.type.startswith("clear_thinking"):
            asked.cannot("context_management", "")
    written = {name: Raw(_encode(value)) for name, value in fields.items()}
    lost = [name for name in asked.settle() if bytes(native.get(name, NULL)) not in _NOTHING]
    return written, tuple(dict.fromkeys(lost))


def _read_sampling(asked: Asked, fields: Fields) -> None:
    metadata = asked.take("metadata", _is_metadata)
    told = {
        "max_completion_tokens": asked.take("max_tokens", _is_count),
        "temperature": asked.take("temperature", _is_number),
        "top_p": asked.take("top_p", _is_number),
        "top_k": asked.take("top_k", _is_count),
        "stop": asked.take("stop_sequences", _stops) or None,
        "user": metadata and metadata.user_id,
    }
    fields.update((name, value) for name, value in told.items() if value is not None)
    if asked.take("service_tier", _is_text) == "standard_only":
        fields["service_tier"] = "default"
    if asked.take("speed", _is_text) not in {None, "standard"}:
        asked.cannot("speed", "")


def _stops(raw: Raw) -> list[str]:
    check_flood("stop_sequences", raw)
    return _are_stops(raw)


def _read_tools(asked: Asked, fields: Fields) -> None:
    told = [tool for raw in asked.take("tools", objects_in) or () for tool in _tool(asked, raw)]
    choice = asked.take("tool_choice", _is_choice)
    if not told:
        return
    fields["tools"] = told
    if choice is None:
        return
    match choice.type:
        case "auto" | "none":
            fields["tool_choice"] = choice.type
        case "any":
            fields["tool_choice"] = "required"
        case "tool":
            fields["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
        case _:
            raise BadRequest("'tool_choice' must be auto, any, tool or none.", param="tool_choice")
    if choice.disable_parallel_tool_use:
        fields["parallel_tool_calls"] = False


def _tool(asked: Asked, raw: Raw) -> list[Fields]:
    """Return a tool; none, and its kind named, for one that is Anthropic's own."""
    try:
        fields = _is_config(raw)
        kind = _decode_kind(fields.get("type", NULL))
        if kind not in {None, "custom"}:
            asked.cannot(f"tools.{kind}", "")
            return []
        tool = _decode_tool(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"A tool of 'tools' cannot be read: {error}.", param="tools") from None
    for name in sorted(fields.keys() - _KNOWN):
        if bytes(fields[name]) != b"null":
            asked.cannot(f"tools.{name}", "")
    if tool.defer_loading:
        asked.cannot("tools.defer_loading", "")
    if bytes(tool.allowed_callers) not in _CALLERS:
        asked.cannot("tools.allowed_callers", "")
    if bytes(tool.input_examples) not in _NO_EXAMPLES:
        asked.cannot("tools.input_examples", "")
    described = {} if tool.description is None else {"description": tool.description}
    strict = {} if tool.strict is None else {"strict": tool.strict}
    function = {"name": tool.name, **described, "parameters": tool.input_schema, **strict}
    mark = mark_of(tool.cache_control)
    marked = {} if mark is None else {"cache_control": mark}
    return [{"type": "function", "function": function, **marked}]


def _read_effort(asked: Asked, fields: Fields, config: dict[str, Raw]) -> None:
    """Read how much is to be thought: the budget, or the effort, which is high if nobody says.

    That nothing is to be thought is not told: it is what a provider does whom nobody asks to.
    """
    effort = Asked(config, drops=True, hints=()).take("effort", _is_text)
    config.pop("effort", None)
    thinking = asked.take("thinking", _is_thinking)
    match thinking and thinking.type:
        case None:
            pass
        case "disabled":
            effort = None
        case "adaptive":
            effort = effort or "high"
        case "enabled" if thinking is not None:
            within = [name for name in _GIVEN if thinking.budget_tokens <= BUDGETS[name]]
            effort = within[0] if within else _GIVEN[-1]
        case _:
            asked.cannot("thinking", "")
    if effort is not None:
        fields["reasoning_effort"] = effort


def _read_format(asked: Asked, fields: Fields, config: dict[str, Raw]) -> None:
    """Read which shape the answer is to have; the older of the two names comes second."""
    older = asked.take("output_format", _is_format)
    shape = Asked(config, drops=True, hints=()).take("format", _is_format) or older
    config.pop("format", None)
    if shape is None:
        return
    if shape.type != "json_schema":
        asked.cannot("output_config.format", "")
        return
    schema = {"name": "answer", "schema": shape.schema, "strict": True}
    fields["response_format"] = {"type": "json_schema", "json_schema": schema}
