"""A plan as it is drawn: its homes one after the other, each with its keys and what holds there."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from gateway.admin.models.catalogue import Catalogue, PriceTold
from gateway.admin.models.standing import Standing, name_of
from gateway.policy.explain import Explained, Step

PARTS: Final = {
    "own": "Homes of the name",
    "fallback": "Fallbacks, when those have failed",
    "context": "In their place, where the prompt is too long",
}
"""What stands above the homes of each part of a plan."""


RETRIES: Final = {0: "no retry", 1: "one more try"}
"""How few retries are said."""


class HomeDrawn(NamedTuple):
    """One home: its place in the order, its keys in theirs, and how it is asked there."""

    place: int
    name: str
    kind: str
    why: str
    keys: tuple[int, ...]
    rests_for: float
    facts: tuple[str, ...]
    ttft: float | None
    open_calls: int
    price: PriceTold | None


class Part(NamedTuple):
    """One part of a plan."""

    title: str
    homes: tuple[HomeDrawn, ...]


class Flow(NamedTuple):
    """A plan as it is drawn. `ways` has for each failure whoever is asked then, in turn."""

    parts: tuple[Part, ...]
    ways: Mapping[str, Sequence[str]]
    asks_thread: bool


def flow_of(explained: Explained, catalogue: Catalogue, stand: Mapping[str, Standing]) -> Flow:
    """Return what is drawn of a plan."""
    parts: list[Part] = []
    place = 1
    for role, steps in groupby((*explained.steps, *explained.context), lambda step: step.role):
        # What is asked in place of all others begins anew.
        first = 1 if role == "context" else place
        homes = tuple(_homes(steps, first, catalogue, stand))
        parts.append(Part(PARTS[role], homes))
        place += len(homes)
    return Flow(tuple(parts), explained.ways, explained.asks_thread)


def _homes(
    steps: Iterable[Step], first: int, catalogue: Catalogue, stand: Mapping[str, Standing]
) -> Iterable[HomeDrawn]:
    """Yield the homes; the keys of one stand together in a plan."""
    groups = groupby(steps, lambda step: (step.target.name, step.target.origin))
    for place, (_, found) in enumerate(groups, first):
        keys = tuple(found)
        step = keys[0]
        standing = stand.get(name_of(step.target), Standing())
        yield HomeDrawn(
            place,
            step.target.name,
            step.target.kind,
            step.why.removesuffix(f", rests for {step.rests:.0f} s"),
            tuple(each.key for each in keys) if step.keys > 1 else (),
            step.rests,
            tuple(_facts(step)),
            standing.ttft,
            standing.open_calls,
            catalogue.price(step.target),
        )


def _facts(step: Step) -> Iterable[str]:
    """Yield how a home is asked, in few words."""
    conduct = step.target.conduct
    yield f"first token within {step.target.timeouts.first_token:g} s"
    yield RETRIES.get(conduct.retries) or f"up to {conduct.retries} more tries"
    if conduct.hedge_after:
        yield f"another beside it after {conduct.hedge_after:g} s"
    if conduct.resume:
        yield "resumed where it breaks off"
    if conduct.cache_ttl:
        yield f"answers kept {conduct.cache_ttl:g} s"
    if not conduct.cooldown.failures:
        yield "never rests"
