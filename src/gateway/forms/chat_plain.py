"""Says a call that came in another form so that any server of OpenAI's form takes it. Pure.

The common form holds more than OpenAI's own: thoughts, marks of caches, failed results, pictures
that a tool returns. Strict servers refuse what they do not know, so it is put in the words that all
have, or left out where it changes nothing that is answered; who knows more (`Target.keeps`) is told
more.
"""

import re
from collections.abc import Container
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.words.errors import BadRequest
from gateway.words.target import Target

LONGEST_USER: Final = 64
"""Characters by which OpenAI lets a user be told from others."""

FAILED: Final = "Error: "
"""What the text of a failed result begins with."""

UNNAMED: Final = "document.pdf"
"""The name of a file that has none."""

MARK: Final = "cache_control"

NEWER: Final = "max_completion_tokens"
OLDER: Final = "max_tokens"
ROOMS: Final = frozenset({NEWER, OLDER})
"""The names by which servers are told how long an answer may be."""

_OPENAI: Final = "openai.com"
_WANTS_NEWER: Final = re.compile(r"(?:^|/)(?:o[1-9]|gpt-[5-9])")

_MORE: Final = frozenset({"reasoning_content", "reasoning", "reasoning_details", MARK})
_SHOWN: Final = "What it returned is shown in the next message."
_SAYS_SO: Final = 64
"""Characters at the beginning of a result in which it may say by itself that it is an error."""

_GAPS: Final = {"assistant": ""}
"""What stands between two texts of one message, by its role; else an empty line."""

Message = dict[str, Any]

_encode = msgspec.json.Encoder().encode
_decode_messages = msgspec.json.Decoder(list[dict[str, Any]]).decode
_decode_tools = msgspec.json.Decoder(list[dict[str, Raw]]).decode
_decode_text = msgspec.json.Decoder(str).decode


def plain(fields: dict[str, Raw], target: Target) -> dict[str, Raw]:
    """Return the fields of a call, which the gateway has written itself, in plain words.

    Raises `BadRequest` for what is nested too deeply to be read again.
    """
    keeps = target.keeps
    room = room_of(target)
    told = {room if name in ROOMS else name: raw for name, raw in fields.items()}
    try:
        messages = _Telling(keeps).messages(_decode_messages(fields["messages"]))
        if "tools" in fields and MARK not in keeps:
            told["tools"] = Raw(
                _encode([_unmarked(tool) for tool in _decode_tools(fields["tools"])])
            )
    except (msgspec.DecodeError, RecursionError):
        raise BadRequest("'messages' is nested too deeply.", param="messages") from None
    told["messages"] = Raw(_encode(messages))
    if "user" in fields:
        told["user"] = _short(fields["user"])
    return told


def _short(user: Raw) -> Raw:
    """Return the name of a user, or its digest where it is long; of what is none others judge."""
    try:
        name = _decode_text(user)
    except msgspec.DecodeError:
        return user
    return user if len(name) <= LONGEST_USER else Raw(_encode(sha256(name.encode()).hexdigest()))


def room_of(target: Target) -> str:
    """Return by which name a target is told how long an answer may be.

    OpenAI's newer models refuse the older name. Servers that know the older one alone let the newer
    one go unread, so that they are never told it.
    """
    theirs = target.kind == "azure" or target.origin.host.endswith(_OPENAI)
    return NEWER if theirs or _WANTS_NEWER.search(target.model) else OLDER


def as_failed(said: str) -> str:
    """Return what a failed tool has returned, which says so where it does not by itself."""
    return said if "error" in said[:_SAYS_SO].lower() else FAILED + said


def _unmarked(part: Message) -> Message:
    return {name: value for name, value in part.items() if name != MARK}


class _Telling:
    """Tells messages to a server that knows, beside OpenAI's own fields, some more."""

    def __init__(self, keeps: Container[str]) -> None:
        self._keeps_marks = MARK in keeps
        self._unspoken = {name for name in _MORE if name not in keeps}

    def messages(self, messages: list[Message]) -> list[Message]:
        """Return them; what tools have shown is shown by the user, behind all their results."""
        told: list[Message] = []
        shown: list[Message] = []
        for message in messages:
            if message["role"] == "tool":
                parts = message.get("content")
                if isinstance(parts, list):
                    shown += [self._part(part) for part in parts if part["type"] != "text"]
                told.append(self._result(message))
                continue
            if shown:
                told.append({"role": "user", "content": shown})
                shown = []
            told.append(self._message(message))
        return [*told, {"role": "user", "content": shown}] if shown else told

    def _message(self, message: Message) -> Message:
        plain = {name: value for name, value in message.items() if name not in self._unspoken}
        if isinstance(message.get("content"), list):
            plain["content"] = self._content(message["content"], message["role"])
        if "tool_calls" in message:
            plain["tool_calls"] = [_unmarked(call) for call in message["tool_calls"]]
        return plain

    def _content(self, parts: list[Message], role: str) -> str | list[Message]:
        """Return parts as a text where they are nothing else: not every server takes parts."""
        told = [self._part(part) for part in parts]
        if all(part["type"] == "text" and MARK not in part for part in told):
            return _GAPS.get(role, "\n\n").join([part["text"] for part in told])
        return told

    def _result(self, message: Message) -> Message:
        """Return what a tool has returned as a text, which is all that a tool may say."""
        said = message.get("content") or ""
        if isinstance(said, list):
            texts = [part["text"] for part in said if part["type"] == "text"]
            said = "\n\n".join(texts) if texts else _SHOWN
        if message.get("is_error"):
            said = as_failed(said)
        if MARK in message and self._keeps_marks:
            said = [{"type": "text", "text": said, MARK: message[MARK]}]
        return {"role": "tool", "tool_call_id": message["tool_call_id"], "content": said}

    def _part(self, part: Message) -> Message:
        """Return a part; a file has a name, without which OpenAI takes none."""
        told = part if self._keeps_marks else _unmarked(part)
        if told["type"] == "file":
            told = {**told, "file": {"filename": UNNAMED, **told["file"]}}
        return told
