"""Goes on with a stream of chat completion chunks that broke off, where another one says the same.

Nothing is spliced that was not compared: the same call is asked again, what the client already has
is swallowed character by character, and only the rest passes. One character that differs ends it.
It is for plain text alone: one choice, whose deltas hold `content` and `role`. Texts are compared
decoded, not by their bytes; half a surrogate pair is no text that could be compared. Pure.
"""

from io import StringIO
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Raw

from gateway.forms.sse import Event, read_event
from gateway.words.answer import Piece

MAX_RESUMED_CHARS = 1_000_000
"""Characters that are kept of one answer; a longer one is not resumed."""

PROBE_CHARS = 32
"""So many characters tell an answer that began anew from one that goes on."""


class Differs(Exception):
    """The new answer is not the one that the client has the beginning of."""


class _Choice(msgspec.Struct, gc=False):
    """The only choice there may be. Any other type than these is something else than text."""

    index: Literal[0] = 0
    delta: dict[str, Any] | None = None
    finish_reason: Any = None
    logprobs: None = None


class _Chunk(msgspec.Struct, gc=False):
    id: Any = None
    choices: Annotated[list[_Choice], msgspec.Meta(max_length=1)] | None = None


class _Said(msgspec.Struct, frozen=True, gc=False):
    """What an event adds to the text, whether that was the end of it, and the answer's id."""

    text: str = ""
    finished: bool = False
    has_role: bool = False
    id: str | None = None


_NOTHING = _Said()
_TEXT = (str, type(None))

_encode = msgspec.json.Encoder().encode
_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_choices = msgspec.json.Decoder(list[dict[str, Raw]]).decode


class Delivered:
    """What the client has been given of an answer, as far as it can be asked for again.

    Once it cannot, the text is forgotten and nothing more is read.
    """

    __slots__ = ("_chars", "_text", "id", "resumable")

    def __init__(self) -> None:
        self._text = StringIO()
        self._chars = 0
        self.id: str | None = None
        """What its events call it; they all have one, and so must those that are joined to it."""
        self.resumable = True

    @property
    def text(self) -> str:
        """The text so far; empty where it is not resumable."""
        return self._text.getvalue()

    def note(self, pieces: list[Piece]) -> None:
        """Take note of what the client is given, rewritten pieces of a `Join` included."""
        if not self.resumable:
            return
        for piece in pieces:
            if piece.comment or piece.usage_only:
                continue
            said = _read(piece) if piece.fault is None else None
            if said is not None and not said.finished:
                self.id = self.id or said.id
                self._chars += self._text.write(said.text)
                if self._chars <= MAX_RESUMED_CHARS:
                    continue
            self.resumable = False
            self._text = StringIO()
            return


class Join:
    """Joins a new answer to what the client has of another: swallows that, passes the rest.

    With `prefilled` the provider was given the text and goes on behind it. One that overlooked it
    and began anew is known by its first `PROBE_CHARS` characters, which are held back until it
    departs from the text; an answer begun anew is compared like any other.
    """

    __slots__ = ("_at", "_held", "_id", "_probing", "_text", "joined")

    def __init__(
        self, delivered_text: str, *, prefilled: bool, answer_id: str | None = None
    ) -> None:
        """What passes is called `answer_id`, where that is given."""
        assert not prefilled or len(delivered_text) >= PROBE_CHARS, "too short to be told apart"
        self._text = delivered_text
        self._at = 0
        self._id = answer_id
        self._probing = prefilled
        self._held: list[Piece] = []
        self.joined = not delivered_text

    def feed(self, pieces: list[Piece]) -> list[Piece]:
        """Return what goes on to the client; usage and faults do in any case.

        Raises `Differs`; then the client has been given nothing of this answer's text.
        """
        if self.joined:
            return self._called(pieces)
        passed: list[Piece] = []
        for piece in pieces:
            if self.joined or piece.usage_only or piece.fault is not None:
                passed.append(piece)
            elif not piece.comment:
                said = _read(piece)
                passed += self._probe(piece, said) if self._probing else self._compare(piece, said)
        return self._called(passed)

    def end(self) -> list[Piece]:
        """Say that the answer has ended; returns what was held back.

        Raises `Differs` where it ended before it had come to where the client is.
        """
        if self._probing:
            return self._called(self._go_on())
        if not self.joined:
            raise Differs("The new answer is shorter than what the client has.")
        return []

    def _called(self, pieces: list[Piece]) -> list[Piece]:
        """Return the pieces under the id that the client has seen."""
        if self._id is None:
            return pieces
        return [piece if piece.comment else _with_id(piece, self._id) for piece in pieces]

    def _probe(self, piece: Piece, said: _Said | None) -> list[Piece]:
        """Look whether the answer begins as the text does; hold it back while it may."""
        if said is None:
            return self._go_on(piece)
        expected = self._text[self._at : PROBE_CHARS]
        if said.text[: len(expected)] == expected:
            self._probing = False
            return self._compare(piece, said)
        piece = _without_role(piece, said)
        if said.finished or not expected.startswith(said.text):
            return self._go_on(piece)
        if said.text:
            self._at += len(said.text)
            self._held.append(piece)
        return []

    def _go_on(self, *pieces: Piece) -> list[Piece]:
        """Take the answer for what it should be: all of it stands behind the joint."""
        passed = [*self._held, *pieces]
        self._leave()
        return passed

    def _compare(self, piece: Piece, said: _Said | None) -> list[Piece]:
        """Swallow what the client has; return the rest of the event that goes beyond it."""
        if said is None:
            raise Differs("The new answer holds something else than text.")
        missing = len(self._text) - self._at
        if len(said.text) < missing:
            if said.finished or not self._text.startswith(said.text, self._at):
                raise Differs("The new answer departs from what the client has.")
            self._at += len(said.text)
            return []
        if not said.text.startswith(self._text[self._at :]):
            raise Differs("The new answer departs from what the client has.")
        self._leave()
        rest = said.text[missing:]
        return [_with_content(piece, rest)] if rest or said.finished else []

    def _leave(self) -> None:
        self._text, self._held, self._probing, self.joined = "", [], False, True


def _read(piece: Piece) -> _Said | None:
    """Read an event; None where it holds anything that is not plain text."""
    try:
        chunk = _decode_chunk(read_event(piece.raw).data or b"")
    except (msgspec.DecodeError, RecursionError):
        return None
    if not chunk.choices:
        return _NOTHING
    choice = chunk.choices[0]
    delta = choice.delta or {}
    text, role = delta.pop("content", None), delta.pop("role", None)
    if not isinstance(text, _TEXT) or not isinstance(role, _TEXT) or any(delta.values()):
        return None
    own = chunk.id if isinstance(chunk.id, str) else None
    return _Said(text or "", bool(choice.finish_reason), bool(role), own)


def _without_role(piece: Piece, said: _Said) -> Piece:
    """Return the text of an opening event without its role, which clients would add to theirs."""
    return _with_content(piece, said.text) if said.has_role and said.text else piece


def _with_id(piece: Piece, answer_id: str) -> Piece:
    """Put another id into an event that has one; all other fields keep their bytes."""
    event = read_event(piece.raw)
    try:
        chunk = _decode_fields((event.data or b"").replace(b"\n", b" "))
    except (msgspec.DecodeError, RecursionError):
        return piece
    if "id" not in chunk:
        return piece
    chunk["id"] = Raw(_encode(answer_id))
    return _rewritten(piece, event, chunk)


def _with_content(piece: Piece, text: str) -> Piece:
    """Put another text into an event and take its role out; all other fields keep their bytes."""
    event = read_event(piece.raw)
    # Between its data lines are line feeds: white space, for no string of JSON may hold one.
    chunk = _decode_fields((event.data or b"").replace(b"\n", b" "))
    choice = _decode_choices(chunk["choices"])[0]
    delta = _decode_fields(choice["delta"])
    delta["content"] = Raw(_encode(text))
    delta.pop("role", None)
    choice["delta"] = Raw(_encode(delta))
    chunk["choices"] = Raw(_encode([choice]))
    return _rewritten(piece, event, chunk)


def _rewritten(piece: Piece, event: Event, chunk: dict[str, Raw]) -> Piece:
    name = b"event: %b\n" % event.name if event.name else b""
    return msgspec.structs.replace(piece, raw=b"%bdata: %b\n\n" % (name, _encode(chunk)))
