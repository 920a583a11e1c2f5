"""Tells how a name would be asked for, and why so: the plan in words, for whoever set it up. Pure.

It decides nothing. The order and its reasons are those that plans are made with, and what follows
a failure is what a call's own way would be.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
from msgspec import Raw

from gateway.forms.chat_thread import thread_of
from gateway.policy.asking import Ask, KnowsHealth
from gateway.policy.health import Health
from gateway.policy.journey import Journey
from gateway.policy.order import Role, Stop, Why
from gateway.policy.routes import Routes
from gateway.words.call import Call
from gateway.words.errors import FirstTokenTimeout, GatewayError, UpstreamRefused
from gateway.words.target import Plan, Target

MEAN_DRAW = 0.5
"""Pauses are told as they are on average."""


@dataclass(frozen=True, slots=True)
class Step:
    """One target in its place, and why it stands there. `key` counts from 1, up to `keys`.

    `rests` is for how many seconds it is left alone from now on.
    """

    target: Target
    key: int
    keys: int
    why: str
    role: Role
    rests: float


@dataclass(frozen=True, slots=True)
class Explained:
    """A name's plan in words. `ways` has for each failure who is asked then, one after the other.

    `asks_thread` says that the order is another for another conversation.
    """

    steps: tuple[Step, ...]
    context: tuple[Step, ...]
    asks_thread: bool
    ways: dict[str, tuple[str, ...]]

    @property
    def after(self) -> dict[str, str]:
        """Tell for each failure what would follow from it."""
        return {failure: ", then ".join(way) for failure, way in self.ways.items()}


class ToldStep(msgspec.Struct, frozen=True):
    """A step as programs are told it; times in seconds."""

    target: str
    kind: str
    key: int
    keys: int
    why: str
    first_token: float
    retries: int
    hedge_after: float
    resume: bool
    role: Role
    rests_for: float


class ToldPlan(msgspec.Struct, frozen=True):
    """A plan as programs are told it."""

    model: str
    targets: list[ToldStep]
    context_targets: list[ToldStep]
    depends_on_conversation: bool
    after: dict[str, str]


def question(name: str, thread: str | None, health: KnowsHealth, now: float = 0.0) -> Ask:
    """Return what a call for this name would ask, in the conversation with this key of its own."""
    fields = {} if thread is None else {"prompt_cache_key": Raw(msgspec.json.encode(thread))}
    call = Call("chat", "chat", name, stream=True, show_usage=True, fields=fields)
    return Ask(now, 0, 0.0, partial(thread_of, call), health)


def told(name: str, explained: Explained) -> ToldPlan:
    """Return a plan as programs are told it."""
    return ToldPlan(
        model=name,
        targets=[_told(step) for step in explained.steps],
        context_targets=[_told(step) for step in explained.context],
        depends_on_conversation=explained.asks_thread,
        after=explained.after,
    )


def _told(step: Step) -> ToldStep:
    conduct = step.target.conduct
    return ToldStep(
        target=step.target.name,
        kind=step.target.kind,
        key=step.key,
        keys=step.keys,
        why=step.why,
        first_token=step.target.timeouts.first_token,
        retries=conduct.retries,
        hedge_after=conduct.hedge_after,
        resume=conduct.resume,
        role=step.role,
        rests_for=round(step.rests, 1),
    )


def explain(routes: Routes, name: str, ask: Ask) -> Explained:
    """Return the plan that this call would have, with its reasons. Raises `UnknownModel`."""
    outline = routes.outline(name)
    ordered = outline.ordered(ask)
    plan = ordered.plan()
    return Explained(
        steps=tuple(_steps(name, [*ordered.own, *ordered.after])),
        context=tuple(_steps(name, ordered.context)),
        asks_thread=outline.asks_thread,
        ways={failure: _way(plan, error) for failure, error in _failures()},
    )


def _steps(asked: str, stops: Sequence[Stop]) -> Iterator[Step]:
    for stop in stops:
        why = _why(asked, stop)
        for target in stop.targets:
            key, keys = max(target.key_number, 1), len(stop.targets)
            yield Step(target, key, keys, why, stop.choice.role, stop.rests)


def _why(asked: str, stop: Stop) -> str:
    choice = stop.choice
    parts = []
    if choice.role != "own":
        kind = "context fallback" if choice.role == "context" else "fallback"
        parts.append(f'{kind} "{choice.pattern}"')
    elif choice.name != asked:
        parts.append(f'target "{choice.name}"')
    count, place = len(choice.homes), choice.homes.index(stop.home) + 1
    if count > 1 and stop.why is not Why.ORDER:
        parts.append(f"home {place} of {count}: {stop.why}")
    elif count > 1:
        parts.append("first in order" if place == 1 else f"home {place} of {count}")
    elif not parts:
        parts.append("its only home")
    if stop.rests:
        parts.append(f"rests for {stop.rests:.0f} s")
    return ", ".join(parts)


def _failures() -> Iterator[tuple[str, GatewayError]]:
    """Yield the failures that operators ask about, each as it would come from a provider."""
    yield "429", UpstreamRefused("", status=429, type="", code=None)
    yield "5xx", UpstreamRefused("", status=503, type="", code=None)
    yield "silence", FirstTokenTimeout("")
    too_long = "context_length_exceeded"
    yield "prompt too long", UpstreamRefused("", status=400, type="", code=too_long)


def _way(plan: Plan, error: GatewayError) -> tuple[str, ...]:
    """Tell the way of a call to whom everybody answers with this error."""
    health, now = Health(), 0.0
    journey = Journey(plan, health, lambda: MEAN_DRAW, plan.timeouts.total)
    step = journey.next(now)
    places = []
    while step is not None:
        target = step.target
        health.ended(target, now, error, left=False)
        step = journey.after(target, error, now, 0.0)
        if step is not None:
            now += step.wait
            pause = f" again after {step.wait:.1f} s" if step.again else ""
            places.append(f"{_place(step.target)}{pause}")
    return (*places, "the client is told")


def _place(target: Target) -> str:
    return f"{target.name} key {target.key_number}" if target.key_number else target.name
