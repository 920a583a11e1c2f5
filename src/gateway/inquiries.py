"""Those who ask providers and issuers something now and again, as the configuration has them.

After a reload others may be needed. Whom open calls may wait for, credentials or an issuer's keys,
goes on until the calls have ended that were open then; whoever else is no longer needed ends.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import trio

from gateway.assembly import App
from gateway.config.homes import Homes
from gateway.policy.offers import Offer
from gateway.policy.routes import Routes
from gateway.providers.table import TABLE
from gateway.upstream.issuers import Issuers
from gateway.upstream.probe import client_on, list_models
from gateway.upstream.pulse import Pulse
from gateway.words.errors import GatewayError

LISTING_TIMEOUT = 10.0
LISTED_EVERY = 300.0
UNLISTED_RETRY = 15.0
RESTART_PAUSE = 1.0

Service = Callable[[], Awaitable[None]]


class Inquiry(NamedTuple):
    """One who asks. Two with the same `key` are one, which a reload does not disturb.

    `awaited`: open calls may wait for what it brings.
    """

    name: str
    key: object
    service: Service
    awaited: bool = False


async def inquire(app: App) -> None:
    """Run those who are needed, and after each reload those who are needed then."""
    running: dict[object, tuple[Inquiry, trio.CancelScope]] = {}
    async with trio.open_nursery() as nursery:
        while True:
            reloaded = app.reloaded
            wanted = {inquiry.key: inquiry for inquiry in inquiries_of(app)}
            for key in [key for key in running if key not in wanted]:
                inquiry, scope = running.pop(key)
                if inquiry.awaited:
                    nursery.start_soon(_retire, app, scope)
                else:
                    scope.cancel()
            for key, inquiry in wanted.items():
                if key not in running:
                    running[key] = inquiry, trio.CancelScope()
                    nursery.start_soon(_run, app, *running[key])
            await reloaded.wait()


async def _run(app: App, inquiry: Inquiry, scope: trio.CancelScope) -> None:
    with scope:
        await keep_up(app, inquiry.name, inquiry.service)


async def _retire(app: App, scope: trio.CancelScope) -> None:
    await app.calls.turned_over()
    scope.cancel()


def inquiries_of(app: App) -> Iterator[Inquiry]:
    """Yield those who are needed with the configuration that runs."""
    client, house = client_on(app.transport), app.current.house
    yield Inquiry("kept answers", house.kept, house.kept.run)
    for keys in house.issuers.keys if isinstance(house.issuers, Issuers) else ():
        yield Inquiry(f"keys of {keys.issuer}", keys, partial(keys.serve, client), awaited=True)
    for grant in house.tokens.grants.values():
        name = f"credentials of {grant.name}"
        yield Inquiry(name, grant, partial(grant.serve, client), awaited=True)
    for offer in app.homes.offers:
        if offer.listing:
            name = f"models of {offer.provider}"
            yield Inquiry(name, (app.reloads, name), partial(_keep_listed, app, offer))
    for pulse in pulses_of(app.homes):
        name = f"probe of {pulse.provider}"
        feel = partial(pulse.feel, client, house.health, app.log)
        yield Inquiry(name, (app.reloads, name), feel)


def pulses_of(homes: Homes) -> list[Pulse]:
    """Return the probes that are configured, each with the credentials of its provider."""
    pulses = []
    for offer in homes.offers:
        if (probe := homes.probes.get(offer.provider)) is not None:
            target, key = offer.target, offer.keys[0] if offer.keys else None
            headers = (*target.headers, *TABLE[target.kind].credentials(key))
            path = target.path + probe.path + target.query
            pulses.append(
                Pulse(offer.provider, target.origin, path, headers, probe.interval, probe.timeout)
            )
    return pulses


async def keep_up(app: App, name: str, service: Service) -> None:
    """Run a service for ever: a bug in it is told, and it begins anew."""
    while True:
        try:
            await service()
        except* Exception as group:
            app.log.exception(f"bug in service {name}", group)
        await trio.sleep(RESTART_PAUSE)


async def _keep_listed(app: App, offer: Offer) -> None:
    """Ask a provider with `models = "*"` for its list, now and again."""
    target = offer.target
    key = offer.keys[0] if offer.keys else None
    headers = (*target.headers, *TABLE[target.kind].credentials(key))
    lists = TABLE[target.kind].Options.LISTS
    client = client_on(app.transport)
    if offer.provider in app.listed:
        await trio.sleep(LISTED_EVERY)
    while True:
        try:
            with trio.fail_after(LISTING_TIMEOUT):
                names = await list_models(target.origin, target.path, headers, client, lists)
        except (GatewayError, trio.TooSlowError) as error:
            said = str(error) or f"no answer within {LISTING_TIMEOUT:g} seconds"
            app.log.warning("models not listed", provider=offer.provider, error=said)
            await trio.sleep(UNLISTED_RETRY)
            continue
        # By identity: offers hold secrets, which are not compared.
        if not any(each is offer for each in app.homes.offers):
            return  # A reload came first, and this is the answer of another provider.
        app.listed[offer.provider] = names
        app.metrics.learn(names, offer.prefix)
        house = app.current.house
        homes = app.homes
        routes = Routes(homes.offers, homes.aliases, app.listed, homes.rules)
        app.current.house = replace(house, routes=routes)
        app.log.info("models listed", provider=offer.provider, models=len(names))
        await trio.sleep(LISTED_EVERY)
