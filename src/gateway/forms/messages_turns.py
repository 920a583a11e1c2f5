"""Turns the messages of a chat completion into the turns of Anthropic's Messages. Pure.

There are two who speak, and they take turns: what one of them says in several messages is joined.
What comes back from tools is said by the user. Instructions stand before all turns, in their order.
What cannot be said there is refused by name, never left out.
"""

import re
from typing import Final

import msgspec
from msgspec import Raw

from gateway.forms.asked import unsupported
from gateway.forms.fields import NULL
from gateway.words.errors import BadRequest

MAX_OBJECTS: Final = 65_536
"""Objects of the messages; of more, the turns would cost more than the body is worth (R15)."""

_PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF: Final = "application/pdf"
_INLINE = re.compile(r"data:([a-z]+/[a-z0-9.+-]+);base64,", re.IGNORECASE)
_NET = re.compile(r"https?://", re.IGNORECASE)

Block = dict[str, object]


class _Picture(msgspec.Struct, gc=False):
    url: str


class _File(msgspec.Struct, gc=False):
    file_data: str = ""
    filename: str = ""


class _Part(msgspec.Struct, gc=False):
    """A part of a message's content."""

    type: str
    text: str = ""
    refusal: str = ""
    image_url: _Picture | None = None
    file: _File | None = None
    cache_control: Raw = NULL


class _Function(msgspec.Struct, gc=False):
    name: str
    arguments: str = ""


class _ToolCall(msgspec.Struct, gc=False):
    id: str
    function: _Function | None = None
    cache_control: Raw = NULL


class _Detail(msgspec.Struct, gc=False):
    """A thought as `messages_build` tells it, or one of another provider's."""

    type: str = ""
    text: str | None = None
    signature: str | None = None
    data: str | None = None
    format: str | None = None


class _Said(msgspec.Struct, gc=False):
    """One message."""

    role: str
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: str = ""
    reasoning_details: list[_Detail] | None = None
    function_call: Raw = NULL
    audio: Raw = NULL
    is_error: bool | None = None
    cache_control: Raw = NULL


class Turns(msgspec.Struct, gc=False):
    """What was said: the instructions, and the turns of user and assistant."""

    system: list[Block]
    turns: list[dict[str, object]]


_decode_messages = msgspec.json.Decoder(list[_Said]).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode


def turns_of(messages: Raw, detail_format: str) -> Turns:
    """Translate the messages; thoughts of `detail_format` are given back. Raises `BadRequest`."""
    if bytes(messages).count(b"{") > MAX_OBJECTS:
        raise BadRequest(f"'messages' holds more than {MAX_OBJECTS} objects.", param="messages")
    try:
        said = _decode_messages(messages)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"'messages' cannot be read: {error}.", param="messages") from None
    found = Turns([], [])
    for message in said:
        match message.role:
            case "system" | "developer":
                found.system += _content(message)
            case "user":
                _take(found, "user", _content(message))
            case "assistant":
                _take(found, "assistant", _spoken(message, detail_format))
            case "tool":
                _take(found, "user", [_result(message)])
            case _:
                role = message.role[:40]
                raise unsupported("messages", f"A message of the role {role!r} is not understood.")
    if not found.turns:
        raise BadRequest("'messages' says nothing: no user and no assistant.", param="messages")
    return found


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


def _content(message: _Said) -> list[Block]:
    if isinstance(message.content, str):
        return _text(message.content)
    return [block for part in message.content or () for block in _part(part, message.role)]


def _text(text: str) -> list[Block]:
    """Return a block of text; none where it is empty, which the provider refuses."""
    return [{"type": "text", "text": text}] if text else []


def _part(part: _Part, role: str) -> list[Block]:
    match part.type:
        case "text":
            blocks = _text(part.text)
        case "refusal":
            blocks = _text(part.refusal)
        case "image_url" if role in {"user", "tool"} and part.image_url is not None:
            blocks = [{"type": "image", "source": _picture(part.image_url.url)}]
        case "file" if role in {"user", "tool"} and part.file is not None:
            blocks = [_document(part.file)]
        case _:
            kind = part.type[:40]
            raise unsupported("messages", f"A part of the type {kind!r} cannot be said by {role}.")
    if bytes(part.cache_control) != b"null" and blocks:
        blocks[-1]["cache_control"] = part.cache_control
    return blocks


def _picture(url: str) -> Block:
    if _NET.match(url):
        return {"type": "url", "url": url}
    return _inline(url, _PICTURES, "An image must be a JPEG, PNG, GIF or WebP as a data: URL")


def _document(file: _File) -> Block:
    source = _inline(file.file_data, {_PDF}, "A file must be a PDF as a data: URL in 'file_data'")
    title = {"title": file.filename} if file.filename else {}
    return {"type": "document", "source": source, **title}


def _inline(url: str, kinds: frozenset[str] | set[str], wanted: str) -> Block:
    found = _INLINE.match(url)
    kind = found[1].lower() if found else ""
    if found is None or kind not in kinds:
        raise unsupported("messages", f"{wanted}, in base64.")
    return {"type": "base64", "media_type": kind, "data": url[found.end() :]}


def _spoken(message: _Said, detail_format: str) -> list[Block]:
    """Return what the assistant said: thoughts of its own, words, calls of tools, in this order."""
    if bytes(message.function_call) != b"null":
        raise unsupported("messages", "'function_call' is not understood; use 'tool_calls'.")
    if bytes(message.audio) != b"null":
        raise unsupported("messages", "'audio' of an assistant is not understood.")
    details = message.reasoning_details or ()
    thoughts = [thought for detail in details for thought in _thought(detail, detail_format)]
    refusal = _text(message.refusal or "")
    return [*thoughts, *_content(message), *refusal, *map(_use, message.tool_calls or ())]


def _thought(detail: _Detail, detail_format: str) -> list[Block]:
    """Return a thought unchanged if it is proved to be the provider's own, else nothing."""
    if detail.format != detail_format:
        return []
    if detail.type == "reasoning.text" and detail.signature:
        thinking = detail.text or ""
        return [{"type": "thinking", "thinking": thinking, "signature": detail.signature}]
    if detail.type == "reasoning.encrypted" and detail.data:
        return [{"type": "redacted_thinking", "data": detail.data}]
    return []


def _use(call: _ToolCall) -> Block:
    if call.function is None:
        raise unsupported("messages", "A call in 'tool_calls' that is of no function.")
    name = call.function.name
    try:
        arguments = _decode_object(call.function.arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        raise BadRequest(
            f"The 'arguments' of the call of {name[:100]!r} in 'tool_calls' are no JSON object.",
            param="messages",
        ) from None
    block: Block = {"type": "tool_use", "id": call.id, "name": name, "input": arguments}
    if bytes(call.cache_control) != b"null":
        block["cache_control"] = call.cache_control
    return block


def _result(message: _Said) -> Block:
    if not message.tool_call_id:
        raise BadRequest("A message of a tool has no 'tool_call_id'.", param="messages")
    blocks = _content(message)
    block: Block = {"type": "tool_result", "tool_use_id": message.tool_call_id}
    if blocks:
        block["content"] = blocks
    if message.is_error:
        block["is_error"] = True
    if bytes(message.cache_control) != b"null":
        block["cache_control"] = message.cache_control
    return block
