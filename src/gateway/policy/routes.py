"""Which targets answer a model's name: its homes, then its fallbacks, each with all its keys.

A name's homes are the providers that offer it by name or list it; where none does, whoever offers
anything behind a prefix, and then whoever could not be asked for its list. What can be known of a
plan before the call is kept as an outline.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache, reduce
from typing import NamedTuple, TypeVar

from gateway.policy.asking import Ask
from gateway.policy.fallbacks import Patterns
from gateway.policy.offers import Alias, Offer, Rules
from gateway.policy.order import Choice, Role, Stop, arranged, home_of
from gateway.words.errors import UnknownModel
from gateway.words.target import Origin, Plan, Target

NEAREST = 3

MAX_OTHERS = 256
"""Names behind a prefix are the client's choice: so many of them are kept, the latest."""

_SAYS_NOTHING = Alias()
T = TypeVar("T")


class Ordered(NamedTuple):
    """The homes of an outline as one call asks them; each part has those that rest at its end."""

    own: list[Stop]
    after: list[Stop]
    context: list[Stop]

    def plan(self) -> Plan:
        own = _asked(self.own)
        if not self.after and not self.context:
            return Plan(own, len(own))
        return Plan(own + _asked(self.after), len(own), _asked(self.context))


@dataclass(frozen=True, slots=True)
class Outline:
    """What a name's plans have in common. `fixed` is the plan of a name that leaves no choice.

    `own` are the homes of the name itself, `after` those of its fallbacks, `context` is for prompts
    that are too long.
    """

    own: tuple[Choice, ...]
    after: tuple[Choice, ...]
    context: tuple[Choice, ...]
    asks_thread: bool
    fixed: Plan | None

    def ordered(self, ask: Ask) -> Ordered:
        """Put the homes in order for one call."""
        thread = ask.thread() if self.asks_thread else b""
        return Ordered(
            arranged(self.own, ask, thread),
            arranged(self.after, ask, thread) if self.after else [],
            arranged(self.context, ask, thread) if self.context else [],
        )


class Routes:
    """All names and their homes, frozen: a reload or a new listing makes another."""

    def __init__(
        self,
        offers: Sequence[Offer],
        aliases: Mapping[str, Alias],
        listed: Mapping[str, Sequence[str]],
        rules: Rules = Rules(),  # noqa: B008 (it is frozen)
    ) -> None:
        """`listed` holds what providers with `models = "*"` were seen to list, by provider."""
        self._homes: dict[str, list[tuple[Offer, str]]] = {}
        for offer in offers:
            for public, own in offer.names.items():
                self._homes.setdefault(public, []).append((offer, own))
        for offer in offers:
            for own in listed.get(offer.provider, ()) if offer.listing else ():
                self._homes.setdefault(offer.prefix + own, []).append((offer, own))
        self._prefixed = [offer for offer in offers if offer.anything]
        self._unlisted = [
            offer for offer in offers if offer.listing and offer.provider not in listed
        ]
        self._aliases = dict(aliases)
        self._rules = rules
        self._fallbacks = Patterns(rules.fallbacks)
        self._context_fallbacks = Patterns(rules.context_fallbacks)
        self._outlines: dict[str, Outline] = {}
        self._others = lru_cache(maxsize=MAX_OTHERS)(self._drawn)

    @property
    def names(self) -> list[str]:
        """All names that clients can be told, in order."""
        return sorted({*self._homes, *self._aliases})

    def knows(self, name: str) -> bool:
        """Say whether a call for this name would find a home."""
        return any(self._homes_of(target) for target in self._targets_of(name))

    def check(self, name: str) -> None:
        """Raise `UnknownModel`, with the nearest names, where a name has no home."""
        if not self.knows(name):
            raise self.unknown(name, self.names)

    def plan(self, name: str, ask: Ask) -> Plan:
        """Return the targets for one call, in the order in which they are asked.

        Raises `UnknownModel` with the nearest names.
        """
        outline = self._outlines.get(name) or self.outline(name)
        return outline.fixed or outline.ordered(ask).plan()

    def outline(self, name: str) -> Outline:
        """Return what all plans for a name have in common. Raises `UnknownModel`."""
        if name not in self._homes and name not in self._aliases:
            return self._others(name)
        if name not in self._outlines:
            self._outlines[name] = self._drawn(name)
        return self._outlines[name]

    def _drawn(self, name: str) -> Outline:
        self.check(name)
        seen: set[tuple[str, Origin]] = set()
        own = tuple(self._choices(name, name, "own", "", seen))
        # Who is a fallback for any failure may be one for too long a prompt, too.
        seen_here = set(seen)
        after = tuple(self._followers(name, self._fallbacks, "fallback", seen))
        context = tuple(self._followers(name, self._context_fallbacks, "context", seen_here))
        return Outline(
            own=own,
            after=after,
            context=context,
            asks_thread=any(choice.asks_thread for choice in (*own, *after, *context)),
            fixed=_fixed(_targets((*own, *after)), _targets(context)),
        )

    def _followers(
        self, name: str, table: Patterns[tuple[str, ...]], role: Role, seen: set[tuple[str, Origin]]
    ) -> Iterator[Choice]:
        """Yield the choices of the names that follow this one; nothing follows those in turn."""
        pattern, names = table.find(name) or ("", ())
        for follower in names:
            yield from self._choices(name, follower, role, pattern, seen)

    def _choices(
        self, asked: str, name: str, role: Role, pattern: str, seen: set[tuple[str, Origin]]
    ) -> Iterator[Choice]:
        """Yield the choices that `name` stands for, without the homes that have been seen.

        Which home comes first is said by the name nearest to them; how they are asked is said by
        the name that was asked for, before all others.
        """
        for target in self._targets_of(name):
            near, above = self._alias(target), self._alias(name)
            layers = [near, above]
            if role != "own":
                layers.append(replace(self._alias(asked), prefill=False))
            order = _said(near.order, above.order, otherwise=self._rules.order)
            homes = []
            for offer, model in sorted(self._homes_of(target), key=lambda home: _rank(home, order)):
                targets = _layered(_keyed(offer, model), layers)
                place = (targets[0].name, targets[0].origin)
                if place not in seen:
                    seen.add(place)
                    homes.append(home_of(targets))
            if homes:
                yield Choice(
                    name=target,
                    role=role,
                    pattern=pattern,
                    homes=tuple(homes),
                    strategy=_said(near.strategy, above.strategy, otherwise=self._rules.strategy),
                    affinity=_said(near.affinity, above.affinity, otherwise=self._rules.affinity),
                )

    def _alias(self, name: str) -> Alias:
        return self._aliases.get(name, _SAYS_NOTHING)

    def _targets_of(self, name: str) -> tuple[str, ...]:
        return self._alias(name).targets or (name,)

    def _homes_of(self, name: str) -> list[tuple[Offer, str]]:
        """Return whoever offers a name, with its own name for it, in the order of the file."""
        if name in self._homes:
            return self._homes[name]
        for first in self._prefixed:
            if name.startswith(first.prefix) and len(name) > len(first.prefix):
                own = name[len(first.prefix) :]
                same = [offer for offer in self._prefixed if offer.prefix == first.prefix]
                return [(offer, own) for offer in same if _can_be_asked(offer, own)]
        # A provider whose list could not be had judges the name itself.
        for offer in self._unlisted:
            own = name.removeprefix(offer.prefix)
            if name.startswith(offer.prefix) and _can_be_asked(offer, own):
                return [(offer, own)]
        return []

    def unknown(self, name: str, names: Sequence[str]) -> UnknownModel:
        """Return the error for a name that is not known, or not to this caller: it is the same.

        `names` are those that the caller may be told (S13).
        """
        said = f"The model '{name}' does not exist or you may not use it."
        near = get_close_matches(name, names, NEAREST, 0.5)
        if near:
            return UnknownModel(f"{said} Nearest names: {', '.join(near)}.", param="model")
        return UnknownModel(f"{said} GET /v1/models lists the names that do.", param="model")


def _can_be_asked(offer: Offer, own: str) -> bool:
    """Say whether a name that a client made up may stand in a path, where paths name models (R1).

    Percent signs hide nothing there: some servers read a name's slashes and dots all the same.
    """
    return not offer.target.by_model or {"", ".", ".."}.isdisjoint(re.split(r"[/\\]", own))


def _said(*values: T | None, otherwise: T) -> T:
    return next((value for value in values if value is not None), otherwise)


def _rank(home: tuple[Offer, str], order: Sequence[str]) -> int:
    """Return the place of a home's provider in an order; behind it all are alike."""
    provider = home[0].provider
    return order.index(provider) if provider in order else len(order)


def _keyed(offer: Offer, model: str) -> list[Target]:
    """Return a home's targets, one for each key; a single key needs no number."""
    if len(offer.keys) < 2:
        (key,) = offer.keys or (None,)
        return [replace(offer.target, model=model, key=key)]
    return [
        replace(offer.target, model=model, key=key, key_number=number)
        for number, key in enumerate(offer.keys, 1)
    ]


def _layered(targets: Sequence[Target], aliases: Sequence[Alias]) -> list[Target]:
    """Return the targets with what is said of these names, that of the last over the others."""
    return [reduce(lambda target, alias: alias.over(target), aliases, each) for each in targets]


def _targets(choices: Iterable[Choice]) -> tuple[Target, ...]:
    return tuple(each for choice in choices for home in choice.homes for each in home.targets)


def _fixed(targets: tuple[Target, ...], context: tuple[Target, ...]) -> Plan | None:
    """Return the plan of a name for which there is nothing to choose."""
    if len(targets) > 1 or len(context) > 1:
        return None
    return Plan(targets, own=len(targets), context_targets=context)


def _asked(stops: Sequence[Stop]) -> tuple[Target, ...]:
    return tuple([target for stop in stops for target in stop.targets])
