"""Receipts besides the ledger: as JSON lines into a file, or to an HTTP sink."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.store.line import Journal
from gateway.store.sink_address import SinkAddress, parse_sink
from gateway.store.sink_file import FileSink
from gateway.store.sink_http import HttpSink, Post
from gateway.words.receipt import Receipt
from gateway.words.secret import Secret


class Sink(Protocol):
    """A tap (see `words.receipt.Tap`), a service, and an end.

    In its turn: calls end, `flush` is awaited while the services still run, `close` is called.
    """

    written: int
    dropped: int
    lost: int
    away: bool

    @property
    def queued(self) -> int:
        """How many receipts wait."""

    def started(self, receipt: Receipt) -> object:
        """Note that a call begins, right before the first target is asked."""

    def settled(self, receipt: Receipt) -> None:
        """Note how a call ended; never waits, never raises."""

    async def run(self) -> None:
        """Take receipts to the sink, until cancelled."""

    async def flush(self) -> bool:
        """Have what waits written, in a bounded time. Return whether all of it was tried."""

    def close(self) -> bool:
        """End it; what was not written is counted. Return whether there was nothing."""


class Starts(Protocol):
    """Who is told that a call begins."""

    def started(self, receipt: Receipt) -> object:
        """Take note; never waits."""


@dataclass(frozen=True, slots=True)
class Seams:
    """What a sink is given of the world.

    `post_to` returns who sends to an address over HTTP; `name` tells this process from all others.
    """

    post_to: Callable[[SinkAddress], Post]
    name: str
    today_ns: Callable[[], int]
    draw: Callable[[], float]
    report: Journal


def open_receipts(address: Secret | None, seams: Seams) -> Sink | None:
    """Return the sink that is configured; None where none is. Raises `ValueError`."""
    if address is None:
        return None
    place = parse_sink(address.reveal())
    if place.origin is None:
        return FileSink(place.path, seams.today_ns, seams.report)
    post = seams.post_to(place)
    return HttpSink(post, seams.name, seams.today_ns, seams.report, seams.draw)


@dataclass(frozen=True, slots=True)
class Beginnings:
    """Tells several that a call begins."""

    all: tuple[Starts, ...]

    def started(self, receipt: Receipt) -> None:
        for each in self.all:
            each.started(receipt)
