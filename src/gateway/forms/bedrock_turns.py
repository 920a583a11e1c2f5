"""Turns the messages of a chat completion into the turns of AWS Bedrock's Converse. Pure.

There are two who speak, and they take turns: what one of them says in several messages is joined.
What comes back from tools is said by the user. Instructions stand before all turns, in their order.
What cannot be said there is refused by name, never left out.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

from typing import Final

import msgspec
from msgspec import Raw

from gateway.forms.bedrock_build import SEALED, SIGNED
from gateway.forms.bedrock_media import Media
from gateway.forms.bedrock_names import told_id, told_name
from gateway.forms.chat_turns import (
    Block,
    Detail,
    File,
    Part,
    Said,
    ToolCall,
    add_to_turns,
    check_assistant,
    check_turns,
    function_of,
    no_object,
    no_part,
    no_role,
    said_in,
)

NOTHING: Final = "(empty)"
"""What a tool that says nothing is taken to say."""


class Mark(msgspec.Struct, gc=False):
    """Says that the prompt is to be cached up to here, and for how long."""

    ttl: str | None = None


class _Sound(msgspec.Struct, gc=False):
    data: str = ""
    format: str = ""


class _Part(Part, gc=False):
    """A part of a message's content, and whether to cache up to it."""

    file: File | None = None
    input_audio: _Sound | None = None
    cache_control: Mark | None = None


class _ToolCall(ToolCall, gc=False):
    """The call of a tool, and whether to cache up to it."""

    cache_control: Mark | None = None


class _Said(Said[_Part, _ToolCall], gc=False):
    """One message."""

    reasoning_details: list[Detail] | None = None
    cache_control: Mark | None = None
    is_error: bool = False


class Turns(msgspec.Struct, gc=False):
    """What was said: the instructions, and the turns of user and assistant.

    `uses_tools` says that a tool is called there, or answers.
    """

    system: list[Block]
    turns: list[Block]
    uses_tools: bool = False


_decode_messages = msgspec.json.Decoder(list[_Said]).decode
_decode_whole = msgspec.json.Decoder(Raw).decode


def turns_of(messages: Raw, *, marks: bool = True, signed: bool = True) -> Turns:
    """Translate the messages; without `marks` it is not told up to where to cache, and without
    `signed` no thought of Claude's is given back.

    Raises `BadRequest`, `Unsupported`.
    """
    found, media = Turns([], []), Media()
    for message in said_in(messages, _decode_messages):
        match message.role:
            case "system" | "developer":
                found.system += _content(message, media)
            case "user":
                add_to_turns(found.turns, "user", _content(message, media))
            case "assistant":
                found.uses_tools = found.uses_tools or bool(message.tool_calls)
                add_to_turns(found.turns, "assistant", _spoken(message, media, signed=signed))
            case "tool":
                found.uses_tools = True
                add_to_turns(found.turns, "user", _result(message, media))
            case _:
                raise no_role(message.role)
    if not marks:
        _unmark(found)
    check_turns(found.turns)
    return found


def cache_point(mark: Mark | None) -> list[Block]:
    """Return the mark up to which the provider is to cache; nothing where there is none."""
    if mark is None:
        return []
    ttl = {"ttl": mark.ttl} if mark.ttl in {"5m", "1h"} else {}
    return [{"cachePoint": {"type": "default", **ttl}}]


def _unmark(found: Turns) -> None:
    found.system = [block for block in found.system if "cachePoint" not in block]
    for turn in found.turns:
        content = turn["content"]
        assert isinstance(content, list), "it was put there as one"
        turn["content"] = [block for block in content if "cachePoint" not in block]


def _content(message: _Said, media: Media) -> list[Block]:
    return _marked(_words(message, media), message.cache_control)


def _words(message: _Said, media: Media) -> list[Block]:
    if isinstance(message.content, str):
        return _text(message.content)
    return [block for part in message.content or () for block in _part(part, message.role, media)]


def _marked(blocks: list[Block], mark: Mark | None) -> list[Block]:
    """Return blocks with the mark behind them; where nothing is said, there is nothing to cache."""
    return [*blocks, *cache_point(mark)] if blocks else []


def _text(text: str) -> list[Block]:
    """Return a block of text; none where it is blank, which the provider refuses."""
    return [{"text": text}] if text.strip() else []


def _part(part: _Part, role: str, media: Media) -> list[Block]:
    match part.type:
        case "text":
            blocks = _text(part.text)
        case "refusal":
            blocks = _text(part.refusal)
        case "image_url" if role in {"user", "tool"} and part.image_url is not None:
            blocks = [media.picture(part.image_url.url)]
        case "file" if role in {"user", "tool"} and part.file is not None:
            blocks = [media.document(part.file.file_data, part.file.filename)]
        case "input_audio" if role == "user" and part.input_audio is not None:
            blocks = [media.sound(part.input_audio.data, part.input_audio.format)]
        case _:
            raise no_part(part, role)
    return _marked(blocks, part.cache_control)


def _spoken(message: _Said, media: Media, *, signed: bool) -> list[Block]:
    """Return what the assistant said: thoughts of its own, words, calls of tools, in this order."""
    check_assistant(message)
    details = message.reasoning_details or ()
    thoughts = [thought for detail in details for thought in _thought(detail, signed=signed)]
    refusal = _text(message.refusal or "")
    calls = [block for call in message.tool_calls or () for block in _use(call)]
    said = [*thoughts, *_words(message, media), *refusal, *calls]
    return _marked(said, message.cache_control)


def _thought(detail: Detail, *, signed: bool) -> list[Block]:
    """Return a thought unchanged if it is proved to be the provider's own, else nothing."""
    proved = bool(detail.signature) and detail.format == SIGNED
    if detail.type == "reasoning.text" and signed and proved:
        said = {"text": detail.text or "", "signature": detail.signature}
        return [{"reasoningContent": {"reasoningText": said}}]
    if detail.type == "reasoning.encrypted" and detail.data and detail.format == SEALED:
        return [{"reasoningContent": {"redactedContent": detail.data}}]
    return []


def _use(call: _ToolCall) -> list[Block]:
    function = function_of(call)
    arguments = _object(function.arguments or "{}")
    if arguments is None:
        raise no_object(function)
    told = {"toolUseId": told_id(call.id), "name": told_name(function.name), "input": arguments}
    return _marked([{"toolUse": told}], call.cache_control)


def _object(json: str) -> Raw | None:
    """Return JSON as it is, where it is an object: checked, and never built (R15)."""
    try:
        return _decode_whole(json) if json.lstrip(" \t\r\n").startswith("{") else None
    except (msgspec.DecodeError, RecursionError):
        return None


def _result(message: _Said, media: Media) -> list[Block]:
    """Return what came back from a tool; up to where to cache can only be told behind it.

    Where nothing came back that is said in words: most models want something there.
    """
    answered = message.answers()
    blocks = _content(message, media)
    points = [block for block in blocks if "cachePoint" in block]
    told = [block for block in blocks if "cachePoint" not in block] or [{"text": NOTHING}]
    failed = {"status": "error"} if message.is_error else {}
    result = {"toolUseId": told_id(answered), "content": told, **failed}
    return [{"toolResult": result}, *points[-1:]]
