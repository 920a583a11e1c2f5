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

from gateway.admin.hearing import hear
from gateway.admin.http1 import speak_http_1_1_alone
from gateway.admin.office import NotTaken, Office
from gateway.admin.opening import Admin
from gateway.admin.renewing import Renewing
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
    """How the process and its supervisor speak. Any word on the lifeline, or its end, is the end,
    but for `anew`: there is another configuration.

    `ready` says that it hears; `leave` that somebody else has asked it to go; `reload` asks that
    the configuration be read anew.
    """

    lifeline: socket.socket
    anew: bytes
    ready: Callable[[], None]
    leave: Callable[[], None]
    reload: Callable[[], None]


Furnish = Callable[[], Office]
"""Reads the configuration anew, in a thread, and returns the office by it. Raises `NotTaken`."""


def run(
    admin: Admin, workers: Workers, office: Office, furnish: Furnish, log: Log, orders: Orders
) -> None:
    """Serve until told to end."""
    with suppress(OSError):
        os.nice(COURTESY)
    speak_http_1_1_alone()
    renewing = Renewing(orders.reload, office.fingerprint)

    def build(office: Office) -> Site:
        return site_of(admin, workers, office, log, renewing)

    trio.run(_main, admin, Shown(build, office, renewing), furnish, log, orders)


class Shown:
    """The site as it is shown now, by its office."""

    def __init__(self, build: Callable[[Office], Site], office: Office, renewing: Renewing) -> None:
        self.office = office
        self._build = build
        self._renewing = renewing
        self._wall: Wall | None = None

    def opened(self) -> Wall:
        """Return the site behind a wall, for a server that begins."""
        self._wall = Wall(self._build(self.office).app())
        return self._wall

    def follow(self, office: Office) -> None:
        """Show the site of another office from now on."""
        app = self._build(office).app()
        self.office = office
        if self._wall is not None:
            self._wall.site = app
        self._renewing.follow(office.fingerprint)


async def _main(admin: Admin, shown: Shown, furnish: Furnish, log: Log, orders: Orders) -> None:
    hears = hear(log)
    told = trio.Event()
    send, receive = trio.open_memory_channel[None](1)
    async with trio.open_nursery() as nursery:
        await nursery.start(_heed_signals, orders.leave)
        nursery.start_soon(_heed_supervisor, orders, told, send)
        nursery.start_soon(_furnish_anew, shown, furnish, log, receive)
        log.info("admin serves", url=admin.url)
        orders.ready()
        while not told.is_set():
            try:
                await _serve(shown.opened(), admin.sock, hears, told)
            except* Exception as group:
                # One request can end Hypercorn; the next one is served all the same.
                log.exception("bug in admin", group)
                with trio.move_on_after(RESTART_PAUSE):
                    await told.wait()
        nursery.cancel_scope.cancel()


async def _furnish_anew(
    shown: Shown, furnish: Furnish, log: Log, words: trio.MemoryReceiveChannel[None]
) -> None:
    """Run the services of the office; at each word those of another, whose site is shown."""
    while True:
        async with trio.open_nursery() as services:
            for service in shown.office.services:
                services.start_soon(service)
            office = await _next(furnish, log, words)
            services.cancel_scope.cancel()
        shown.follow(office)


async def _next(furnish: Furnish, log: Log, words: trio.MemoryReceiveChannel[None]) -> Office:
    """Wait for a word after which there is another office, and return it."""
    thread = trio.CapacityLimiter(1)
    while True:
        await words.receive()
        try:
            return await trio.to_thread.run_sync(furnish, limiter=thread)
        except NotTaken as reason:
            log.error("the admin goes on as it was", reason=str(reason))


async def _serve(wall: Wall, sock: socket.socket, hears: logging.Logger, told: trio.Event) -> None:
    """Have Hypercorn serve until told; it takes and closes a descriptor of its own."""
    config = Config()
    config.bind = [f"fd://{os.dup(sock.fileno())}"]
    config.errorlog = hears
    config.include_server_header = False
    config.keep_alive_timeout = HEAD_TIMEOUT
    config.graceful_timeout = LAST_WORDS_TIMEOUT
    config.websocket_max_message_size = 1
    await serve(wall, config, shutdown_trigger=told.wait)


async def _heed_signals(
    leave: Callable[[], None], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(*SIGNALS) as signals:
        # It is born with these blocked, so that none is lost before somebody listens.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        task_status.started()
        async for _ in signals:
            leave()


async def _heed_supervisor(
    orders: Orders, told: trio.Event, words: trio.MemorySendChannel[None]
) -> None:
    lifeline = trio.socket.from_stdlib_socket(orders.lifeline)
    with suppress(ConnectionResetError):
        while said := await lifeline.recv(64):
            if said.strip(orders.anew):
                break
            with suppress(trio.WouldBlock):  # one that waits already reads what is there by then
                words.send_nowait(None)
    told.set()
