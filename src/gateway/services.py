"""What outlives requests: the services of a process, each kept up until it is cancelled."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial

import trio

from gateway.assembly import App
from gateway.config.compose import Config
from gateway.config.homes import Homes
from gateway.policy.keys import Keyring
from gateway.policy.offers import Offer
from gateway.policy.routes import Routes
from gateway.providers.table import TABLE
from gateway.store.recall import recall
from gateway.upstream.probe import client_on, list_models
from gateway.upstream.pulse import Pulse
from gateway.words.budget import Per
from gateway.words.errors import GatewayError

LOOKUPS = 8
LISTING_TIMEOUT = 10.0
LISTED_EVERY = 300.0
UNLISTED_RETRY = 15.0
RESTART_PAUSE = 1.0

Service = Callable[[], Awaitable[None]]


async def run_services(
    app: App, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Run what outlives requests, until cancelled."""
    await remember(app)
    app.resolver.install()
    try:
        app.reserve.open()
        async with trio.open_nursery() as services:
            for name, service in services_of(app):
                services.start_soon(keep_up, app, name, service)
            task_status.started()
    finally:
        trio.socket.set_custom_hostname_resolver(None)
        app.transport.pool.close_unused()
        app.watcher.close()
        app.reserve.close()
        if app.outside.receipts is not None:
            app.outside.receipts.close()
        if app.outside.traces is not None:
            app.outside.traces.collector.close()
        if app.outside.ledger is not None:
            app.outside.ledger.close()


async def remember(app: App) -> None:
    """Read what the database has of keys and of money, before the first call."""
    if app.book is not None:
        await app.book.load()
    house = app.current.house
    if app.outside.database is not None and house.keys is not None:
        history = await recall(
            app.outside.database, windows_of(app.config, house.keys), house.today()
        )
        house.purses.before = history.before


async def flush(app: App) -> None:
    """Give back what is common, and have the last receipts taken, while the services still run."""
    if app.outside.shared is not None:
        await app.outside.shared.close()
    if app.outside.objects is not None:
        await app.outside.objects.flush()
    async with trio.open_nursery() as nursery:  # neither has to wait for the other
        if app.outside.receipts is not None:
            nursery.start_soon(app.outside.receipts.flush)
        if app.outside.traces is not None:
            nursery.start_soon(app.outside.traces.collector.flush)


def windows_of(config: Config, keys: Keyring) -> frozenset[Per]:
    """Return the windows in which money is counted for any key or team."""
    teams = (budget.per for team in config.teams.values() for budget in team.budgets)
    return frozenset((*keys.windows, *teams))


def services_of(app: App) -> Iterator[tuple[str, Service]]:
    """Yield all services with their names: those of every process, then those configured."""
    for _ in range(LOOKUPS):
        yield "resolver", app.resolver.serve
    yield "transport", app.transport.serve
    yield "watcher", app.watcher.run
    yield "idle connections", app.idle.run
    yield "lag", app.lag.run
    yield "kept answers", app.current.house.kept.run
    if app.book is not None:
        yield "keys", app.book.run
    if app.outside.objects is not None:
        yield "objects", app.outside.objects.run
    if app.outside.shared is not None:
        yield "shared store", app.outside.shared.run
    if app.outside.receipts is not None:
        yield "receipts", app.outside.receipts.run
    if app.outside.traces is not None:
        yield "traces", app.outside.traces.collector.run
    yield from _asking(app)


def _asking(app: App) -> Iterator[tuple[str, Service]]:
    """Yield those who ask providers and issuers something now and again."""
    client = client_on(app.transport)
    for keys in () if app.outside.issuers is None else app.outside.issuers.keys:
        yield f"keys of {keys.issuer}", partial(keys.serve, client)
    for grant in app.current.house.tokens.grants.values():
        yield f"credentials of {grant.name}", partial(grant.serve, client)
    for offer in app.homes.offers:
        if offer.listing:
            yield f"models of {offer.provider}", partial(_keep_listed, app, offer)
    health = app.current.house.health
    for pulse in pulses_of(app.homes):
        yield f"probe of {pulse.provider}", partial(pulse.feel, client, health, app.log)


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
        app.listed[offer.provider] = names
        app.metrics.learn(names, offer.prefix)
        house = app.current.house
        homes = app.homes
        routes = Routes(homes.offers, homes.aliases, app.listed, homes.rules)
        app.current.house = replace(house, routes=routes)
        app.log.info("models listed", provider=offer.provider, models=len(names))
        await trio.sleep(LISTED_EVERY)
