"""Turns the messages of a chat completion into those of Ollama's own API. Pure.

A message there is one text; its images stand beside it, in base64 without a word about their kind.
The result of a tool says which tool it is of, not which call. What cannot be said there is refused
by name, never left out.
"""

import re
from typing import Final

import msgspec
from msgspec import Raw

from gateway.forms.asked import unsupported
from gateway.forms.chat_plain import as_failed
from gateway.forms.fields import NULL
from gateway.words.errors import BadRequest

MAX_OBJECTS: Final = 65_536
"""Objects of the messages; of more, the turns would cost more than the body is worth (R15)."""

GAP: Final = "\n\n"
"""What stands between two texts of one message; those of an assistant are parts of one."""

_INLINE = re.compile(r"data:image/(?:jpe?g|png|gif|webp);base64,", re.IGNORECASE)
_ROLES: Final = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}

Turn = dict[str, object]


class _Picture(msgspec.Struct, gc=False):
    url: str


class _Part(msgspec.Struct, gc=False):
    """A part of a message's content."""

    type: str
    text: str = ""
    refusal: str = ""
    image_url: _Picture | None = None


class _Function(msgspec.Struct, gc=False):
    name: str
    arguments: str = ""


class _ToolCall(msgspec.Struct, gc=False):
    id: str = ""
    function: _Function | None = None


class _Said(msgspec.Struct, gc=False):
    """One message."""

    role: str
    content: str | list[_Part] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: str = ""
    is_error: bool | None = None
    function_call: Raw = NULL
    audio: Raw = NULL


_decode_messages = msgspec.json.Decoder(list[_Said]).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode


def turns_of(messages: Raw) -> list[Turn]:
    """Translate the messages. Raises `BadRequest`, `Unsupported`."""
    if bytes(messages).count(b"{") > MAX_OBJECTS:
        raise BadRequest(f"'messages' holds more than {MAX_OBJECTS} objects.", param="messages")
    try:
        said = _decode_messages(messages)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"'messages' cannot be read: {error}.", param="messages") from None
    names: dict[str, str] = {}
    turns = []
    for message in said:
        # In order: a client may use an id again, and means the last call of it.
        calls = message.tool_calls or ()
        names.update((call.id, call.function.name) for call in calls if call.function is not None)
        turns.append(_turn(message, names))
    return turns


def _turn(message: _Said, names: dict[str, str]) -> Turn:
    role = _ROLES.get(message.role)
    if role is None:
        raise unsupported(
            "messages", f"A message of the role {message.role[:40]!r} is not understood."
        )
    texts, images = _content(message)
    gap = "" if role == "assistant" else GAP
    text = gap.join([*texts, *([message.refusal] if message.refusal else ())])
    turn: Turn = {"role": role, "content": text}
    if images:
        turn["images"] = images
    if role == "assistant":
        _add_what_it_did(turn, message)
    if role == "tool":
        if message.is_error:
            turn["content"] = as_failed(text)
        if message.tool_call_id in names:
            turn["tool_name"] = names[message.tool_call_id]
    return turn


def _content(message: _Said) -> tuple[list[str], list[str]]:
    """Return the texts of a message, and its images."""
    if isinstance(message.content, str):
        return [message.content], []
    texts, images = [], []
    for part in message.content or ():
        match part.type:
            case "text":
                texts.append(part.text)
            case "refusal":
                texts.append(part.refusal)
            case "image_url" if message.role in {"user", "tool"} and part.image_url is not None:
                images.append(_picture(part.image_url.url))
            case _:
                kind, role = part.type[:40], message.role
                raise unsupported(
                    "messages", f"A part of the type {kind!r} cannot be said by {role}."
                )
    return texts, images


def _picture(url: str) -> str:
    found = _INLINE.match(url)
    if found is None:
        raise unsupported(
            "messages", "An image must be a JPEG, PNG, GIF or WebP as a data: URL, in base64."
        )
    return url[found.end() :]


def _add_what_it_did(turn: Turn, message: _Said) -> None:
    """Add the thoughts of an assistant, which nobody has signed, and its calls of tools."""
    if bytes(message.function_call) != b"null":
        raise unsupported("messages", "'function_call' is not understood; use 'tool_calls'.")
    if bytes(message.audio) != b"null":
        raise unsupported("messages", "'audio' of an assistant is not understood.")
    thought = message.reasoning_content or message.reasoning
    if thought:
        turn["thinking"] = thought
    if message.tool_calls:
        turn["tool_calls"] = [{"function": _called(call)} for call in message.tool_calls]


def _called(call: _ToolCall) -> dict[str, object]:
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
    return {"name": name, "arguments": arguments}
