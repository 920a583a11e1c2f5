"""Turns the messages of a chat completion into those of Cohere's API v2. Pure.

The roles are the same ones but for the developer's, which is the system's. A thought and a plan are
given back where they are Cohere's own. What cannot be said there is refused by name.
"""

from typing import Final

import msgspec
from msgspec import Raw

from gateway.forms.asked import unsupported
from gateway.forms.chat_plain import as_failed
from gateway.forms.cohere_build import FORMAT, PLAN, THOUGHT
from gateway.forms.fields import NULL
from gateway.words.errors import BadRequest

MAX_OBJECTS: Final = 65_536
"""Objects of the messages; of more, the turns would cost more than the body is worth (R15)."""

Turn = dict[str, object]


class _Picture(msgspec.Struct, gc=False):
    url: str
    detail: str | None = None


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


class _Detail(msgspec.Struct, gc=False):
    """A thought or a plan as `cohere_build` tells it, or one of another provider's."""

    type: str = ""
    text: str | None = None
    summary: str | None = None
    format: str | None = None


class _Said(msgspec.Struct, gc=False):
    """One message."""

    role: str
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: str = ""
    is_error: bool | None = None
    reasoning_details: list[_Detail] | None = None
    function_call: Raw = NULL
    audio: Raw = NULL


_decode_messages = msgspec.json.Decoder(list[_Said]).decode


def turns_of(messages: Raw) -> list[Turn]:
    """Translate the messages. Raises `BadRequest`, `Unsupported`."""
    if bytes(messages).count(b"{") > MAX_OBJECTS:
        raise BadRequest(f"'messages' holds more than {MAX_OBJECTS} objects.", param="messages")
    try:
        said = _decode_messages(messages)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"'messages' cannot be read: {error}.", param="messages") from None
    return [turn for message in said if (turn := _turn(message)) is not None]


def _turn(message: _Said) -> Turn | None:
    """Return what is told of a message; None for an assistant's that says and does nothing."""
    match message.role:
        case "system" | "developer":
            return {"role": "system", "content": _content(message)}
        case "user":
            return {"role": "user", "content": _content(message)}
        case "assistant":
            return _spoken(message)
        case "tool":
            if not message.tool_call_id:
                raise BadRequest("A message of a tool has no 'tool_call_id'.", param="messages")
            told = {"role": "tool", "tool_call_id": message.tool_call_id}
            return {**told, "content": _result(message)}
        case _:
            role = message.role[:40]
            raise unsupported("messages", f"A message of the role {role!r} is not understood.")


def _content(message: _Said) -> object:
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    return [_part(part, message.role) for part in message.content]


def _result(message: _Said) -> object:
    """Return what a tool has returned; there is no field for its having failed."""
    if not message.is_error:
        return _content(message)
    if isinstance(message.content, str):
        return as_failed(message.content)
    parts = [_part(part, message.role) for part in message.content or ()]
    return as_failed("\n\n".join([str(part["text"]) for part in parts]))


def _part(part: _Part, role: str) -> Turn:
    match part.type:
        case "text":
            return {"type": "text", "text": part.text}
        case "refusal":
            return {"type": "text", "text": part.refusal}
        case "image_url" if role == "user" and part.image_url is not None:
            detail = {} if part.image_url.detail is None else {"detail": part.image_url.detail}
            return {"type": "image_url", "image_url": {"url": part.image_url.url, **detail}}
        case _:
            kind = part.type[:40]
            raise unsupported("messages", f"A part of the type {kind!r} cannot be said by {role}.")


def _spoken(message: _Said) -> Turn | None:
    """Return what the assistant said: thoughts and plans of its own, words, calls of tools."""
    if bytes(message.function_call) != b"null":
        raise unsupported("messages", "'function_call' is not understood; use 'tool_calls'.")
    if bytes(message.audio) != b"null":
        raise unsupported("messages", "'audio' of an assistant is not understood.")
    own = [each for each in message.reasoning_details or () if each.format == FORMAT]
    thoughts = [each.text for each in own if each.type == THOUGHT and each.text]
    plan = "".join([each.summary for each in own if each.type == PLAN and each.summary])
    turn: Turn = {"role": "assistant"}
    content = [{"type": "thinking", "thinking": text} for text in thoughts]
    content += [{"type": "text", "text": text} for text in _texts(message)]
    if len(content) == 1 and not thoughts:
        turn["content"] = content[0]["text"]
    elif content:
        turn["content"] = content
    if message.tool_calls:
        turn["tool_calls"] = [_called(call) for call in message.tool_calls]
        if plan:
            turn["tool_plan"] = plan
    return turn if len(turn) > 1 else None


def _texts(message: _Said) -> list[str]:
    """Return what an assistant said in words; nothing that is empty."""
    if isinstance(message.content, str):
        texts = [message.content]
    else:
        texts = [str(_part(part, message.role)["text"]) for part in message.content or ()]
    return [text for text in (*texts, message.refusal) if text]


def _called(call: _ToolCall) -> Turn:
    if call.function is None:
        raise unsupported("messages", "A call in 'tool_calls' that is of no function.")
    function = {"name": call.function.name, "arguments": call.function.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}
