"""What `gateway serve` has to do, by this process alone or by several that are supervised."""

import gc
import importlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from traceback import format_exception
from typing import Final

import trio

from gateway.admin import token_file
from gateway.admin.opening import Admin
from gateway.admin.workers import Workers, supervisors
from gateway.app import serve
from gateway.assembly import assemble
from gateway.config.compose import Config
from gateway.config.homes import known_secrets
from gateway.config.mistakes import ConfigMistake
from gateway.downstream.control import folder_of, prepare
from gateway.drain import LEAVING, READY, RELOAD, Post, longest_drain
from gateway.office.whole import Furnisher
from gateway.places import Beside
from gateway.policy.scrub import Scrubber
from gateway.renewal import KEPT, Watched, cut, news_of
from gateway.supervisor import Supervisor
from gateway.telemetry.log import open_log, renderer
from gateway.telemetry.voice import Voice

COLLECT_EVERY = (20_000, 20, 100)
"""When Python looks for cycles. With its own thresholds (700, 10, 10) it does so all the time while
1,000 streams are open, and now and again that stalls all of them for 70 ms."""

BUG: Final = "bug in the reading of the configuration, the old one goes on"

GRACE: Final = 5.0
"""Seconds beyond the longest drain before a worker that has not ended is killed."""

PROCESS_NAME: Final = "gateway-admin"


@dataclass(slots=True)
class Job:
    """What there is to serve, by this process or by workers; `ready` announces it.

    A reload sets `config`: whoever is forked later begins with that.
    """

    config: Config
    listed: Mapping[str, tuple[str, ...]]
    log_level: str
    ready: Callable[[], None]
    admin: Admin | None = None

    def run(self, places: Sequence[Sequence[socket.socket]]) -> int:
        """Serve, alone where there is nothing to supervise. Return the exit code."""
        if len(places) == 1 and self.admin is None:
            return self.alone(places[0])
        return self.together(places)

    def alone(self, sockets: Sequence[socket.socket]) -> int:
        """Serve in this process. Return the exit code."""
        self._serve(sockets, self.ready)
        return 0

    def together(self, places: Sequence[Sequence[socket.socket]]) -> int:
        """Supervise a worker for each place, and the admin. Raises `NotStarted`."""
        turns = os.memfd_create("turns at the log")
        render = renderer(self.config.log, sys.stderr)
        voice = Voice(sys.stderr.fileno(), render, self.log_level, time.time_ns, turns)
        patience = longest_drain(self.config) + GRACE
        admin = self.admin
        beside = None if admin is None else Beside("admin", [admin.sock], self._administer)
        supervisor = Supervisor(places, self._work, voice, time.monotonic, patience, beside)
        with _token_file(admin, voice) as write:

            def ready(_: Sequence[int]) -> None:
                write()
                self.ready()

            return supervisor.run(ready, Standing(self, voice))

    def _work(self, post: Post, sockets: Sequence[socket.socket]) -> None:
        self._serve(sockets, partial(post.tell, READY), post)

    def _administer(self, post: Post, _: Sequence[socket.socket]) -> None:
        """Be the admin. Only its own process imports Quart, so that no worker ever does."""
        assert self.admin is not None
        with suppress(OSError):  # what `ps` and `top` show is a courtesy
            Path("/proc/self/comm").write_text(PROCESS_NAME, encoding="ascii")
        process = importlib.import_module("gateway.admin.process")
        with open_log(self.config.log, sys.stderr, self.log_level, turns=post.turns) as log:
            scrubber = Scrubber([*known_secrets(self.config), *self.admin.secrets])
            log.know(scrubber)
            workers = Workers(folder_of(os.environ), post.supervisor)
            tell = [partial(post.tell, word) for word in (READY, LEAVING, RELOAD)]
            orders = process.Orders(post.lifeline, RELOAD, *tell)
            offices = Furnisher(self.config, log, scrubber)
            process.run(self.admin, workers, offices.office(), offices.furnish, log, orders)

    def _serve(
        self, sockets: Sequence[socket.socket], ready: Callable[[], None], post: Post | None = None
    ) -> None:
        turns = None if post is None else post.turns
        with open_log(self.config.log, sys.stderr, self.log_level, turns=turns) as log:
            app = assemble(self.config, log, self.listed)
            # What is imported stays: without it a full collection stalls every stream for 15 ms.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*COLLECT_EVERY)
            trio.run(serve, app, sockets, ready, post)
            place = {} if post is None else {"worker": post.number}
            log.info("stopped", **place)


class Standing:
    """Stands for the configuration with which the next process begins (see `supervisor.Renews`)."""

    def __init__(self, job: Job, voice: Voice) -> None:
        self._job = job
        self._voice = voice
        self._watched = Watched()
        self._scrubber = Scrubber(known_secrets(job.config))

    def changed(self) -> bool:
        """Look at its files; say once of each change that it has come to rest."""
        return self._watched.changed(self._job.config)

    def renew(self) -> bool:
        """Read it anew; say whether there is another one from now on."""
        try:
            renewal = self._watched.renew(self._job.config, os.environ)
        except ConfigMistake as mistake:
            self._say("error", KEPT, {"reason": str(mistake)})
            return False
        except Exception as bug:
            self._say("error", BUG, {"exception": "".join(format_exception(bug)[-2:])})
            return False
        self._scrubber.know(known_secrets(renewal.config))
        self._job.config = renewal.config
        for level, event, fields in news_of(renewal):
            self._say(level, event, fields)
        return True

    def _say(self, level: str, event: str, fields: Mapping[str, str]) -> None:
        told = {name: cut(self._scrubber.scrub(text)) for name, text in fields.items()}
        self._voice.say(level, event, **told)


@contextmanager
def _token_file(admin: Admin | None, voice: Voice) -> Iterator[Callable[[], None]]:
    """Give a way to write the file by which tools find the admin; at the end it is removed."""
    folder = folder_of(os.environ)
    path = token_file.path_of(folder, os.getpid())
    written = False

    def write() -> None:
        nonlocal written
        if admin is None:
            return
        try:
            prepare(folder)
            token_file.sweep(folder, supervisors(folder))
            token_file.write(path, token_file.Found(admin.url, admin.token.reveal()))
            written = True
        except OSError as error:
            reason = error.strerror or str(error)
            voice.say("warning", "no token file", path=str(path), reason=reason)

    try:
        yield write
    finally:
        if written:
            path.unlink(missing_ok=True)
