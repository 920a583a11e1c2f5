"""Thoughts that clients drop: kept by the calls of tools that came of them, and given back. Pure.

Some providers sign what their models think, and want it back beside the calls of tools that came of
it; they refuse the next turn without it, or think worse. The common form carries it in
`reasoning_details`, a field that most of OpenAI's clients do not send back. So whoever asks again
with the calls of an answer and nothing else is taken to mean that answer's thoughts.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms.sse import read_event
from gateway.words.answer import Piece
from gateway.words.call import Call
from gateway.words.caller import Caller

SIGNED_FORMS: Final = frozenset({"bedrock", "gemini", "messages"})
"""The forms whose providers sign thoughts."""

MAX_BYTES: Final = 33_554_432
MAX_ANSWER_BYTES: Final = 1_048_576
"""Bytes of all thoughts that are kept, and of those of one answer; what is more is forgotten."""

ENTRY_BYTES: Final = 384
"""What an entry costs besides its thoughts, about."""

_DIGEST_BYTES: Final = 16
_DOUBTFUL: Final = b""
"""Kept by an id that two answers had: nobody can say whose thoughts it means."""

_MAX_OBJECTS: Final = 65_536
_CALLS: Final = b'"tool_calls"'
_DETAILS: Final = b'"reasoning_details"'

_Message = dict[str, Raw]


class _ToolCall(msgspec.Struct, gc=False):
    id: str | None = None


class _Told(msgspec.Struct, gc=False):
    """A message, or what a chunk adds to it."""

    tool_calls: list[_ToolCall] | None = None
    reasoning_details: list[Raw] | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    delta: _Told | None = None
    message: _Told | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] = []


_encode = msgspec.json.Encoder().encode
_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_messages = msgspec.json.Decoder(list[_Message]).decode
_decode_calls = msgspec.json.Decoder(list[_ToolCall] | None).decode
_decode_any = msgspec.json.Decoder(Any).decode


class Thoughts:
    """The thoughts behind calls of tools, by who was told of them; what was used least goes first.

    `held_bytes` is what all of them take, about.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._max_bytes = max_bytes
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, caller: Caller, ids: Iterable[str], details: bytes) -> None:
        """Keep an answer's thoughts, a JSON array, by the ids of its calls of tools.

        By so many of them as one answer has room for, so that none crowds out all others.
        """
        cost = len(details) + ENTRY_BYTES
        for known_as in islice(ids, max(MAX_ANSWER_BYTES // cost, 1)):
            key = _key(caller, known_as)
            before = self._kept.get(key, details)
            self._forget(key)
            told = self._kept[key] = details if before == details else _DOUBTFUL
            self.held_bytes += len(told) + ENTRY_BYTES
        while self.held_bytes > self._max_bytes:
            self._forget(next(iter(self._kept)))

    def find(self, caller: Caller, ids: Iterable[str | None]) -> bytes | None:
        """Return the thoughts behind calls of tools that this caller was told of; None of none."""
        for known_as in ids:
            key = _key(caller, known_as)
            details = self._kept.get(key)
            if details is not None:
                self._kept.move_to_end(key)
            if details:
                return details
        return None

    def fill(self, call: Call, caller: Caller) -> Call:
        """Return the call with the thoughts that its client has dropped."""
        messages = bytes(call.fields.get("messages", b""))
        if not self._kept or _CALLS not in messages or messages.count(b"{") > _MAX_OBJECTS:
            return call
        try:
            said = _decode_messages(messages)
            filled = [self._fill_one(message, caller) for message in said]
        except (msgspec.DecodeError, RecursionError):
            return call  # whoever writes it for the provider says what is wrong with it
        if not any(filled):
            return call
        fields = {**call.fields, "messages": Raw(_encode(said))}
        return msgspec.structs.replace(call, fields=fields)

    def _fill_one(self, message: _Message, caller: Caller) -> bool:
        """Fill a message of the assistant that calls tools and says no thoughts; say if it was."""
        if "tool_calls" not in message or _says(message.get("reasoning_details")):
            return False
        calls = _decode_calls(message["tool_calls"]) or ()
        details = self.find(caller, (each.id for each in calls))
        if details is None:
            return False
        message["reasoning_details"] = Raw(details)
        return True

    def _forget(self, key: bytes) -> None:
        details = self._kept.pop(key, None)
        if details is not None:
            self.held_bytes -= len(details) + ENTRY_BYTES


def _key(caller: Caller, id: str | None) -> bytes:
    """Return by what a call is known: it is as short as any other, however long its id."""
    who = (caller.team, caller.key, caller.key_id, caller.user)
    return blake2b(_encode((who, id)), digest_size=_DIGEST_BYTES).digest()


def _says(details: Raw | None) -> bool:
    """Say whether a field is there and says anything."""
    return details is not None and bool(_decode_any(details))


@dataclass(slots=True)
class _Heard:
    """What one choice of an answer has told."""

    ids: list[str] = field(default_factory=list)
    details: list[Raw] = field(default_factory=list)


class Notes:
    """Takes note of one answer's thoughts, piece by piece."""

    def __init__(self, thoughts: Thoughts, caller: Caller) -> None:
        self._thoughts = thoughts
        self._caller = caller
        self._choices: dict[int, _Heard] = {}
        self._bytes = 0

    def note(self, pieces: Iterable[Piece]) -> None:
        """Read pieces of the chat form; most tell neither calls nor thoughts, and are passed by."""
        for piece in pieces:
            raw = piece.raw
            if _DETAILS in raw or _CALLS in raw:
                data = read_event(raw).data if raw.startswith(b"data:") else raw
                self._read(data or b"")

    def end(self) -> None:
        """Keep what was told, now that the answer is whole."""
        for heard in self._choices.values():
            if heard.ids and heard.details:
                ids = dict.fromkeys(heard.ids)
                self._thoughts.keep(self._caller, ids, _encode(heard.details))
        self._choices.clear()

    def _read(self, data: bytes) -> None:
        if self._bytes > MAX_ANSWER_BYTES:
            return
        try:
            chunk = _decode_chunk(data)
        except (msgspec.DecodeError, RecursionError):
            return
        for choice in chunk.choices:
            told = choice.delta or choice.message
            if told is not None:
                ids = [each.id for each in told.tool_calls or () if each.id]
                self._keep(choice.index, ids, told.reasoning_details or [])
        if self._bytes > MAX_ANSWER_BYTES:
            self._choices.clear()

    def _keep(self, at: int, ids: list[str], details: list[Raw]) -> None:
        """Keep what a chunk tells of calls and thoughts; arguments, however long, are neither."""
        if ids or details:
            heard = self._choices.setdefault(at, _Heard())
            heard.ids += ids
            heard.details += map(Raw.copy, details)
            self._bytes += sum(ENTRY_BYTES + len(each) for each in ids)
            self._bytes += sum(len(bytes(each)) for each in details)
