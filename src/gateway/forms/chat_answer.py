"""Reads a provider's answer to a chat completion, as its bytes arrive. Pure.

A stream is passed on event by event with the bytes it came in. What an SDK would stumble over is
left out: malformed events (U16), `id:` and `retry:` lines and events without data (U22). A content
that is a list of parts becomes the text and the thoughts that it is (`chat_parts`). An error told
in the stream ends it: the event is passed on with its fault, what follows is not read.
"""

from enum import Enum, auto

from msgspec import structs

from gateway.forms.chat_build import as_stream
from gateway.forms.chat_errors import error_body, fault_of, raised, told_by, told_in
from gateway.forms.chat_facts import Choice, Chunk, model_of, read_chunk, usage_of
from gateway.forms.chat_filters import results_in, with_results
from gateway.forms.chat_parts import IN_PARTS, joined
from gateway.forms.sse import BOM, Event, Splitter, without_marks
from gateway.forms.text import is_utf8, one_line
from gateway.words.answer import Fault, Piece
from gateway.words.call import Call
from gateway.words.errors import (
    AnswerTooLarge,
    UpstreamMalformed,
    UpstreamTruncated,
)

EVENT_STREAM = "text/event-stream"

_JSON = frozenset({"application/json", "text/json"})
_SAYS_NOTHING = frozenset({"", "text/plain", "application/octet-stream", "binary/octet-stream"})
"""Content types that leave it to the first bytes."""

_FIELDS = (b"data:", b":", b"event:", b"id:", b"retry:")
_SPACE = b" \t\r\n"
_SNIFFED_BYTES = 64
_DONE = b"[DONE]"


class Kind(Enum):
    """What the body turned out to be."""

    UNKNOWN = auto()
    EVENTS = auto()
    WHOLE = auto()


class AnswerReader:
    """Reads one answer: a stream of events, or JSON in one piece (see `forms.Reader`).

    A provider that answers JSON where a stream was asked for is read whole; its error is raised,
    its completion is told as the stream that the client expects.
    """

    __slots__ = (
        "_body",
        "_call",
        "_declared",
        "_fault",
        "_finished",
        "_in_parts",
        "_kind",
        "_max_body_bytes",
        "_max_bytes",
        "_model",
        "_model_seen",
        "_results",
        "_seen",
        "_splitter",
        "_taken",
        "ended",
        "malformed_events",
    )

    def __init__(
        self,
        call: Call,
        status: int,
        content_type: str,
        max_event_bytes: int,
        max_answer_bytes: int,
    ) -> None:
        media = content_type.partition(";")[0].strip().lower()
        self._declared = media == EVENT_STREAM
        json = media in _JSON or media.endswith("+json") or media in _SAYS_NOTHING
        if not json and not (self._declared and call.stream):
            wanted = EVENT_STREAM if call.stream else "application/json"
            given = one_line(content_type, 100)
            raise UpstreamMalformed(
                f"The provider answered {status} with content of the type {given!r}, not {wanted}."
            )
        self._call = call
        self._kind = Kind.UNKNOWN if call.stream else Kind.WHOLE
        self._splitter = Splitter(max_event_bytes)
        self._body = bytearray()
        self._max_body_bytes = max_event_bytes if call.stream else max_answer_bytes
        self._max_bytes = max_answer_bytes
        self._taken = 0
        self._seen: set[int] = set()
        self._finished: set[int] = set()
        self._fault: Fault | None = None
        self._model: str | None = None
        self._model_seen: object = None
        self._results: bytes | None = None
        self._in_parts = False
        self.malformed_events = 0
        self.ended = False

    def feed(self, data: bytes) -> list[Piece]:
        if self.ended or self._fault is not None:
            return []
        self._taken += len(data)
        if self._taken > self._max_bytes:
            raise AnswerTooLarge(f"The provider answered more than {self._max_bytes} bytes.")
        if self._kind is Kind.UNKNOWN:
            self._body += data
            self._kind = self._sniff()
            if self._kind is Kind.EVENTS:
                data = bytes(self._body)
                self._body.clear()
        elif self._kind is Kind.WHOLE:
            self._body += data
        if self._kind is Kind.EVENTS:
            return self._read(self._splitter.feed(data))
        if len(self._body) > self._max_body_bytes:
            raise AnswerTooLarge(
                f"The provider answered more than {self._max_body_bytes} bytes in one piece."
            )
        return []

    def end(self) -> list[Piece]:
        """Say that the provider's body has ended (see `forms.Reader`).

        A stream is whole if it said `[DONE]`, or if every choice in it had its finish_reason (U14,
        U23). Raises `UpstreamTruncated`; `UpstreamFault` if it ended in an error; and what `feed`
        raises.
        """
        if self.ended:
            return []
        if self._fault is not None:
            raise raised(self._fault)
        if self._kind is Kind.WHOLE:
            return self._end_whole(bytes(self._body))
        pieces = self._read(self._splitter.end())
        if self.ended or self._fault is not None:
            return pieces
        done = self._splitter.rest.removeprefix(b"data:").strip() == _DONE
        if not done and not (self._seen and self._seen <= self._finished):
            raise UpstreamTruncated("The provider's stream ended before its last event.")
        self.ended = True
        return pieces

    def _sniff(self) -> Kind:
        """Look at the first bytes: they tell JSON and HTML apart from events (U9)."""
        start = bytes(self._body[:_SNIFFED_BYTES]).removeprefix(BOM).lstrip(_SPACE)
        short = len(self._body) < _SNIFFED_BYTES
        if short and BOM.startswith(start):
            return Kind.UNKNOWN
        if start[:1] in {b"{", b"["}:
            return Kind.WHOLE
        if start[:1] == b"<":
            raise UpstreamMalformed("The provider answered with a page of HTML, not with events.")
        if self._declared or start.startswith(_FIELDS):
            return Kind.EVENTS
        if short and any(field.startswith(start) for field in _FIELDS):
            return Kind.UNKNOWN
        raise UpstreamMalformed("The provider answered with something other than events or JSON.")

    def _read(self, events: list[Event]) -> list[Piece]:
        pieces = []
        for event in events:
            piece = self._read_event(event)
            if piece is not None:
                pieces.append(piece)
            if self.ended or self._fault is not None:
                break
        return pieces

    def _read_event(self, event: Event) -> Piece | None:
        raw, data = event.raw, event.data
        if not raw.isascii() and not is_utf8(raw):
            self.malformed_events += 1
            return None
        if event.marked or event.bom:
            raw = without_marks(event)
        if data is None:
            text = raw.lstrip(b"\r\n")
            return Piece(text, comment=True) if event.comments_only else None
        if data.startswith(_DONE):
            self.ended = True
            return None
        chunk = read_chunk(data)
        if event.name == b"error" and (chunk is None or chunk.choices is None):
            return self._read_fault(raw, data, chunk)
        if chunk is None:
            self.malformed_events += 1
            return None
        if chunk.error:
            return self._read_fault(raw, data, chunk)
        if not chunk.choices and chunk.choices is not None and chunk.usage is None:
            if (results := results_in(data)) is not None:
                self._results = results
                return None
        elif self._results is not None and chunk.choices:
            raw, self._results = with_results(data, self._results), None
        piece = self._piece(raw, chunk)
        if self._in_parts:
            self._in_parts = False
            return structs.replace(piece, raw=b"data: %b\n\n" % joined(data))
        return piece

    def _piece(self, raw: bytes, chunk: Chunk) -> Piece:
        choices, usage = chunk.choices, chunk.usage
        if chunk.model != self._model_seen:
            self._model_seen, self._model = chunk.model, model_of(chunk.model)
        return Piece(
            raw,
            self._speaks(choices) if choices else False,
            None if usage is None else usage_of(usage),
            usage is not None and choices is not None and not choices,
            None,
            self._model,
        )

    def _speaks(self, choices: list[Choice]) -> bool:
        """Keep account of which choices have finished; say whether there is content."""
        speaks = False
        for choice in choices:
            self._seen.add(choice.index)
            if choice.delta is not None and choice.delta.content.__class__ is list:
                self._in_parts = True
            if choice.finish_reason:
                self._finished.add(choice.index)
                speaks = True
            elif choice.delta is not None and choice.delta.speaks():
                speaks = True
        return speaks

    def _read_fault(self, raw: bytes, data: bytes, chunk: Chunk | None) -> Piece:
        """Read an error told in the stream (U26).

        The SDKs raise it if there is an object `error` with a message; then its bytes pass as they
        are. Any other shape is told in that one.
        """
        error = chunk.error if chunk is not None else None
        told = told_by(error) if error else told_in(data)
        self._fault = fault = fault_of(told)
        if not (isinstance(error, dict) and isinstance(error.get("message"), str) and told.message):
            body = error_body(fault.message, fault.type, told.param, fault.code)
            raw = b"data: %b\n\n" % body
        return Piece(raw, usage=usage_of(chunk.usage) if chunk is not None else None, fault=fault)

    def _end_whole(self, whole: bytes) -> list[Piece]:
        body = whole.removeprefix(BOM)
        chunk = read_chunk(body) if is_utf8(body) else None
        if chunk is None or body.lstrip(_SPACE)[:1] != b"{":
            raise UpstreamMalformed("The provider's answer is not a JSON object.")
        if chunk.error and not chunk.choices:
            raise raised(fault_of(told_by(chunk.error)))
        if IN_PARTS.search(body) is not None:
            body = whole = joined(body)
        if self._call.stream:
            return self._tell_as_stream(body)
        self.ended = True
        return [Piece(whole, True, usage_of(chunk.usage), model=model_of(chunk.model))]

    def _tell_as_stream(self, body: bytes) -> list[Piece]:
        stream = as_stream(body)
        if stream is not None:
            return self._read(Splitter(len(stream)).feed(stream))
        told = told_in(body)
        if told.message is not None:
            raise raised(fault_of(told))
        raise UpstreamMalformed("The provider answered JSON that is no chat completion.")
