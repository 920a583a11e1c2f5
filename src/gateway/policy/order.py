"""Which home is asked first, and with which of its keys. Pure.

The homes of one name are a choice; a plan is made of several. Homes that rest stand behind all
others, the first to be up again before the rest.
Why a home stands where it does is said where that is decided, for `explain` to tell.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter, itemgetter
from typing import Literal

from gateway.policy.affinity import rendezvous
from gateway.policy.asking import Ask, KnowsHealth
from gateway.policy.offers import Strategy
from gateway.words.target import Target

BUSIER = 2
"""A conversation leaves its home where so many times the calls of the next are open there, …"""

SLACK_CALLS = 4
"""… and this many more: a few calls are no crowd."""

AS_QUICK = 1.5
"""Homes that take at most so many times as long as the quickest are as good as that."""

Role = Literal["own", "fallback", "context"]


class Why(StrEnum):
    """Why a home stands where it does among those of its name."""

    ORDER = "in order"
    THREAD = "by its conversation"
    CROWDED = "the conversation's own home is much busier"
    CALM = "the calmer of two drawn"
    OTHER = "the other one drawn"
    UNKNOWN = "no figures yet"
    TRIED = "its first figures are awaited"
    QUICK = "by time to first token"


@dataclass(frozen=True, slots=True)
class Home:
    """A provider's model as it is asked for one name: a target for each key, in their order.

    `marks` tell the keys apart where a conversation has one of them.
    """

    name: str
    targets: tuple[Target, ...]
    marks: tuple[str, ...]


def home_of(targets: Sequence[Target]) -> Home:
    """Return the home of targets that differ in their keys alone."""
    name = targets[0].name
    return Home(name, tuple(targets), tuple(f"{name}#{each.key_number}" for each in targets))


@dataclass(frozen=True, slots=True)
class Choice:
    """The homes of one `name` as they stand, and how one of them comes first.

    `pattern` is the key of the table of fallbacks for which they are asked.
    """

    name: str
    role: Role
    pattern: str
    homes: tuple[Home, ...]
    strategy: Strategy
    affinity: bool

    @property
    def asks_thread(self) -> bool:
        """Say whether it makes a difference which conversation it is."""
        chosen = self.strategy != "order" and len(self.homes) > 1
        return self.affinity and (chosen or any(len(home.targets) > 1 for home in self.homes))


@dataclass(slots=True)
class Stop:
    """A home in its place: its keys in order, how long it rests, and why it stands here."""

    choice: Choice
    home: Home
    targets: tuple[Target, ...]
    rests: float
    why: Why = Why.ORDER


def arranged(choices: Iterable[Choice], ask: Ask, thread: bytes) -> list[Stop]:
    """Return all homes of these choices in the order in which they are asked."""
    awake: list[Stop] = []
    resting: list[Stop] = []
    for choice in choices:
        up: list[Stop] = []
        for home in choice.homes:
            stop = _stop(choice, home, ask, thread)
            (resting if stop.rests else up).append(stop)
        if choice.strategy != "order" and len(up) > 1:
            up = _STRATEGIES[choice.strategy, choice.affinity](up, ask, thread)
        awake += up
    if resting:
        awake += sorted(resting, key=attrgetter("rests"))
    return awake


def _stop(choice: Choice, home: Home, ask: Ask, thread: bytes) -> Stop:
    """Put a home's keys in order. One of which every key rests does so itself."""
    health, now, targets = ask.health, ask.now, home.targets
    rests = health.rests_for(targets[0], now)
    if len(targets) == 1:
        return Stop(choice, home, targets, max(rests, health.key_rests_for(targets[0], now)))
    if choice.affinity:
        targets = tuple([targets[index] for index in rendezvous(thread, home.marks)])
    else:
        turn = ask.turn % len(targets)
        targets = targets[turn:] + targets[:turn]
    rest_of = health.key_rests_for
    pauses = [rest_of(target, now) for target in targets]
    if any(pauses):
        pairs = sorted(zip(pauses, targets, strict=True), key=itemgetter(0))
        targets = tuple([target for _, target in pairs])
        rests = max(rests, pairs[0][0])
    return Stop(choice, home, targets, rests)


def _spread_by_thread(stops: list[Stop], ask: Ask, thread: bytes) -> list[Stop]:
    """Keep a conversation at its home unless there is a crowd, which the next one has not."""
    ranked = _by_thread(stops, thread)
    here, there = _open_calls(ranked[0], ask.health), _open_calls(ranked[1], ask.health)
    if here > BUSIER * there + SLACK_CALLS:
        ranked[0], ranked[1] = ranked[1], ranked[0]
        ranked[0].why = Why.CROWDED
    return ranked


def _spread(stops: list[Stop], ask: Ask, _: bytes) -> list[Stop]:
    """Draw two and take the calmer: nearly as even as looking at all, and no herd runs to one."""
    # One draw serves for both: its whole part and what is left of it.
    place, left = divmod(ask.draw * len(stops), 1.0)
    first = stops.pop(int(place))
    second = stops.pop(int(left * len(stops)))
    if _open_calls(second, ask.health) < _open_calls(first, ask.health):
        first, second = second, first
    first.why, second.why = Why.CALM, Why.OTHER
    return [first, second, *stops]


def _fastest_by_thread(stops: list[Stop], ask: Ask, thread: bytes) -> list[Stop]:
    """Keep a conversation at one of the homes that are about as quick as the quickest."""
    new, tried, timed = _by_figures(stops, ask.health)
    near: list[Stop] = []
    far: list[Stop] = []
    for speed, stop in timed:
        (near if speed <= AS_QUICK * timed[0][0] else far).append(stop)
    if len(near) > 1:
        near = _by_thread(near, thread)
    if len(new) > 1:
        new = _by_thread(new, thread, Why.UNKNOWN)
    return new + near + far + tried


def _fastest(stops: list[Stop], ask: Ask, _: bytes) -> list[Stop]:
    new, tried, timed = _by_figures(stops, ask.health)
    return [*new, *[stop for _, stop in timed], *tried]


def _by_figures(
    stops: list[Stop], health: KnowsHealth
) -> tuple[list[Stop], list[Stop], list[tuple[float, Stop]]]:
    """Part homes that nobody has tried, those being tried for the first time, and those timed.

    One that is being tried is left alone until it has spoken: who knows whether it ever will.
    """
    new: list[Stop] = []
    tried: list[Stop] = []
    timed: list[tuple[float, Stop]] = []
    for stop in stops:
        speed = health.speed(stop.targets[0])
        if speed is not None:
            stop.why = Why.QUICK
            timed.append((speed, stop))
        elif _open_calls(stop, health):
            stop.why = Why.TRIED
            tried.append(stop)
        else:
            stop.why = Why.UNKNOWN
            new.append(stop)
    return new, tried, sorted(timed, key=itemgetter(0))


def _by_thread(stops: list[Stop], thread: bytes, why: Why = Why.THREAD) -> list[Stop]:
    ranked = []
    for index in rendezvous(thread, [stop.home.name for stop in stops]):
        stop = stops[index]
        stop.why = why
        ranked.append(stop)
    return ranked


def _open_calls(stop: Stop, health: KnowsHealth) -> int:
    return health.open_calls(stop.targets[0])


_STRATEGIES: dict[
    tuple[Strategy, bool], Callable[[list[Stop], Ask, bytes], list[Stop]]
] = {
    ("spread", False): _spread,
    ("spread", True): _spread_by_thread,
    ("fastest", False): _fastest,
    ("fastest", True): _fastest_by_thread,
}  # fmt: skip
