"""The composition root: puts the rooms together, runs the services, serves.

What ends last is opened first: services, then connections, then (inside each connection) calls.
"""

import os
import resource
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import trio

from gateway import __version__
from gateway.config.compose import Config
from gateway.config.discover import candidates
from gateway.config.homes import Homes, homes_of
from gateway.config.keys import is_limited
from gateway.downstream.accept import Reserve
from gateway.downstream.calls import Calls
from gateway.downstream.connection import Hall
from gateway.downstream.control import Control, folder_of, name_of
from gateway.downstream.front import Front
from gateway.downstream.gone import Watcher
from gateway.downstream.idle import Idle
from gateway.downstream.lag import Lag
from gateway.downstream.listen import Listening
from gateway.downstream.memory import room_for_bodies, usable_bytes
from gateway.downstream.options import ListenOptions
from gateway.downstream.questions import Place, Questions
from gateway.downstream.showing import Showing
from gateway.drain import Ending, Post
from gateway.furnish import furnish, keys_of
from gateway.policy.keys import KeyRecord, Keyring
from gateway.policy.offers import Offer
from gateway.policy.routes import Routes
from gateway.providers.address import parse_base_url
from gateway.providers.table import TABLE
from gateway.relay.house import Current
from gateway.store.database import Database
from gateway.store.keys import KeyBook
from gateway.store.ledger import Ledger
from gateway.store.shared import SharedStore
from gateway.telemetry.log import Log
from gateway.upstream.dial import Dialer
from gateway.upstream.dns import Resolver
from gateway.upstream.probe import client_on, list_models, probe_one
from gateway.upstream.pulse import Pulse
from gateway.upstream.transport import Transport
from gateway.words.errors import GatewayError
from gateway.words.receipt import Tap

LOOKUPS = 8
SPARE_DESCRIPTORS = 128
LISTING_TIMEOUT = 10.0
LISTED_EVERY = 300.0
UNLISTED_RETRY = 15.0
RESTART_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class App:
    """Everything that one process holds."""

    config: Config
    homes: Homes
    log: Log
    current: Current
    calls: Calls
    front: Front
    resolver: Resolver
    transport: Transport
    watcher: Watcher
    idle: Idle
    lag: Lag
    reserve: Reserve
    listed: dict[str, tuple[str, ...]]
    most_connections: int
    shared: SharedStore | None
    ledger: Ledger | None
    book: KeyBook | None

    def hall(self) -> Hall:
        """Return what all connections share."""
        house, serve = self.current.house, self.front.serve
        return Hall(
            options=self.config.http,
            calls=self.calls,
            gone=self.watcher,
            idle=self.idle,
            answer=serve,
            new_id=house.new_id,
            report=house.report,
        )


def assemble(
    config: Config,
    log: Log,
    listed: Mapping[str, tuple[str, ...]] | None = None,
    taps: tuple[Tap, ...] = (),
) -> App:
    """Build a process's rooms from its configuration. Opens nothing but one epoll.

    `listed` holds the models of providers that have been asked already; `taps` are further ones.
    """
    homes = homes_of(config)
    known = dict(listed or {})
    transport = Transport(Dialer(config.upstream.upstream_ca).connect)
    furnished = furnish(config, homes, log, transport, known, taps)
    current = Current(furnished.house)
    calls, most_connections = _limits(config, log)
    return App(
        config=config,
        homes=homes,
        log=log,
        current=current,
        calls=calls,
        front=Front(
            current,
            calls,
            frozenset(config.http.trusted_proxies),
            open_use=config.auth.required is False,
        ),
        resolver=Resolver(),
        transport=transport,
        watcher=Watcher(),
        idle=Idle(),
        lag=Lag(log),
        reserve=Reserve(log),
        listed=known,
        most_connections=most_connections,
        shared=furnished.shared,
        ledger=furnished.ledger,
        book=_book(config, furnished.database, current, log),
    )


def _book(config: Config, database: Database | None, current: Current, log: Log) -> KeyBook | None:
    """Return who hears of keys that change in the database while the process runs."""

    def learn(records: tuple[KeyRecord, ...]) -> None:
        if config.listen.workers > 1 and is_limited({}, records):
            log.warning("limits of keys hold for each worker by itself", keys=len(records))
        keys = keys_of(config, records)
        if keys is None and current.house.keys is not None:
            # Once there was a key nobody comes in without, also if the database was taken away.
            keys = Keyring((), {}, {}, b"")
        current.house = replace(current.house, keys=keys)

    return None if database is None else KeyBook(database, learn, log)


def _limits(config: Config, log: Log) -> tuple[Calls, int]:
    """Return the registry with how many calls there may be, and how many connections."""
    # A call holds two descriptors: its client's and its provider's.
    limit = raise_descriptor_limit()
    half = max(1, (limit - SPARE_DESCRIPTORS) // 2)
    bodies = room_for_bodies(usable_bytes(), config.listen.workers)
    calls = Calls(config.calls.max_calls or half, bodies)
    most_connections = config.listen.max_connections or half + SPARE_DESCRIPTORS // 2
    if most_connections + calls.most > limit:
        most = {"max_calls": calls.most, "max_connections": most_connections}
        log.warning("fewer descriptors than may be needed", descriptors=limit, **most)
    return calls, most_connections


def raise_descriptor_limit() -> int:
    """Raise the limit of open descriptors to its hard value; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


async def find_local_servers(listen: ListenOptions) -> dict[str, tuple[str, ...] | None]:
    """Ask the usual local servers for their models, all at once. Never leaves loopback."""
    transport = Transport(Dialer().connect)
    answered: dict[str, tuple[str, ...] | None] = {}

    async def ask(name: str, base_url: str) -> None:
        origin, path = parse_base_url(base_url)
        answered[name] = await probe_one(origin, path, transport)

    async with trio.open_nursery() as nursery:
        for local in candidates(listen):
            nursery.start_soon(ask, local.name, local.base_url)
    await transport.aclose()
    return answered


async def serve(
    app: App,
    sockets: Sequence[socket.socket],
    ready: Callable[[], None],
    post: Post | None = None,
) -> None:
    """Serve until told to end; `ready` is called once all is up.

    `post` is the place of a worker among several. Without it SIGTERM and SIGINT alone end it.
    """
    async with trio.open_nursery() as services:
        await services.start(run_services, app)
        options, most = app.config.listen, app.most_connections
        listening = Listening(options, sockets, app.hall(), most, app.reserve)
        questions = questions_of(app, listening, post)
        services.start_soon(_keep_up, app, "control", control_of(app, questions).run)
        await services.start(Showing(questions, app.log).heed_signal)
        ending = Ending(app.config, app.calls, listening, app.log, post)
        async with trio.open_nursery() as server:
            await server.start(ending.heed_signals)
            if post is not None:
                server.start_soon(ending.heed_supervisor, post)
            await server.start(listening.run)
            for end in (ending.run, ending.stopped):
                server.start_soon(_end_with, end, server.cancel_scope)
            ready()
        services.cancel_scope.cancel()


async def _end_with(end: Callable[[], Awaitable[None]], server: trio.CancelScope) -> None:
    await end()
    server.cancel()


async def serve_behind(
    app: App, started: Callable[[], Awaitable[None]], shutdown: Callable[[], Awaitable[object]]
) -> None:
    """Run the services behind another server's connections, until its `shutdown` returns."""
    async with trio.open_nursery() as services:
        await services.start(run_services, app)
        services.start_soon(_keep_up, app, "control", control_of(app, questions_of(app)).run)
        await started()
        await shutdown()
        app.calls.draining = True
        services.cancel_scope.cancel()


def questions_of(
    app: App, listening: Listening | None = None, post: Post | None = None
) -> Questions:
    """Return who answers for this process; to be called once Trio runs."""
    pid = os.getpid()
    supervisor, worker = (post.supervisor, post.number) if post else (pid, 1)
    place = Place(pid, supervisor, worker, __version__, trio.current_time())
    health = app.current.house.health
    return Questions(place, app.calls, app.transport, listening, app.lag, app.log, health=health)


def control_of(app: App, questions: Questions) -> Control:
    """Return the control socket of this process."""
    name = name_of(questions.place.supervisor, questions.place.pid)
    return Control(folder_of(os.environ) / name, questions.table(), app.log, app.reserve)


async def run_services(
    app: App, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Run what outlives requests, until cancelled: names, kept connections, the watcher, lists."""
    if app.book is not None:
        await app.book.load()
    app.resolver.install()
    house = app.current.house
    try:
        app.reserve.open()
        async with trio.open_nursery() as services:
            for _ in range(LOOKUPS):
                services.start_soon(_keep_up, app, "resolver", app.resolver.serve)
            services.start_soon(_keep_up, app, "transport", app.transport.serve)
            services.start_soon(_keep_up, app, "watcher", app.watcher.run)
            services.start_soon(_keep_up, app, "idle connections", app.idle.run)
            services.start_soon(_keep_up, app, "lag", app.lag.run)
            services.start_soon(_keep_up, app, "kept answers", house.kept.run)
            if app.book is not None:
                services.start_soon(_keep_up, app, "keys", app.book.run)
            if app.shared is not None:
                services.start_soon(_keep_up, app, "shared store", app.shared.run)
            for offer in app.homes.offers:
                if offer.listing:
                    listing = partial(_keep_listed, app, offer)
                    services.start_soon(_keep_up, app, f"models of {offer.provider}", listing)
            for pulse in pulses_of(app.homes):
                feel = partial(pulse.feel, client_on(app.transport), house.health, app.log)
                services.start_soon(_keep_up, app, f"probe of {pulse.provider}", feel)
            task_status.started()
    finally:
        trio.socket.set_custom_hostname_resolver(None)
        app.transport.pool.close_unused()
        app.watcher.close()
        app.reserve.close()
        if app.ledger is not None:
            app.ledger.close()


def pulses_of(homes: Homes) -> list[Pulse]:
    """Return the probes that are configured, each with the credentials of its provider."""
    pulses = []
    for offer in homes.offers:
        if (probe := homes.probes.get(offer.provider)) is not None:
            target, key = offer.target, offer.keys[0] if offer.keys else None
            headers = (*target.headers, *TABLE[target.kind].credentials(key))
            path = target.path + probe.path
            pulses.append(
                Pulse(offer.provider, target.origin, path, headers, probe.interval, probe.timeout)
            )
    return pulses


async def _keep_up(app: App, name: str, service: Callable[[], Awaitable[None]]) -> None:
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
    client = client_on(app.transport)
    if offer.provider in app.listed:
        await trio.sleep(LISTED_EVERY)
    while True:
        try:
            with trio.fail_after(LISTING_TIMEOUT):
                names = await list_models(target.origin, target.path, headers, client)
        except (GatewayError, trio.TooSlowError) as error:
            said = str(error) or f"no answer within {LISTING_TIMEOUT:g} seconds"
            app.log.warning("models not listed", provider=offer.provider, error=said)
            await trio.sleep(UNLISTED_RETRY)
            continue
        app.listed[offer.provider] = names
        house = app.current.house
        homes = app.homes
        routes = Routes(homes.offers, homes.aliases, app.listed, homes.rules)
        app.current.house = replace(house, routes=routes)
        app.log.info("models listed", provider=offer.provider, models=len(names))
        await trio.sleep(LISTED_EVERY)
