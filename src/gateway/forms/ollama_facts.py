"""What the gateway reads in an answer of Ollama's own API. Pure.

A line of a stream and an answer in one piece have one shape. What is not known here is not built.
"""

import re
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms.decoded import decoded
from gateway.forms.text import without_halves
from gateway.words.answer import Usage

_EMPTY: Final = Raw(b"{}")
_NOT_A_DIGIT = re.compile(r"\D")
_decode_text = msgspec.json.Decoder(str).decode
_DIGITS = 23
"""Enough of a moment to tell one answer from another: down to its nanoseconds."""


class Function(msgspec.Struct, frozen=True, gc=False):
    """What is called, with which arguments."""

    name: str = ""
    arguments: Raw = _EMPTY

    def told(self) -> str:
        """Return the arguments as OpenAI tells them; some servers tell them in a text, too."""
        said = bytes(self.arguments)
        if said.startswith(b'"'):
            return _decode_text(without_halves(said)) or "{}"
        return "{}" if said == b"null" else said.decode()


class ToolCall(msgspec.Struct, gc=False):
    """The call of a tool; older servers give it no id."""

    id: str = ""
    function: Function = Function()


class Message(msgspec.Struct, gc=False):
    """What is said, in one line or in all."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[ToolCall] | None = None


class Probable(msgspec.Struct, gc=False):
    """A token that there is, or might have been, and how probable it was."""

    token: str
    logprob: float
    bytes: list[int] | None = None


class Chosen(Probable, gc=False):
    """A token that there is, beside those that might have been."""

    top_logprobs: list[Probable] = []


class Answered(msgspec.Struct, gc=False):
    """A line of a stream, or an answer in one piece, of chat or of embeddings."""

    model: Any = None
    created_at: str = ""
    message: Message | None = None
    done: bool = False
    done_reason: str = ""
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    logprobs: list[Chosen] | None = None
    embeddings: list[list[float]] | None = None
    error: Any = None

    def usage(self) -> Usage | None:
        """Return the tokens that it tells; None where it tells none."""
        if self.prompt_eval_count is None and self.eval_count is None:
            return None
        return Usage(max(self.prompt_eval_count or 0, 0), max(self.eval_count or 0, 0))

    def tokens(self) -> list[dict[str, object]] | None:
        """Return what it says of its tokens, as OpenAI says it; None where it does not."""
        if not self.logprobs:
            return None
        return [
            {**_told(each), "top_logprobs": list(map(_told, each.top_logprobs))}
            for each in self.logprobs
        ]


_decode = msgspec.json.Decoder(Answered).decode


def read_answered(data: bytes) -> Answered | None:
    """Read a line or a body, which is UTF-8 already; None if it cannot be read (U16)."""
    return decoded(_decode, data)


def moment_of(created_at: str) -> tuple[str, int]:
    """Return the digits of a moment, by which an answer is told from others, and its second."""
    digits = _NOT_A_DIGIT.sub("", created_at[:64])[:_DIGITS] or "0"
    try:
        second = int(datetime.fromisoformat(created_at[:64]).timestamp())
    except (ValueError, OverflowError):
        second = 0
    return digits, max(second, 0)


_FINISH_REASONS: Final = {"": "stop", "stop": "stop", "length": "length"}


def finish_reason_of(done_reason: str, *, calls: bool) -> str:
    """Return OpenAI's word for why an answer has ended; to the server a call of a tool is a stop.

    A word that is not known stays as it is: nobody may take it for a good end.
    """
    reason = _FINISH_REASONS.get(done_reason, done_reason)
    return "tool_calls" if calls and reason == "stop" else reason


def _told(token: Probable) -> dict[str, object]:
    given = list(token.token.encode(errors="replace")) if token.bytes is None else token.bytes
    return {"token": token.token, "logprob": token.logprob, "bytes": given}
