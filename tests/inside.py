"""The gateway inside the test's own Trio run, on a real socket, so that parts can be exchanged."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx2
import trio

from gateway.assembly import App, assemble
from gateway.config.load import load_config
from gateway.downstream.connection import Hall
from gateway.downstream.listen import Listening, open_sockets
from gateway.services import run_services
from gateway.telemetry.log import Log, open_log
from gateway.telemetry.options import LogOptions
from gateway.words.receipt import Receipt


class Kept:
    """A tap that keeps the receipts."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []

    def settled(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)


class Inside:
    """A gateway whose rooms are at hand. `port` is where it listens."""

    def __init__(self, app: App, port: int, listening: Listening, tap: Kept, log: Path) -> None:
        self.app = app
        self.port = port
        self.listening = listening
        self.tap = tap
        self.log = log

    def exchange_transport(
        self, make: Callable[[httpx2.AsyncBaseTransport], httpx2.AsyncBaseTransport]
    ) -> None:
        """Put another transport before the one for http."""
        house = self.app.current.house
        transports = {**house.transports, "http": make(house.transports["http"])}
        self.app.current.house = replace(house, transports=transports)


async def start(
    nursery: trio.Nursery,
    directory: Path,
    config: str,
    *,
    hall: Callable[[Hall], Hall] = lambda hall: hall,
) -> Inside:
    """Start a gateway in the nursery; cancelling that ends it. Its log goes to a file."""
    path = directory / "inside.toml"
    path.write_text("[server]\nport = 0\n" + config.removeprefix("[server]\n"))
    settings = load_config(path, {}, directory)
    tap = Kept()
    log_path = directory / "inside.log"
    log = _open_log(log_path)
    app = assemble(settings, log, taps=(tap,))
    sockets = open_sockets(settings.listen, settings.clocks.write_timeout)
    listening = Listening(settings.listen, sockets, hall(app.hall()), app.most_connections)

    async def live() -> None:
        with log:
            async with trio.open_nursery() as services:
                await services.start(run_services, app)
                await services.start(listening.run)
                started.set()

    started = trio.Event()
    nursery.start_soon(live)
    await started.wait()
    return Inside(app, sockets[0].getsockname()[1], listening, tap, log_path)


def _open_log(path: Path) -> Log:
    with path.open("w") as file:
        return open_log(LogOptions(), file)
