"""Finds the texts within JSON of any form: what people and models say, not what holds it. Pure.

What cannot be looked into (images, sound, files, tokens, what a provider has sealed) is told apart:
whoever must see all of it can refuse it.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw

from gateway.forms.text import without_halves

MOST_PARTS: Final = 262_144
"""Values of a document; to build more would hold up the process."""

STRIDE: Final = 512
"""After so many values all others have their turn."""

_STRUCTURE: Final = frozenset(
    {
        *("id", "object", "type", "role", "status", "model", "index", "format", "detail"),
        *("finish_reason", "stop_reason", "native_finish_reason", "system_fingerprint"),
        *("service_tier", "item_id", "call_id", "tool_call_id", "tool_use_id", "obfuscation"),
        *("previous_response_id", "response_id", "media_type", "mime_type", "provider"),
    }
)
"""Names of what holds texts together; a value of theirs that might be a text is looked at."""

_FREE: Final = frozenset(
    {
        *("input", "arguments", "parameters", "metadata", "schema", "input_schema", "output"),
        *("properties", "structured_content", "definitions", "$defs", "variables"),
    }
)
"""Names of what may be made of anything: there no name means what it means elsewhere."""

_SEALED: Final = frozenset(
    {"signature", "encrypted_content", "thought_signature", "thoughtSignature"}
)
_SEALED_KINDS: Final = frozenset({"redacted_thinking", "reasoning.encrypted"})
_ATTACHED: Final = frozenset(
    {
        *("image_url", "input_image", "image", "image_file", "input_audio", "audio", "video"),
        *("file", "input_file", "video_url", "input_video", "container_upload"),
        *("image_generation_call", "computer_screenshot"),
    }
)
_CARRIERS: Final = ("image_url", "input_audio", "video_url", "file_data")
"""Names that carry what is attached, also where no `type` says so."""

_PICTURES: Final = frozenset({"b64_json", "partial_image_b64"})
_BYTES: Final = frozenset({"data", "file_data", "result"}) | _PICTURES
_OUTPUT: Final = "output"
"""What a tool has said: a picture, or anything at all."""

_AUDIO: Final = "audio"
_INLINE: Final = "data:"
_TOLD_AS_TEXT: Final = frozenset({"text", "content"})
_TOKENS: Final = frozenset({"prompt", "input"})
_JSON: Final = frozenset({"arguments", "partial_json"})
_LEAST_NUMBER: Final = 10_000_000
"""Shorter numbers tell nothing about anybody."""

_LONGEST_WORD: Final = 128

Path = tuple[str | int, ...]


class Unreadable(ValueError):
    """It is no JSON that can be looked into."""


class Leaf(NamedTuple):
    """A text and where it stands; `json` tells JSON, and `free` that anything may stand there.

    With `is_name` it is the name of a value, which has that `number` among its neighbours.
    """

    holder: Any
    key: Any
    text: str
    path: Path
    json: bool = False
    free: bool = False
    is_name: bool = False
    number: int = 0

    def put(self, text: str) -> None:
        """Put another text in its place; two names that become one are told apart."""
        if self.is_name:
            value = self.holder.pop(self.key)
            if text in self.holder:
                text = f"{text}_{self.number}"
            self.holder[text] = value
        else:
            self.holder[self.key] = text


class _Value(NamedTuple):
    holder: Any
    key: Any
    path: Path
    free: bool
    attached: bool


def _as_written(number: str) -> Raw:
    return Raw(number.encode())


_decode = msgspec.json.Decoder(Any, float_hook=_as_written).decode
_encode = msgspec.json.Encoder().encode


class Document:
    """JSON and the texts in it, once they have been found. `unseen` says that not all of it can be
    looked into.
    """

    __slots__ = ("_raw", "_whole", "leaves", "unseen")

    def __init__(self, raw: bytes) -> None:
        """Raises `Unreadable`."""
        if _count_parts(raw) > MOST_PARTS and _count_parts(_without_texts(raw)) > MOST_PARTS:
            raise Unreadable
        self._raw = raw
        try:
            self._whole = {"": _decode(without_halves(raw))}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unreadable from None
        self.unseen = False
        self.leaves: list[Leaf] = []

    def find(self) -> Iterator[None]:
        """Find the texts, and yield now and then."""
        for at, leaf in enumerate(self._walk(), 1):
            if leaf is not None:
                self.leaves.append(leaf)
            if at % STRIDE == 0:
                yield

    @property
    def value(self) -> Any:
        """What the JSON says, to be changed in its place."""
        return self._whole[""]

    def written(self) -> bytes:
        """Write what it says now."""
        return _encode(self.value)

    def seen(self) -> bytes:
        """Return JSON that says no more than was looked at: as it came, where no name is twice.

        Of a name that stands twice one reader takes the first value, another the last.
        """
        written = self.written()
        return self._raw if _count_names(self._raw) == _count_names(written) else written

    def _walk(self) -> Iterator[Leaf | None]:
        """Yield all texts in their order, and None for whatever is none."""
        whole = _Value(self._whole, "", (), free=False, attached=False)
        waiting: list[Iterator[_Value]] = [iter((whole,))]
        while waiting:
            yield None
            place = next(waiting[-1], None)
            if place is None:
                waiting.pop()
                continue
            value = place.holder[place.key]
            if isinstance(value, str):
                if not self._passes_over(place, value):
                    json = not place.free and place.key in _JSON
                    yield Leaf(place.holder, place.key, value, place.path, json, place.free)
            elif isinstance(value, dict):
                free, attached = _nature(place, value)
                self.unseen = self.unseen or attached
                if free:
                    yield from _names(place, value)
                waiting.append(_within(place, value, free=free, attached=attached))
            elif isinstance(value, list):
                waiting.append(self._among(place, value))
            elif place.free and type(value) is int and abs(value) >= _LEAST_NUMBER:
                yield Leaf(place.holder, place.key, str(value), place.path, free=True)

    def _among(self, place: _Value, value: list[Any]) -> Iterator[_Value]:
        if not place.free and place.key in _TOKENS and value and _holds_tokens(value):
            self.unseen = True
        for at, each in enumerate(value):
            path = (*place.path, _index_of(each, at))
            yield _Value(value, at, path, place.free, place.attached)

    def _passes_over(self, place: _Value, text: str) -> bool:
        """Say whether a string is no text: a word of the form, or what nobody can read."""
        name = place.key
        if place.free or not text:
            return not text
        if (name in _STRUCTURE and len(text) <= _LONGEST_WORD) or name in _SEALED:
            return not _has_space(text)
        if place.attached:
            return name in _BYTES or text.startswith(_INLINE)
        if name in _BYTES and (name in _PICTURES or _AUDIO in place.path):
            self.unseen = True
            return True
        return False


def _nature(place: _Value, value: dict[str, Any]) -> tuple[bool, bool]:
    """Say whether anything may stand in an object, and whether it is attached."""
    free = place.free or place.key in _FREE
    may_be = not free or (place.key == _OUTPUT and not place.free)
    if may_be and _is_attached(value):
        return False, True
    return free, place.attached


def _names(place: _Value, value: dict[str, Any]) -> Iterator[Leaf]:
    for number, name in enumerate(value):
        path = (*place.path, name)
        yield Leaf(value, name, name, path, free=True, is_name=True, number=number)


def _within(
    place: _Value, value: dict[str, Any], *, free: bool, attached: bool
) -> Iterator[_Value]:
    sealed = not free and value.get("type") in _SEALED_KINDS
    for name in value:
        if not (sealed and name == "data"):
            yield _Value(value, name, (*place.path, name), free, attached)


def _is_attached(value: dict[str, Any]) -> bool:
    if any(value.get(name) for name in _CARRIERS):
        return True
    kind = value.get("type")
    if kind == "document":
        source = value.get("source")
        return not (isinstance(source, dict) and source.get("type") in _TOLD_AS_TEXT)
    return isinstance(kind, str) and kind in _ATTACHED


def _holds_tokens(value: list[Any]) -> bool:
    first = value[0]
    return type(first) is int or (isinstance(first, list) and bool(first) and type(first[0]) is int)


def _index_of(value: object, at: int) -> int:
    """Return the number by which one of a list goes on in later events, else its place."""
    said = value.get("index") if isinstance(value, dict) else None
    return said if type(said) is int else at


def _has_space(text: str) -> bool:
    return any(sign.isspace() for sign in text)


def _count_names(json: bytes) -> int:
    """Count the names of all objects: outside of texts a colon stands behind each."""
    return _without_texts(json).count(b":")


def _count_parts(json: bytes) -> int:
    """Count what may begin a value; in a text none of these does."""
    return json.count(b",") + json.count(b"{") + json.count(b"[")


def _without_texts(json: bytes) -> bytes:
    plain = json.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(plain.split(b'"')[::2])
