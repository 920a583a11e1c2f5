"""What the gateway reads in answers that it passes on as they are: usage, and which event. Pure."""

import re
from typing import Annotated, Any, Final

import msgspec

from gateway.forms.chat_facts import usage_of
from gateway.words.answer import Usage

TAIL_BYTES: Final = 4096
"""The end of a long answer in which its usage is looked for."""

Count = Annotated[int, msgspec.Meta(ge=0)] | None

_USAGE = re.compile(rb'"usage"\s*:\s*(?=\{)')


class _Parts(msgspec.Struct, gc=False):
    """Parts of one side of a report."""

    cached_tokens: Count = None
    audio_tokens: Count = None
    image_tokens: Count = None
    reasoning_tokens: Count = None


class _Report(msgspec.Struct, gc=False):
    """Usage as images, speech and transcriptions tell it; of a rerank there may be a total alone.

    The parts of the input have two names: `input_token_details` is that of transcriptions.
    """

    input_tokens: Count = None
    output_tokens: Count = None
    total_tokens: Count = None
    input_tokens_details: _Parts | None = None
    input_token_details: _Parts | None = None
    output_tokens_details: _Parts | None = None


class _Said(msgspec.Struct, gc=False):
    """The fields of an event or of a whole answer that the house reads."""

    type: Any = None
    usage: Any = None


class _Choice(msgspec.Struct, gc=False):
    text: Any = None


class _Completion(msgspec.Struct, gc=False):
    """A completion of text, or a part of one."""

    choices: list[_Choice] = []


_NONE: Final = _Parts()
_decode_said = msgspec.json.Decoder(_Said).decode
_decode_completion = msgspec.json.Decoder(_Completion).decode
_decode_any = msgspec.json.Decoder().decode


def read_said(data: bytes) -> tuple[str, Usage | None]:
    """Return which event this is, where it says so, and its usage."""
    try:
        said = _decode_said(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", None
    return said.type if isinstance(said.type, str) else "", reported(said.usage)


def has_text(data: bytes) -> bool:
    """Say whether a part of a completion holds any text."""
    try:
        return any(choice.text for choice in _decode_completion(data).choices)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def reported(value: object) -> Usage | None:
    """Read a usage object of any operation; None where it holds no token counts."""
    if not isinstance(value, dict):
        return None
    if (usage := usage_of(value)) is not None:
        return usage
    try:
        told = msgspec.convert(value, _Report)
    except msgspec.ValidationError:
        return None
    spoken = told.output_tokens or 0
    asked = told.input_tokens
    if asked is None:
        if told.total_tokens is None:
            return None
        asked = max(told.total_tokens - spoken, 0)
    into = told.input_tokens_details or told.input_token_details or _NONE
    out = told.output_tokens_details or _NONE
    return Usage(
        asked,
        spoken,
        into.cached_tokens or 0,
        out.reasoning_tokens or 0,
        audio_input_tokens=into.audio_tokens or 0,
        audio_output_tokens=out.audio_tokens or 0,
        image_input_tokens=into.image_tokens or 0,
        image_output_tokens=out.image_tokens or 0,
    )


def usage_in(tail: bytes) -> Usage | None:
    """Read the usage that stands at the end of a long answer, of which this is the last part."""
    begins = [found.end() for found in _USAGE.finditer(tail)]
    if not begins:
        return None
    depth = 0
    for at in range(begins[-1], len(tail)):
        if tail[at] == ord("{"):
            depth += 1
        elif tail[at] == ord("}"):
            depth -= 1
            if not depth:
                return _decoded(tail[begins[-1] : at + 1])
    return None


def _decoded(text: bytes) -> Usage | None:
    try:
        return reported(_decode_any(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
