"""Bounds what is built of a request of Anthropic's Messages, before it is built (R15). Pure."""

from typing import Final

import msgspec
from msgspec import Raw

from gateway.words.errors import BadRequest

MAX_OBJECTS: Final = 65_536
"""Objects of one field; of more, they would cost more than the body is worth."""

MAX_NAMES: Final = 4 * MAX_OBJECTS
"""Names within them, together with texts that stand in arrays."""

MAX_MARK: Final = 1_024
"""Bytes of a mark of the cache, which says of what kind it is and for how long."""

_SPACE: Final = b" \t\r\n"
_OBJECTS: Final = (b'{"', b"{}")
_NAMES: Final = (b'{"', b',"', b'["')
"""How they begin. What stands within a text has its quotes escaped, and is none."""


class _Object(msgspec.Struct, gc=False):
    """Any JSON object, of which nothing is read."""


_decode_content = msgspec.json.Decoder(str | list[_Object] | None).decode
_decode_objects = msgspec.json.Decoder(list[_Object]).decode
_decode_raws = msgspec.json.Decoder(list[Raw]).decode


def check_flood(name: str, raw: Raw) -> None:
    """Refuse a field that holds too many objects or names. Raises `BadRequest`."""
    data = bytes(raw)
    if data.count(b"{") > MAX_OBJECTS and _count(_OBJECTS, data) > MAX_OBJECTS:
        raise BadRequest(f"{name!r} holds more than {MAX_OBJECTS} objects.", param=name)
    if data.count(b'"') > MAX_NAMES and _count(_NAMES, data) > MAX_NAMES:
        raise BadRequest(f"{name!r} holds more than {MAX_NAMES} names.", param=name)


def _count(beginnings: tuple[bytes, ...], data: bytes) -> int:
    compact = data.translate(None, _SPACE)
    return sum(compact.count(beginning) for beginning in beginnings)


def mark_of(raw: Raw) -> Raw | None:
    """Return a mark of the cache; None where there is none. Raises `BadRequest` for a long one.

    Whoever is asked in the common form decodes it, whatever it holds.
    """
    if len(bytes(raw)) > MAX_MARK:
        raise BadRequest("A 'cache_control' is too long.", param="cache_control")
    return None if bytes(raw) == b"null" else raw


def objects_in(raw: Raw) -> list[Raw]:
    """Return the objects of an array. Raises `msgspec.DecodeError` for what holds others."""
    _decode_objects(raw)
    return _decode_raws(raw)


def content_of(raw: Raw) -> str | list[Raw] | None:
    """Return a text, or the objects of an array. Raises `msgspec.DecodeError`."""
    content = _decode_content(raw)
    return _decode_raws(raw) if isinstance(content, list) else content
