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
from gateway.forms.chat_turns import (
    Block,
    Detail,
    File,
    Part,
    Said,
    ToolCall,
    add_to_turns,
    arguments_of,
    check_assistant,
    check_turns,
    function_of,
    no_part,
    no_role,
    said_in,
)
from gateway.forms.fields import NULL

_PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF: Final = "application/pdf"
_INLINE = re.compile(r"data:([a-z]+/[a-z0-9.+-]+);base64,", re.IGNORECASE)
_NET = re.compile(r"https?://", re.IGNORECASE)


class _Part(Part, gc=False):
    """A part of a message's content, and whether to cache up to it."""

    file: File | None = None
    cache_control: Raw = NULL


class _ToolCall(ToolCall, gc=False):
    """The call of a tool, and whether to cache up to it."""

    cache_control: Raw = NULL


class _Said(Said[_Part, _ToolCall], gc=False):
    """One message."""

    reasoning_details: list[Detail] | None = None
    cache_control: Raw = NULL


class Turns(msgspec.Struct, gc=False):
    """What was said: the instructions, and the turns of user and assistant."""

    system: list[Block]
    turns: list[Block]


_decode_messages = msgspec.json.Decoder(list[_Said]).decode


def turns_of(messages: Raw, detail_format: str) -> Turns:
    """Translate the messages; thoughts of `detail_format` are given back. Raises `BadRequest`."""
    found = Turns([], [])
    for message in said_in(messages, _decode_messages):
        match message.role:
            case "system" | "developer":
                found.system += _content(message)
            case "user":
                add_to_turns(found.turns, "user", _content(message))
            case "assistant":
                add_to_turns(found.turns, "assistant", _spoken(message, detail_format))
            case "tool":
                add_to_turns(found.turns, "user", [_result(message)])
            case _:
                raise no_role(message.role)
    check_turns(found.turns)
    return found


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
            raise no_part(part, role)
    if bytes(part.cache_control) != b"null" and blocks:
        blocks[-1]["cache_control"] = part.cache_control
    return blocks


def _picture(url: str) -> Block:
    if _NET.match(url):
        return {"type": "url", "url": url}
    return _inline(url, _PICTURES, "An image must be a JPEG, PNG, GIF or WebP as a data: URL")


def _document(file: File) -> Block:
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
    check_assistant(message)
    details = message.reasoning_details or ()
    thoughts = [thought for detail in details for thought in _thought(detail, detail_format)]
    refusal = _text(message.refusal or "")
    return [*thoughts, *_content(message), *refusal, *map(_use, message.tool_calls or ())]


def _thought(detail: Detail, detail_format: str) -> list[Block]:
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
    function = function_of(call)
    arguments = arguments_of(function)
    block: Block = {"type": "tool_use", "id": call.id, "name": function.name, "input": arguments}
    if bytes(call.cache_control) != b"null":
        block["cache_control"] = call.cache_control
    return block


def _result(message: _Said) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": message.answers()}
    blocks = _content(message)
    if blocks:
        block["content"] = blocks
    if message.is_error:
        block["is_error"] = True
    if bytes(message.cache_control) != b"null":
        block["cache_control"] = message.cache_control
    return block
