"""What each call of a soak is: drawn from the seed and the call's number and nothing else. Pure."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Final

import msgspec

from benchmarks.soak.odd import ODD

PROVIDERS: Final = 2

CHAT: Final = "chat"

LATE: Final = (2.6, 0.3)
"""Seconds before the first content that each provider's `first_token` allows with room to spare."""

WARMING: Final = 40
"""Plain calls before the load; their numbers are its first."""


class Play(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the provider does with a call; `cut` is the number of events before it goes wrong.

    Seconds and bytes. With `cut` -1 it goes wrong before the head.
    """

    kind: str
    stream: bool = True
    events: int = 0
    gap: float = 0.0
    size: int = 0
    delay: float = 0.0
    cut: int = 0
    ends: bool = True
    """False where the last word is said, but the body never ends."""


class Manner(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the client does: `read`, `slow`, `stall`, or `leave` at some point and in some way.

    It leaves in its `head`, in its `body`, `after` so many seconds from its last byte, after so
    many `events`, or when all is `done`; by FIN, by RST, or with its own half alone.
    """

    kind: str = "read"
    where: str = ""
    after: float = 0.0
    events: int = 0
    by: str = "fin"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One call: what is asked, what the provider does with it, what the client does."""

    number: int
    id: str
    request: str = CHAT
    provider: int = 0
    play: Play = Play(kind="stream")
    manner: Manner = Manner()
    prompt: int = 20
    usage: bool = False
    fresh: bool = False
    trickled: bool = False


def _gap(lots: Random, events: int) -> float:
    return min(lots.choice((0.0, 0.005, 0.02, 0.1, 0.25)), 4.0 / events)


def _stream(lots: Random, kind: str = "stream") -> Play:
    events = lots.choice((1, 3, 8, 20, 60))
    return Play(
        kind=kind,
        events=events,
        gap=_gap(lots, events),
        size=lots.choice((4, 40, 400)),
        delay=lots.uniform(0, 0.2),
    )


def _answer(lots: Random) -> Play:
    size = lots.choice((20, 2_000, 200_000))
    return Play(kind="answer", stream=False, size=size, delay=lots.uniform(0, 0.6))


def _broken(kind: str, lots: Random, least: int = -1) -> Play:
    """It goes wrong after some events: before the head, before the first one, or later."""
    whole = _stream(lots, kind)
    return msgspec.structs.replace(whole, events=60, cut=lots.choice((least, least, 0, 1, 4, 15)))


def _patchy(kind: str, lots: Random) -> Play:
    return msgspec.structs.replace(_broken(kind, lots, 1), cut=lots.choice((1, 4, 15)))


def _parked(lots: Random) -> Play:
    return msgspec.structs.replace(_stream(lots, "parked"), ends=lots.random() < 0.5)


def _flood(events: int, size: int) -> Play:
    return Play(kind="flood", events=events, size=size)


Drawing = Callable[[Random], Play]

PLAYS: Final[Mapping[str, tuple[float, Drawing]]] = {
    "stream": (38, _stream),
    "answer": (20, _answer),
    "drip": (3, lambda lots: _stream(lots, "drip")),
    "late": (4, lambda lots: _stream(lots, "late")),
    "parked": (2, _parked),
    "nodone": (2, lambda lots: _stream(lots, "nodone")),
    "malformed": (3, lambda lots: _stream(lots, "malformed")),
    "reset": (4, lambda lots: _broken("reset", lots)),
    "fin": (4, lambda lots: _broken("fin", lots)),
    "fault": (3, lambda lots: _broken("fault", lots, 0)),
    "stall": (3, lambda lots: _patchy("stall", lots)),
    "trickle": (2, lambda lots: _patchy("trickle", lots)),
    "silent": (3, lambda lots: Play(kind="silent", cut=lots.choice((-1, 0)))),
    "endless": (0.5, lambda lots: Play(kind="endless", gap=lots.choice((0.05, 0.3)), size=40)),
    "hang": (0.5, lambda _: Play(kind="hang", stream=False, cut=-1)),
    "busy": (4, lambda lots: Play(kind="busy", stream=lots.random() < 0.5)),
    "failed": (3, lambda lots: Play(kind="failed", stream=lots.random() < 0.5)),
}
"""What providers do, how often, and how it is drawn."""

NEVER_ENDING: Final = frozenset({"endless", "hang", "silent", "stall", "trickle"})

MANNERS: Final = {"read": 70, "leave": 24, "slow": 3, "stall": 1.5}
ODD_SHARE: Final = 0.08


def name_of(seed: int, number: int) -> str:
    """Return the id of a call: its request's, and so that of its line in the log."""
    return f"soak-{seed}-{number}"


def draw(seed: int, number: int) -> Plan:
    """Draw a call. The same seed and number give the same call, in every process."""
    lots = Random(f"{seed}:{number}")  # noqa: S311 (a plan, no secret)
    name, fresh = name_of(seed, number), lots.random() < 0.4
    if lots.random() < ODD_SHARE:
        asked = lots.choice(sorted(ODD))
        return Plan(number=number, id=name, request=asked, fresh=True)
    provider = lots.randrange(PROVIDERS)
    kind = lots.choices([*PLAYS], [weight for weight, _ in PLAYS.values()])[0]
    play = PLAYS[kind][1](lots)
    if kind == "late":
        play = msgspec.structs.replace(play, delay=lots.uniform(0.1, LATE[provider]))
    manner = Manner(kind=lots.choices([*MANNERS], [*MANNERS.values()])[0])
    if manner.kind == "slow":
        play = _flood(24, 16_384)
    elif manner.kind == "stall":
        play = _flood(96, 65_536)
    elif manner.kind == "leave":
        manner = _leaving(lots, play)
    return Plan(
        number=number,
        id=name,
        provider=provider,
        play=play,
        manner=manner,
        prompt=lots.choice((20, 20, 2_000, 100_000)),
        usage=lots.random() < 0.3,
        fresh=fresh or manner.kind != "read",
        trickled=lots.random() < 0.03,
    )


def warming(seed: int, number: int) -> Plan:
    """Return a call of the beginning: a short stream, or an answer, to each provider in turn."""
    play = Play(kind="stream", events=3) if number % 4 < 2 else Play(kind="answer", stream=False)
    name = name_of(seed, number)
    return Plan(number=number, id=name, provider=number % PROVIDERS, play=play, fresh=True)


def planned(seed: int, number: int) -> Plan:
    """Return any call of a run."""
    return warming(seed, number) if number < WARMING else draw(seed, number)


def _leaving(lots: Random, play: Play) -> Manner:
    where = lots.choices(("head", "body", "after", "events", "done"), (1, 1, 5, 4, 1))[0]
    if where in {"events", "done"} and not play.events:
        where = "after"
    lasts = play.delay + play.gap * play.events + 0.05
    return Manner(
        kind="leave",
        where=where,
        after=lots.uniform(0, 2.5 if play.kind in NEVER_ENDING else 1.2 * lasts),
        events=lots.randint(0, max(0, (play.cut if play.cut > 0 else play.events) - 1)),
        by="fin" if where == "done" else lots.choices(("fin", "rst", "half"), (5, 3, 1))[0],
    )
