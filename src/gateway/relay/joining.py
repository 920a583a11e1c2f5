"""Asks for a stream where the client wants one piece, and joins it (`stream_upstream`).

A provider goes on with an answer in one piece after its client has left; a stream that is closed
stops.
"""

from msgspec import Raw
from msgspec.structs import replace

from gateway.forms import Reader
from gateway.forms.chat_join import Joiner
from gateway.forms.sse import Splitter
from gateway.words.answer import Piece, Usage
from gateway.words.call import Call
from gateway.words.receipt import Attempt
from gateway.words.target import Target

_ANSWERED_WHOLE = "audio"
"""A field that asks for what a stream has only in another encoding."""


def is_joined(call: Call, target: Target) -> bool:
    """Say whether a call for one piece is asked of this target as a stream."""
    common = call.form == "chat" or not target.speaks(call.form)
    chats = call.operation == "chat" and _ANSWERED_WHOLE not in call.fields
    return target.conduct.stream_upstream and not call.stream and common and chats


def streamed(call: Call) -> Call:
    """Return the call as one for a stream, which tells its usage at the end."""
    fields = {**call.fields, "stream": Raw(b"true")}
    return replace(call, stream=True, show_usage=False, fields=fields)


class Joining:
    """A reader (see `forms.Reader`) of a stream that tells it in one piece, once it has ended.

    What the stream came to so far is told to the attempt: it costs that much, also where nobody
    waits for the end.
    """

    def __init__(self, reader: Reader, attempt: Attempt) -> None:
        self._reader = reader
        self._attempt = attempt
        self._joiner = Joiner()
        self._usage: Usage | None = None
        self._model: str | None = None
        self.malformed_events = 0
        self.ended = False

    def feed(self, data: bytes) -> list[Piece]:
        try:
            return self._take(self._reader.feed(data))
        finally:
            self.malformed_events = self._reader.malformed_events

    def end(self) -> list[Piece]:
        try:
            return self._take(self._reader.end())
        finally:
            self.malformed_events = self._reader.malformed_events

    def _take(self, pieces: list[Piece]) -> list[Piece]:
        for piece in pieces:
            if piece.fault is not None:
                return [piece]
            if not piece.comment:
                self._note(piece)
        if not self._reader.ended or self.ended:
            return []
        self.ended = True
        # The piece to come is counted as one more.
        self._attempt.pieces = max(self._attempt.pieces - 1, 0)
        return [Piece(self._joiner.completion(), True, self._usage, model=self._model)]

    def _note(self, piece: Piece) -> None:
        attempt, splitter = self._attempt, Splitter(len(piece.raw))
        for event in (*splitter.feed(piece.raw), *splitter.end()):
            if event.data is not None:
                self._joiner.add(event.data)
        self._model = piece.model or self._model
        if piece.has_content:
            attempt.pieces += 1
        if piece.usage is not None:
            self._usage = attempt.usage = piece.usage
            attempt.counted = attempt.pieces
