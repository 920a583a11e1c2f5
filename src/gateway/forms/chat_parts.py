"""Thoughts as parts of a content, as Mistral tells them and wants them told. Pure.

In OpenAI's form an answer's content is one text, and clients take it for one; Mistral's models that
think answer with a list of parts. So text is told as `content` and thoughts as `reasoning_content`,
whoever answers so. What clients send back of that is made parts again for those who know no other.

https://docs.mistral.ai/capabilities/reasoning/
"""

import re
from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms.text import without_halves

DIALECT: Final = "mistral"
"""Of targets that are told thoughts as parts, and refuse to be told them otherwise."""

MAX_OBJECTS: Final = 65_536
"""Objects of the messages; of more, they are told as they came (R15)."""

IN_PARTS: Final = re.compile(rb'"content"\s*:\s*\[')
"""What a whole answer holds where it may tell its content in parts."""

_THOUGHTS: Final = ("reasoning_content", "reasoning")
_DETAILS: Final = "reasoning_details"
_TELLS: Final = b'"reasoning'

Fields = dict[str, Raw]


class _Part(msgspec.Struct, gc=False):
    """A part of a content; a thought has parts of its own, and what is cited has no text."""

    type: str = ""
    text: str = ""
    thinking: "str | list[_Part]" = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Fields).decode
_decode_many = msgspec.json.Decoder(list[Fields]).decode
_decode_parts = msgspec.json.Decoder(list[_Part]).decode
_decode_any = msgspec.json.Decoder().decode


def joined(data: bytes) -> bytes:
    """Return an event's data, or a whole answer, with its parts as texts; as it is if it has none.

    What it has beside them keeps its bytes.
    """
    try:
        return _joined(data)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return _joined(without_halves(data))
    except (msgspec.DecodeError, RecursionError):
        return data


def _joined(data: bytes) -> bytes:
    fields = _decode(data)
    choices = _decode_many(fields.get("choices", Raw(b"[]")))
    found = False
    for choice in choices:
        for place in ("delta", "message"):
            said = _decode(choice.get(place, Raw(b"{}")))
            if bytes(said.get("content", b""))[:1] == b"[":
                choice[place] = Raw(_encode(_with_texts(said, place)))
                found = True
    if not found:
        return data
    # On one line, whatever white space stands in raw JSON.
    return msgspec.json.format(_encode({**fields, "choices": choices}), indent=-1)


def _with_texts(said: Fields, place: str) -> dict[str, Any]:
    parts = _decode_parts(said["content"])
    text = "".join([part.text for part in parts])
    thought = "".join([_thought(part) for part in parts])
    told: dict[str, Any] = dict(said)
    del told["content"]
    if text or place == "message":
        told["content"] = text or None
    if thought:
        told[_THOUGHTS[0]] = thought
    return told


def _thought(part: _Part) -> str:
    if isinstance(part.thinking, str):
        return part.thinking
    return "".join([each.text for each in part.thinking])


def given_back(messages: Raw) -> Raw:
    """Return the messages with an assistant's thoughts as parts of its content.

    What cannot be read is told as it came: the provider says what is wrong with it.
    """
    raw = bytes(messages)
    if _TELLS not in raw or raw.count(b"{") > MAX_OBJECTS:
        return messages
    try:
        return Raw(_encode([_with_parts(message) for message in _decode_many(messages)]))
    except (msgspec.DecodeError, RecursionError):
        return messages


def _with_parts(message: Fields) -> dict[str, Any]:
    told: dict[str, Any] = {
        name: value for name, value in message.items() if name not in {*_THOUGHTS, _DETAILS}
    }
    thoughts = [_decode_any(message[name]) for name in _THOUGHTS if name in message]
    thought = next((each for each in thoughts if isinstance(each, str) and each), None)
    if thought is None:
        return told
    content = _decode_any(message.get("content", Raw(b"null")))
    text = [{"type": "text", "text": content}] if isinstance(content, str) and content else []
    parts = content if isinstance(content, list) else text
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": thought}]}
    told["content"] = [thinking, *parts]
    return told
