"""The form in which an answer is kept in the shared store: a version, its own key, the answer.

What is read is from outside, whoever wrote it: each field has its bounds, and what could split a
message or pass for another key's answer is none of ours. An answer that ended in a fault has no
form here.
"""

from itertools import starmap
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.forms.http import check_header
from gateway.policy.cache import Kept
from gateway.words.answer import Piece, Usage
from gateway.words.client import Header

VERSION: Final = 2
MOST_PIECES: Final = 32_768
MOST_HEADERS: Final = 64
LONGEST_NAME: Final = 1024

_PIECE = (*("raw", "has_content", "usage", "usage_only"), *("fault", "model", "comment", "native"))
"""The fields of a piece in their order; others are another version."""

_FRAMING = frozenset({
    b"connection", b"content-encoding", b"content-length", b"keep-alive", b"set-cookie", b"te",
    b"trailer", b"transfer-encoding", b"upgrade",
})  # fmt: skip

_Name = Annotated[str, Meta(max_length=LONGEST_NAME)]
_Part = tuple[bytes, bool, Usage | None, bool, None, _Name | None, bool, bool]


class _Packed(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    version: Literal[2]
    key: Annotated[bytes, Meta(max_length=64)]
    status: Annotated[int, Meta(ge=200, le=299)]
    headers: Annotated[tuple[tuple[bytes, bytes], ...], Meta(max_length=MOST_HEADERS)]
    target: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    usage: Usage | None
    pieces: Annotated[list[_Part], Meta(min_length=1, max_length=MOST_PIECES)]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Packed)

assert Piece.__struct_fields__ == _PIECE


def pack(key: bytes, kept: Kept) -> bytes:
    """Return the bytes of an answer; `unpack` takes back what is within bounds."""
    pieces = [msgspec.structs.astuple(piece) for piece in kept.pieces]
    packed = (VERSION, key, kept.status, kept.headers, kept.target, kept.usage, pieces)
    return _ENCODER.encode(packed)


def unpack(key: bytes, data: bytes) -> Kept | None:
    """Return the answer that was kept under a key; None where these bytes are no such thing."""
    try:
        packed = _DECODER.decode(data)
        _check(packed.headers)
    except (ValueError, RecursionError):
        return None
    if packed.key != key or not packed.target.isprintable():
        return None
    pieces = tuple(starmap(Piece, packed.pieces))
    return Kept(pieces, packed.status, packed.headers, packed.target, packed.usage)


def _check(headers: tuple[Header, ...]) -> None:
    """Raise `ValueError` where a header could not have passed to a client."""
    for name, value in headers:
        check_header(name, value)
        if name in _FRAMING:
            raise ValueError("a header that belongs to one message alone")
