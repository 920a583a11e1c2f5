"""Gateways that break the promise on purpose, so that the demonstration can be seen to notice."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import trio

from gateway.assembly import App, assemble
from gateway.commands.demonstration.figures import Figures
from gateway.commands.demonstration.inside import Assemble
from gateway.commands.demonstration.play import Stage
from gateway.commands.demonstration.scenes import SCENES, Scene
from gateway.commands.demonstration.stage import Asking, play_own
from gateway.config.compose import Config
from gateway.telemetry.log import Log, open_log
from gateway.telemetry.options import LogOptions
from gateway.upstream.dial import Dialer
from gateway.upstream.transport import Transport
from gateway.upstream.wire import UpstreamStream, Wire
from gateway.words.receipt import Receipt, Tap
from gateway.words.target import Origin

LATE = 0.060
"""Seconds after which a spoilt gateway closes at last."""

Listed = Mapping[str, tuple[str, ...]] | None


class Notes:
    """A watch that keeps what it is told (see `stage.Watch`)."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.played_at: list[int] = []
        self.found: list[Figures] = []

    def begins(self, stage: Stage, scenes: Sequence[Scene]) -> None:
        self.phases = [scene.phase for scene in scenes]

    def played(self, figures: Figures) -> None:
        self.played_at.append(len(figures.runs))

    def ended(self, figures: Figures) -> None:
        self.found.append(figures)


class Unclosed:
    """A connection that is not closed when it should be, but when `closing` says so."""

    def __init__(self, stream: Wire, closing: Callable[["Unclosed"], None]) -> None:
        self.stream = stream
        self._closing = closing
        self.receive_some = stream.receive_some
        self.send_all = stream.send_all
        self.read_now = stream.read_now
        self.write_now = stream.write_now

    def close(self) -> None:
        self._closing(self)


def connecting_to(closing: Callable[[Unclosed], None]) -> Assemble:
    """Return how to build a gateway whose connections are closed as `closing` does it."""
    dialer = Dialer()

    async def connect(origin: Origin) -> UpstreamStream:
        stream = await dialer.connect(origin)
        assert isinstance(stream, Wire)
        return Unclosed(stream, closing)

    def build(config: Config, log: Log, listed: Listed, taps: tuple[Tap, ...]) -> App:
        app = assemble(config, log, listed, taps)
        transport = Transport(connect)
        transports = {"http": transport, "https": transport}
        app.current.house = replace(app.current.house, transports=transports)
        return replace(app, transport=transport)

    return build


@contextmanager
def never_closing() -> Iterator[Assemble]:
    """Build a gateway that keeps its upstreams; they are closed with the `with`."""
    kept: list[Unclosed] = []
    try:
        yield connecting_to(kept.append)
    finally:
        for unclosed in kept:
            unclosed.stream._socket.close()


@contextmanager
def closing_late() -> Iterator[Assemble]:
    """Build a gateway that needs a while to close."""
    timers: list[threading.Timer] = []

    def closing(unclosed: Unclosed) -> None:
        token = trio.lowlevel.current_trio_token()
        timers.append(threading.Timer(LATE, token.run_sync_soon, [unclosed.stream.close]))
        timers[-1].start()

    try:
        yield connecting_to(closing)
    finally:
        for timer in timers:
            timer.join()


def with_taps(change: Callable[[tuple[Tap, ...]], tuple[Tap, ...]]) -> Assemble:
    """Return how to build a gateway with other taps than it was given."""

    def build(config: Config, log: Log, listed: Listed, taps: tuple[Tap, ...]) -> App:
        return assemble(config, log, listed, change(taps))

    return build


class Straying:
    """A tap that leaves a task behind, where no nursery of the gateway holds it."""

    def settled(self, receipt: Receipt) -> None:
        trio.lowlevel.spawn_system_task(trio.sleep_forever)


def scene(phase: str) -> Scene:
    """Find a scene."""
    return next(found for found in SCENES if found.phase == phase)


def play_once(
    directory: Path, build: Assemble, *phases: str, runs: int = 1, within: float = 0.05
) -> list[Figures]:
    """Play some scenes on a gateway in this process, in a run of Trio by itself."""
    asking = Asking(runs, within, 0.15, tuple(scene(phase) for phase in phases))
    with (directory / "log").open("w") as file, open_log(LogOptions(), file) as log:
        return trio.run(play_own, asking, log, Notes(), build)
