"""Tells a client an answer in Anthropic's Messages: what came in this form as it came. Pure.

What came in the common form is translated, event by event. How an answer has ended, and what it
has used, is told last, once both are known; of an answer that has not said how it has ended nobody
is told that it has.
"""

from typing import Final

import msgspec

from gateway.forms import chat
from gateway.forms.messages_write_blocks import Blocks
from gateway.forms.messages_write_errors import error_event
from gateway.forms.messages_write_events import (
    PING,
    STOP,
    cache_fields,
    message_delta,
    message_start,
    usage_fields,
)
from gateway.forms.messages_write_facts import Choice, Chunk, Said, read_chunk
from gateway.forms.messages_write_whole import blocks_of
from gateway.forms.sse import Splitter
from gateway.words.answer import Piece, Usage
from gateway.words.call import Call
from gateway.words.client import Header
from gateway.words.errors import GatewayError, UpstreamFault, UpstreamMalformed, UpstreamTruncated

_STOP_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
"""Why answers end well, or for a reason that clients know; any other end is a failure."""

_encode = msgspec.json.Encoder().encode


class AnswerWriter:
    """Writes one answer (see `forms.Writer`)."""

    __slots__ = ("_headers", "_native", "_story", "_stream")

    def __init__(self, call: Call) -> None:
        self._stream = call.stream
        self._headers = chat.AnswerWriter(call).headers
        self._native = False
        self._story = _Story(call)

    @property
    def headers(self) -> tuple[Header, ...]:
        return self._headers

    def write(self, pieces: list[Piece]) -> bytes:
        """Return what the client is sent for these pieces. Raises `UpstreamFailure`."""
        return b"".join([self._write(piece) for piece in pieces])

    def _write(self, piece: Piece) -> bytes:
        if piece.native:
            self._native = True
            return piece.raw
        if piece.comment:
            return PING
        self._story.count(piece.usage)
        return self._story.tell(piece.raw) if self._stream else self._story.whole(piece.raw)

    def end(self) -> bytes:
        """Return the end of the message. Raises `UpstreamFailure` where it has none."""
        return self._story.end() if self._stream and not self._native else b""

    def keepalive(self) -> bytes:
        return PING if self._stream else b""

    def error(self, error: GatewayError) -> bytes:
        """Return the error as an event; an answer of one piece has no place for it."""
        return error_event(error) if self._stream else b""


class _Story:
    """What an answer in the common form has said so far."""

    __slots__ = ("_blocks", "_model", "_reason", "_refused", "_sequence", "_stops", "_usage")

    def __init__(self, call: Call) -> None:
        self._model = call.model
        self._blocks: Blocks | None = None
        self._usage: Usage | None = None
        self._reason: str | None = None
        self._sequence: str | None = None
        self._refused = False

    def count(self, usage: Usage | None) -> None:
        """Take note of what was used so far: the last word counts."""
        self._usage = usage or self._usage

    def tell(self, raw: bytes) -> bytes:
        """Tell whole events of the chat form."""
        if raw.startswith(b"data: ") and raw.find(b"\n") == len(raw) - 2:
            return self._tell(raw[6:-2])
        events = Splitter(len(raw)).feed(raw)
        return b"".join([self._tell(event.data) for event in events if event.data is not None])

    def _tell(self, data: bytes) -> bytes:
        chunk = read_chunk(data)
        choice = chunk.first
        if choice is None:
            return b""
        opened = b"" if self._blocks is not None else self._begin(chunk)
        assert self._blocks is not None, "it has begun"
        told = b"" if choice.delta is None else self._say(self._blocks, choice.delta)
        if choice.finish_reason:
            self._note_end(choice)
            told += self._blocks.close()
        return opened + told

    def _begin(self, chunk: Chunk) -> bytes:
        self._blocks = Blocks(chunk.id)
        return message_start(self._message(chunk, [], None, usage_fields(self._usage)))

    def _say(self, blocks: Blocks, said: Said) -> bytes:
        told = []
        if thought := said.thought:
            told.append(blocks.thought(thought))
        details = said.reasoning_details or ()
        told += [blocks.detail(detail, told=bool(thought)) for detail in details]
        if said.content:
            told.append(blocks.text(said.content))
        if said.refusal:
            self._refused = True
            told.append(blocks.text(said.refusal))
        told += [blocks.call(part) for part in said.tool_calls or ()]
        return b"".join(told)

    def whole(self, raw: bytes) -> bytes:
        """Tell an answer of one piece."""
        answer = read_chunk(raw)
        choice = answer.first
        if choice is None:
            raise UpstreamMalformed("The provider answered JSON that is no chat completion.")
        content = blocks_of(answer.id, choice)
        self._refused = choice.message is not None and bool(choice.message.refusal)
        self._note_end(choice)
        calls = bool(content) and content[-1]["type"] == "tool_use"
        usage = {**usage_fields(self._usage), **cache_fields(self._usage)}
        reason = self._stop_reason(calls=calls)
        return _encode(self._message(answer, content, reason, usage))

    def _message(
        self, chunk: Chunk, content: list[dict[str, object]], reason: str | None, usage: object
    ) -> dict[str, object]:
        return {
            "id": chunk.id,
            "type": "message",
            "role": "assistant",
            "model": chunk.model or self._model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": self._sequence,
            "usage": usage,
        }

    def _note_end(self, choice: Choice) -> None:
        self._reason = choice.finish_reason
        if self._reason == "stop" and isinstance(choice.stop_reason, str):
            self._sequence = choice.stop_reason

    def _stop_reason(self, *, calls: bool) -> str:
        """Return Anthropic's word for the end. Raises `UpstreamFailure` for no good end."""
        if self._reason is None:
            raise UpstreamTruncated("The provider's answer does not say how it has ended.")
        reason = _STOP_REASONS.get(self._reason)
        if reason is None:
            word = self._reason[:100]
            raise UpstreamFault(
                f"The provider ended its answer for the reason {word!r}.",
                type=UpstreamFault.type,
                code=UpstreamFault.code,
            )
        if reason != "end_turn":
            return reason
        if calls:
            return "tool_use"
        if self._refused:
            return "refusal"
        return "end_turn" if self._sequence is None else "stop_sequence"

    def end(self) -> bytes:
        """Tell why the answer has ended, and all that it has used.

        Some servers say more behind the reason; no block stays open.
        """
        blocks = self._blocks
        reason = self._stop_reason(calls=blocks is not None and blocks.calls)
        closed = b"" if blocks is None else blocks.close()
        return closed + message_delta(reason, self._sequence, usage_fields(self._usage)) + STOP
