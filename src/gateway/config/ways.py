"""Turns `[passthrough]` and the providers into where requests go that pass through."""

from dataclasses import replace

from gateway.config.compose import Config
from gateway.config.homes import Homes
from gateway.config.passthrough import passable
from gateway.policy.areas import Ways
from gateway.policy.offers import Offer
from gateway.words.target import Target

OWN_API = "passthrough"
"""Stands for a model in the name of a target that is a provider's whole API."""


def ways_of(config: Config, homes: Homes) -> Ways:
    """Return who serves each area that is set, and every provider with an API of its own."""
    offers = {offer.provider: offer for offer in homes.offers}
    return Ways(
        {area: _target(offers[name], area) for area, name in config.passthrough.items()},
        {name: _target(offers[name], OWN_API) for name in passable(config.providers)},
    )


def _target(offer: Offer, title: str) -> Target:
    """Return a target without a model: its paths name none."""
    several = len(offer.keys) > 1
    return replace(
        offer.target,
        model=title,
        by_model="",
        key=offer.keys[0] if offer.keys else None,
        key_number=int(several),
    )
