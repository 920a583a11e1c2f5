"""Turns a configuration into what routes are made of: offers, aliases, clocks, known secrets."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from gateway.config.compose import Config
from gateway.config.options import ModelOptions
from gateway.config.providers import header_fields, is_telling, keys_of, public_names
from gateway.policy.offers import Alias, Offer
from gateway.providers import Settings, TimeoutSettings, echo
from gateway.providers.address import parse_base_url
from gateway.providers.table import TABLE
from gateway.words.secret import Secret
from gateway.words.target import Origin, Target, Timeouts

_PLAIN = re.compile(r"[a-z][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class Homes:
    """Where every name may live: what `policy.routes.Routes` takes.

    `paces` holds the words per second of each built-in model, by the host of its target's origin.
    """

    offers: tuple[Offer, ...]
    aliases: dict[str, Alias]
    paces: dict[str, float]


def homes_of(config: Config) -> Homes:
    """Return the offers in the configuration's order, and what it says of single names."""
    return Homes(
        offers=tuple(
            _offer(name, settings, config.defaults.timeouts)
            for name, settings in config.providers.items()
        ),
        aliases={name: _alias(options, config.models) for name, options in config.models.items()},
        paces={
            _host(name): settings.words_per_second
            for name, settings in config.providers.items()
            if isinstance(settings, echo.Options)
        },
    )


def merged(*levels: TimeoutSettings) -> Timeouts:
    """Return the clocks that hold, in seconds; of several levels the last that says so counts."""
    return Timeouts(**{name: value for level in levels for name, value in seconds(level).items()})


def seconds(settings: TimeoutSettings) -> dict[str, float]:
    """Return the clocks that are set."""
    return {
        name: value for name, value in msgspec.structs.asdict(settings).items() if value is not None
    }


def known_secrets(config: Config) -> Iterator[Secret]:
    """Yield every secret of a configuration, for whoever scrubs texts of others (R11)."""
    if config.admin.key is not None:
        yield config.admin.key
    for settings in config.providers.values():
        yield from keys_of(settings)
        for name, value in settings.headers.items():
            if is_telling(name):
                yield Secret(value)


def _offer(name: str, settings: Settings, defaults: TimeoutSettings) -> Offer:
    # A built-in provider has no address: its scheme says who answers, its host for whom.
    origin, path = Origin(settings.kind, _host(name), 0), ""
    if settings.base_url:
        origin, path = parse_base_url(settings.base_url)
    target = Target(
        provider=name,
        kind=settings.kind,
        form=TABLE[settings.kind].FORM,
        origin=origin,
        path=path,
        model="",
        headers=header_fields(settings),
        timeouts=merged(defaults, settings.timeouts),
        max_connections=settings.max_connections,
    )
    return Offer(
        provider=name,
        names=public_names(settings),
        prefix=settings.prefix,
        listing=settings.models == "*",
        anything=bool(settings.prefix) and not settings.models,
        target=target,
        keys=keys_of(settings),
    )


def _host(provider: str) -> str:
    if _PLAIN.fullmatch(provider):
        return provider
    return "x" + hashlib.sha256(provider.encode()).hexdigest()[:32]


def _alias(options: ModelOptions, models: Mapping[str, ModelOptions]) -> Alias:
    """Return an alias with the clocks of its target's own name under its own."""
    if not options.targets:
        return Alias(None, seconds(options.timeouts))
    target = options.targets[0]
    beneath = seconds(models[target].timeouts) if target in models else {}
    return Alias(target, {**beneath, **seconds(options.timeouts)})
