"""Looks through a request, in whatever form it came, and takes out what is not to leave. Pure.

What was looked at is what is sent: of a name that stands twice only the value that was looked at.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Raw

from gateway.forms.texts import Document, Leaf, Unreadable
from gateway.policy.estimates import prompt_of
from gateway.policy.guards.channel import Channel
from gateway.policy.guards.finding import Findings
from gateway.policy.guards.guard import Guard, Sizes
from gateway.words.call import Call

MOST_CHARACTERS: Final = 4_194_304
"""A request with more text is not looked at, and refused by whoever is to hold it."""

STRIDE: Final = 4_096
"""After so many characters all others have their turn."""

EACH: Final = 64
"""What it costs to look at a text, however short, in characters."""

Fields = dict[str, Raw]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Fields).decode


class Inspection:
    """Looks at a call. Once it has been run `call` is what may be sent, `texts` what was said."""

    def __init__(self, call: Call, guards: tuple[Guard, ...], findings: Findings) -> None:
        self.call = call
        self.texts: list[str] = []
        self._guards = guards
        self._findings = findings
        self._looked = 0
        self._turns = 1
        self._seen = call.fields
        self._changed = False

    def run(self) -> Iterator[None]:
        """Look, and yield now and then. Raises `ContentBlocked`."""
        call = self.call
        if call.upload is not None:
            self._findings.unseen(self._guards)
        yield from self._look(call.fields)
        fields, native = self._seen, call.native
        if native is not None:
            self.texts.clear()
            yield from self._look(native)
            native = self._seen
        self._measure(call)
        if fields is not call.fields or native is not call.native:
            if call.upload is not None:
                self._findings.fixed()
            self.call = msgspec.structs.replace(call, fields=fields, native=native)

    def _measure(self, call: Call) -> None:
        characters = sum(map(len, self.texts))
        for guard in self._guards:
            if guard.sizes is not None and _is_beyond(guard.sizes, characters, self._turns, call):
                self._findings.hit(guard)

    def _look(self, fields: Fields) -> Iterator[None]:
        """Look at fields; `_seen` are they as they may be sent."""
        self._seen = fields
        told = _encode({name: raw for name, raw in fields.items() if name != "model"})
        try:
            document = Document(told)
        except Unreadable:
            self._findings.unread(self._guards)
            return
        seen = document.seen()
        yield from document.find()
        self._turns = _turns_in(document.value)
        if document.unseen:
            self._findings.unseen(self._guards)
        if sum(len(leaf.text) for leaf in document.leaves) > MOST_CHARACTERS:
            self._findings.unread(self._guards)
            return
        yield from self._look_at(document.leaves)
        if self._changed:
            seen = document.written()
        if seen is not told:
            model = {name: raw for name, raw in fields.items() if name == "model"}
            self._seen = {**model, **_decode(seen)}

    def _look_at(self, leaves: list[Leaf]) -> Iterator[None]:
        changed: list[tuple[Leaf, str]] = []
        for leaf in leaves:
            if not leaf.is_name:
                self.texts.append(leaf.text)
            channel = Channel(self._guards, self._findings.hit, json=leaf.json)
            yield from channel.whole(leaf.text)
            told = channel.told
            if told != leaf.text:
                changed.append((leaf, told))
            self._looked += len(leaf.text) + EACH
            if self._looked > STRIDE:
                self._looked = 0
                yield
        # A value is found by its name, so names are changed last.
        for leaf, told in sorted(changed, key=lambda each: each[0].is_name):
            leaf.put(told)
        self._changed = bool(changed)


def _turns_in(value: dict[str, object]) -> int:
    for name in ("messages", "input"):
        said = value.get(name)
        if isinstance(said, list):
            return len(said)
    return 1


def _is_beyond(sizes: Sizes, characters: int, turns: int, call: Call) -> bool:
    """Say whether a request is larger than it may be."""
    return (
        (sizes.characters is not None and characters > sizes.characters)
        or (sizes.tokens is not None and prompt_of(call) > sizes.tokens)
        or (sizes.turns is not None and turns > sizes.turns)
    )
