"""What the gateway reads in an answer of Anthropic's Messages API. Pure.

A typed partial decode. Fields of which only some kinds of events make use stand side by side; what
is not known here is not built.

https://docs.claude.com/en/api/messages-streaming
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms.decoded import decoded
from gateway.words.answer import Usage

_EMPTY: Final = Raw(b"{}")
_NULL: Final = Raw(b"null")


class Block(msgspec.Struct, gc=False):
    """A content block, whole or as it begins in a stream."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: Raw = _EMPTY


class Message(msgspec.Struct, gc=False):
    """An answer, whole or as it begins in a stream. A `content` of None is none that is known."""

    id: str = ""
    type: str = ""
    model: str = ""
    content: list[Block] | None = None
    stop_reason: str | None = None
    usage: Any = None
    error: Any = None


class Delta(msgspec.Struct, gc=False):
    """What an event adds to a block, or says of the end of the message."""

    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    stop_reason: str | None = None


class Happening(msgspec.Struct, gc=False):
    """One event of a stream."""

    type: str = ""
    index: int = 0
    message: Message | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: Any = None
    error: Raw = _NULL

    @property
    def kind(self) -> str:
        """Its type; servers that are not Anthropic's tell errors without one."""
        return "error" if not self.type and bytes(self.error)[:1] == b"{" else self.type


_decode_happening = msgspec.json.Decoder(Happening).decode
_decode_message = msgspec.json.Decoder(Message).decode


def read_happening(data: bytes) -> Happening | None:
    """Read an event's data, which is UTF-8 already; None if it cannot be read (U16)."""
    return decoded(_decode_happening, data)


def read_message(body: bytes) -> Message | None:
    """Read a whole answer, which is UTF-8 already; None if it cannot be read."""
    return decoded(_decode_message, body)


_FINISH_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "length",
}


def finish_reason_of(stop_reason: str) -> str:
    """Return OpenAI's word for why an answer has ended.

    A turn that paused is not whole: asked again it goes on, as one that was cut for its length
    would. A word that is not known stays as it is: nobody may take it for a good end.
    """
    return _FINISH_REASONS.get(stop_reason, stop_reason)


class Count:
    """Keeps account of an answer's tokens. What is reported is cumulative: the last word counts.

    The provider counts what it read from its cache and what it wrote to it beside the input; to
    the house they are parts of it.
    """

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: dict[str, int] = {}

    def note(self, report: object) -> Usage | None:
        """Take a report in; return what there was so far, None where nothing has been said."""
        if isinstance(report, dict):
            for holder in (
                report,
                report.get("cache_creation"),
                report.get("output_tokens_details"),
            ):
                if isinstance(holder, dict):
                    self._said.update(
                        (key, value)
                        for key, value in holder.items()
                        if key in _COUNTS and type(value) is int and value >= 0
                    )
        return self.usage()

    def usage(self) -> Usage | None:
        """Return the tokens so far; None where nothing has been said."""
        said = self._said.get
        if not self._said:
            return None
        output, read, written = said("output_tokens", 0), said(_READ, 0), said(_WRITTEN, 0)
        return Usage(
            input_tokens=said("input_tokens", 0) + read + written,
            output_tokens=output,
            cached_tokens=read,
            reasoning_tokens=min(said("thinking_tokens", 0), output),
            cache_write_tokens=written,
            cache_write_1h_tokens=min(said("ephemeral_1h_input_tokens", 0), written),
        )


_READ: Final = "cache_read_input_tokens"
_WRITTEN: Final = "cache_creation_input_tokens"
_COUNTS: Final = frozenset(
    {
        "input_tokens",
        "output_tokens",
        _READ,
        _WRITTEN,
        "ephemeral_1h_input_tokens",
        "thinking_tokens",
    }
)
