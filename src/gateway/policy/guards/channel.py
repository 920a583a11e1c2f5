"""One text that arrives in parts, as guards see it: plain, or JSON told within a text. Pure."""

from collections.abc import Iterator, Sequence

from gateway.policy.guards.guard import Guard
from gateway.policy.guards.json_text import JsonText
from gateway.policy.guards.scan import PART, Hit, Scanner, disjoint, rewritten


class Channel:
    """One text. `length` is what has come of it, `settled` up to where nothing more will change,
    `told` what may be told of one that was looked at `whole`.

    `said_at` is its reader's own: how much had been said of everything when it last went on.
    """

    __slots__ = ("_json", "_scanner", "_taken", "length", "said_at", "settled", "told")

    def __init__(self, guards: Sequence[Guard], hit: Hit, *, json: bool = False) -> None:
        self._scanner = Scanner(guards, hit)
        self._json = JsonText() if json else None
        self._taken = 0
        self.length = 0
        self.settled = 0
        self.said_at = 0
        self.told = ""

    def feed(self, text: str, *, end: bool = False) -> Iterator[None]:
        """Look at what follows, and yield now and then in a long text. Raises what `hit` raises.

        With `end` it is the end of the text.
        """
        self.length += len(text)
        json, last = self._json, len(text) - PART
        for at in range(0, len(text), PART):
            if at:
                yield
            part = text[at : at + PART]
            said = part if json is None else json.read(part)
            self._scanner.feed(said, end=end and at >= last)
        self._settle(end=end)

    def whole(self, text: str) -> Iterator[None]:
        """Look at a text that is all there, and take it, part by part: so a long one holds up
        nobody, and what is remembered of it stays small. Yields and raises as `feed`.
        """
        told, taken = [], 0
        for at in range(0, len(text), PART):
            if at:
                yield
            yield from self.feed(text[at : at + PART], end=at + PART >= len(text))
            told.append(self.take(text[taken : self.settled]))
            taken = self.settled
        self.told = "".join(told)

    def close(self) -> None:
        """Take what has come for whole."""
        self._scanner.feed("", end=True)
        self._settle(end=True)

    def take(self, text: str) -> str:
        """Return the next part of the text as it may be told; what is behind it is forgotten."""
        scanner, json, at = self._scanner, self._json, self._taken
        self._taken += len(text)
        told = text
        if scanner.edits:
            edits = disjoint(scanner.edits)
            if json is not None:
                edits = [each for edit in edits for each in json.edits(edit)]
            told = rewritten(text, at, edits)
        scanner.forget(self._taken if json is None else json.forget(self._taken))
        return told

    def _settle(self, *, end: bool) -> None:
        settled = self._scanner.settled
        settled = settled if self._json is None else self._json.place_of(settled)
        self.settled = self.length if end else settled
