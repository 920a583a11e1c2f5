"""Turns the messages of a chat completion into the turns of AWS Bedrock's Converse. Pure.

There are two who speak, and they take turns: what one of them says in several messages is joined.
What comes back from tools is said by the user. Instructions stand before all turns, in their order.
What cannot be said there is refused by name, never left out.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

from typing import Final

import msgspec
from msgspec import Raw

from gateway.forms.asked import unsupported
from gateway.forms.bedrock_build import SEALED, SIGNED
from gateway.forms.bedrock_media import Media
from gateway.forms.bedrock_names import told_id, told_name
from gateway.forms.fields import NULL
from gateway.words.errors import BadRequest

MAX_OBJECTS: Final = 65_536
"""Objects of the messages; of more, the turns would cost more than the body is worth (R15)."""

NOTHING: Final = "(empty)"
"""What a tool that says nothing is taken to say."""

Block = dict[str, object]


class Mark(msgspec.Struct, gc=False):
    """Says that the prompt is to be cached up to here, and for how long."""

    ttl: str | None = None


class _Picture(msgspec.Struct, gc=False):
    url: str


class _File(msgspec.Struct, gc=False):
    file_data: str = ""
    filename: str = ""


class _Sound(msgspec.Struct, gc=False):
    data: str = ""
    format: str = ""


class _Part(msgspec.Struct, gc=False):
    """A part of a message's content."""

    type: str
    text: str = ""
    refusal: str = ""
    image_url: _Picture | None = None
    file: _File | None = None
    input_audio: _Sound | None = None
    cache_control: Mark | None = None


class _Function(msgspec.Struct, gc=False):
    name: str
    arguments: str = ""


class _ToolCall(msgspec.Struct, gc=False):
    id: str
    function: _Function | None = None
    cache_control: Mark | None = None


class _Detail(msgspec.Struct, gc=False):
    """A thought as `bedrock_build` tells it, or one of another provider's."""

    type: str = ""
    text: str | None = None
    signature: str | None = None
    data: str | None = None
    format: str | None = None


class _Said(msgspec.Struct, gc=False):
    """One message. `is_error` is of a tool that failed."""

    role: str
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: str = ""
    reasoning_details: list[_Detail] | None = None
    function_call: Raw = NULL
    audio: Raw = NULL
    cache_control: Mark | None = None
    is_error: bool = False


class Turns(msgspec.Struct, gc=False):
    """What was said: the instructions, and the turns of user and assistant.

    `uses_tools` says that a tool is called there, or answers.
    """

    system: list[Block]
    turns: list[dict[str, object]]
    uses_tools: bool = False


_decode_messages = msgspec.json.Decoder(list[_Said]).decode
_decode_whole = msgspec.json.Decoder(Raw).decode


def turns_of(messages: Raw, *, marks: bool = True, signed: bool = True) -> Turns:
    """Translate the messages; without `marks` it is not told up to where to cache, and without
    `signed` no thought of Claude's is given back.

    Raises `BadRequest`, `Unsupported`.
    """
    if bytes(messages).count(b"{") > MAX_OBJECTS:
        raise BadRequest(f"'messages' holds more than {MAX_OBJECTS} objects.", param="messages")
    try:
        said = _decode_messages(messages)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"'messages' cannot be read: {error}.", param="messages") from None
    found, media = Turns([], []), Media()
    for message in said:
        match message.role:
            case "system" | "developer":
                found.system += _content(message, media)
            case "user":
                _take(found, "user", _content(message, media))
            case "assistant":
                found.uses_tools = found.uses_tools or bool(message.tool_calls)
                _take(found, "assistant", _spoken(message, media, signed=signed))
            case "tool":
                found.uses_tools = True
                _take(found, "user", _result(message, media))
            case _:
                role = message.role[:40]
                raise unsupported("messages", f"A message of the role {role!r} is not understood.")
    if not marks:
        _unmark(found)
    if not found.turns:
        raise BadRequest("'messages' says nothing: no user and no assistant.", param="messages")
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


def _take(found: Turns, role: str, blocks: list[Block]) -> None:
    """Add to the turn of whoever speaks; nothing where nothing is said."""
    if not blocks:
        return
    if found.turns and found.turns[-1]["role"] == role:
        spoken = found.turns[-1]["content"]
        assert isinstance(spoken, list), "it was put there as one"
        spoken += blocks
    else:
        found.turns.append({"role": role, "content": blocks})


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
            kind = part.type[:40]
            raise unsupported("messages", f"A part of the type {kind!r} cannot be said by {role}.")
    return _marked(blocks, part.cache_control)


def _spoken(message: _Said, media: Media, *, signed: bool) -> list[Block]:
    """Return what the assistant said: thoughts of its own, words, calls of tools, in this order."""
    if bytes(message.function_call) != b"null":
        raise unsupported("messages", "'function_call' is not understood; use 'tool_calls'.")
    if bytes(message.audio) != b"null":
        raise unsupported("messages", "'audio' of an assistant is not understood.")
    details = message.reasoning_details or ()
    thoughts = [thought for detail in details for thought in _thought(detail, signed=signed)]
    refusal = _text(message.refusal or "")
    calls = [block for call in message.tool_calls or () for block in _use(call)]
    said = [*thoughts, *_words(message, media), *refusal, *calls]
    return _marked(said, message.cache_control)


def _thought(detail: _Detail, *, signed: bool) -> list[Block]:
    """Return a thought unchanged if it is proved to be the provider's own, else nothing."""
    proved = bool(detail.signature) and detail.format == SIGNED
    if detail.type == "reasoning.text" and signed and proved:
        said = {"text": detail.text or "", "signature": detail.signature}
        return [{"reasoningContent": {"reasoningText": said}}]
    if detail.type == "reasoning.encrypted" and detail.data and detail.format == SEALED:
        return [{"reasoningContent": {"redactedContent": detail.data}}]
    return []


def _use(call: _ToolCall) -> list[Block]:
    if call.function is None:
        raise unsupported("messages", "A call in 'tool_calls' that is of no function.")
    name = call.function.name
    arguments = _object(call.function.arguments or "{}")
    if arguments is None:
        raise BadRequest(
            f"The 'arguments' of the call of {name[:100]!r} in 'tool_calls' are no JSON object.",
            param="messages",
        )
    told = {"toolUseId": told_id(call.id), "name": told_name(name), "input": arguments}
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
    if not message.tool_call_id:
        raise BadRequest("A message of a tool has no 'tool_call_id'.", param="messages")
    blocks = _content(message, media)
    points = [block for block in blocks if "cachePoint" in block]
    told = [block for block in blocks if "cachePoint" not in block] or [{"text": NOTHING}]
    failed = {"status": "error"} if message.is_error else {}
    result = {"toolUseId": told_id(message.tool_call_id), "content": told, **failed}
    return [{"toolResult": result}, *points[-1:]]
