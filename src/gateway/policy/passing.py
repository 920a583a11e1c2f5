"""What of a request and of its answer passes beside the body: header fields, by allow-list (R7).

Pure. Nothing else of a client's head reaches a provider, and nothing else of a provider's a client.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

import msgspec

from gateway.forms.http import check_header, end_to_end
from gateway.words.answer import Usage
from gateway.words.client import Header

_ON: Final = (
    b"content-type",
    b"accept",
    b"range",
    b"openai-beta",
    b"anthropic-version",
    b"anthropic-beta",
)
"""Towards the provider: what the body is, and which version of its API is spoken."""

_ONCE: Final = b"idempotency-key"

_BACK: Final = frozenset(
    {
        *(b"content-type", b"content-disposition", b"content-encoding", b"content-range"),
        *(b"accept-ranges", b"retry-after", b"openai-processing-ms", b"openai-version"),
        *(b"anthropic-version", b"x-should-retry"),
    }
)
NOSNIFF: Final[Header] = (b"x-content-type-options", b"nosniff")
"""Nobody's file is run by a browser for what it looks like."""


def headers_on(headers: Mapping[bytes, bytes], scope: bytes) -> tuple[Header, ...]:
    """Return those of a client's fields that the provider is told.

    By the same `idempotency-key` a provider tells again what it told whoever named it first, and to
    the provider we are all one: so each `scope` has keys of its own.
    """
    told = tuple((name, headers[name]) for name in _ON if name in headers)
    if _ONCE not in headers:
        return told
    own = sha256(scope + b"\0" + headers[_ONCE]).hexdigest().encode()
    return (*told, (_ONCE, own))


def headers_back(fields: Iterable[Header]) -> tuple[Header, ...]:
    """Return those of a provider's fields that the client is told."""
    return tuple(field for field in end_to_end(fields) if field[0] in _BACK and _is_sound(field))


def _is_sound(field: Header) -> bool:
    try:
        check_header(*field)
    except ValueError:
        return False
    return True


MOST_KEPT: Final = 1_048_576
"""Bytes of an answer in one piece in which usage is looked for."""

MOST_TAIL: Final = 65_536
"""Bytes of a stream's end in which usage is looked for."""

_decode = msgspec.json.Decoder().decode


class Meter:
    """Sees what usage an answer reports that passes, whichever of the usual forms it has."""

    def __init__(self, content_type: str) -> None:
        media = content_type.partition(";")[0].strip().lower()
        self._streams = media == "text/event-stream"
        self._counts = self._streams or media == "application/json"
        self._kept = bytearray()

    def feed(self, data: bytes) -> None:
        """Note a part of the answer."""
        if not self._counts:
            return
        self._kept += data
        if self._streams:
            del self._kept[:-MOST_TAIL]
        elif len(self._kept) > MOST_KEPT:
            self._counts = False
            self._kept.clear()

    def usage(self) -> Usage | None:
        """Return what was used; None where it is not said."""
        if not self._streams:
            return _usage_in(bytes(self._kept))
        found: Usage | None = None
        for line in bytes(self._kept).splitlines():
            if line.startswith(b"data:"):
                found = _more(found, _usage_in(line[5:]))
        return found


def _more(known: Usage | None, told: Usage | None) -> Usage | None:
    """Of a stream's reports the last counts, but one that tells less of a side takes nothing."""
    if known is None or told is None:
        return known or told
    return (
        told
        if told.input_tokens
        else msgspec.structs.replace(known, output_tokens=told.output_tokens)
    )


def _usage_in(body: bytes) -> Usage | None:
    try:
        told = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    whole = _table(told)
    for holder in (whole, _table(whole.get("response")), _table(whole.get("message"))):
        for name, into, out in _NAMES:
            usage = _table(holder.get(name))
            if usage.get(into) is not None or usage.get(out) is not None:
                return Usage(_count(usage.get(into)), _count(usage.get(out)))
    return None


_NAMES: Final = (
    ("usage", "prompt_tokens", "completion_tokens"),
    ("usage", "input_tokens", "output_tokens"),
    ("usageMetadata", "promptTokenCount", "candidatesTokenCount"),
)


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
