"""What the gateway reads in an answer of Cohere's API v2. Pure.

A typed partial decode. What a stream tells in one event at a time, an answer in one piece tells in
lists: both are read by these. What is not known here is not built.

https://docs.cohere.com/v2/docs/streaming
"""

from typing import Any, Final

import msgspec

from gateway.forms.decoded import decoded
from gateway.words.answer import Usage


class Content(msgspec.Struct, gc=False):
    """A block of content, whole or a part of it."""

    type: str = ""
    text: str = ""
    thinking: str = ""


class Function(msgspec.Struct, frozen=True, gc=False):
    """What is called, with which arguments; a stream tells these in parts."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct, gc=False):
    """The call of a tool."""

    id: str = ""
    function: Function = Function()


class Source(msgspec.Struct, gc=False):
    """What is cited: a document, or the result of a tool."""

    id: str = ""
    document: dict[str, Any] | None = None
    tool_output: dict[str, Any] | None = None


class Citation(msgspec.Struct, gc=False):
    """Which words are taken from where."""

    start: int = 0
    end: int = 0
    sources: list[Source] | None = None
    content_index: int = 0
    type: str = ""


class Token(msgspec.Struct, gc=False):
    """A text, and how probable the tokens were that it took."""

    text: str = ""
    logprobs: list[float] | None = None


class Said(msgspec.Struct, gc=False):
    """What an event adds to the message. Where it begins, there are empty lists."""

    content: Content | list[Any] | None = None
    tool_plan: str | None = None
    tool_calls: ToolCall | list[Any] | None = None
    citations: Citation | list[Any] | None = None


class Delta(msgspec.Struct, gc=False):
    """What an event adds, or says of the end."""

    message: Said | None = None
    finish_reason: str | None = None
    error: str | None = None
    usage: Any = None


class Happening(msgspec.Struct, gc=False):
    """One event of a stream."""

    type: str = ""
    id: str = ""
    index: int = 0
    delta: Delta | None = None
    logprobs: Token | None = None


class Message(msgspec.Struct, gc=False):
    """All that an assistant says in one piece."""

    content: list[Content] | None = None
    tool_plan: str | None = None
    tool_calls: list[ToolCall] | None = None
    citations: list[Citation] | None = None


class Answered(msgspec.Struct, gc=False):
    """An answer in one piece."""

    id: str = ""
    finish_reason: str = ""
    message: Message | None = None
    usage: Any = None
    logprobs: list[Token] | None = None
    error: str | None = None


_decode_happening = msgspec.json.Decoder(Happening).decode
_decode_answered = msgspec.json.Decoder(Answered).decode


def read_happening(data: bytes) -> Happening | None:
    """Read an event's data, which is UTF-8 already; None if it cannot be read (U16)."""
    return decoded(_decode_happening, data)


def read_answered(body: bytes) -> Answered | None:
    """Read a whole answer, which is UTF-8 already; None if it cannot be read."""
    return decoded(_decode_answered, body)


def usage_of(report: object) -> Usage | None:
    """Read how many tokens there were: those that are billed, else all; None where none are told.

    They come as numbers with a point. The preamble of the provider's own is not billed.
    """
    if not isinstance(report, dict):
        return None
    for name in ("billed_units", "tokens"):
        counts = report.get(name)
        if isinstance(counts, dict) and {"input_tokens", "output_tokens"} & counts.keys():
            input_tokens = _count(counts.get("input_tokens"))
            cached = min(_count(report.get("cached_tokens")), input_tokens)
            return Usage(input_tokens, _count(counts.get("output_tokens")), cached)
    return None


_MOST: Final = 2**53


def _count(value: object) -> int:
    """Return a count of tokens; 0 for what is none."""
    sound = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MOST
    return int(value) if sound and isinstance(value, int | float) else 0


FAULTS: Final = frozenset({"ERROR", "TIMEOUT"})
"""Reasons for which an answer ends that are no end at all."""

_FINISH_REASONS: Final = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "ERROR_LIMIT": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
}


def finish_reason_of(reason: str) -> str:
    """Return OpenAI's word for why an answer has ended.

    A word that is not known stays as it is: nobody may take it for a good end.
    """
    return _FINISH_REASONS.get(reason, reason)
