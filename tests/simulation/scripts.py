"""What a provider does with one request: a script of steps, and what a client may be told of it.

The parts of a stream carry the truth: the bytes as the provider says them, and as they must reach
a client. The judge needs no parser of the gateway's to know what should have come.
"""

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from tests.simulation.wishes import Wish
from tests.stage import COMPLETION, DONE, STOP, STREAM_HEAD, chunk, event

UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
FOREVER = 1e9
"""Seconds that end with the world."""

WORDS = 30
"""What an answer in one piece is taken for, where it tells what it took."""

MOMENTS = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0)
"""Seconds after which things happen. The clocks are set to the same, so that much meets."""


@dataclass(frozen=True, slots=True)
class Part:
    """One event or comment. `told` is what the client gets of it; None where it gets nothing.

    `closes` marks the terminal event, `finishes` the last finish_reason. `silent` is what does not
    count as a sign of life: a comment, what is malformed, what is no event. `usage` is what it says
    of tokens, in and out.
    """

    raw: bytes
    told: bytes | None
    content: bool = False
    finishes: bool = False
    closes: bool = False
    silent: bool = False
    usage: tuple[int, int] | None = None


def comment(raw: bytes) -> Part:
    return Part(raw, raw, silent=True)


def dropped(raw: bytes) -> Part:
    """Return a part that is no event, or none that can be read."""
    return Part(raw, None, silent=True)


@dataclass(frozen=True, slots=True)
class Say:
    """Write; the parts are those that these bytes complete."""

    data: bytes
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Leave:
    """End the connection: "fin" ends what we say, "close" both, "rst" at once.

    "cut" is the end without the farewell of TLS.
    """

    way: str


Step = Say | Wait | Leave


@dataclass(frozen=True, slots=True)
class Script:
    """What is done with a request. `outcomes` are how the call ends if nothing else interferes.

    `reads` says how the request is read: "whole", "slow", "never", or "head" where the answer
    comes before the body has been read. `exact` is False where the client is told the same in
    other bytes.
    """

    steps: tuple[Step, ...]
    outcomes: frozenset[str]
    name: str = ""
    rows: tuple[str, ...] = ()
    reads: str = "whole"
    body: bytes | None = None
    exact: bool = True
    bulk: int = 0
    """The largest event, in bytes; 0 where all are small."""
    stale: str = ""
    """How a connection that has served before is left at this request, unanswered (U5)."""
    stale_after: float = 0.0
    """After how many seconds it is."""
    asks_for: float = 0.0
    """For how many seconds it wants to be left alone."""
    beginning: str = ""
    """The text that it was given and goes on behind."""
    overlooked: str = ""
    """The text that it was given to go on from, though it begins anew."""

    @property
    def longest_wait(self) -> float:
        """The longest time for which the provider says nothing."""
        return max((step.seconds for step in self.steps if isinstance(step, Wait)), default=0.0)

    @property
    def waits(self) -> float:
        """All time for which the provider says nothing."""
        return sum(step.seconds for step in self.steps if isinstance(step, Wait))


def text(raw: bytes, *, content: bool = False, finishes: bool = False) -> Part:
    """Return a part that passes as it is."""
    return Part(raw, raw, content, finishes)


def end_part() -> Part:
    """Return the terminal event; the gateway says its own."""
    return Part(DONE, None, closes=True)


def stop_part() -> Part:
    return text(STOP, content=True, finishes=True)


def completion(wish: Wish) -> bytes:
    """Return a whole answer, with its mark."""
    told = json.loads(COMPLETION)
    if wish.mark:
        told["id"] = wish.mark
    if wish.takes is not None:
        told["usage"] = _numbers(*wish.takes.so_far(WORDS)) if wish.takes.told else None
    return json.dumps(told).encode()


def _numbers(asked: int, answered: int) -> dict[str, int]:
    return {
        "prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered
    }  # fmt: skip


def word(wish: Wish, said: str, **more: Any) -> Part:
    """Return the event that says this, with the mark of its answer."""
    marked = {"id": wish.mark} if wish.mark else {}
    return text(event(said, **marked, **more), content=bool(said))


def usage_part(wish: Wish, words: int = 0) -> Part:
    """Return the event that carries usage: passed on to those who asked for it."""
    usage = (3, 2) if wish.takes is None else wish.takes.so_far(words)
    numbers = _numbers(*usage)
    chunk_of_usage = {"id": "c1", "object": "chat.completion.chunk", "model": "m-1", "choices": []}
    raw = b"data: " + json.dumps(chunk_of_usage | {"usage": numbers}).encode() + b"\n\n"
    return Part(raw, raw if wish.usage else None, usage=usage)


def speech(lots: Random, wish: Wish, counts: Sequence[int] = (1, 2, 3, 8, 30)) -> list[Part]:
    """Return the words of an ordinary stream, without its end."""
    count = lots.choice(counts)
    if wish.text:
        cuts = count - 1 if len(wish.text) > 1 else 0
        places = sorted(lots.choices(range(1, len(wish.text)), k=cuts))
        bounds = list(dict.fromkeys((0, *places, len(wish.text))))
        said = [wish.text[begin:end] for begin, end in itertools.pairwise(bounds)]
    else:
        said = [f"{wish.id}-{index} ü " for index in range(count)]
    return [word(wish, ""), *[word(wish, each) for each in said]]


def stream(lots: Random, wish: Wish) -> list[Part]:
    """Return the parts of an ordinary stream."""
    silent = lots.random() >= 0.7
    said = speech(lots, wish)
    if wish.takes is not None:
        silent = not wish.takes.told
    usage = [] if silent else [usage_part(wish, len(said) - 1)]
    return [*said, stop_part(), *usage, end_part()]


def running(wish: Wish, said: Sequence[Part]) -> list[Part]:
    """Have each word of a speech tell what the call has taken so far."""
    found: list[Part] = []
    for count, part in enumerate(said):
        usage = (3, count) if wish.takes is None else wish.takes.so_far(count)
        body = json.loads(part.raw.removeprefix(b"data: ")) | {"usage": _numbers(*usage)}
        raw = b"data: " + json.dumps(body).encode() + b"\n\n"
        found.append(replace(part, raw=raw, told=raw, usage=usage))
    return found


@dataclass(frozen=True, slots=True)
class Framing:
    """How a stream's bytes travel: in chunks, or until the connection is closed."""

    chunked: bool = True
    head: bytes = STREAM_HEAD

    def frame(self, data: bytes) -> bytes:
        return chunk(data) if self.chunked else data

    def end(self) -> tuple[Step, ...]:
        return (Say(b"0\r\n\r\n"),) if self.chunked else (Leave("close"),)


def draw_framing(lots: Random) -> Framing:
    return Framing() if lots.random() < 0.8 else Framing(chunked=False, head=UNTIL_CLOSE)


MANNERS = ("alone", "alone", "together", "cut", "bytes")
"""How the parts of a stream leave."""


@dataclass(slots=True)
class Telling:
    """Builds the steps of a stream; the parts leave alone, together, or cut anywhere."""

    lots: Random
    framing: Framing = field(default_factory=Framing)
    steps: list[Step] = field(default_factory=list)
    _manner: str = ""

    def begin(self, manners: Sequence[str] = MANNERS) -> "Telling":
        """Say the head; draw the manner of what follows."""
        self._manner = self.lots.choice(manners)
        self.steps.append(Say(self.framing.head))
        return self

    def say(self, parts: Sequence[Part]) -> "Telling":
        """Say these parts."""
        frame = self.framing.frame
        match self._manner:
            case "together":
                self.steps.append(Say(frame(b"".join(each.raw for each in parts)), tuple(parts)))
            case "cut" | "bytes":
                self._cut(parts)
            case _:
                for part in parts:
                    self.steps.append(Say(frame(part.raw), (part,)))
                    if self.lots.random() < 0.2:
                        self.pause(self.lots.choice((0.001, 0.05, 0.5)))
        return self

    def _cut(self, parts: Iterable[Part]) -> None:
        for part in parts:
            where = self.lots.randrange(1, len(part.raw))
            if self._manner == "bytes" and len(part.raw) < 400:
                pieces = [bytes([byte]) for byte in part.raw]
            else:
                pieces = [part.raw[:where], part.raw[where:]]
            for piece in pieces[:-1]:
                self.steps.append(Say(self.framing.frame(piece)))
            self.steps.append(Say(self.framing.frame(pieces[-1]), (part,)))

    def half(self, part: Part) -> "Telling":
        """Say the first half of a part."""
        self.steps.append(Say(self.framing.frame(part.raw[: max(1, len(part.raw) // 2)])))
        return self

    def raw(self, data: bytes) -> "Telling":
        """Say bytes as they are."""
        self.steps.append(Say(data))
        return self

    def pause(self, seconds: float) -> "Telling":
        self.steps.append(Wait(seconds))
        return self

    def leave(self, way: str) -> "Telling":
        self.steps.append(Leave(way))
        return self

    def end(self) -> "Telling":
        """End the body."""
        self.steps += self.framing.end()
        return self

    def script(self, *outcomes: str) -> Script:
        return Script(tuple(self.steps), frozenset(outcomes))


def telling(lots: Random, manners: Sequence[str] = MANNERS) -> Telling:
    """Begin to tell a stream in a framing of the lots' choice."""
    return Telling(lots, draw_framing(lots)).begin(manners)


def named(script: Script, name: str, rows: tuple[str, ...]) -> Script:
    """Return the script under its name."""
    return replace(script, name=name, rows=rows)
