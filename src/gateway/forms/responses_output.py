"""The items of which an answer in the Responses form is made, told as they grow. Pure.

A message, a thought, a call of a tool: each says that it begins, what is added to it, and in the
end what it came to. What it came to is returned, for the object of the response holds it again.
"""

from typing import Any, Final, Protocol

import msgspec
from msgspec import Raw

from gateway.forms.responses_build import Log, compact
from gateway.forms.responses_thoughts import Detail, Thought, joined, pack
from gateway.forms.responses_tools import Tool

_NO_ARGUMENTS: Final = "{}"

_encode = msgspec.json.Encoder().encode


class _Input(msgspec.Struct):
    """The arguments of a function that stands for a tool of free text."""

    input: str


_decode_input = msgspec.json.Decoder(_Input).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode


class Item(Protocol):
    """What grows, and is closed."""

    def close(self, status: str) -> bytes:
        """Say that it is over; return what it came to."""


class _Place:
    """Where an item stands: what all events about it say."""

    __slots__ = ("_at", "_index", "_log", "id")

    def __init__(self, log: Log, id: str, index: int) -> None:
        self._log = log
        self.id = id
        self._index = index
        self._at = b'"item_id":%b,"output_index":%d' % (_encode(id), index)

    def begin(self, item: bytes) -> None:
        """Say that the item begins."""
        self._log.tell(
            b"response.output_item.added", b'"output_index":%d,"item":%b' % (self._index, item)
        )

    def tell(self, kind: bytes, rest: bytes) -> None:
        """Tell something about the item."""
        self._log.tell(kind, b"%b,%b" % (self._at, rest))

    def end(self, item: bytes) -> bytes:
        """Say that the item is over."""
        self._log.tell(
            b"response.output_item.done", b'"output_index":%d,"item":%b' % (self._index, item)
        )
        return item


class Words:
    """A message of the assistant: texts and refusals, in their order."""

    def __init__(self, log: Log, id: str, index: int) -> None:
        self._place = _Place(log, id, index)
        self._parts: list[bytes] = []
        self._texts: list[str] = []
        self._chances: list[bytes] = []
        self._notes: list[bytes] = []
        self._refuses: bool | None = None
        self._at = b'"content_index":0'
        self._place.begin(self._write("in_progress"))

    def say(self, text: str, chances: list[bytes]) -> None:
        """Add text, with the chances of its tokens where they were asked for."""
        if self._refuses is not False:
            self._turn_to(refuses=False)
        self._texts.append(text)
        self._chances += chances
        told = (self._at, _encode(text), b",".join(chances))
        self._place.tell(b"response.output_text.delta", b'%b,"delta":%b,"logprobs":[%b]' % told)

    def refuse(self, text: str) -> None:
        """Add to a refusal."""
        self._turn_to(refuses=True)
        self._texts.append(text)
        self._place.tell(b"response.refusal.delta", b'%b,"delta":%b' % (self._at, _encode(text)))

    def annotate(self, annotation: dict[str, Any]) -> None:
        """Say where something comes from."""
        self._turn_to(refuses=False)
        note = _encode(annotation)
        told = (self._at, len(self._notes), note)
        self._notes.append(note)
        self._place.tell(
            b"response.output_text.annotation.added",
            b'%b,"annotation_index":%d,"annotation":%b' % told,
        )

    def close(self, status: str) -> bytes:
        self._end_part()
        return self._place.end(self._write(status))

    def _turn_to(self, *, refuses: bool) -> None:
        if self._refuses is refuses:
            return
        self._end_part()
        self._refuses = refuses
        part = self._part("", refuses=refuses)
        self._place.tell(b"response.content_part.added", b'%b,"part":%b' % (self._at, part))

    def _end_part(self) -> None:
        if self._refuses is None:
            return
        text = "".join(self._texts)
        part = self._part(text, refuses=self._refuses)
        at, said = self._at, _encode(text)
        if self._refuses:
            self._place.tell(b"response.refusal.done", b'%b,"refusal":%b' % (at, said))
        else:
            told = (at, said, b",".join(self._chances))
            self._place.tell(b"response.output_text.done", b'%b,"text":%b,"logprobs":[%b]' % told)
        self._place.tell(b"response.content_part.done", b'%b,"part":%b' % (at, part))
        self._parts.append(part)
        self._at = b'"content_index":%d' % len(self._parts)
        self._texts, self._chances, self._notes, self._refuses = [], [], [], None

    def _part(self, text: str, *, refuses: bool) -> bytes:
        if refuses:
            return b'{"type":"refusal","refusal":%b}' % _encode(text)
        return b'{"type":"output_text","text":%b,"annotations":[%b],"logprobs":[%b]}' % (
            _encode(text),
            b",".join(self._notes),
            b",".join(self._chances),
        )

    def _write(self, status: str) -> bytes:
        return b'{"id":%b,"type":"message","status":"%b","role":"assistant","content":[%b]}' % (
            _encode(self._place.id),
            status.encode(),
            b",".join(self._parts),
        )


class Thinking:
    """A thought: as a summary, where the client has asked for one, else as it was told."""

    def __init__(self, log: Log, id: str, index: int, *, as_summary: bool) -> None:
        self._place = _Place(log, id, index)
        self._as_summary = as_summary
        self._texts: list[str] = []
        self._field = ""
        self._details: list[Detail] = []
        self._place.begin(self._write(b"", b""))

    def think(self, text: str, field: str) -> None:
        """Add to the thought, which the provider has told in this field."""
        if not self._texts:
            self._field = field
            self._tell_part(b"added", "")
        self._texts.append(text)
        kind = b"reasoning_summary_text" if self._as_summary else b"reasoning_text"
        rest = b'%b,"delta":%b' % (self._at, _encode(text))
        self._place.tell(b"response.%b.delta" % kind, rest)

    def prove(self, details: list[Detail]) -> None:
        """Keep what the provider wants to have back."""
        self._details += details

    def close(self, status: str) -> bytes:
        text = "".join(self._texts)
        part = b""
        if self._texts:
            kind = b"reasoning_summary_text" if self._as_summary else b"reasoning_text"
            rest = b'%b,"text":%b' % (self._at, _encode(text))
            self._place.tell(b"response.%b.done" % kind, rest)
            part = self._tell_part(b"done", text)
        kept = Thought(reasoning_details=joined(self._details))
        if self._texts:
            setattr(kept, self._field, text)
        packed = pack(kept)
        more = b"" if packed is None else b',"encrypted_content":%b' % _encode(packed)
        return self._place.end(self._write(part, more))

    @property
    def _at(self) -> bytes:
        return b'"summary_index":0' if self._as_summary else b'"content_index":0'

    def _tell_part(self, what: bytes, text: str) -> bytes:
        kind = b"summary_text" if self._as_summary else b"reasoning_text"
        part = b'{"type":"%b","text":%b}' % (kind, _encode(text))
        event = b"reasoning_summary_part" if self._as_summary else b"content_part"
        self._place.tell(b"response.%b.%b" % (event, what), b'%b,"part":%b' % (self._at, part))
        return part

    def _write(self, part: bytes, more: bytes) -> bytes:
        summary, content = (part, b"") if self._as_summary else (b"", part)
        told = b"" if self._as_summary else b',"content":[%b]' % content
        head = b'{"id":%b,"type":"reasoning","summary":[%b]' % (_encode(self._place.id), summary)
        return b"%b%b%b}" % (head, told, more)


class Calling:
    """A call of a tool that the client is to run."""

    def __init__(self, log: Log, place: tuple[str, int], call_id: str, tool: Tool) -> None:
        """`place` is the item's id and its index among the others."""
        self._place = _Place(log, *place)
        self._tool = tool
        self._call_id = call_id
        self._texts: list[str] = []
        self._over = False
        self._looked_at = 0
        self._place.begin(self._write("", "in_progress"))

    @property
    def has_become_whole(self) -> bool:
        """Say whether its arguments are a whole object, and were none when this was last asked."""
        if self._over or self._looked_at == len(self._texts):
            return False
        self._looked_at = len(self._texts)
        try:
            _decode_object("".join(self._texts))
        except (msgspec.DecodeError, RecursionError):
            return False
        return True

    def add(self, text: str) -> None:
        """Add to the arguments; free text is told once it can be read in them.

        What follows a whole object says nothing more.
        """
        if self._over:
            return
        self._texts.append(text)
        if not self._tool.takes_text:
            rest = b'"delta":%b' % _encode(text)
            self._place.tell(b"response.function_call_arguments.delta", rest)

    def close(self, status: str) -> bytes:
        if not (self._texts or self._tool.takes_text):
            self.add(_NO_ARGUMENTS)
        self._over = True
        text = "".join(self._texts)
        if not self._tool.takes_text:
            kind, said = b"function_call_arguments", b'"arguments":%b' % _encode(text)
        else:
            text = _free_text(text)
            kind, said = b"custom_tool_call_input", b'"input":%b' % _encode(text)
            self._place.tell(b"response.%b.delta" % kind, b'"delta":%b' % _encode(text))
        self._place.tell(b"response.%b.done" % kind, said)
        return self._place.end(self._write(text, status))

    def _write(self, text: str, status: str) -> bytes:
        tool = self._tool
        fields: dict[str, object] = {
            "id": self._place.id,
            "type": "custom_tool_call" if tool.takes_text else "function_call",
            "status": status,
            "call_id": self._call_id,
            "name": tool.name,
            "input" if tool.takes_text else "arguments": text,
        }
        if tool.namespace is not None:
            fields["namespace"] = tool.namespace
        return _encode(fields)


def _free_text(arguments: str) -> str:
    """Return the text that stands for the arguments; a model that gave no object gave the text."""
    try:
        return _decode_input(arguments).input
    except (msgspec.DecodeError, RecursionError):
        return arguments


URL: Final = "url_citation"


def annotation_of(told: dict[str, Any]) -> dict[str, Any]:
    """Return a chat's annotation in the words of a response: its fields beside its type."""
    inner = told.get(URL)
    if told.get("type") != URL or not isinstance(inner, dict):
        return told
    places = {"start_index": 0, "end_index": 0, "title": "", "url": ""}
    return {**places, **inner, "type": URL}


def chances_of(told: list[Raw] | None) -> list[bytes]:
    """Return the chances of tokens, each on one line."""
    return [compact(bytes(each)) for each in told or ()]
