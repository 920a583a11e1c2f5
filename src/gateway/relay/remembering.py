"""Has the thoughts remembered that come with calls of tools (see `policy/thoughts.py`)."""

from gateway.forms import Reader
from gateway.policy.thoughts import SIGNED_FORMS, Notes
from gateway.relay.errand import Errand
from gateway.words.answer import Piece
from gateway.words.call import Call
from gateway.words.target import Target


class Remembering:
    """A reader (see `forms.Reader`) that has notes taken of what it reads."""

    def __init__(self, reader: Reader, notes: Notes) -> None:
        self._reader = reader
        self._notes = notes
        self.malformed_events = 0
        self.ended = False

    def feed(self, data: bytes) -> list[Piece]:
        try:
            return self._noted(self._reader.feed(data))
        finally:
            self.malformed_events = self._reader.malformed_events

    def end(self) -> list[Piece]:
        try:
            return self._noted(self._reader.end())
        finally:
            self.malformed_events = self._reader.malformed_events

    def _noted(self, pieces: list[Piece]) -> list[Piece]:
        self._notes.note(pieces)
        if self._reader.ended and not self.ended:
            self.ended = True
            self._notes.end()
        return pieces


def with_thoughts(call: Call, target: Target, errand: Errand) -> Call:
    """Return the call as its target is asked it: with thoughts of its own that the client lost."""
    if not _is_translated_and_signed(call, target):
        return call
    return errand.house.thoughts.fill(call, errand.receipt.caller)


def remembering(reader: Reader, call: Call, target: Target, errand: Errand) -> Reader:
    """Return who reads the answer, and has its thoughts remembered where there may be any."""
    if not _is_translated_and_signed(call, target):
        return reader
    return Remembering(reader, Notes(errand.house.thoughts, errand.receipt.caller))


def _is_translated_and_signed(call: Call, target: Target) -> bool:
    """Say whether thoughts travel in the common form; a target's own form carries them itself."""
    return target.form in SIGNED_FORMS and (call.form == "chat" or not target.speaks(call.form))
