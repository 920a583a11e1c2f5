"""Reads a provider's answer in Anthropic's Messages, and tells it in OpenAI's chat form. Pure.

A stream is translated event by event; what is not known (blocks, deltas, events of a later day) is
left out. How a body is told apart from a stream, what is bounded, and how it may end is the chat
form's, whose reader this one is built on.
"""

import msgspec

from gateway.forms import chat_answer
from gateway.forms.chat_answer import EVENT_STREAM
from gateway.forms.chat_build import as_stream
from gateway.forms.chat_chunks import Chunks, tool_call
from gateway.forms.chat_errors import error_body, raised
from gateway.forms.chat_facts import model_of
from gateway.forms.messages_build import arguments_of, completion, detail_of
from gateway.forms.messages_errors import read_fault
from gateway.forms.messages_facts import (
    Block,
    Count,
    Delta,
    Happening,
    finish_reason_of,
    read_happening,
    read_message,
)
from gateway.forms.sse import BOM, Event
from gateway.forms.text import is_utf8
from gateway.words.answer import Piece
from gateway.words.call import Call
from gateway.words.errors import UpstreamMalformed, UpstreamTruncated

PING = Piece(b": ping\n\n", comment=True)
"""What the provider says while it has nothing to say: a comment is no event to any client."""


class AnswerReader(chat_answer.AnswerReader):
    """Reads one answer: a stream of events, or JSON in one piece (see `forms.Reader`).

    Each piece is an event, or the body, of the chat form.
    """

    __slots__ = (
        "_block",
        "_chunks",
        "_counted",
        "_index",
        "_kept",
        "_limits",
        "_parted",
        "_signs",
        "_stopped",
        "_thoughts",
        "_tools",
    )

    def __init__(
        self,
        call: Call,
        status: int,
        content_type: str,
        max_event_bytes: int,
        max_answer_bytes: int,
    ) -> None:
        super().__init__(call, status, content_type, max_event_bytes, max_answer_bytes)
        self._limits = (max_event_bytes, max_answer_bytes)
        self._chunks = Chunks("", call.model, shows_usage=call.show_usage)
        self._counted = Count()
        self._block = Block()
        self._index = -1
        self._parted = False
        self._stopped = False
        self._thoughts: list[str] = []
        self._signs: list[str] = []
        self._kept = 0
        self._tools = 0

    def end(self) -> list[Piece]:
        """Say that the provider's body has ended (see `forms.Reader`).

        A stream is whole if it has said `message_stop`, or why the message has ended (U14, U23).
        """
        if self.ended:
            return []
        pieces = super().end()
        if self._stopped or self._fault is not None:
            return pieces
        if not self._finished:
            # The chat form would take a `[DONE]` for an end.
            self.ended = False
            raise UpstreamTruncated("The provider's stream ended before its last event.")
        last = self._stop()
        return [*pieces, last] if last is not None else pieces

    def _read_event(self, event: Event) -> Piece | None:
        data = event.data
        if data is None:
            return PING if event.comments_only else None
        happening = read_happening(data) if is_utf8(data) else None
        if happening is None:
            self.malformed_events += 1
            return None
        match happening.kind:
            case "content_block_delta":
                return self._read_delta(happening)
            case "content_block_start":
                return self._begin_block(happening)
            case "content_block_stop":
                return self._end_block(happening)
            case "message_start":
                return self._begin(happening)
            case "message_delta":
                return self._read_end(happening)
            case "message_stop":
                return self._stop()
            case "ping":
                return PING
            case "error":
                return self._tell_fault(data)
            case _:
                return None

    def _begin(self, happening: Happening) -> Piece | None:
        message = happening.message
        if message is None or self._seen:
            return None
        self._seen.add(0)
        self._model = model_of(message.model)
        self._chunks = Chunks(
            message.id, self._model or self._call.model, shows_usage=self._call.show_usage
        )
        usage = self._counted.note(message.usage)
        return Piece(self._chunks.role(), usage=usage, model=self._model)

    def _begin_block(self, happening: Happening) -> Piece | None:
        block = happening.content_block
        if block is None:
            return None
        self._block, self._index, self._parted = block, happening.index, False
        self._thoughts, self._signs, self._kept = [block.thinking], [block.signature], 0
        match block.type:
            case "text" if block.text:
                return self._said(self._chunks.content(block.text))
            case "thinking" if block.thinking:
                return self._said(self._chunks.thought(block.thinking))
            case "tool_use":
                self._tools += 1
                return self._said(
                    self._chunks.tool(self._tools - 1, tool_call(block.id, block.name, ""))
                )
            case _:
                return None

    def _read_delta(self, happening: Happening) -> Piece | None:
        delta, block = happening.delta, self._block
        if delta is None or happening.index != self._index:
            return None
        match delta.type:
            case "text_delta" if delta.text and block.type == "text":
                return self._said(self._chunks.content(delta.text))
            case "input_json_delta" if delta.partial_json and block.type == "tool_use":
                self._parted = True
                return self._said(self._chunks.arguments(self._tools - 1, delta.partial_json))
            case _:
                return self._think(delta) if block.type == "thinking" else None

    def _think(self, delta: Delta) -> Piece | None:
        """Tell a part of a thought, and keep it: once it is whole it is told with its signature.

        One that would make too large an event is not told again.
        """
        self._kept += len(delta.thinking) + len(delta.signature)
        if self._kept <= self._limits[0]:
            self._thoughts.append(delta.thinking)
            self._signs.append(delta.signature)
        else:
            self._thoughts, self._signs = [], []
        return self._said(self._chunks.thought(delta.thinking)) if delta.thinking else None

    def _end_block(self, happening: Happening) -> Piece | None:
        """Tell what is known only once a block is whole: a signature, arguments without a part."""
        if happening.index != self._index:
            return None
        block, self._block = self._block, Block()
        if block.type == "tool_use":
            if self._parted:
                return None
            return self._said(self._chunks.arguments(self._tools - 1, arguments_of(block.input)))
        block.thinking, block.signature = "".join(self._thoughts), "".join(self._signs)
        detail = detail_of(self._index, block)
        if detail is None:
            return None
        return self._said(self._chunks.add("reasoning_details", [detail]))

    def _read_end(self, happening: Happening) -> Piece | None:
        usage = self._counted.note(happening.usage)
        reason = happening.delta and happening.delta.stop_reason
        if not reason or self._finished:
            return None
        self._seen.add(0)
        self._finished.add(0)
        return Piece(self._chunks.finish(finish_reason_of(reason)), True, usage, model=self._model)

    def _stop(self) -> Piece | None:
        """End the stream; one that does not say why it has ended is not whole."""
        if not self._finished:
            return None
        self._stopped = self.ended = True
        usage = self._counted.usage()
        if usage is None:
            return None
        return Piece(self._chunks.usage(usage), False, usage, True, model=self._model)

    def _said(self, raw: bytes) -> Piece:
        return Piece(raw, True, model=self._model)

    def _tell_fault(self, data: bytes) -> Piece:
        """Tell an error in the shape that OpenAI's SDKs raise (U26)."""
        self._fault = fault = read_fault(data)
        body = error_body(fault.message, fault.type, None, fault.code)
        return Piece(b"data: %b\n\n" % body, usage=self._counted.usage(), fault=fault)

    def _end_whole(self, whole: bytes) -> list[Piece]:
        body = whole.removeprefix(BOM)
        message = read_message(body) if is_utf8(body) else None
        if message is None:
            raise UpstreamMalformed("The provider's answer is not a JSON object of a message.")
        if message.type == "error" or message.error:
            fault = read_fault(body)
            raise raised(fault)
        if message.content is None or not message.stop_reason:
            raise UpstreamMalformed("The provider answered JSON that is no whole message.")
        model, usage = model_of(message.model), self._counted.note(message.usage)
        name = model or self._call.model
        raw = completion(message.id, name, message.content, message.stop_reason, usage)
        if self._call.stream:
            return self._tell_as_stream(raw)
        self._stopped = self.ended = True
        return [Piece(raw, True, usage, model=model)]

    def _tell_as_stream(self, body: bytes) -> list[Piece]:
        """Tell a whole answer as the stream that was asked for: of its usage all parts count."""
        stream = chat_answer.AnswerReader(self._call, 200, EVENT_STREAM, *self._limits)
        events = as_stream(body)
        assert events is not None, "it has just been written"
        pieces = stream.feed(events)
        self._stopped = self.ended = True
        usage = self._counted.usage()
        return [msgspec.structs.replace(piece, usage=piece.usage and usage) for piece in pieces]
