"""Reads answers that pass as they are: JSON, events, sound and text, as their bytes arrive. Pure.

Nothing is translated. What is bounded, what a stream must be made of and how errors are told in it
is the chat form's, whose reader these are built on. JSON is held until it is whole, and a long one
is passed on piece by piece, as sound is: then only the end of its body says that it is whole.
"""

import re
from abc import abstractmethod
from typing import Final

from msgspec.structs import replace

from gateway.forms import Reader, chat_answer
from gateway.forms.raw_facts import TAIL_BYTES, has_text, read_said, usage_in
from gateway.forms.raw_operations import LAST_WORDS, OPERATIONS, is_open
from gateway.forms.raw_write import JSON_HEADERS
from gateway.forms.sse import BOM, Event
from gateway.words.answer import Piece
from gateway.words.call import Call
from gateway.words.client import Header
from gateway.words.errors import AnswerTooLarge, UpstreamMalformed, UpstreamTruncated

HELD_BYTES: Final = 4_194_304
"""JSON that is longer is passed on before it is whole."""

EVENT_HEADERS: Final[tuple[Header, ...]] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)

_PARAMETERS = r"(?:[ \t]*;[ \t]*[a-z0-9-]{1,32}=[a-z0-9._-]{1,64}){0,4}"
_SOUND = re.compile(
    r"(?:audio/[a-z0-9.+-]{1,64}|application/(?:octet-stream|ogg)|binary/octet-stream)"
    + _PARAMETERS
)
_TEXT = re.compile(r"(?:text/(?:plain|vtt|srt|x-srt)|application/x-subrip)" + _PARAMETERS)
_TELLS_TEXT = frozenset({b'"text"', b'"srt"', b'"vtt"'})
"""What `response_format` says of a transcription that is to be no JSON."""

_SPACE = b" \t\r\n"


def AnswerReader(  # noqa: N802 (it stands where other forms have a class)
    call: Call, status: int, content_type: str, max_event_bytes: int, max_answer_bytes: int
) -> Reader:
    """Begin to read an answer (see `forms.UpstreamForm`)."""
    if call.operation == "completions":
        return Completion(call, status, content_type, max_event_bytes, max_answer_bytes)
    bare = _bare(call, content_type) if OPERATIONS[call.operation].bare else None
    if bare is not None:
        # Where nobody speaks there are no words; but no sound is no answer.
        return Bare(bare, max_answer_bytes, may_be_empty=call.operation != "speech")
    return Told(call, status, content_type, max_event_bytes, max_answer_bytes)


def _bare(call: Call, content_type: str) -> str | None:
    """Return the content type of an answer that is no JSON, as it is told; None for any other."""
    media = content_type.strip().lower()
    if call.operation == "speech":
        if not media:
            return "application/octet-stream"
        return media if _SOUND.fullmatch(media) else None
    if bytes(call.fields.get("response_format", b"")) not in _TELLS_TEXT:
        return None
    if not media:
        return "text/plain; charset=utf-8"
    return media if _TEXT.fullmatch(media) else None


class Passing:
    """A reader that says itself what the client is told of an answer in its head."""

    __slots__ = ()

    @property
    @abstractmethod
    def headers(self) -> tuple[Header, ...]:
        """The content type, and what goes with it; to be read once there is content."""

    @property
    @abstractmethod
    def needs_end(self) -> bool:
        """Say whether only the end of the body tells that the answer is whole."""


class Bare(Passing):
    """Reads sound or text: each part is passed on as it comes (see `forms.Reader`)."""

    __slots__ = ("_left", "_may_be_empty", "_media", "_most", "ended", "malformed_events")

    needs_end = True

    def __init__(self, media: str, max_answer_bytes: int, *, may_be_empty: bool) -> None:
        self._media = media
        self._may_be_empty = may_be_empty
        self._left = self._most = max_answer_bytes
        self.malformed_events = 0
        self.ended = False

    @property
    def headers(self) -> tuple[Header, ...]:
        """What no browser is to take for anything else."""
        return ((b"content-type", self._media.encode()), (b"x-content-type-options", b"nosniff"))

    def feed(self, data: bytes) -> list[Piece]:
        first = self._left == self._most
        self._left -= len(data)
        if self._left < 0:
            raise AnswerTooLarge(f"The provider answered more than {self._most} bytes.")
        return [Piece(data, has_content=first, native=True)]

    def end(self) -> list[Piece]:
        if self._left == self._most and not self._may_be_empty:
            raise UpstreamMalformed("The provider answered with no sound at all.")
        self.ended = True
        return []


class Completion(chat_answer.AnswerReader):
    """Reads a completion of text: its stream is made as that of a chat (see `forms.Reader`)."""

    __slots__ = ()

    def _read_event(self, event: Event) -> Piece | None:
        """Read an event, of which the chat form does not know that a text is content."""
        piece = super()._read_event(event)
        if piece is None or piece.has_content or not has_text(event.data or b""):
            return piece
        return replace(piece, has_content=True)

    def _tell_as_stream(self, body: bytes) -> list[Piece]:
        """Tell a whole completion as one event: a stream is made of such."""
        lines = [b"data: %b\n" % line for line in body.splitlines()]
        piece = self._read_event(Event(b"".join(lines) + b"\n", body))
        self.ended = True
        if piece is None or not piece.has_content:
            raise UpstreamMalformed("The provider answered JSON that is no completion.")
        return [piece]


class Told(Passing, chat_answer.AnswerReader):
    """Reads JSON in one piece, or the events that an operation has (see `forms.Reader`)."""

    __slots__ = ("_operation", "_tail", "_whole")

    def __init__(
        self,
        call: Call,
        status: int,
        content_type: str,
        max_event_bytes: int,
        max_answer_bytes: int,
    ) -> None:
        super().__init__(call, status, content_type, max_event_bytes, max_answer_bytes)
        self._operation = OPERATIONS[call.operation]
        self._tail: bytes | None = None
        self._whole = False

    @property
    def headers(self) -> tuple[Header, ...]:
        if not is_open(self._call):
            return ()  # it can only be what the writer says
        return EVENT_HEADERS if self._kind is chat_answer.Kind.EVENTS else JSON_HEADERS

    @property
    def needs_end(self) -> bool:
        """Say so of JSON that is passed on, and of events that do not say which is the last."""
        if self._kind is chat_answer.Kind.EVENTS:
            return not self._operation.closes
        return self._tail is not None

    def feed(self, data: bytes) -> list[Piece]:
        if self._tail is not None:
            return self._pass(data)
        pieces = super().feed(data)
        if self._kind is chat_answer.Kind.WHOLE and len(self._body) > HELD_BYTES:
            self._tail = b""
            body = bytes(self._body)
            self._body.clear()
            self._taken -= len(body)
            return self._pass(body, first=True)
        return pieces

    def _pass(self, data: bytes, *, first: bool = False) -> list[Piece]:
        """Pass on a part of a long answer; its end is kept, for there its usage stands."""
        assert self._tail is not None
        if first and data.lstrip(_SPACE)[:1] != b"{":
            raise UpstreamMalformed("The provider's answer is not a JSON object.")
        self._taken += len(data)
        if self._taken > self._max_bytes:
            raise AnswerTooLarge(f"The provider answered more than {self._max_bytes} bytes.")
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        return [Piece(data, has_content=first, native=True)]

    def end(self) -> list[Piece]:
        if self._tail is None:
            return super().end()
        if not self._tail.rstrip(_SPACE).endswith(b"}"):
            raise UpstreamTruncated("The provider's answer ended in the middle.")
        self.ended = True
        return [Piece(b"", usage=usage_in(self._tail), native=True)]

    def _read_event(self, event: Event) -> Piece | None:
        """Read an event; the last word of a result makes a stream whole."""
        piece = super()._read_event(event)
        if self.ended:
            return Piece(event.raw, native=True)
        if piece is None or piece.comment or piece.fault is not None:
            return piece
        name, usage = read_said(event.data or b"")
        if name.startswith(self._operation.events) and name.endswith(LAST_WORDS):
            self._seen.add(0)
            self._finished.add(0)
            self.ended = self._operation.closes
        return Piece(piece.raw, True, usage, model=piece.model, native=True)

    def _end_whole(self, whole: bytes) -> list[Piece]:
        """Pass on what the chat form has found to be JSON; none of it is the chat form's own."""
        (piece,) = super()._end_whole(whole)
        body = whole.removeprefix(BOM)
        _, usage = read_said(body)
        told = body if self._call.stream else whole
        return [Piece(told, True, usage, model=piece.model, native=True)]

    def _tell_as_stream(self, body: bytes) -> list[Piece]:
        """Pass JSON on as JSON: whoever asks for a stream of these must take both."""
        self.ended = True
        return [Piece(body, True)]
