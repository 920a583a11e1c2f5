"""Turns a configuration into what routes are made of: offers, aliases, rules, known secrets."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.config import traces
from gateway.config.compose import Config
from gateway.config.fallbacks import Fallbacks
from gateway.config.guards import secrets_of
from gateway.config.keys import NO_PEPPER
from gateway.config.levels import conduct_of, drops_of, merged, said, seconds_of
from gateway.config.mistakes import ConfigMistake, Finding
from gateway.config.options import DefaultOptions, ModelOptions
from gateway.config.providers import (
    header_fields,
    is_telling,
    keys_of,
    public_names,
    secrets_in,
)
from gateway.policy.keys import KeyRecord, Keyring
from gateway.policy.offers import Alias, Offer, Rules
from gateway.providers import CLIENT_KEY, ProbeOptions, Settings, anthropic, echo, openai
from gateway.providers.address import parse_base_url
from gateway.providers.table import TABLE
from gateway.store import places, sink_address
from gateway.store.address import parse_store_url
from gateway.words.grants import Grant
from gateway.words.secret import Secret
from gateway.words.target import Conduct, Origin, Target, Timeouts

_PLAIN = re.compile(r"[a-z][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class Homes:
    """Where every name may live: what `policy.routes.Routes` takes.

    `paces` holds the words per second of each built-in model, by the host of its target's origin;
    `probes` what is asked of which provider now and again, where anything is; `grants` with what
    credentials are fetched, by the names of providers.
    """

    offers: tuple[Offer, ...]
    aliases: dict[str, Alias]
    rules: Rules
    paces: dict[str, float]
    probes: dict[str, ProbeOptions]
    grants: dict[str, Grant]


def homes_of(config: Config) -> Homes:
    """Return the offers in the configuration's order, and what it says of names."""
    providers = config.providers.items()
    return Homes(
        offers=tuple(_offer(name, settings, config.defaults) for name, settings in providers),
        aliases={name: _alias(options, config.defaults) for name, options in config.models.items()},
        rules=rules_of(config),
        paces={
            _host(name): settings.words_per_second
            for name, settings in providers
            if isinstance(settings, echo.Options)
        },
        probes={
            name: settings.probe
            for name, settings in providers
            if settings.probe is not None and settings.probe.interval
        },
        grants={
            name: grant for name, settings in providers if (grant := settings.grant()) is not None
        },
    )


def rules_of(config: Config) -> Rules:
    """Return what holds for all names."""
    defaults, house = config.defaults, Rules()
    return Rules(
        order=tuple(defaults.order or ()),
        strategy=defaults.strategy or house.strategy,
        affinity=house.affinity if defaults.affinity is None else defaults.affinity,
        fallbacks=_fallbacks(config.fallbacks),
        context_fallbacks=_fallbacks(config.context_fallbacks),
    )


def keyring_of(config: Config, records: Iterable[KeyRecord] = ()) -> Keyring:
    """Return all virtual keys: those of the file, then further ones, as of a database.

    Raises `ConfigMistake` where there are keys and no pepper.
    """
    every = (*config.keys, *records)
    if config.auth.pepper is None and every:
        where = "no file" if config.source is None else str(config.source)
        raise ConfigMistake([Finding(where, None, None, "auth.pepper", NO_PEPPER)])
    pepper, inner = (
        b"" if secret is None else secret.reveal().encode()
        for secret in (config.auth.pepper, config.inner_key)
    )
    return Keyring(every, config.teams, config.groups, pepper, inner=inner)


def known_secrets(config: Config) -> Iterator[Secret]:
    """Yield every secret of a configuration, for whoever scrubs texts of others (R11)."""
    yield from (key for key in (config.admin.key, config.admin.viewer_key) if key is not None)
    if config.admin.sign_in is not None and config.admin.sign_in.client_secret is not None:
        yield config.admin.sign_in.client_secret
    if config.inner_key is not None:
        yield config.inner_key
    if config.auth.pepper is not None:
        yield config.auth.pepper
    if config.store.shared is not None:
        yield config.store.shared
        if (password := parse_store_url(config.store.shared.reveal()).password) is not None:
            yield password
    yield from secrets_of(config.guards)
    yield from sink_address.secrets_of(config.log.receipts)
    yield from traces.secrets_of(config.log)
    if config.store.database is not None:
        yield from places.secrets_of(config.store.database)
    for settings in config.providers.values():
        yield from secrets_in(settings)
        for name, value in settings.headers.items():
            if is_telling(name, value):
                yield Secret(value)


def _offer(name: str, settings: Settings, defaults: DefaultOptions) -> Offer:
    # A built-in provider has no address: its scheme says who answers, its host for whom.
    origin, path = Origin(settings.kind, _host(name), 0), ""
    if settings.base_url:
        origin, path = parse_base_url(settings.base_url)
    whole = merged(defaults, settings)
    target = Target(
        provider=name,
        kind=settings.kind,
        form=TABLE[settings.kind].FORM,
        origin=origin,
        path=path,
        model="",
        headers=header_fields(settings),
        timeouts=Timeouts(**seconds_of(whole)),
        max_connections=settings.max_connections,
        conduct=Conduct(**conduct_of(whole)),
        running_usage=isinstance(settings, openai.Options) and settings.running_usage,
        usage_unasked=isinstance(settings, openai.Options) and settings.USAGE_UNASKED,
        renames=settings.RENAMES if isinstance(settings, openai.Options) else (),
        max_tokens=settings.max_tokens if isinstance(settings, anthropic.Options) else 0,
        grant="" if settings.grant() is None else name,
        client_key=settings.api_key is CLIENT_KEY,
        drops=drops_of(whole) or False,
    )
    return Offer(
        provider=name,
        names=public_names(settings),
        prefix=settings.prefix,
        listing=settings.models == "*",
        anything=bool(settings.prefix) and not settings.models,
        target=settings.fitted(target),
        keys=keys_of(settings),
    )


def _host(provider: str) -> str:
    if _PLAIN.fullmatch(provider):
        return provider
    return "x" + hashlib.sha256(provider.encode()).hexdigest()[:32]


def _alias(options: ModelOptions, defaults: DefaultOptions) -> Alias:
    own = said(options)
    if "cooldown" in own:
        # A cooldown is one value to those who heed it; what a model leaves out is from above.
        own["cooldown"] = merged(defaults, options)["cooldown"]
    return Alias(
        targets=tuple(options.targets),
        order=None if options.order is None else tuple(options.order),
        strategy=options.strategy,
        affinity=options.affinity,
        conduct=conduct_of(own),
        seconds=seconds_of(own),
        drops=drops_of(own),
        prefill=options.prefill,
    )


def _fallbacks(fallbacks: Fallbacks) -> dict[str, tuple[str, ...]]:
    return {pattern: tuple(names) for pattern, names in fallbacks.items()}
