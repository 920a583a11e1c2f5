"""Two gateways on ports of their own, each of which can be ended and begun again meanwhile."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from tests.process import Gateway, free_port, gateway


@dataclass(slots=True)
class Instance:
    """One of the two: its port stays, its processes come and go."""

    directory: Path
    config: str
    options: Sequence[str] = ()
    port: int = field(default_factory=free_port)
    _open: ExitStack = field(default_factory=ExitStack)
    _real: Gateway | None = None
    _generation: int = 0

    @property
    def real(self) -> Gateway:
        """The process that runs now."""
        assert self._real is not None
        return self._real

    def begin(self) -> None:
        """Start it; return when it serves."""
        self._generation += 1
        folder = self.directory / str(self._generation)
        folder.mkdir(parents=True)
        running = gateway(folder, self.config, "--port", str(self.port), *self.options)
        self._real = self._open.enter_context(running)

    async def drain(self) -> int:
        """End it by SIGTERM, as systemd does; return its exit code."""
        self.real.signal(signal.SIGTERM)
        return await self._gone(60)

    async def kill(self) -> None:
        """End it as a lack of memory does: all its processes at once."""
        self.real.signal(signal.SIGKILL, group=True)
        await self._gone(5)

    async def restart(self) -> int:
        """End it by SIGTERM and begin it anew; return the exit code of the one that ended."""
        code = await self.drain()
        await trio.to_thread.run_sync(self.begin)
        return code

    async def _gone(self, patience: float) -> int:
        code = await self.real.exit_code(patience)
        await trio.to_thread.run_sync(self.end)
        return code

    def end(self) -> None:
        """End it, if it still runs."""
        self._open.close()
        self._real = None


@contextmanager
def pair(
    directory: Path, config: str, *options: Sequence[str]
) -> Iterator[tuple[Instance, Instance]]:
    """Start two gateways that have nothing in common; `options` are those of each, if any."""
    two = Instance(directory / "first", config), Instance(directory / "second", config)
    try:
        for each, own in zip(two, options or ((), ()), strict=True):
            each.options = own
            each.begin()
        yield two
    finally:
        for each in two:
            each.end()
