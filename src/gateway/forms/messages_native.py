"""Reads an answer in Anthropic's Messages for a client that speaks this form too. Pure.

Its bytes pass as they came, event by event; only what is read beside them is the gateway's. Left
out is what a client would stumble over: malformed events (U16), `id:` and `retry:` lines and events
without data (U22). The last event is `message_stop`; a stream that has said why the message ended
and breaks off before it gets the gateway's own.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms import chat_answer
from gateway.forms.chat_errors import raised
from gateway.forms.chat_facts import model_of
from gateway.forms.fields import NULL
from gateway.forms.messages_errors import read_fault
from gateway.forms.messages_facts import Count
from gateway.forms.messages_native_stream import as_stream
from gateway.forms.messages_write_events import STOP
from gateway.forms.sse import BOM, Event, Splitter, without_marks
from gateway.forms.text import is_utf8, without_halves
from gateway.words.answer import Piece, Usage
from gateway.words.call import COUNT_TOKENS, Call
from gateway.words.errors import UpstreamMalformed, UpstreamTruncated

_SAY_LATER: Final = frozenset({"text", "thinking"})
"""Blocks that say nothing yet when they begin."""


class _Kind(msgspec.Struct, gc=False):
    type: Any = None


class _Begun(msgspec.Struct, gc=False):
    model: Any = None
    usage: Any = None


class _Ended(msgspec.Struct, gc=False):
    stop_reason: Any = None


class _Happening(msgspec.Struct, gc=False):
    """An event, as far as the house reads it."""

    type: Any = None
    message: _Begun | None = None
    content_block: _Kind | None = None
    delta: _Ended | None = None
    usage: Any = None
    error: Raw = NULL

    @property
    def kind(self) -> Any:
        """Its type; servers that are not Anthropic's tell errors without one."""
        return "error" if self.type is None and bytes(self.error)[:1] == b"{" else self.type


class _Whole(msgspec.Struct, gc=False):
    """An answer in one piece, or how many tokens a prompt has."""

    type: Any = None
    model: Any = None
    content: Raw = NULL
    stop_reason: Any = None
    usage: Any = None
    error: Any = None
    input_tokens: int | None = None


_decode_happening = msgspec.json.Decoder(_Happening).decode
_decode_whole = msgspec.json.Decoder(_Whole).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode


def read_happening(data: bytes) -> _Happening | None:
    """Read an event's data; None if it is no JSON (U16), nothing of it where it is odd."""
    try:
        return _decode_happening(data)
    except (msgspec.DecodeError, RecursionError):
        pass
    data = without_halves(data)
    try:
        return _decode_happening(data)
    except msgspec.ValidationError:
        pass
    except (msgspec.DecodeError, RecursionError):
        return None
    try:
        _decode_fields(data)
    except (msgspec.DecodeError, RecursionError):
        return None
    return _Happening()


class NativeReader(chat_answer.AnswerReader):
    """Reads one answer, a stream or JSON in one piece (see `forms.Reader`)."""

    __slots__ = ("_counted", "_stopped")

    def __init__(
        self,
        call: Call,
        status: int,
        content_type: str,
        max_event_bytes: int,
        max_answer_bytes: int,
    ) -> None:
        super().__init__(call, status, content_type, max_event_bytes, max_answer_bytes)
        self._counted = Count()
        self._stopped = False

    def end(self) -> list[Piece]:
        """Say that the provider's body has ended (see `forms.Reader`)."""
        if self.ended:
            return []
        pieces = super().end()
        if self._stopped or self._fault is not None:
            return pieces
        if not self._finished:
            # The chat form would take a `[DONE]` for an end.
            self.ended = False
            raise UpstreamTruncated("The provider's stream ended before its last event.")
        self._stopped = self.ended = True
        return [*pieces, Piece(STOP, model=self._model, native=True)]

    def _read_event(self, event: Event) -> Piece | None:
        raw, data = event.raw, event.data
        if not raw.isascii() and not is_utf8(raw):
            self.malformed_events += 1
            return None
        if event.marked or event.bom:
            raw = without_marks(event)
        if data is None:
            text = raw.lstrip(b"\r\n")
            return Piece(text, comment=True, native=True) if event.comments_only else None
        happening = read_happening(data)
        if happening is None:
            self.malformed_events += 1
            return None
        return self._piece_of(raw, data, happening)

    def _piece_of(self, raw: bytes, data: bytes, happening: _Happening) -> Piece | None:
        match happening.kind:
            case "content_block_delta":
                return Piece(raw, True, model=self._model, native=True)
            case "content_block_start":
                block = happening.content_block
                kind = None if block is None else block.type
                speaks = isinstance(kind, str) and kind not in _SAY_LATER
                return Piece(raw, speaks, model=self._model, native=True)
            case "message_start":
                return self._begin(raw, happening.message or _Begun())
            case "message_delta":
                return self._read_end(raw, happening)
            case "message_stop":
                if not self._finished:
                    return None
                self._stopped = self.ended = True
                return Piece(raw, model=self._model, native=True)
            case "error":
                self._fault = fault = read_fault(data)
                return Piece(raw, usage=self._counted.usage(), fault=fault, native=True)
            case "ping":
                return Piece(raw, comment=True, native=True)
            case _:
                return Piece(raw, model=self._model, native=True)

    def _begin(self, raw: bytes, message: _Begun) -> Piece:
        self._seen.add(0)
        self._model = model_of(message.model)
        usage = self._counted.note(message.usage)
        return Piece(raw, usage=usage, model=self._model, native=True)

    def _read_end(self, raw: bytes, happening: _Happening) -> Piece:
        usage = self._counted.note(happening.usage)
        if happening.delta is not None and happening.delta.stop_reason:
            self._seen.add(0)
            self._finished.add(0)
        return Piece(raw, bool(self._finished), usage, model=self._model, native=True)

    def _end_whole(self, whole: bytes) -> list[Piece]:
        body = whole.removeprefix(BOM)
        if not is_utf8(body):
            raise UpstreamMalformed("The provider's answer is not UTF-8.")
        body = without_halves(body)
        try:
            answer = _decode_whole(body)
        except (msgspec.DecodeError, RecursionError):
            raise UpstreamMalformed("The provider's answer is not JSON of a message.") from None
        if answer.type == "error" or answer.error:
            fault = read_fault(body)
            raise raised(fault)
        if self._call.operation == COUNT_TOKENS:
            return self._end_count(whole, answer)
        if bytes(answer.content)[:1] != b"[" or not answer.stop_reason:
            raise UpstreamMalformed("The provider answered JSON that is no whole message.")
        if self._call.stream:
            return self._tell_as_stream(body)
        self._stopped = self.ended = True
        usage, model = self._counted.note(answer.usage), model_of(answer.model)
        return [Piece(whole, True, usage, model=model, native=True)]

    def _tell_as_stream(self, body: bytes) -> list[Piece]:
        stream = as_stream(body)
        if stream is None:
            raise UpstreamMalformed("The provider answered JSON that is no whole message.")
        return self._read(Splitter(len(stream)).feed(stream))

    def _end_count(self, whole: bytes, answer: _Whole) -> list[Piece]:
        """Pass on how many tokens there are; to be told costs none."""
        if answer.input_tokens is None:
            raise UpstreamMalformed("The provider does not say how many tokens there are.")
        self._stopped = self.ended = True
        return [Piece(whole, usage=Usage(), native=True)]
