"""When two calls are the same, so that one answer serves both. Pure.

The same is what no provider could answer differently: the order of names, white space and the
spelling of a character do not count; how a number is written does, since a model may be shown it.
A field that is not known counts. Where there is doubt, a call is like no other.
"""

from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Raw

from gateway.words.call import Call

MAX_BYTES = 2_097_152
MAX_PARTS = 131_072
"""Bytes and values of a call. To compare more would hold up the process; it shares with nobody."""

CHANGES_NOTHING = frozenset(
    {
        # Who asks, for the provider's own watch over abuse.
        "safety_identifier",
        "user",
        # Labels of a completion that is stored; one that is to be stored is never shared.
        "metadata",
        "store",
        # Where and how long the provider keeps the prompt's beginning: a matter of price.
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        # Told by `Call.stream`: false, null and nothing are one.
        "stream",
    }
)
"""Fields that change nothing of what is answered."""

_NULL = Raw(b"null")
_NO = frozenset({b"false", b"null"})
_KEEPS = "responses"
"""The form whose answers are kept unless `store` says otherwise, and repeat what was asked."""

_UNSAID = frozenset({"stream"})
"""Fields that even such an answer does not repeat: labels are for whoever gave them."""


def _as_written(number: str) -> Raw:
    return Raw(number.encode())


_decode = msgspec.json.Decoder(dict[str, Any], float_hook=_as_written).decode
_encode = msgspec.json.Encoder(order="deterministic").encode


def digest(call: Call, scope: bytes) -> bytes | None:
    """Return what is equal for calls that one answer can serve; None: this one shares with nobody.

    `scope` says who may share with whom: calls of different scopes are never the same (S12). The
    model is the name that was asked for, so what a name stands for must be the same as well.
    """
    if _is_kept(call) or call.continues:
        return None  # it asks for more than an answer, or goes on from one
    try:
        body = _canonical(call)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if body is None:
        return None
    told = sha256(len(scope).to_bytes(8, "big") + scope)
    told.update(body)
    return told.digest()


def _is_kept(call: Call) -> bool:
    said = bytes(_own(call).get("store", _NULL))
    return said != b"false" if call.form == _KEEPS else said not in _NO


def _own(call: Call) -> dict[str, Raw]:
    """Return the fields that the client has sent."""
    return call.fields if call.native is None else call.native


def _canonical(call: Call) -> bytes | None:
    """Write a call so that all calls that are the same are written the same."""
    ignored = _UNSAID if call.form == _KEEPS else CHANGES_NOTHING
    fields = {name: raw for name, raw in _own(call).items() if name not in ignored}
    if not call.stream:
        fields.pop("stream_options", None)
    if call.upload is not None:
        return None
    written = _encode(fields)
    if len(written) > MAX_BYTES or _count_parts(written) > MAX_PARTS:
        return None
    names = _count_names(written)
    told = _decode(written)
    names -= _drop_usage(told)
    # What the header fields of a form mean, only a provider knows: they count as they stand.
    passed = [[name.hex(), value.hex()] for name, value in call.passed]
    canonical = _encode([call.form, call.operation, call.stream, passed, told])
    # A name that stands twice: one parser takes the first value, another the last. Whoever could
    # have a provider read the one and us the other would choose what others are answered.
    return canonical if _count_names(canonical) == names else None


def _drop_usage(fields: dict[str, Any]) -> int:
    """Drop the wish for usage, which is always asked for and hidden again; count what is dropped.

    The other options of a stream say how its events look.
    """
    if "stream_options" not in fields:
        return 0
    options = fields["stream_options"] or {}
    dropped = 0 if options.pop("include_usage", None) is None else 1
    if not options:
        del fields["stream_options"]
        dropped += 1
    return dropped


def _count_parts(written: bytes) -> int:
    """Count what may be a value: no fewer than there are."""
    return written.count(b",") + written.count(b"[") + written.count(b"{")


def _count_names(compact: bytes) -> int:
    """Count the names of all objects: outside of texts a colon stands behind each."""
    unescaped = compact.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(unescaped.split(b'"')[::2]).count(b":")
