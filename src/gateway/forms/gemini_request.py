"""Writes a chat completion's request for Gemini. Pure.

Every field is translated, or known to change nothing that the provider would say, or refused by its
name: nothing is left out in silence.

https://ai.google.dev/api/generate-content
"""

from functools import partial
from typing import Final, Literal

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
    is_whole,
    or_reason,
)
from gateway.forms.chat_request import (
    Function,
    Json,
    Named,
    Schema,
    Shape,
    Text,
    check_no_tool,
    is_tools,
    room_in,
)
from gateway.forms.gemini_embeddings import VERTEX
from gateway.forms.gemini_names import told_name
from gateway.forms.gemini_schema import Room, subset_of
from gateway.forms.gemini_thinking import Thinking, thinking_of
from gateway.forms.gemini_turns import turns_of
from gateway.words.call import Call
from gateway.words.errors import BadRequest
from gateway.words.target import Target

Fields = dict[str, object]

_HINTS: Final = SAY_NOTHING | {"user", "safety_identifier"}
"""Who asks is of no meaning for what is answered, and the provider has no place for it."""

_TIERS: Final = frozenset({"flex", "priority"})
_SAY_NO_TIER: Final = frozenset({None, "auto", "default"})


class _OneTool(msgspec.Struct, gc=False):
    function: Named


class _Chosen(msgspec.Struct, tag="function", gc=False):
    function: Named


class _Some(msgspec.Struct, gc=False):
    mode: Literal["auto", "required"]
    tools: list[_OneTool]


class _Allowed(msgspec.Struct, tag="allowed_tools", gc=False):
    allowed_tools: _Some


class _Schema(Schema, gc=False):
    description: str | None = None


class _Shape(Shape, tag="json_schema", gc=False):
    json_schema: _Schema


_encode = msgspec.json.Encoder().encode
_is_choice = msgspec.json.Decoder(Literal["auto", "none", "required"] | _Chosen | _Allowed).decode
_is_shape = msgspec.json.Decoder(Text | Json | _Shape).decode
_is_objects = msgspec.json.Decoder(list[dict[str, Raw]]).decode
_is_modalities = msgspec.json.Decoder(list[Literal["text", "image"]]).decode

_AS_IT_IS: Final = (
    ("temperature", "temperature", is_number),
    ("top_p", "topP", is_number),
    ("top_k", "topK", is_positive),
    ("seed", "seed", is_whole),
    ("presence_penalty", "presencePenalty", is_number),
    ("frequency_penalty", "frequencyPenalty", is_number),
    ("n", "candidateCount", is_positive),
    ("logprobs", "responseLogprobs", is_flag),
)
"""What differs by its name alone."""

_CLOSED: Final = frozenset({"additionalProperties", "title"})
"""What says nothing more of an object that can hold nothing."""

_SAY_THE_SAME: Final = {"presencePenalty": 0, "frequencyPenalty": 0, "candidateCount": 1}
"""Values that say what the provider does anyway; some models take no such field at all."""


def body_of(call: Call, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """Write the body of the request for a target; name the fields that it cannot be told.

    Raises `BadRequest` or `Unsupported` with the field's name.
    """
    asked = Asked(call.fields, drops=target.drops, hints=_HINTS)
    thinking = thinking_of(target.model)
    turns = turns_of(
        call.fields["messages"],
        must_sign=thinking.must_sign,
        tells_ids=target.dialect != VERTEX,
    )
    body: Fields = {"contents": turns.contents}
    if turns.system:
        body["systemInstruction"] = {"parts": turns.system}
    room = Room()
    try:
        _write_tools(asked, body, room)
        config = _sampling(asked)
        config |= _shape(asked, room)
    except RecursionError:
        raise BadRequest("A schema in the request is nested too deeply.") from None
    config |= _effort(asked, thinking)
    if config:
        body["generationConfig"] = config
    _write_terms(asked, body, target)
    return _encode(body), asked.settle()


def _write_terms(asked: Asked, body: Fields, target: Target) -> None:
    """Translate how fast an answer is wanted, and what of it is held back."""
    tier = asked.take("service_tier", is_text)
    if tier in _TIERS and target.dialect != VERTEX:
        body["serviceTier"] = tier
    elif tier not in _SAY_NO_TIER:
        asked.cannot("service_tier", "'service_tier' cannot be told to this model's provider.")
    safety = asked.take("safety_settings", _is_objects)
    if safety:
        body["safetySettings"] = safety


def _sampling(asked: Asked) -> Fields:
    """Translate what steers the words."""
    config: Fields = {}
    for name, own, decode in _AS_IT_IS:
        value = asked.take(name, decode)
        if value is not None and value is not False and value != _SAY_THE_SAME.get(own):
            config[own] = value
    if (room := room_in(asked)) is not None:
        config["maxOutputTokens"] = room
    stop = asked.take("stop", is_stop)
    if stop:
        config["stopSequences"] = [stop] if isinstance(stop, str) else stop
    top = asked.take("top_logprobs", is_whole)
    if top:
        config["logprobs"] = top
    modalities = asked.take("modalities", partial(or_reason, _is_modalities))
    if isinstance(modalities, str):
        asked.cannot("modalities", f"'modalities' may be text and image here: {modalities}.")
    elif modalities and "image" in modalities:
        config["responseModalities"] = [each.upper() for each in modalities]
    return config


def _write_tools(asked: Asked, body: Fields, room: Room) -> None:
    tools = asked.take("tools", is_tools) or []
    choice = asked.take("tool_choice", _is_choice)
    parallel = asked.take("parallel_tool_calls", is_flag)
    search = asked.take("web_search_options", is_object)
    told: list[Fields] = []
    if tools:
        declared = [_declaration(tool.function, room) for tool in tools]
        told.append({"functionDeclarations": declared})
    else:
        check_no_tool(choice)
    if search is not None:
        told.append({"googleSearch": {}})
        if search:
            asked.cannot(
                "web_search_options",
                "'web_search_options' must be empty here: the provider takes none.",
            )
    if told:
        body["tools"] = told
    if not tools:
        return
    if parallel is False:
        asked.cannot(
            "parallel_tool_calls", "'parallel_tool_calls' cannot be turned off for this model."
        )
    chosen = _choice(choice, strict=any(tool.function.strict for tool in tools))
    if chosen:
        body["toolConfig"] = {"functionCallingConfig": chosen}


def _declaration(function: Function, room: Room) -> Fields:
    """Return a tool. Where it takes nothing, nothing is said of what it takes."""
    written: Fields = {"name": told_name(function.name)}
    if function.description is not None:
        written["description"] = function.description
    schema = subset_of(function.parameters or {}, "tools", room)
    if schema.get("additionalProperties") is False and not schema.get("properties"):
        schema = {key: said for key, said in schema.items() if key not in _CLOSED}
    if schema.get("properties") or schema.keys() - {"type", "properties", "required"}:
        written["parametersJsonSchema"] = {"type": "object", **schema}
    return written


def _choice(choice: _Chosen | _Allowed | str | None, *, strict: bool) -> Fields:
    """Return which tools may be called, or must be; a strict schema is kept to where it can be."""
    free = "VALIDATED" if strict else "AUTO"
    match choice:
        case _Chosen():
            return {"mode": "ANY", "allowedFunctionNames": [told_name(choice.function.name)]}
        case _Allowed():
            some = choice.allowed_tools
            names = [told_name(tool.function.name) for tool in some.tools]
            mode = "ANY" if some.mode == "required" else "VALIDATED"
            return {"mode": mode, "allowedFunctionNames": names}
        case "none":
            return {"mode": "NONE"}
        case "required":
            return {"mode": "ANY"}
        case None if not strict:
            return {}
        case _:
            return {"mode": free}


def _shape(asked: Asked, room: Room) -> Fields:
    """Translate what the answer must look like."""
    shape = asked.take("response_format", partial(or_reason, _is_shape))
    if isinstance(shape, str):
        asked.cannot("response_format", f"'response_format' cannot be told: {shape}.")
        return {}
    if shape is None or isinstance(shape, Text):
        return {}
    told: Fields = {"responseMimeType": "application/json"}
    if isinstance(shape, _Shape):
        wanted = shape.json_schema
        said = {"description": wanted.description} if wanted.description else {}
        schema = subset_of(wanted.schema, "response_format", room)
        told["responseJsonSchema"] = {**said, **schema}
    return told


def _effort(asked: Asked, thinking: Thinking) -> Fields:
    """Translate the effort as the model understands it. One that thinks is to show its thoughts."""
    effort = asked.take("reasoning_effort", is_text)
    if effort is None or (effort == "none" and not thinking.efforts):
        return {}
    if effort not in thinking.efforts:
        known = ", ".join(thinking.efforts) or "none"
        asked.cannot("reasoning_effort", f"'reasoning_effort' must be {known} for this model.")
        return {}
    config: Fields = {thinking.told_as: thinking.efforts[effort]}
    if effort != "none":
        config["includeThoughts"] = True
    return {"thinkingConfig": config}
