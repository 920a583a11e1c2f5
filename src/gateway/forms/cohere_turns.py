"""Turns the messages of a chat completion into those of Cohere's API v2. Pure.

The roles are the same ones but for the developer's, which is the system's. A thought and a plan are
given back where they are Cohere's own. What cannot be said there is refused by name.
"""

import msgspec
from msgspec import Raw

from gateway.forms.chat_plain import as_failed
from gateway.forms.chat_turns import (
    Address,
    Part,
    Said,
    ToolCall,
    check_assistant,
    function_of,
    no_part,
    no_role,
    said_in,
)
from gateway.forms.cohere_build import FORMAT, PLAN, THOUGHT

Turn = dict[str, object]


class _Picture(Address, gc=False):
    detail: str | None = None


class _Part(Part, gc=False):
    """A part of a message's content."""

    image_url: _Picture | None = None


class _ToolCall(ToolCall, gc=False):
    """The call of a tool, which may well have no id."""

    id: str = ""


class _Detail(msgspec.Struct, gc=False):
    """A thought or a plan as `cohere_build` tells it, or one of another provider's."""

    type: str = ""
    text: str | None = None
    summary: str | None = None
    format: str | None = None


class _Said(Said[_Part, _ToolCall], gc=False):
    """One message."""

    reasoning_details: list[_Detail] | None = None


_decode_messages = msgspec.json.Decoder(list[_Said]).decode


def turns_of(messages: Raw) -> list[Turn]:
    """Translate the messages. Raises `BadRequest`, `Unsupported`."""
    said = said_in(messages, _decode_messages)
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
            told = {"role": "tool", "tool_call_id": message.answers()}
            return {**told, "content": _result(message)}
        case _:
            raise no_role(message.role)


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
            raise no_part(part, role)


def _spoken(message: _Said) -> Turn | None:
    """Return what the assistant said: thoughts and plans of its own, words, calls of tools."""
    check_assistant(message)
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
    called = function_of(call)
    function = {"name": called.name, "arguments": called.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}
