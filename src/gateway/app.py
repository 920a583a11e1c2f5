"""The composition root: puts the rooms together, runs the services, serves.

What ends last is opened first: services, then connections, then (inside each connection) calls.
"""

import os
import socket
from collections.abc import Awaitable, Callable, Sequence

import trio

from gateway import __version__
from gateway.assembly import App
from gateway.config.discover import candidates
from gateway.downstream.control import Control, folder_of, name_of
from gateway.downstream.listen import Listening
from gateway.downstream.options import ListenOptions
from gateway.downstream.questions import Place, Questions
from gateway.downstream.showing import Showing
from gateway.downstream.tallies import Tallies
from gateway.drain import Ending, Post, Terminal
from gateway.inquiries import keep_up
from gateway.providers.address import parse_base_url
from gateway.reload import Reloading
from gateway.services import flush, run_services
from gateway.upstream.dial import Dialer
from gateway.upstream.probe import probe_one
from gateway.upstream.transport import Transport


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
        services.start_soon(keep_up, app, "control", control_of(app, questions).run)
        await services.start(Showing(questions, app.log).heed_signal)
        reloading = Reloading(app, os.environ, None if post is None else post.number)
        services.start_soon(keep_up, app, "reload", reloading.run)
        ending = Ending(app.config, app.calls, listening, app.log, post)
        async with trio.open_nursery() as server:
            await server.start(ending.heed_signals)
            if post is not None:
                server.start_soon(ending.heed_supervisor, post, reloading.ask)
            else:
                await services.start(reloading.heed_signal, Terminal(), ending.signalled)
                services.start_soon(keep_up, app, "configuration", reloading.watch)
            await server.start(listening.run)
            for end in (ending.run, ending.stopped):
                server.start_soon(_end_with, end, server.cancel_scope)
            ready()
        await flush(app)
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
        services.start_soon(keep_up, app, "control", control_of(app, questions_of(app)).run)
        await started()
        await shutdown()
        app.calls.draining = True
        await flush(app)
        services.cancel_scope.cancel()


def questions_of(
    app: App, listening: Listening | None = None, post: Post | None = None
) -> Questions:
    """Return who answers for this process; to be called once Trio runs."""
    pid = os.getpid()
    supervisor, worker = (post.supervisor, post.number) if post else (pid, 1)
    place = Place(pid, supervisor, worker, __version__, trio.current_time())
    house = app.current.house
    return Questions(
        place,
        app.calls,
        app.transport,
        listening,
        app.lag,
        app.log,
        health=house.health,
        tallies=Tallies(
            app.outside.ledger,
            app.outside.receipts,
            app.outside.shared,
            app.refusals,
            None if app.outside.traces is None else app.outside.traces.tap,
        ),
        listed=app.listed,
        endings=app.endings,
        metrics=app.metrics,
        purses=house.purses,
        today=house.today,
        configuration=lambda: app.fingerprint,
    )


def control_of(app: App, questions: Questions) -> Control:
    """Return the control socket of this process."""
    name = name_of(questions.place.supervisor, questions.place.pid)
    return Control(folder_of(os.environ) / name, questions.table(), app.log, app.reserve)
