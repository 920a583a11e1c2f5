"""Which target answers a model's name: exact names, then prefixes, then whoever lists all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from gateway.policy.offers import Alias, Offer
from gateway.words.errors import UnknownModel
from gateway.words.target import Plan, Target

NEAREST = 3


@dataclass(frozen=True, slots=True)
class Home:
    """Where a name lives: an offer, and the provider's own name for the model."""

    offer: Offer
    model: str

    def targets(self) -> list[Target]:
        """Return the targets that calls for this name have in turn, one for each key."""
        keys = self.offer.keys or (None,)
        return [replace(self.offer.target, model=self.model, key=key) for key in keys]


class Routes:
    """All names and their homes, frozen: a reload or a new listing makes another."""

    def __init__(
        self,
        offers: Sequence[Offer],
        aliases: Mapping[str, Alias],
        listed: Mapping[str, Sequence[str]],
    ) -> None:
        """`listed` holds what providers with `models = "*"` were seen to list, by provider."""
        self._homes: dict[str, Home] = {}
        for offer in offers:
            for public, own in offer.names.items():
                self._homes.setdefault(public, Home(offer, own))
        for offer in offers:
            for own in listed.get(offer.provider, ()) if offer.listing else ():
                self._homes.setdefault(offer.prefix + own, Home(offer, own))
        self._prefixed = [offer for offer in offers if offer.anything]
        self._unlisted = [
            offer for offer in offers if offer.listing and offer.provider not in listed
        ]
        self._aliases = dict(aliases)
        self._plans: dict[str, list[Plan]] = {}
        """What was planned for a name is planned again, so it is kept."""

    @property
    def names(self) -> list[str]:
        """All names that clients can be told, in order."""
        return sorted({*self._homes, *self._aliases})

    def knows(self, name: str) -> bool:
        """Say whether a call for this name would find a home."""
        return self._home(self._alias_target(name)) is not None

    def plan(self, name: str, turn: int) -> Plan:
        """Return the targets for the call numbered `turn`: keys take turns.

        Raises `UnknownModel` with the nearest names.
        """
        plans = self._plans.get(name)
        if plans is None:
            plans = self._make_plans(name)
            # What follows a prefix is the client's choice, and would fill the table without end.
            if name in self._homes or name in self._aliases:
                self._plans[name] = plans
        return plans[turn % len(plans)]

    def _make_plans(self, name: str) -> list[Plan]:
        home = self._home(self._alias_target(name))
        if home is None:
            raise UnknownModel(self._advice(name), param="model")
        targets = home.targets()
        if (alias := self._aliases.get(name)) is not None:
            targets = [
                replace(target, timeouts=alias.timeouts(target.timeouts)) for target in targets
            ]
        return [Plan((target,)) for target in targets]

    def _alias_target(self, name: str) -> str:
        alias = self._aliases.get(name)
        return name if alias is None or alias.target is None else alias.target

    def _home(self, name: str) -> Home | None:
        home = self._homes.get(name)
        if home is not None:
            return home
        for offer in self._prefixed:
            if name.startswith(offer.prefix) and len(name) > len(offer.prefix):
                return Home(offer, name[len(offer.prefix) :])
        # A provider whose list could not be had judges the name itself.
        for offer in self._unlisted:
            if name.startswith(offer.prefix):
                return Home(offer, name[len(offer.prefix) :])
        return None

    def _advice(self, name: str) -> str:
        said = f"The model '{name}' does not exist or you may not use it."
        near = get_close_matches(name, self.names, NEAREST, 0.5)
        if near:
            return f"{said} Nearest names: {', '.join(near)}."
        return f"{said} GET /v1/models lists the names that do."
