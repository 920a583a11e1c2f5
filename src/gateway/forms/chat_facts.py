"""What the gateway reads in a chat completion, beside the bytes that it passes on. Pure.

A typed partial decode: msgspec checks that the whole is JSON, and builds only what is asked here.
Providers are hostile or odd: of valid JSON with unexpected types, as many facts are read as can be.
"""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

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


Count = Annotated[int, msgspec.Meta(ge=0)] | None


class _Kept(msgspec.Struct, gc=False):
    """For how long tokens were written to a cache, in Anthropic's words."""

    ephemeral_1h_input_tokens: Count = None


class _InputParts(msgspec.Struct, gc=False):
    """Parts of the prompt. `cache_creation_*` is what LiteLLM calls them."""

    cached_tokens: Count = None
    cache_write_tokens: Count = None
    audio_tokens: Count = None
    image_tokens: Count = None
    cache_creation_tokens: Count = None
    cache_creation_token_details: _Kept | None = None


class _OutputParts(msgspec.Struct, gc=False):
    """Parts of the completion."""

    reasoning_tokens: Count = None
    audio_tokens: Count = None
    image_tokens: Count = None


_NO_INPUT: Final = _InputParts()
_NO_OUTPUT: Final = _OutputParts()
_NOT_SAID: Final = _Kept()


class _Report(msgspec.Struct, gc=False):
    """A usage object: OpenAI's fields, then those that other servers of its form tell it in.

    `prompt_cache_*` are DeepSeek's; `cached_tokens` is Moonshot's; `reasoning_tokens` is SGLang's
    and Perplexity's; what else speaks of a cache is Anthropic's, as servers before it pass it on.
    """

    prompt_tokens: Count = None
    completion_tokens: Count = None
    total_tokens: Count = None
    prompt_tokens_details: _InputParts | None = None
    completion_tokens_details: _OutputParts | None = None
    prompt_cache_hit_tokens: Count = None
    prompt_cache_miss_tokens: Count = None
    cached_tokens: Count = None
    reasoning_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation_input_tokens: Count = None
    cache_creation: _Kept | None = None

    def usage(self) -> Usage | None:
        """Return it with parts that are parts; None where it says neither input nor output."""
        into = self.prompt_tokens_details or _NO_INPUT
        out = self.completion_tokens_details or _NO_OUTPUT
        read = into.cached_tokens or self.prompt_cache_hit_tokens or self.cached_tokens
        read = read or self.cache_read_input_tokens or 0
        written = into.cache_write_tokens or into.cache_creation_tokens
        written = written or self.cache_creation_input_tokens or 0
        thought = out.reasoning_tokens or self.reasoning_tokens or 0
        prompt, spoken = self.prompt_tokens, self.completion_tokens or 0
        if prompt is None:
            if self.prompt_cache_miss_tokens is not None:
                prompt = read + self.prompt_cache_miss_tokens
            elif self.completion_tokens is None:
                return None
            else:
                prompt = max((self.total_tokens or 0) - spoken, 0)
        if prompt + spoken != self.total_tokens or thought > spoken:
            more_input, more_output = self._beside(prompt, spoken, read + written, thought)
            prompt, spoken = prompt + more_input, spoken + more_output
            thought = max(thought, more_output)
        kept = into.cache_creation_token_details or self.cache_creation or _NOT_SAID
        return Usage(
            prompt,
            spoken,
            read,
            thought,
            written,
            kept.ephemeral_1h_input_tokens or 0,
            into.audio_tokens or 0,
            out.audio_tokens or 0,
            into.image_tokens or 0,
            out.image_tokens or 0,
        )

    def _beside(self, prompt: int, spoken: int, cached: int, thought: int) -> tuple[int, int]:
        """Return what belongs to input and output and is not counted there.

        To OpenAI all parts are in their wholes. xAI counts thoughts beside the completion, Gemini
        does and names them nowhere, servers before Anthropic may count the cache beside the
        prompt: then the total is more than both, and what is missing tells which it is. Perplexity
        leaves its thoughts out of the total, too: what is more than a whole is no part of it.
        """
        missing = (self.total_tokens or 0) - prompt - spoken
        if missing > 0:
            if missing != thought and missing in {cached, cached + thought}:
                return cached, missing - cached
            return 0, missing
        beside_input = cached if cached > prompt and self.total_tokens is None else 0
        return beside_input, thought if thought > spoken else 0


_PARTS: Final[dict[type[msgspec.Struct], dict[str, type[msgspec.Struct]]]] = {
    _Report: {
        "prompt_tokens_details": _InputParts,
        "completion_tokens_details": _OutputParts,
        "cache_creation": _Kept,
    },
    _InputParts: {"cache_creation_token_details": _Kept},
    _OutputParts: {},
    _Kept: {},
}
"""What of a usage object holds counts in its turn."""


def usage_of(value: object) -> Usage | None:
    """Read a usage object; None where it holds no token counts.

    Where every chunk of a stream has one, each tells all that there was so far: the last one
    counts, and none is added to another.
    """
    if not isinstance(value, dict):
        return None
    try:
        said = msgspec.convert(value, _Report)
    except msgspec.ValidationError:
        said = msgspec.convert(_sound(value, _Report), _Report)
    return said.usage()


def _sound(holder: object, kind: type[msgspec.Struct]) -> dict[str, object]:
    """Leave out of a usage object, or of a part of it, what cannot be what it is called."""
    if not isinstance(holder, dict):
        return {}
    counts = {key: part for key, part in holder.items() if type(part) is int and part >= 0}
    parts = {key: _sound(holder.get(key), inner) for key, inner in _PARTS[kind].items()}
    return {**counts, **parts}


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
