"""Looks at an answer on its way: an event leaves once nothing that follows can change it. Pure.

Events are held back whole, and leave as they came unless something in them is masked. So a match
that goes over several events is found before any of it has left; what is held back of one text is
never more than its rules need to know what it is.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

import msgspec

from gateway.forms.sse import Splitter
from gateway.forms.text_events import Part, happening_in, without_probabilities
from gateway.forms.texts import Document, Path, Unreadable
from gateway.policy.guards.channel import Channel
from gateway.policy.guards.finding import Findings
from gateway.policy.guards.guard import Guard
from gateway.policy.guards.inspection import EACH, STRIDE
from gateway.words.answer import Piece

MOST_CHANNELS: Final = 512
MOST_HELD_BYTES: Final = 4_194_304
"""Texts side by side, and bytes of events that wait: an answer with more is not looked into."""

PATIENCE: Final = 64
"""A text that stands still holds up what is said elsewhere for so many characters at most."""

_TOKEN_CHARACTERS: Final = 4
_CHAT: Final = "chat"
_DONE: Final = b"[DONE]"
_BEGIN_JSON: Final = frozenset({b"{", b"[", b'"'})


class _Event:
    """One event, and the parts of texts in it, each with where it ends in its text."""

    __slots__ = ("changed", "document", "framed", "name", "parts", "raw")

    def __init__(self, raw: bytes, name: bytes = b"", *, framed: bool = True) -> None:
        self.raw = raw
        self.name = name
        self.framed = framed
        self.document: Document | None = None
        self.parts: list[tuple[Part, Channel, int]] = []
        self.changed = False

    def take(self) -> bytes:
        """Return the event as it may be told."""
        for part, channel, _ in self.parts:
            told = channel.take(part.leaf.text)
            if told != part.leaf.text:
                part.leaf.put(told)
                self.changed = True
        if not self.changed or self.document is None:
            return self.raw
        data = self.document.written()
        if not self.framed:
            return data
        name = b"event: %b\n" % self.name if self.name else b""
        return b"%bdata: %b\n\n" % (name, data)


class _Held:
    """A piece that waits with its events."""

    __slots__ = ("events", "piece")

    def __init__(self, piece: Piece, events: list[_Event]) -> None:
        self.piece = piece
        self.events = events

    def take(self) -> Piece:
        raw = b"".join([event.take() for event in self.events])
        return self.piece if raw == self.piece.raw else msgspec.structs.replace(self.piece, raw=raw)


class Watch:
    """Looks at one answer of a form. `passed` are the pieces that may leave; whoever has sent them
    empties it. `texts` are kept where `keeps_texts`, each whole.
    """

    def __init__(
        self, form: str, guards: tuple[Guard, ...], findings: Findings, *, keeps_texts: bool = False
    ) -> None:
        self.passed: list[Piece] = []
        self._form = form
        self._guards = guards
        self._findings = findings
        self._masks = any(guard.then == "redact" for guard in guards)
        self._patience = min(PATIENCE, max([guard.longest for guard in guards], default=0))
        self._channels: dict[Path, Channel] = {}
        self._held: deque[_Held] = deque()
        self._held_bytes = 0
        self._characters = 0
        self._looked = 0
        self._said: list[list[str]] | None = [] if keeps_texts else None
        self._saying: dict[Channel, list[str]] = {}
        self._beyond: set[str] = set()

    @property
    def texts(self) -> list[str]:
        """What was said so far, text by text."""
        return ["".join(parts) for parts in self._said or ()]

    def feed(self, pieces: list[Piece]) -> Iterator[None]:
        """Look at what has come, and yield now and then. Raises `ContentBlocked`."""
        for piece in pieces:
            events = [] if piece.comment else self._events_of(piece)
            for event in events:
                if event.document is not None:
                    form = self._form if piece.native else _CHAT
                    yield from self._look(form, event, event.document)
                    yield from self._turn(len(event.raw))
            self._held.append(_Held(piece, events or [_Event(piece.raw)]))
            self._held_bytes += len(piece.raw)
            self._measure()
            self._release()

    def end(self) -> None:
        """Take what has come for all there is. Raises `ContentBlocked`."""
        self._close(())
        self._release()

    def _turn(self, cost: int) -> Iterator[None]:
        """Let all others have their turn, once enough has been looked at."""
        self._looked += cost + EACH
        if self._looked > STRIDE:
            self._looked = 0
            yield

    def _events_of(self, piece: Piece) -> list[_Event]:
        raw = piece.raw
        if raw.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] in _BEGIN_JSON:
            event = _Event(raw, framed=False)
            event.document = self._read(raw.removeprefix(b"\xef\xbb\xbf"))
            return [event]
        splitter = Splitter(len(raw))
        events = []
        for told in (*splitter.feed(raw), *splitter.end()):
            event = _Event(told.raw, told.name)
            if told.data is not None and told.data != _DONE:
                event.document = self._read(told.data.replace(b"\n", b" "))
            events.append(event)
        if sum(len(event.raw) for event in events) != len(raw):
            self._findings.unseen(self._guards)
            return [_Event(raw)]
        return events

    def _read(self, data: bytes) -> Document | None:
        try:
            return Document(data)
        except Unreadable:
            self._characters += len(data)
            self._findings.unseen(self._guards)
            return None

    def _look(self, form: str, event: _Event, document: Document) -> Iterator[None]:
        yield from document.find()
        if self._masks:
            event.changed = without_probabilities(document)
        happening = happening_in(form, document)
        if document.unseen:
            self._findings.unseen(self._guards)
        whole: list[Part] = []
        for part in happening.parts:
            if part.channel is None or not event.framed or part.leaf.free:
                whole.append(part)
                continue
            channel = self._channel(part.channel, json=part.json)
            yield from channel.feed(part.leaf.text)
            self._say(channel, part.leaf.text)
            event.parts.append((part, channel, channel.length))
        for part in sorted(whole, key=lambda each: each.leaf.is_name):
            channel = Channel(self._guards, self._findings.hit, json=part.json)
            yield from channel.whole(part.leaf.text)
            self._say(channel, part.leaf.text, counts=not event.framed)
            yield from self._turn(0)
            if channel.told != part.leaf.text:
                part.leaf.put(channel.told)
                event.changed = True
        for path in happening.ends:
            self._close(path)

    def _say(self, channel: Channel, text: str, *, counts: bool = True) -> None:
        if counts:
            self._characters += len(text)
        channel.said_at = self._characters
        if self._said is not None and text:
            if channel not in self._saying:
                self._saying[channel] = []
                self._said.append(self._saying[channel])
            self._saying[channel].append(text)

    def _channel(self, path: Path, *, json: bool) -> Channel:
        channel = self._channels.get(path)
        if channel is None:
            if len(self._channels) >= MOST_CHANNELS:
                self._findings.unseen(self._guards)
                self._close(())
            channel = self._channels[path] = Channel(self._guards, self._findings.hit, json=json)
        return channel

    def _close(self, path: Path) -> None:
        """Take the texts for whole whose paths begin so."""
        for known in [each for each in self._channels if each[: len(path)] == path]:
            self._channels.pop(known).close()

    def _measure(self) -> None:
        for guard in self._guards:
            sizes = guard.sizes
            if sizes is None or guard.name in self._beyond:
                continue
            most = [
                each for each in (sizes.characters, _characters(sizes.tokens)) if each is not None
            ]
            if most and self._characters > min(most):
                self._beyond.add(guard.name)
                self._findings.hit(guard)

    def _release(self) -> None:
        if self._held_bytes > MOST_HELD_BYTES and len(self._held) > 1 and not self._is_clear():
            self._findings.unseen(self._guards)
        while self._held and (self._is_clear() or self._held_bytes > MOST_HELD_BYTES):
            held = self._held.popleft()
            self._held_bytes -= len(held.piece.raw)
            self.passed.append(held.take())

    def _is_clear(self) -> bool:
        """Say whether the first that waits may leave.

        A text that has stood still, while so much was said elsewhere, lets others wait no longer.
        """
        return all(
            end <= channel.settled or self._characters - channel.said_at > self._patience
            for event in self._held[0].events
            for _, channel, end in event.parts
        )


def _characters(tokens: int | None) -> int | None:
    return None if tokens is None else tokens * _TOKEN_CHARACTERS
