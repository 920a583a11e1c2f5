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
from gateway.forms.chat_turns import (
    Part,
    Said,
    ToolCall,
    arguments_of,
    check_assistant,
    function_of,
    no_part,
    no_role,
    said_in,
)

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


class _ToolCall(ToolCall, gc=False):
    """The call of a tool, which may well have no id."""

    id: str = ""


class _Said(Said[Part, _ToolCall], gc=False):
    """One message."""

    reasoning_content: str | None = None
    reasoning: str | None = None


_decode_messages = msgspec.json.Decoder(list[_Said]).decode


def turns_of(messages: Raw) -> list[Turn]:
    """Translate the messages. Raises `BadRequest`, `Unsupported`."""
    names: dict[str, str] = {}
    turns = []
    for message in said_in(messages, _decode_messages):
        # In order: a client may use an id again, and means the last call of it.
        calls = message.tool_calls or ()
        names.update((call.id, call.function.name) for call in calls if call.function is not None)
        turns.append(_turn(message, names))
    return turns


def _turn(message: _Said, names: dict[str, str]) -> Turn:
    role = _ROLES.get(message.role)
    if role is None:
        raise no_role(message.role)
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
                raise no_part(part, message.role)
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
    check_assistant(message)
    thought = message.reasoning_content or message.reasoning
    if thought:
        turn["thinking"] = thought
    if message.tool_calls:
        turn["tool_calls"] = [{"function": _called(call)} for call in message.tool_calls]


def _called(call: _ToolCall) -> dict[str, object]:
    function = function_of(call)
    return {"name": function.name, "arguments": arguments_of(function)}
