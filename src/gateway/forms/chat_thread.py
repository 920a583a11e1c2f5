"""Which conversation a call belongs to, so that its turns can be asked at one place. Pure.

What the client says itself counts first. Otherwise a conversation is known by how it begins: its
instructions and the first turn of the user stay as they are while it grows. The client is
hostile: whatever stands there, the answer is a digest, and costs a bounded time.
"""

from hashlib import sha256

import msgspec
from msgspec import Raw

from gateway.words.call import Call

THREAD_BYTES = 16

MAX_HASHED_BYTES = 65_536
"""So much of each text counts: the rest of a longer one does not tell conversations apart."""

MAX_READ_BYTES = 1_048_576
"""Longer messages are not looked into. As they only grow, their beginning stays the same."""

_ABSENT = Raw(b"null")
_INSTRUCTIONS = frozenset({b'"system"', b'"developer"'})
_USER = b'"user"'
_SAYS_WHAT = ("input", "prompt", "query")
"""Where operations that know no messages are told what to do."""


class _Opening(msgspec.Struct, array_like=True, gc=False):
    """The messages among which the first of the user is looked for; those behind build nothing."""

    a: Raw = _ABSENT
    b: Raw = _ABSENT
    c: Raw = _ABSENT
    d: Raw = _ABSENT
    e: Raw = _ABSENT
    f: Raw = _ABSENT
    g: Raw = _ABSENT
    h: Raw = _ABSENT


class _Message(msgspec.Struct, gc=False):
    role: Raw = _ABSENT


class _Metadata(msgspec.Struct, gc=False):
    user_id: Raw = _ABSENT


_decode_text = msgspec.json.Decoder(str).decode
_decode_opening = msgspec.json.Decoder(_Opening).decode
_decode_message = msgspec.json.Decoder(_Message).decode
_decode_metadata = msgspec.json.Decoder(_Metadata).decode


def thread_of(call: Call) -> bytes:
    """Return what stays the same over one conversation: a digest of 16 bytes."""
    fields = call.fields if call.native is None else {**call.native, **call.fields}
    said = _text(fields.get("prompt_cache_key", _ABSENT))
    if said:
        return _digest(b"key", said)
    said = _user_id(fields.get("metadata", _ABSENT))
    if said:
        return _digest(b"user", said)
    if call.form == "raw":
        return _digest(b"asked", *_asked(call))
    return _digest(b"opening", *_opening(fields.get("messages", _ABSENT)))


def _asked(call: Call) -> list[bytes]:
    """Return what tells one call from others that are part of no conversation."""
    if call.upload is not None:
        return [call.upload.boundary]  # it is another for each form
    return [_beginning(call.fields.get(name, _ABSENT)) for name in _SAYS_WHAT]


def _digest(*parts: bytes) -> bytes:
    taken = [part[:MAX_HASHED_BYTES] for part in parts]
    # With its length before each part, no two lists of parts read alike.
    whole = b"".join([b"%d:%b" % (len(part), part) for part in taken])
    return sha256(whole).digest()[:THREAD_BYTES]


def _text(raw: Raw) -> bytes:
    """Return what a string says, however it is escaped; nothing where it is no string."""
    taken = _beginning(raw)
    if not taken.startswith(b'"'):
        return b""
    try:
        return _decode_text(taken).encode()
    except msgspec.DecodeError:
        return taken  # it is too long, or has half a surrogate pair


def _user_id(metadata: Raw) -> bytes:
    if len(memoryview(metadata)) > MAX_HASHED_BYTES:
        return b""
    try:
        return _text(_decode_metadata(metadata).user_id)
    except (msgspec.DecodeError, RecursionError):
        return b""


def _opening(messages: Raw) -> list[bytes]:
    """Return the instructions that lead, and the first message of the user."""
    if len(memoryview(messages)) > MAX_READ_BYTES:
        return [_beginning(messages)]
    try:
        opening = _decode_opening(messages)
        return _until_user(opening)
    except (msgspec.DecodeError, RecursionError):
        return [_beginning(messages)]


def _until_user(opening: _Opening) -> list[bytes]:
    taken: list[bytes] = []
    leads = True
    for name in opening.__struct_fields__:
        message: Raw = getattr(opening, name)
        if message is _ABSENT:
            break
        role = bytes(_decode_message(message).role)
        leads = leads and role in _INSTRUCTIONS
        if leads or role == _USER:
            taken.append(_beginning(message))
        if role == _USER:
            break
    return taken


def _beginning(raw: Raw) -> bytes:
    return memoryview(raw)[:MAX_HASHED_BYTES].tobytes()
