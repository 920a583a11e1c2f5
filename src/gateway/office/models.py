"""The catalogue of models, as the configuration has it."""

from gateway.admin.models.catalogue import Catalogue
from gateway.config.compose import Config
from gateway.config.homes import homes_of
from gateway.config.models import limits_of_models, overrides_of
from gateway.policy.prices import Prices


def catalogue_of(config: Config) -> Catalogue:
    """Put it together: the same offers, rules and prices that the workers decide with."""
    homes = homes_of(config)
    prices = Prices(overrides_of(config.models, homes.offers))
    limits = limits_of_models(config.models)
    return Catalogue(homes.offers, homes.aliases, homes.rules, prices, limits)
