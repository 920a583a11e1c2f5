"""What is read in a chat's answer to tell it in the Responses form. Pure.

A typed partial decode. Providers are odd: of valid JSON with unexpected types, as much is read as
can be.
"""

import re
from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms.sse import Splitter
from gateway.words.answer import Usage

_ANY_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_NEWLINES: Final = 2
_DONE: Final = b"[DONE]"


class Function(msgspec.Struct, gc=False):
    """What is called, and a part of its arguments."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct, gc=False):
    """A call of a tool, or a part of one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Chances(msgspec.Struct, gc=False):
    """How likely tokens were."""

    content: list[Raw] | None = None


class Said(msgspec.Struct, gc=False):
    """What a message says, or what a chunk adds to it."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[dict[str, Any]] | None = None
    tool_calls: list[ToolCall] | None = None
    annotations: list[dict[str, Any]] | None = None


class Choice(msgspec.Struct, gc=False):
    """One answer: a part of it, or the whole."""

    index: int = 0
    delta: Said | None = None
    message: Said | None = None
    finish_reason: str | None = None
    logprobs: Chances | None = None


class Chunk(msgspec.Struct, gc=False):
    """A chunk of a stream, or a whole answer."""

    id: str | None = None
    created: int | float | None = None
    model: str | None = None
    choices: list[Choice] | None = None


class _Choices(msgspec.Struct, gc=False):
    choices: list[Any] = []


_decode_chunk = msgspec.json.Decoder(Chunk).decode
_decode_choices = msgspec.json.Decoder(_Choices).decode


def chunks_of(raw: bytes) -> list[Chunk]:
    """Read whole events of a chat's stream; those that say nothing are left out."""
    if raw.startswith(b"data: ") and raw.endswith(b"\n\n") and raw.count(b"\n") == _NEWLINES:
        datas: list[bytes | None] = [raw[6:-2]]
    else:
        splitter = Splitter(len(raw))
        datas = [event.data for event in (*splitter.feed(raw), *splitter.end())]
    read = [read_chunk(data) for data in datas if data and data != _DONE]
    return [chunk for chunk in read if chunk is not None]


def read_chunk(data: bytes) -> Chunk | None:
    """Read a chunk, or a whole answer; None where nothing of it can be read."""
    try:
        return _decode_chunk(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    data = _ANY_SURROGATE.sub(rb"\\ufffd", data)
    try:
        return _decode_chunk(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _read_oddly(data)


def _read_oddly(data: bytes) -> Chunk | None:
    try:
        choices = _decode_choices(data).choices
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return Chunk(choices=[_choice(each) for each in choices if isinstance(each, dict)])


def _choice(said: dict[str, Any]) -> Choice:
    """Read a choice field by field; what is not as it should be says nothing."""
    reason, index = said.get("finish_reason"), said.get("index")
    return Choice(
        index if type(index) is int else 0,
        _said(said.get("delta")),
        _said(said.get("message")),
        reason if isinstance(reason, str) else None,
    )


def _said(fields: object) -> Said | None:
    if not isinstance(fields, dict):
        return None
    found = Said()
    for field in msgspec.structs.fields(Said):
        try:
            value = msgspec.convert(fields.get(field.name), field.type)
        except msgspec.ValidationError:
            continue
        setattr(found, field.name, value)
    if isinstance(parts := fields.get("content"), list):
        found.content = _texts(parts, "text")
        found.reasoning_content = found.reasoning_content or _texts(parts, "thinking")
    return found


def _texts(parts: list[Any], kind: str) -> str:
    """Return the texts of parts of a kind; a thought of Mistral's is a list of texts in turn."""
    told = [part.get(kind) for part in parts if isinstance(part, dict) and part.get("type") == kind]
    inner = [_texts(each, "text") if isinstance(each, list) else each for each in told]
    return "".join(each for each in inner if isinstance(each, str))


class _InputParts(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputParts(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class _Report(msgspec.Struct, gc=False):
    """A usage object of the Responses form."""

    input_tokens: int
    output_tokens: int = 0
    input_tokens_details: _InputParts | None = None
    output_tokens_details: _OutputParts | None = None


def usage_of(value: object) -> Usage | None:
    """Read a usage object of the Responses form; None where it holds no counts."""
    try:
        said = msgspec.convert(value, _Report)
    except msgspec.ValidationError:
        return None
    into, out = said.input_tokens_details or _InputParts(), said.output_tokens_details
    counts = (
        said.input_tokens,
        said.output_tokens,
        into.cached_tokens or 0,
        (out and out.reasoning_tokens) or 0,
        into.cache_write_tokens or 0,
    )
    return Usage(*counts) if min(counts) >= 0 else None


def usage_fields(usage: Usage) -> dict[str, object]:
    """Return usage as the Responses form tells it."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
