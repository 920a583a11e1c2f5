"""What outlives requests: the services of a process, each kept up until it is cancelled."""

from collections.abc import Iterator
from functools import partial

import trio

from gateway.assembly import App
from gateway.config.compose import Config
from gateway.inquiries import Service, inquire, keep_up
from gateway.policy.keys import Keyring
from gateway.store.recall import recall
from gateway.words.budget import Per

LOOKUPS = 8


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
        windows = windows_of(app.config, house.keys)
        house.purses.before = (await recall(app.outside.database, windows, house.today())).before


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
    yield "inquiries", partial(inquire, app)
