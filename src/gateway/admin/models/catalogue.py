"""All models that can be asked for: where each lives, what it costs, who follows, how its homes do.

It is put together from the configuration, decides as the workers do, and adds what they tell: how
homes stand, and which models providers list.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from gateway.admin.models.standing import (
    NOBODY,
    STATES,
    Absence,
    Report,
    Standing,
    Told,
    name_of,
)
from gateway.admin.workers import Answer
from gateway.policy.explain import Explained, explain, question
from gateway.policy.fallbacks import Patterns
from gateway.policy.offers import Alias, Offer, Rules
from gateway.policy.prices import BUILT_IN, Found, Prices, bundled
from gateway.policy.routes import Routes
from gateway.words.caller import Limits
from gateway.words.target import Target

MAX_MODEL: Final = 256
"""Characters of a model's name (R10)."""

MOST_LISTED: Final = 5_000
"""Names that providers list, of all together."""

ABSENT: Final = "absent"
"""The state of homes whose provider does not answer its probe."""

DOLLARS: Final = 1_000_000
"""Picodollars for a token are micro-dollars for a million."""

NANOS: Final = 1_000_000_000

BY_HAND: Final = "configuration"
"""Whose a price is that the operator has set."""

Listed = Mapping[str, tuple[str, ...]]
"""What providers list, by their names."""


class PriceTold(msgspec.Struct, frozen=True):
    """What a model costs: US dollars for a million tokens, and for a call; `origin` says whose
    price that is. `tiers` says that long prompts cost otherwise.
    """

    input: float
    output: float
    cached_input: float
    per_request: float
    tiers: bool
    origin: str


class HomeTold(msgspec.Struct, frozen=True):
    """A home of a name, as all workers find it together. Times are in seconds.

    `state` is that of its circuit where it is worst, or "absent" where its provider does not answer
    its probe; `rests_in` says how many workers leave it alone. `ttft` is the mean time to first
    token of late, `share` the part of recent calls that failed. `calls` and `failed` count what the
    workers have seen that run now. No price: nobody knows it.
    """

    target: str
    provider: str
    kind: str
    keys: int
    state: str
    rests_for: float
    rests_in: int
    resting_keys: list[int]
    open_calls: int
    ttft: float | None
    share: float | None
    calls: int
    failed: int
    price: PriceTold | None


class LimitsTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """How much all callers together may ask of a model; what is not said has no limit."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None


class ModelTold(msgspec.Struct, frozen=True):
    """A name that can be asked for. `targets` are the names that it stands for, if it does.

    `strategy` says which home comes first. `trouble`: some home of it is not asked like others, or
    it has none.
    """

    name: str
    targets: list[str]
    homes: list[HomeTold]
    fallbacks: list[str]
    context_fallbacks: list[str]
    strategy: str
    affinity: bool
    limits: LimitsTold
    trouble: bool


class OpenEnd(msgspec.Struct, frozen=True):
    """A provider that is asked for names which stand nowhere.

    `prefix` is how they begin. `listed` says that it lists what it has, and how many names it did;
    None: it takes whatever comes. `shown`: these names are among all others; a list that is too
    long is not.
    """

    provider: str
    kind: str
    prefix: str
    listed: int | None
    shown: bool


@dataclass(slots=True)
class Catalogue:
    """What the configuration says of models."""

    offers: Sequence[Offer]
    aliases: Mapping[str, Alias]
    rules: Rules
    prices: Prices
    limits: Mapping[str, Limits]
    _seen: Listed = field(default_factory=dict, init=False)
    _routes: Routes | None = field(default=None, init=False)

    def routes(self, listed: Listed) -> Routes:
        """Return the routes that workers have who know these lists."""
        if self._routes is None or self._seen != listed:
            self._routes = Routes(self.offers, self.aliases, listed, self.rules)
            self._seen = listed
        return self._routes

    def models(
        self,
        listed: Listed,
        stand: Mapping[str, Standing],
        wanted: str = "",
        absent: Mapping[str, Absence] = NOBODY,
    ) -> list[ModelTold]:
        """Return all names that have `wanted` in them, those in trouble first."""
        routes = self.routes(listed)
        fallbacks = Patterns(self.rules.fallbacks), Patterns(self.rules.context_fallbacks)
        found = [
            self._model(name, routes, (stand, absent), fallbacks)
            for name in routes.names
            if wanted in name.lower()
        ]
        return sorted(found, key=lambda model: (not model.trouble, model.name))

    def open_ends(self, listed: Listed, counts: Mapping[str, int]) -> Iterator[OpenEnd]:
        """Yield the providers whose names stand nowhere; `counts` says how long their lists are."""
        for offer in self.offers:
            if offer.listing or offer.anything:
                shown = offer.provider in listed
                told = counts.get(offer.provider, len(listed.get(offer.provider, ())))
                names = told if offer.listing else None
                yield OpenEnd(offer.provider, offer.target.kind, offer.prefix, names, shown)

    def plan(self, model: str, thread: str | None, report: Report, listed: Listed) -> Explained:
        """Return the plan that a worker would make now. Raises `UnknownModel`."""
        return explain(self.routes(listed), model, question(model, thread, Told(report)))

    def price(self, target: Target) -> PriceTold | None:
        """Return what a target costs, as far as anybody knows."""
        found = self.prices.find(target.kind, target.origin.host, target.model, target.name)
        if found is None:
            return None
        price = found.price
        cached = price.input if price.cached_input is None else price.cached_input
        return PriceTold(
            price.input / DOLLARS,
            price.output / DOLLARS,
            cached / DOLLARS,
            price.per_request / NANOS,
            bool(price.tiers),
            _origin(found),
        )

    def _model(
        self,
        name: str,
        routes: Routes,
        seen: tuple[Mapping[str, Standing], Mapping[str, Absence]],
        fallbacks: tuple[Patterns[tuple[str, ...]], Patterns[tuple[str, ...]]],
    ) -> ModelTold:
        alias = self.aliases.get(name, Alias())
        # What stands in the configuration may be gone from the list of the one provider of it.
        own = routes.outline(name).own if routes.knows(name) else ()
        homes = [self._home(home.targets, *seen) for choice in own for home in choice.homes]
        after, context = (table.find(name) or ("", ()) for table in fallbacks)
        limits = self.limits.get(name, Limits())
        return ModelTold(
            name=name,
            targets=list(alias.targets),
            homes=homes,
            fallbacks=[each for each in after[1] if each != name],
            context_fallbacks=[each for each in context[1] if each != name],
            strategy=own[0].strategy if own else self.rules.strategy,
            affinity=own[0].affinity if own else self.rules.affinity,
            limits=LimitsTold(
                limits.requests_per_minute, limits.tokens_per_minute, limits.concurrency
            ),
            trouble=not homes
            or any(home.state != STATES[0] or home.resting_keys for home in homes),
        )

    def _home(
        self,
        targets: Sequence[Target],
        stand: Mapping[str, Standing],
        absent: Mapping[str, Absence],
    ) -> HomeTold:
        target = targets[0]
        found = stand.get(name_of(target), Standing())
        away = absent.get(target.provider, Absence(0.0, 0))
        return HomeTold(
            target=target.name,
            provider=target.provider,
            kind=target.kind,
            keys=len(targets),
            state=ABSENT if away.rests_in else found.state,
            rests_for=round(max(found.rests_for, away.rests_for), 1),
            rests_in=max(found.rests_in, away.rests_in),
            resting_keys=sorted(found.resting_keys),
            open_calls=found.open_calls,
            ttft=None if found.ttft is None else round(found.ttft, 4),
            share=None if found.share is None else round(found.share, 4),
            calls=found.calls,
            failed=found.failed,
            price=self.price(target),
        )


def listed_by(answers: Iterable[Answer]) -> dict[str, tuple[str, ...]]:
    """Return what providers list, as far as any worker has seen it: whole lists, in bounds.

    Part of a list would say of other names that they do not exist. A provider without a list judges
    names itself.
    """
    found: dict[str, tuple[str, ...]] = {}
    room = MOST_LISTED
    for answer in answers:
        listed = answer.get("listed")
        for provider, names in listed.items() if isinstance(listed, dict) else ():
            if provider in found or not isinstance(names, list) or len(names) > room:
                continue
            sound = [name for name in names if isinstance(name, str) and 0 < len(name) <= MAX_MODEL]
            found[provider] = tuple(sound)
            room -= len(names)
    return found


def counts_in(answers: Iterable[Answer]) -> dict[str, int]:
    """Return how many names each provider lists, those too whose lists are too long to be told."""
    found: dict[str, int] = {}
    for answer in answers:
        counts = answer.get("counts")
        for provider, count in counts.items() if isinstance(counts, dict) else ():
            if isinstance(count, int):
                found.setdefault(provider, count)
    return found


def _origin(found: Found) -> str:
    if found.provider is None:
        return BY_HAND
    return "built in" if found.provider == BUILT_IN else f"{found.provider}, {bundled().date}"
