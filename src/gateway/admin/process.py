"""What the admin's process runs until it is told to end. No other process may import this.

It heeds no signal: a terminal and systemd signal a whole group, and while the workers drain the
operator wants to watch. To end is its supervisor's to say, or to be no more.
"""

import logging
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from quart_trio import QuartTrio

from gateway.admin.hearing import hear
from gateway.admin.http1 import speak_http_1_1_alone
from gateway.admin.office import Office
from gateway.admin.opening import Admin
from gateway.admin.site import Site
from gateway.admin.subjects import site_of
from gateway.admin.wall import Wall
from gateway.admin.workers import Workers
from gateway.telemetry.log import Log

SIGNALS = (signal.SIGTERM, signal.SIGINT)

HEAD_TIMEOUT = 5.0
"""Seconds for a request head, and for the next one on a connection."""

LAST_WORDS_TIMEOUT = 1.0
"""Seconds that open requests have when it ends."""

RESTART_PAUSE = 0.5
COURTESY = 10
"""How far it stands behind the workers where processors are short (nice)."""


@dataclass(frozen=True, slots=True)
class Orders:
    """How the process and its supervisor speak: any word on the lifeline, or its end, is the end.

    `ready` says that it hears; `leave` that somebody else has asked it to go.
    """

    lifeline: socket.socket
    ready: Callable[[], None]
    leave: Callable[[], None]


def run(admin: Admin, workers: Workers, office: Office, log: Log, orders: Orders) -> None:
    """Serve until told to end."""
    with suppress(OSError):
        os.nice(COURTESY)
    speak_http_1_1_alone()
    trio.run(_main, admin, site_of(admin, workers, office, log), office, log, orders)


async def _main(admin: Admin, site: Site, office: Office, log: Log, orders: Orders) -> None:
    hears = hear(log)
    told = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(_heed_signals, orders.leave)
        nursery.start_soon(_heed_supervisor, orders.lifeline, told)
        for service in office.services:
            nursery.start_soon(service)
        log.info("admin serves", url=admin.url)
        orders.ready()
        while not told.is_set():
            try:
                await _serve(site.app(), admin.sock, hears, told)
            except* Exception as group:
                # One request can end Hypercorn; the next one is served all the same.
                log.exception("bug in admin", group)
                with trio.move_on_after(RESTART_PAUSE):
                    await told.wait()
        nursery.cancel_scope.cancel()


async def _serve(
    app: QuartTrio, sock: socket.socket, hears: logging.Logger, told: trio.Event
) -> None:
    """Have Hypercorn serve until told; it takes and closes a descriptor of its own."""
    config = Config()
    config.bind = [f"fd://{os.dup(sock.fileno())}"]
    config.errorlog = hears
    config.include_server_header = False
    config.keep_alive_timeout = HEAD_TIMEOUT
    config.graceful_timeout = LAST_WORDS_TIMEOUT
    config.websocket_max_message_size = 1
    await serve(Wall(app), config, shutdown_trigger=told.wait)


async def _heed_signals(
    leave: Callable[[], None], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(*SIGNALS) as signals:
        # It is born with these blocked, so that none is lost before somebody listens.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        task_status.started()
        async for _ in signals:
            leave()


async def _heed_supervisor(lifeline: socket.socket, told: trio.Event) -> None:
    with suppress(ConnectionResetError):
        await trio.socket.from_stdlib_socket(lifeline).recv(64)
    told.set()
