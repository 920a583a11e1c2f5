"""The inside of a gateway that runs in this process: how it is built, what of it is there now.

Nothing here is told by the gateway: tasks are found in Trio's own tree, sockets among the process's
descriptors. Only the receipts come from a tap.
"""

import os
import socket
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from gateway.assembly import App
from gateway.commands.demonstration.figures import Counted
from gateway.commands.demonstration.scenes import MODEL, MODEL_FAR_AWAY, MODEL_IN_TLS
from gateway.commands.demonstration.upstream import LOOPBACK, Upstream, sockets_of
from gateway.commands.demonstration.wire import Address
from gateway.config.compose import Config
from gateway.downstream.listen import Listening, open_sockets
from gateway.downstream.options import ListenOptions
from gateway.providers import openai
from gateway.telemetry.log import Log
from gateway.words.receipt import Receipt, Tap
from gateway.words.target import Origin

DESCRIPTORS: Final = Path("/proc/self/fd") if Path("/proc/self/fd").is_dir() else Path("/dev/fd")
SCHEDULING: Final = Path("/proc/thread-self/schedstat")
"""Nanoseconds on the CPU, nanoseconds in line for it, turns."""

Assemble = Callable[[Config, Log, Mapping[str, tuple[str, ...]] | None, tuple[Tap, ...]], App]
"""Builds the gateway: `app.assemble`, or one that a test has spoilt."""


def config_for(upstream: Upstream, far_port: int) -> Config:
    """Return the configuration of a gateway that asks this upstream, on a free port of its own.

    One of its models is asked over TLS, one at `far_port`, where nobody takes connections.
    """
    addresses = {
        MODEL: upstream.base_url,
        MODEL_IN_TLS: f"https://{LOOPBACK}:{upstream.port}/v1",
        MODEL_FAR_AWAY: f"http://{LOOPBACK}:{far_port}/v1",
    }
    return Config(
        listen=ListenOptions(host=LOOPBACK, port=0),
        providers={
            model: openai.Options(kind="openai", base_url=url, models=[model])
            for model, url in addresses.items()
        },
    )


def seconds_off_cpu(told: Path = SCHEDULING) -> float:
    """Return how long this thread could have run and was not let; 0 where no kernel tells it."""
    try:
        return int(told.read_text(encoding="ascii").split()[1]) / 1e9
    except OSError:
        return 0.0


class FarAway:
    """A listener on loopback that takes no connection: its one place in the queue is taken."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind((LOOPBACK, 0))
        self._listener.listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._guest = socket.create_connection((LOOPBACK, self.port))

    def close(self) -> None:
        """Close both of its sockets."""
        self._guest.close()
        self._listener.close()


class Receipts:
    """A tap that keeps how each request ended."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def settled(self, receipt: Receipt) -> None:
        """Take note of one."""
        self.outcomes.append(str(receipt.outcome))


class Own:
    """The gateway in this process: what `gateway serve` runs, but for the signals."""

    def __init__(
        self,
        app: App,
        receipts: Receipts,
        upstream: Upstream,
        off_cpu: Callable[[], float] = seconds_off_cpu,
    ) -> None:
        """Bind its port. Raises `OSError`."""
        self.app = app
        self.off_cpu = off_cpu
        self._receipts = receipts
        self._upstream = upstream
        sockets = open_sockets(app.config.listen, app.config.clocks.write_timeout)
        port = sockets[0].getsockname()[1]
        self.address = Address(Origin("http", LOOPBACK, port))
        self.listening = Listening(app.config.listen, sockets, app.hall(), app.most_connections)

    def mark(self) -> "Mark":
        """Note what is there before a call."""
        return Mark(
            frozenset(tasks_but(self._upstream.task)),
            frozenset(open_sockets_here()),
            len(self._receipts.outcomes),
            self._kept,
        )

    def since(self, before: "Mark", own: Iterable[int]) -> Counted:
        """Count what has come since then and is there now.

        Not counted are the demonstration's `own` descriptors, those of its upstream, and
        connections that the pool keeps for the next call.
        """
        ours = {*own, *sockets_of(self._upstream.peers)}
        tasks = set(tasks_but(self._upstream.task)) - before.tasks
        sockets = set(open_sockets_here()) - before.sockets
        theirs = [number for number, _ in sockets if number not in ours]
        outcomes = tuple(self._receipts.outcomes[before.receipts :])
        kept = self._kept - before.kept
        return Counted(len(tasks), len(theirs) - kept, len(outcomes), outcomes)

    @property
    def _kept(self) -> int:
        pool = self.app.transport.pool
        return pool.idle + pool.parked


@dataclass(frozen=True, slots=True)
class Mark:
    """What was there before a call: tasks, descriptors with their inodes, receipts, kept ones."""

    tasks: frozenset[trio.lowlevel.Task]
    sockets: frozenset[tuple[int, int]]
    receipts: int
    kept: int


def tasks_but(left_out: trio.lowlevel.Task | None) -> Iterator[trio.lowlevel.Task]:
    """Yield all tasks of this Trio run, its system tasks too, but one and those beneath it."""
    root = trio.lowlevel.current_root_task()
    waiting = [] if root is None else [root]
    while waiting:
        task = waiting.pop()
        if task is not left_out:
            yield task
            waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]


def open_sockets_here() -> Iterator[tuple[int, int]]:
    """Yield the descriptor and the inode of every socket of this process."""
    for name in os.listdir(DESCRIPTORS):  # noqa: PTH208 (numbers are wanted, not paths)
        with suppress(OSError):  # the one by which they were listed is gone
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode):
                yield int(name), status.st_ino
