"""The turns of one WebSocket: what the last one left, so that the next need only say what is new.

A `response.create` names the response that it goes on from. Of the last one the whole conversation
is kept here, within bounds, whatever the provider keeps: the turn is asked as a request that says
all of it. A response that is not known here is left to whoever may know it. Pure.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec import Raw

from gateway.forms.fields import NULL, FieldReader
from gateway.forms.responses_tools import objects_of
from gateway.words.errors import BadRequest, TooLarge, UnknownResponse

CREATE: Final = b'"response.create"'

_TRUE = Raw(b"true")
_NULL: Final = b"null"
_OURS: Final = ("type", "background")
_KEPT: Final = ("previous_response_id", "conversation")
"""Fields that name what only a provider knows."""
_ENDS: Final = frozenset({"response.completed", "response.incomplete"})


class _Item(msgspec.Struct, gc=False):
    type: str = ""
    encrypted_content: str | None = None


class _Response(msgspec.Struct, gc=False):
    id: str = ""
    store: bool | None = None
    output: Raw = Raw(b"[]")


class _Happening(msgspec.Struct, gc=False):
    type: str = ""
    response: _Response | None = None
    item: Raw = Raw(b"null")


_encode = msgspec.json.Encoder().encode
_read_fields = FieldReader("input", "tools", "text", "instructions", "metadata", "prompt").read
_decode_text = msgspec.json.Decoder(str).decode
_decode_item = msgspec.json.Decoder(_Item).decode
_decode_happening = msgspec.json.Decoder(_Happening).decode


class _Items:
    """Items, and how many bytes they have."""

    __slots__ = ("_items", "size")

    def __init__(self, items: Iterable[Raw] = ()) -> None:
        self._items = list(items)
        self.size = sum(memoryview(each).nbytes for each in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Raw]:
        return iter(self._items)

    def append(self, item: Raw) -> None:
        """Add one."""
        self._items.append(item)
        self.size += memoryview(item).nbytes


class Thread:
    """The conversation of a WebSocket as far as it has come."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._id = ""
        self._items = _Items()
        self._goes_on = False
        self._fresh = _Items()
        self._told = _Items()
        self._whole = True
        self._lacks_thoughts = False

    @property
    def size(self) -> int:
        """The bytes of what is kept."""
        return self._items.size + self._fresh.size + self._told.size

    def take(self, message: bytes) -> bytes | None:
        """Read a message; return the body of the request that it makes.

        None where nothing is to be generated: the turn only lays something down to go on from.
        Raises `BadRequest`, `TooLarge`, `UnknownResponse`.
        """
        fields = _read(message)
        fresh = _Items(_items_of(fields))
        before = _text_of(fields, "previous_response_id")
        goes_on = bool(before) and before == self._id
        if goes_on:
            del fields["previous_response_id"]
        generates = bytes(fields.pop("generate", _TRUE)) != b"false"
        elsewhere = not goes_on and any(bytes(fields.get(name, NULL)) != _NULL for name in _KEPT)
        if elsewhere and not generates:
            raise UnknownResponse(
                "What this goes on from is not known on this WebSocket.",
                param="previous_response_id",
            )
        fields["input"] = Raw(_encode([*(self._items if goes_on else ()), *fresh]))
        fields["stream"] = _TRUE
        for name in _OURS:
            fields.pop(name, None)
        body = _encode(fields)
        if len(body) > self._most_bytes:
            raise TooLarge(f"With what was said before, this has over {self._most_bytes} bytes.")
        self._goes_on, self._fresh, self._told = goes_on, fresh, _Items()
        self._whole, self._lacks_thoughts = not elsewhere, False
        return body if generates else None

    def lay_down(self, id: str, today: int) -> tuple[bytes, bytes]:
        """Return the two events of a turn in which nothing is generated, to go on from by its id.

        `today` is Unix time in seconds.
        """
        self._end(id)
        known = {"id": id, "object": "response", "created_at": today}
        response = {**known, "error": None, "output": []}
        told = [
            {"type": kind, "sequence_number": number, "response": {**response, "status": status}}
            for number, (kind, status) in enumerate(
                (("response.created", "in_progress"), ("response.completed", "completed"))
            )
        ]
        return _encode(told[0]), _encode(told[1])

    def note(self, data: bytes) -> None:
        """Learn from an event that is told to the client."""
        try:
            told = _decode_happening(data)
        except (msgspec.DecodeError, RecursionError):
            return
        response = told.response
        if told.type == "response.output_item.done":
            self._keep(told.item)
        elif told.type in _ENDS and response is not None and response.id:
            if self._whole and not self._told:
                self._keep_all(response.output)
            if self._lacks_thoughts and response.store:
                self._whole = False  # whoever has kept them goes on from it better
            self._end(response.id)

    def _end(self, id: str) -> None:
        """Have an answer to go on from, where all that came before it is known."""
        items = _Items()
        if self._whole:
            items = _Items([*(self._items if self._goes_on else ()), *self._fresh, *self._told])
        self._id, self._items = id if self._whole else "", items
        self._fresh, self._told = _Items(), _Items()

    def _keep_all(self, output: Raw) -> None:
        """Keep the items of a provider that has told them in the end alone."""
        try:
            items = objects_of(output, "output")
        except BadRequest:
            self._whole = False
            return
        for item in items:
            self._keep(item)

    def _keep(self, raw: Raw) -> None:
        """Keep an item that can be told again: a thought only where it was sealed."""
        try:
            item = _decode_item(raw)
        except (msgspec.DecodeError, RecursionError):
            return
        if item.type == "reasoning" and not item.encrypted_content:
            self._lacks_thoughts = True
        elif self._told.size + memoryview(raw).nbytes > self._most_bytes:
            self._whole, self._told = False, _Items()
        else:
            self._told.append(raw.copy())


def _read(message: bytes) -> dict[str, Raw]:
    fields = _read_fields(message)
    if bytes(fields.get("type", b"")) != CREATE:
        raise BadRequest("A message must be of the type 'response.create'.", param="type")
    if bytes(fields.get("background", NULL)) not in {b"false", _NULL}:
        raise BadRequest("'background' is not known on a WebSocket.", param="background")
    return fields


def _items_of(fields: dict[str, Raw]) -> list[Raw]:
    """Return what was said, apart from the message in which it was: that is not kept for it."""
    raw = fields.get("input", NULL)
    if bytes(memoryview(raw)[:1]) != b'"':
        return [] if bytes(raw) == _NULL else [each.copy() for each in objects_of(raw, "input")]
    said = {"type": "message", "role": "user", "content": raw}
    return [Raw(_encode(said))]


def _text_of(fields: dict[str, Raw], name: str) -> str:
    raw = fields.get(name)
    if raw is None or bytes(raw) == _NULL:
        return ""
    try:
        return _decode_text(raw)
    except msgspec.DecodeError:
        raise BadRequest(f"{name!r} must be a string.", param=name) from None
