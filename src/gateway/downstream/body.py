"""A request's body as it arrives: cut exactly at its end, whatever follows it on the wire.

Sans-io: bytes in, bytes out. A chunked body is read by llhttp behind a head of our own, so that
neither an `Upgrade` on the real head nor a pipelined request can change where it ends (C14, C15).
"""

import httptools

from gateway.forms.http import Segments
from gateway.words.errors import BadRequest

_OWN_HEAD = b"POST / HTTP/1.1\r\nhost: body\r\ntransfer-encoding: chunked\r\n\r\n"
MAX_FRAMING_BYTES = 65_536
"""Chunk sizes and extensions between two pieces of data; more is no honest client."""


class LengthBody:
    """A body of a declared length."""

    __slots__ = ("_left", "complete")

    def __init__(self, length: int) -> None:
        self._left = length
        self.complete = length == 0

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the body's part of `data`, and what follows the body."""
        part, rest = data[: self._left], data[self._left :]
        self._left -= len(part)
        self.complete = self._left == 0
        return part, rest


class ChunkedBody:
    """A body in chunks. Extensions are ignored, in bounds; trailers are refused (R8)."""

    __slots__ = ("_framing", "_head_read", "_parser", "_parts", "_segments", "complete")

    def __init__(self) -> None:
        self.complete = False
        self._head_read = False
        self._parts: list[bytes] = []
        self._framing = 0
        self._segments = Segments()
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(_OWN_HEAD)
        self._head_read = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_read:
            raise ValueError("a trailer")

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        self.complete = True

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the body's part of `data`, and what follows the body. Raises `BadRequest`."""
        rest = b""
        for segment, end in self._segments.split(data):
            try:
                self._parser.feed_data(segment)
            except httptools.HttpParserCallbackError:
                raise BadRequest("A chunked body with trailers is not accepted.") from None
            except httptools.HttpParserError as error:
                raise BadRequest(f"Malformed chunked body: {error}.") from None
            if self.complete:
                rest = data[end:]
                del self._parser  # the two know each other, and would wait for the collector
                break
        body = b"".join(self._parts)
        self._parts.clear()
        self._bound_framing(len(data) - len(rest) - len(body), bool(body))
        return body, rest

    def _bound_framing(self, size: int, with_data: bool) -> None:
        self._framing = size if with_data else self._framing + size
        if self._framing > MAX_FRAMING_BYTES:
            raise BadRequest("The chunked body holds more framing than data.")


Body = LengthBody | ChunkedBody


def body_of(length: int | None) -> Body:
    """Return the reader for a body's framing: a length, or None for chunks."""
    return ChunkedBody() if length is None else LengthBody(length)
