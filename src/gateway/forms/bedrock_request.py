"""Writes a chat completion's request for AWS Bedrock's Converse. Pure.

Every field is translated, or known to change nothing that the provider would say, or refused by its
name: nothing is left out in silence. What belongs to one family of models stands in
`additionalModelRequestFields`, in that family's words.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms.asked import (
    SAY_NOTHING,
    Asked,
    is_flag,
    is_number,
    is_object,
    is_positive,
    is_stop,
    is_text,
    or_reason,
    unsupported,
)
from gateway.forms.bedrock_effort import write_effort
from gateway.forms.bedrock_families import (
    Family,
    caches,
    caches_tools,
    family_of,
    reads_signatures,
    takes_one_at_a_time,
)
from gateway.forms.bedrock_names import told_name
from gateway.forms.bedrock_turns import Mark, cache_point, turns_of
from gateway.forms.chat_request import (
    Chosen,
    Function,
    Text,
    Tool,
    check_no_tool,
    is_choice,
    room_in,
)
from gateway.words.call import Call
from gateway.words.target import Target

Fields = dict[str, Any]

EXTRA: Final = "additionalModelRequestFields"
OWN: Final = ("guardrailConfig", "performanceConfig", EXTRA)
"""Fields of the provider's own that pass as they are."""

SEARCH: Final = {"systemTool": {"name": "nova_grounding"}}
"""The tool by which Nova searches the web and answers with what it found."""

_HINTS: Final = SAY_NOTHING | {"user", "safety_identifier"}
_TIERS: Final = ("flex", "priority")
"""Tiers of service that bear the same name there."""


class _Function(Function, gc=False):
    """A function; its schema is never built (R15)."""

    parameters: dict[str, Raw] | None = None


class _Tool(Tool, gc=False):
    function: _Function
    cache_control: Mark | None = None


class _Schema(msgspec.Struct, gc=False):
    schema: Raw
    name: str = ""
    description: str = ""


class _Shape(msgspec.Struct, tag="json_schema", gc=False):
    json_schema: _Schema


_encode = msgspec.json.Encoder().encode
_is_tools = msgspec.json.Decoder(list[_Tool]).decode
_is_shape = msgspec.json.Decoder(Text | _Shape).decode


def body_of(call: Call, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """Write the body of the request for a target; name the fields that it cannot be told.

    Raises `BadRequest` or `Unsupported` with the field's name.
    """
    asked = Asked(call.fields, drops=target.drops, hints=_HINTS)
    model = target.model
    messages = call.fields["messages"]
    found = turns_of(messages, marks=caches(model), signed=reads_signatures(model))
    body: Fields = {"messages": found.turns}
    if found.system:
        body["system"] = found.system
    for name in OWN:
        if (given := asked.take(name, is_object)) is not None:
            body[name] = given
    room = _write_sampling(asked, body, model)
    _write_tools(asked, body, model, called=found.uses_tools)
    _write_search(asked, body, model)
    _write_shape(asked, body)
    _write_tier(asked, body)
    effort = asked.take("reasoning_effort", is_text)
    if effort is not None and (refusal := write_effort(effort, body, model, room)):
        asked.cannot("reasoning_effort", refusal)
    return _encode(body), asked.settle()


def _write_sampling(asked: Asked, body: Fields, model: str) -> int | None:
    """Translate what steers the words; return for how many tokens there is room.

    To Claude a 1 is not told: it says nothing, and newer ones want no such field at all.
    """
    told: Fields = {}
    room = room_in(asked)
    if room is not None:
        told["maxTokens"] = room
    for name, own in (("temperature", "temperature"), ("top_p", "topP")):
        value = asked.take(name, is_number)
        if value is not None and not 0 <= value <= 1:
            asked.cannot(name, f"{name!r} must be from 0 to 1 for this model.")
        elif value is not None and not (value == 1 and family_of(model) is Family.CLAUDE):
            told[own] = value
    if stop := asked.take("stop", is_stop):
        told["stopSequences"] = [stop] if isinstance(stop, str) else stop
    if told:
        body["inferenceConfig"] = told
    if (top_k := asked.take("top_k", is_positive)) is not None:
        extra = body.setdefault(EXTRA, {})
        if family_of(model) is Family.NOVA:
            extra["inferenceConfig"] = {"topK": top_k}
        else:
            extra["top_k"] = top_k
    return room


def _write_tools(asked: Asked, body: Fields, model: str, *, called: bool) -> None:
    """Translate the tools. `called` says that some have been: then they must be told again."""
    tools = asked.take("tools", _is_tools)
    choice = asked.take("tool_choice", is_choice)
    single = asked.take("parallel_tool_calls", is_flag) is False
    if not tools:
        check_no_tool(choice)
        if called:
            raise unsupported(
                "tools",
                "'messages' holds calls of tools, which this model's provider wants in 'tools'.",
            )
        return
    if choice == "none":
        if not called:
            return
        asked.cannot(
            "tool_choice", "'tool_choice' cannot be 'none' where tools have been called already."
        )
        choice = "auto"
    marks = caches_tools(model)
    body["toolConfig"] = {"tools": [block for tool in tools for block in _tool(tool, marks=marks)]}
    if single and not _write_single(choice, body, model):
        asked.cannot(
            "parallel_tool_calls",
            "'parallel_tool_calls' cannot be false with this model, or beside this 'tool_choice'.",
        )
    elif choice is not None and not single:
        body["toolConfig"]["toolChoice"] = _choice(choice)


def _write_single(choice: Chosen | str | None, body: Fields, model: str) -> bool:
    """Tell a model to call one tool at a time; say whether it can be told."""
    if choice not in (None, "auto") or not takes_one_at_a_time(model):  # noqa: PLR6201 (the same)
        if choice is not None:
            body["toolConfig"]["toolChoice"] = _choice(choice)
        return False
    told = {"type": "auto", "disable_parallel_tool_use": True}
    body.setdefault(EXTRA, {})["tool_choice"] = told
    return True


def _write_search(asked: Asked, body: Fields, model: str) -> None:
    """Let a model search the web that can by itself; it is told no more than that it may."""
    wanted = asked.take("web_search_options", is_object)
    if wanted is None:
        return
    if family_of(model) is not Family.NOVA or wanted.keys() - {"search_context_size"}:
        asked.cannot(
            "web_search_options",
            "'web_search_options' can be told to Nova alone, and no place and no pages.",
        )
        return
    body.setdefault("toolConfig", {"tools": []})["tools"].append(SEARCH)


def _tool(tool: _Tool, *, marks: bool) -> list[Fields]:
    """Return a tool; its schema is of an object, which the provider wants to be said."""
    function = tool.function
    written: Fields = {"name": told_name(function.name)}
    if function.description and function.description.strip():
        written["description"] = function.description
    written["inputSchema"] = {"json": {"type": "object", **(function.parameters or {})}}
    if function.strict:
        written["strict"] = True
    return [{"toolSpec": written}, *(cache_point(tool.cache_control) if marks else ())]


def _choice(choice: Chosen | str) -> Fields:
    if isinstance(choice, Chosen):
        return {"tool": {"name": told_name(choice.function.name)}}
    return {"any" if choice == "required" else "auto": {}}


def _write_shape(asked: Asked, body: Fields) -> None:
    """Translate a JSON schema; that there be JSON of any shape the provider cannot be told."""
    shape = asked.take("response_format", _format)
    if isinstance(shape, str):
        asked.cannot(
            "response_format", f"'response_format' must be 'text' or 'json_schema': {shape}."
        )
    elif isinstance(shape, _Shape):
        given = shape.json_schema
        schema = {"schema": bytes(given.schema).decode()}
        named = {"name": given.name} if given.name else {}
        told = {"description": given.description} if given.description else {}
        structure = {"jsonSchema": {**schema, **named, **told}}
        form = {"type": "json_schema", "structure": structure}
        body["outputConfig"] = {"textFormat": form}


def _format(value: Raw) -> Text | _Shape | str:
    """Read the shape that is wanted, or say why it is none that the provider knows."""
    shape = or_reason(_is_shape, value)
    if isinstance(shape, _Shape):
        schema = bytes(shape.json_schema.schema)
        if schema[:1] != b"{":
            return "a schema is an object"
        shape.json_schema.schema = Raw(msgspec.json.format(schema, indent=-1))
    return shape


def _write_tier(asked: Asked, body: Fields) -> None:
    tier = asked.take("service_tier", is_text)
    if tier in _TIERS:
        body["serviceTier"] = {"type": tier}
    elif tier not in {None, "auto", "default"}:
        asked.cannot("service_tier", "'service_tier' must be auto, default, flex or priority.")
