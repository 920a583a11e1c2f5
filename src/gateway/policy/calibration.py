"""How many tokens an event is, and an answer: learned from answers whose usage was told. Pure.

A provider may send one event for each token, one for several, several for one, or think for a long
time and show nothing of it. A stream that is left in its middle has no usage: what it came to is
then told from its events. What is reserved for a call that cannot stream is told from the answers
before it. A target is known by its name; a new one is kept in place of the one that has gone
without an answer for the longest.
"""

from array import array
from collections import OrderedDict
from typing import Final

KEPT: Final = 512
"""Targets that are kept: behind a prefix their names are the client's choice."""

FEWEST_EVENTS: Final = 8
"""An answer of fewer says little of how its provider cuts: it may have come in one piece."""

MOST_EVENTS: Final = 512
"""A longer answer weighs no more than one of so many."""

KEEPS: Final = 0.9
"""What the weight of an answer shrinks by with each that follows: half of it is gone after 7."""

LEAST_RATIO: Final = 1 / 16
MOST_RATIO: Final = 256.0
"""Tokens for an event, whatever is reported."""

ANSWERS: Final = 128
"""So many of the last answers of a target tell what is typical of it."""

FEWEST_ANSWERS: Final = 20
"""Of fewer a twentieth is not one answer."""

MOST_TOKENS: Final = 100_000_000
"""An answer counts as no longer than this, whatever is reported."""


class _Learned:
    """What is known of one target."""

    __slots__ = ("_next", "answers", "events", "ratio", "tokens", "typical")

    def __init__(self) -> None:
        self.ratio = 1.0
        self.answers = array("q")
        self.typical: int | None = None
        self.events = self.tokens = 0.0
        self._next = 0

    def weigh(self, events: int, tokens: int) -> None:
        """Let an answer count, and those before it a little less."""
        ratio = min(max(tokens / events, LEAST_RATIO), MOST_RATIO)
        events = min(events, MOST_EVENTS)
        self.events = self.events * KEEPS + events
        self.tokens = self.tokens * KEEPS + events * ratio
        self.ratio = self.tokens / self.events

    def note(self, tokens: int) -> None:
        """Put an answer in place of the oldest."""
        if len(self.answers) < ANSWERS:
            self.answers.append(tokens)
        else:
            self.answers[self._next] = tokens
            self._next = (self._next + 1) % ANSWERS
        self.typical = None


class Calibration:
    """What was learned of each target. It holds at most `KEPT` of them, each about 1 KiB."""

    def __init__(self) -> None:
        self._targets: OrderedDict[str, _Learned] = OrderedDict()

    def __len__(self) -> int:
        return len(self._targets)

    def learn(self, target: str, events: int, tokens: int) -> None:
        """Learn from a whole answer: the events with content that passed, the output reported.

        An answer in one piece is one event: it tells only what is typical.
        """
        if tokens < 0:
            return
        known = self._targets.pop(target, None) or _Learned()
        self._targets[target] = known
        if len(self._targets) > KEPT:
            self._targets.popitem(last=False)
        known.note(min(tokens, MOST_TOKENS))
        if events >= FEWEST_EVENTS:
            known.weigh(events, min(tokens, MOST_TOKENS))

    def tokens(self, target: str, events: int) -> int:
        """Return how many tokens so many events are, about; one each where nothing is known.

        It may be fewer than the events, where a target was seen to cut a token in several: what is
        estimated is what will be billed. It is never nothing where there was an event.
        """
        if events <= 0:
            return 0
        known = self._targets.get(target)
        return events if known is None else max(round(events * known.ratio), 1)

    def typical(self, target: str) -> int | None:
        """Return the output that of the last answers 95 in a hundred did not exceed.

        None where they were fewer than `FEWEST_ANSWERS`.
        """
        known = self._targets.get(target)
        if known is None or len(known.answers) < FEWEST_ANSWERS:
            return None
        if known.typical is None:
            known.typical = sorted(known.answers)[-(-len(known.answers) * 95 // 100) - 1]
        return known.typical
