"""AWS's binary event stream: cuts bytes into messages and reads their headers. Pure.

A message is a prelude (its length, that of its headers, a checksum of both), headers, a payload and
a checksum of the whole. What does not add up ends the stream: where the next message would begin,
nobody can tell any more.

https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from collections.abc import Mapping
from functools import lru_cache
from struct import Struct, error
from types import MappingProxyType
from typing import Final
from zlib import crc32

import msgspec

from gateway.words.errors import AnswerTooLarge, GatewayError, UpstreamMalformed

MEDIA: Final = "application/vnd.amazon.eventstream"

MAX_HEADER_BYTES: Final = 131_072
"""The headers of a message may be no longer, by the protocol."""

_PRELUDE: Final = Struct(">III")
_CHECKSUM: Final = Struct(">I")
_FRAMING: Final = _PRELUDE.size + _CHECKSUM.size
_CHECKED: Final = 8
"""Bytes of the prelude that its checksum is of."""

_TRUE, _FALSE, _BYTES, _TEXT, _UUID = 0, 1, 6, 7, 9
_NUMBERS: Final = {
    2: Struct(">b"),
    3: Struct(">h"),
    4: Struct(">i"),
    5: Struct(">q"),
    8: Struct(">q"),
}
"""How numbers of each type stand in a header; the last are milliseconds since 1970."""

_LENGTH: Final = Struct(">H")
_UUID_BYTES: Final = 16
_OFTEN_BYTES: Final = 512
"""Headers of this size are mostly the same in all messages of a stream."""

Value = bool | int | bytes | str


class Message(msgspec.Struct, gc=False):
    """One message: what its headers say, and its payload."""

    headers: Mapping[str, Value]
    payload: bytes


class Frames:
    """Cuts bytes into messages as they arrive; what is not whole yet waits, within the limit."""

    __slots__ = ("_limit", "_refusal", "_waiting")

    def __init__(self, max_message_bytes: int) -> None:
        self._limit = max_message_bytes
        self._waiting = bytearray()
        self._refusal: GatewayError | None = None

    @property
    def is_between(self) -> bool:
        """Say whether the last message is whole, and no other has begun."""
        return not self._waiting

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that these bytes complete.

        Raises `UpstreamMalformed`, and `AnswerTooLarge` for a message above the limit; the messages
        before it are returned first.
        """
        if self._refusal is not None:
            raise self._refusal
        waiting = self._waiting
        waiting += data
        messages: list[Message] = []
        begin = 0
        try:
            while (length := self._length(begin)) and begin + length <= len(waiting):
                messages.append(_read(bytes(waiting[begin : begin + length])))
                begin += length
        except GatewayError as refusal:
            self._refusal = refusal
            waiting.clear()
            if not messages:
                raise
            return messages
        del waiting[:begin]
        return messages

    def _length(self, begin: int) -> int:
        """Return the length of the message that begins there; 0 where its prelude is not whole."""
        waiting = self._waiting
        if len(waiting) - begin < _PRELUDE.size:
            return 0
        length, header_bytes, checksum = _PRELUDE.unpack_from(waiting, begin)
        if crc32(waiting[begin : begin + _CHECKED]) != checksum:
            raise UpstreamMalformed("The provider's stream has a message with a wrong prelude.")
        if header_bytes > MAX_HEADER_BYTES or length < header_bytes + _FRAMING:
            raise UpstreamMalformed("The provider's stream has a message of impossible lengths.")
        if length > self._limit:
            raise AnswerTooLarge(f"The provider sent an event of more than {self._limit} bytes.")
        assert isinstance(length, int)
        return length


def _read(raw: bytes) -> Message:
    """Read one whole message, whose prelude is known to be sound."""
    end = len(raw) - _CHECKSUM.size
    if crc32(raw[:end]) != _CHECKSUM.unpack_from(raw, end)[0]:
        raise UpstreamMalformed("The provider's stream has a message with a wrong checksum.")
    behind = _PRELUDE.size + _PRELUDE.unpack_from(raw)[1]
    headers = raw[_PRELUDE.size : behind]
    try:
        read = _read_often if len(headers) <= _OFTEN_BYTES else _read_headers
        return Message(read(headers), raw[behind:end])
    except (error, UnicodeDecodeError, ValueError):
        raise UpstreamMalformed("The provider's stream has a header that cannot be read.") from None


def _read_headers(data: bytes) -> Mapping[str, Value]:
    """Read all headers. Raises `struct.error`, `ValueError`."""
    headers: dict[str, Value] = {}
    at = 0
    while at < len(data):
        begin = at + 1
        at = begin + data[at]
        name = _cut(data, begin, at).decode()
        if name in headers:
            raise ValueError(f"the header {name!r} stands there twice")
        headers[name], at = _read_value(data, at)
    return MappingProxyType(headers)


_read_often = lru_cache(maxsize=256)(_read_headers)


def _read_value(data: bytes, at: int) -> tuple[Value, int]:
    """Read a header's type and value; return the value and where the next header begins."""
    kind = _cut(data, at, at + 1)[0]
    at += 1
    if kind in {_TRUE, _FALSE}:
        return kind == _TRUE, at
    if kind in _NUMBERS:
        number = _NUMBERS[kind]
        return number.unpack_from(data, at)[0], at + number.size
    if kind == _UUID:
        return _cut(data, at, at + _UUID_BYTES), at + _UUID_BYTES
    if kind not in {_BYTES, _TEXT}:
        raise ValueError(f"a header is of the type {kind}")
    begin = at + _LENGTH.size
    end = begin + _LENGTH.unpack_from(data, at)[0]
    value = _cut(data, begin, end)
    return (value if kind == _BYTES else value.decode()), end


def _cut(data: bytes, begin: int, end: int) -> bytes:
    if end > len(data):
        raise ValueError("a header is longer than the headers")
    return data[begin:end]
