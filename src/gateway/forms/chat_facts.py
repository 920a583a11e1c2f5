"""What the gateway reads in a chat completion, beside the bytes that it passes on. Pure.

A typed partial decode: msgspec checks that the whole is JSON, and builds only what is asked here.
Providers are hostile or odd: of valid JSON with unexpected types, as many facts are read as can be.
"""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec

from gateway.forms.sse import read_event
from gateway.forms.text import has_controls
from gateway.words.answer import Piece, Usage

MAX_CHOICES = 1024
MAX_MODEL_BYTES = 256

_ANY_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class Delta(msgspec.Struct, gc=False):
    """What a chunk adds to a message; of interest is only whether there is anything."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    tool_calls: Any = None
    function_call: Any = None
    refusal: Any = None
    audio: Any = None
    images: Any = None

    def speaks(self) -> bool:
        """Say whether it holds content: what commits the gateway to this provider."""
        return bool(
            self.content
            or self.reasoning_content
            or self.reasoning
            or self.tool_calls
            or self.function_call
            or self.refusal
            or self.audio
            or self.reasoning_details
            or self.images
        )


class Choice(msgspec.Struct, gc=False):
    """One of the answers that a request with `n` gets side by side."""

    index: Annotated[int, msgspec.Meta(ge=0, lt=MAX_CHOICES)] = 0
    delta: Delta | None = None
    finish_reason: Any = None


class Chunk(msgspec.Struct, gc=False):
    """The fields of an event that the house reads. `choices` is None where they cannot be read."""

    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None
    model: Any = None


class _Parts(msgspec.Struct, gc=False):
    """The same fields, each by itself, for a chunk that does not fit."""

    choices: msgspec.Raw = msgspec.Raw(b"null")
    usage: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")
    model: msgspec.Raw = msgspec.Raw(b"null")


_decode_chunk = msgspec.json.Decoder(Chunk).decode
_decode_parts = msgspec.json.Decoder(_Parts).decode
_decode_choices: Callable[[msgspec.Raw], list[Choice] | None]
_decode_choices = msgspec.json.Decoder(list[Choice] | None).decode
_decode_whole = msgspec.json.Decoder(msgspec.Raw).decode
_decode_any = msgspec.json.Decoder().decode


def read_chunk(data: bytes) -> Chunk | None:
    """Read an event's data, which is UTF-8 already; None if it is not JSON (U16)."""
    try:
        return _decode_chunk(data)
    except (msgspec.DecodeError, RecursionError):
        return _read_oddly(data)


def _read_oddly(data: bytes) -> Chunk | None:
    """Read what did not fit at once: other types than expected, or half a surrogate pair.

    JSON's grammar allows a lone surrogate and the SDKs take it; msgspec does not. For the reading
    every surrogate escape is taken as U+FFFD; the event itself keeps its bytes.
    """
    data = _ANY_SURROGATE.sub(rb"\\ufffd", data)
    try:
        _decode_whole(data)
        parts = _decode_parts(data)
    except msgspec.ValidationError:
        return Chunk()
    except (msgspec.DecodeError, RecursionError):
        return None
    error = _read_any(parts.error)
    if error is None and bytes(parts.error) != b"null":
        error = True
    return Chunk(
        _read_choices(parts.choices), _read_any(parts.usage), error, _read_any(parts.model)
    )


def _read_choices(raw: msgspec.Raw) -> list[Choice] | None:
    try:
        return _decode_choices(raw)
    except msgspec.ValidationError:
        return None


def _read_any(raw: msgspec.Raw) -> object:
    """Decode a part; None for numbers beyond what msgspec holds."""
    try:
        return _decode_any(raw)
    except msgspec.ValidationError:
        return None


def usage_of(value: object) -> Usage | None:
    """Read a usage object; None where it holds no token counts."""
    if not isinstance(value, dict):
        return None
    input_tokens, output_tokens = _count(value, "prompt_tokens"), _count(value, "completion_tokens")
    if input_tokens is None and output_tokens is None:
        return None
    return Usage(
        input_tokens or 0,
        output_tokens or 0,
        _count(value.get("prompt_tokens_details"), "cached_tokens") or 0,
        _count(value.get("completion_tokens_details"), "reasoning_tokens") or 0,
    )


def _count(holder: object, key: str) -> int | None:
    value = holder.get(key) if isinstance(holder, dict) else None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None


def model_of(value: object) -> str | None:
    """Return the model's name as the provider gives it, where it is fit for a log line (R10)."""
    if not isinstance(value, str) or has_controls(value):
        return None
    return value if 0 < len(value.encode()) <= MAX_MODEL_BYTES else None


_ENDS_WELL = frozenset({"stop", "length", "tool_calls", "function_call"})


def is_finished(pieces: Sequence[Piece]) -> bool:
    """Say whether the last choice of an answer has ended of its own accord: no filter cut it."""
    for piece in reversed(pieces):
        if piece.comment or piece.usage_only:
            continue
        data = read_event(piece.raw).data if piece.raw.startswith(b"data:") else piece.raw
        chunk = read_chunk(data or b"")
        choices = (chunk and chunk.choices) or []
        return bool(choices) and all(choice.finish_reason in _ENDS_WELL for choice in choices)
    return False
