"""What the gateway reads in an answer of AWS Bedrock's Converse. Pure.

A typed partial decode. Fields of which only some kinds of events make use stand side by side; what
is not known here is not built.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw

from gateway.forms.decoded import decoded
from gateway.words.answer import Usage

_EMPTY: Final = Raw(b"{}")
_NULL: Final = Raw(b"null")

Count = Annotated[int, Meta(ge=0)]


class Thought(msgspec.Struct, gc=False):
    """A thought's text with its signature."""

    text: str = ""
    signature: str = ""


class Reasoning(msgspec.Struct, gc=False, rename="camel"):
    """A thought: whole, or a part of one, whose text and signature come by themselves."""

    text: str = ""
    signature: str = ""
    redacted_content: str = ""
    reasoning_text: Thought | None = None


class Use(msgspec.Struct, gc=False, rename="camel"):
    """The call of a tool, whole or as it begins. One of the `type` is the provider's own."""

    tool_use_id: str = ""
    name: str = ""
    input: Raw = _EMPTY
    type: str = ""


class Written(msgspec.Struct, gc=False):
    """Text of a block with citations."""

    text: str = ""


class Web(msgspec.Struct, gc=False):
    """A page."""

    url: str = ""
    domain: str = ""


class Location(msgspec.Struct, gc=False):
    """Where something is cited from; of interest are pages, which have an address."""

    web: Web | None = None


class Citation(msgspec.Struct, gc=False):
    """What a text rests on."""

    title: str = ""
    location: Location | None = None


class Cited(msgspec.Struct, gc=False):
    """A block of text with the citations that it rests on."""

    content: list[Written] = []
    citations: list[Citation] = []


class Source(msgspec.Struct, gc=False):
    """The bytes of an image, in base64."""

    bytes: str = ""


class Image(msgspec.Struct, gc=False):
    """An image: whole, as it begins, or a part of one."""

    format: str = ""
    source: Source | None = None


class Block(msgspec.Struct, gc=False, rename="camel"):
    """A block of a whole message."""

    text: str | None = None
    tool_use: Use | None = None
    reasoning_content: Reasoning | None = None
    citations_content: Cited | None = None
    image: Image | None = None


class Part(msgspec.Struct, gc=False):
    """A part of a tool's arguments: JSON, cut anywhere."""

    input: str = ""


class Delta(msgspec.Struct, gc=False, rename="camel"):
    """What an event adds to a block."""

    text: str = ""
    tool_use: Part | None = None
    reasoning_content: Reasoning | None = None
    citation: Citation | None = None
    image: Image | None = None


class Start(msgspec.Struct, gc=False, rename="camel"):
    """How a block begins; calls of tools and images say so."""

    tool_use: Use | None = None
    image: Image | None = None


class Kept(msgspec.Struct, gc=False, rename="camel"):
    """Tokens that were written to the cache, and for how long they are kept."""

    ttl: str = ""
    input_tokens: Count = 0


class Report(msgspec.Struct, gc=False, rename="camel"):
    """Tokens. What was read from the cache and written to it is counted beside the input."""

    input_tokens: Count = 0
    output_tokens: Count = 0
    cache_read_input_tokens: Count = 0
    cache_write_input_tokens: Count = 0
    cache_details: list[Kept] | None = None

    def usage(self) -> Usage:
        """Return it in the house's own words."""
        read, written = self.cache_read_input_tokens, self.cache_write_input_tokens
        hour = sum(kept.input_tokens for kept in self.cache_details or () if kept.ttl == "1h")
        return Usage(
            input_tokens=self.input_tokens + read + written,
            output_tokens=self.output_tokens,
            cached_tokens=read,
            cache_write_tokens=written,
            cache_write_1h_tokens=min(hour, written),
        )


class Happening(msgspec.Struct, gc=False, rename="camel"):
    """The payload of one event of a stream."""

    content_block_index: int = 0
    delta: Delta | None = None
    start: Start | None = None
    stop_reason: str = ""
    usage: Raw = _NULL


class Said(msgspec.Struct, gc=False):
    """A whole message. A `content` of None is none that is known."""

    content: list[Block] | None = None


class Output(msgspec.Struct, gc=False):
    """What a whole answer holds beside its account."""

    message: Said | None = None


class Answer(msgspec.Struct, gc=False, rename="camel"):
    """A whole answer."""

    output: Output | None = None
    stop_reason: str = ""
    usage: Raw = _NULL


_decode_happening = msgspec.json.Decoder(Happening).decode
_decode_answer = msgspec.json.Decoder(Answer).decode
_decode_report = msgspec.json.Decoder(Report | None).decode


def read_happening(payload: bytes) -> Happening | None:
    """Read the payload of an event; None if it cannot be read (U16)."""
    return decoded(_decode_happening, payload)


def read_answer(body: bytes) -> Answer | None:
    """Read a whole answer; None if it cannot be read."""
    return decoded(_decode_answer, body)


def usage_of(report: Raw) -> Usage | None:
    """Read what an answer cost; None where it is not told, or in a way that cannot be: that is no
    reason to lose the answer.
    """
    try:
        read = _decode_report(report)
    except (msgspec.DecodeError, RecursionError):
        return None
    return None if read is None else read.usage()


_FINISH_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
}


def finish_reason_of(stop_reason: str) -> str:
    """Return OpenAI's word for why an answer has ended.

    What the provider calls malformed, and any word that is not known, stays as it is: nobody may
    take it for a good end.
    """
    return _FINISH_REASONS.get(stop_reason, stop_reason)
