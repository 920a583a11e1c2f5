"""The processes of a soak: the gateway, two providers, the clients; who begins one ends it."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from benchmarks.soak.load import Done, Order
from benchmarks.soak.records import CHUNK_BYTES
from benchmarks.soak.settings import DRAIN_TIMEOUT

ROOT: Final = Path(__file__).parents[2]
START_PATIENCE: Final = 30.0
STOP_PATIENCE: Final = DRAIN_TIMEOUT + 10.0
ANSWER_PATIENCE: Final = 10.0


class Failed(Exception):
    """A process that did not do its part; the text says in a sentence which, and what it said."""


class Child:
    """A process that is spoken to by lines; what it says on stderr goes to a file."""

    name = "a process"

    def __init__(self, arguments: Sequence[str], log: Path, **more: str) -> None:
        """`more` is added to the environment, from which keys are taken away."""
        kept = {name: text for name, text in os.environ.items() if not name.endswith("_API_KEY")}
        self.log = log
        self._said = b""
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                cwd=ROOT,
                env={**kept, **more},
                start_new_session=True,
            )
        try:
            self.begin()
        except BaseException:
            self.end()
            raise

    def begin(self) -> None:
        """Hear what it says at its beginning. Raises `Failed`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it, politely or not; twice does nothing more."""
        self.end()

    def line(self, patience: float) -> bytes | None:
        """Return the next line that it says; None where there is none in time. Raises `Failed`."""
        assert self.process.stdout is not None
        until = time.monotonic() + patience
        while b"\n" not in self._said:
            left = until - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, left))
            if not ready:
                return None
            data = os.read(self.process.stdout.fileno(), CHUNK_BYTES)
            if not data:
                self.process.wait(ANSWER_PATIENCE)
                raise Failed(f"{self.name} ended: {self.complaint()}")
            self._said += data
        line, _, self._said = self._said.partition(b"\n")
        return line

    def told(self, patience: float) -> bytes:
        """Return the next line that it says. Raises `Failed`."""
        line = self.line(patience)
        if line is None:
            raise Failed(f"{self.name} said nothing for {patience:g} s: {self.complaint()}")
        return line

    def tell(self) -> None:
        """Send it the one word that there is: an empty line."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def complaint(self) -> str:
        """Return the end of what it wrote on stderr."""
        return self.log.read_text(errors="replace")[-2_000:].strip() or "without a word"

    def end(self) -> int:
        """Close its stdin, which ends it; kill it if not. Return the exit code."""
        self._close()
        return self._buried(ANSWER_PATIENCE)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        self._close()
        self.process.wait()

    def _close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _buried(self, patience: float) -> int:
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Provider(Child):
    """A provider; its port stays the same over all its lives."""

    name = "a provider"
    port = 0

    def __init__(self, journal: Path, log: Path, port: int = 0) -> None:
        super().__init__(["-m", "benchmarks.soak.provider", str(port), str(journal)], log)

    def begin(self) -> None:
        said = msgspec.json.decode(self.told(START_PATIENCE), type=dict[str, int])
        self.port = said["port"]

    def counts(self) -> dict[str, int]:
        """Ask how many connections (`links`) and requests (`playing`) are open."""
        self.tell()
        return msgspec.json.decode(self.told(ANSWER_PATIENCE), type=dict[str, int])


class Clients(Child):
    """The load: first its plain calls, then all others."""

    name = "the load"

    def __init__(self, order: Order, log: Path) -> None:
        said = msgspec.json.encode(order).decode()
        super().__init__(["-m", "benchmarks.soak.load", said], log)

    def done(self, patience: float) -> Done | None:
        """Wait for the end of what it does just now; None where that takes longer."""
        line = self.line(patience)
        return None if line is None else msgspec.json.decode(line, type=Done)


class Gateway(Child):
    """The gateway: its address, its log, and how it ends."""

    name = "the gateway"
    port = 0

    def __init__(self, config: Path, workers: int, log: Path, control: Path) -> None:
        """`control` is the folder for its control sockets."""
        words = ["-m", "gateway", "serve", "--config", str(config), "--workers", str(workers)]
        super().__init__(words, log, RUNTIME_DIRECTORY=str(control))

    def begin(self) -> None:
        line = self.told(START_PATIENCE).decode()
        if " serves " not in line:
            raise Failed(f"the gateway said {line!r}: {self.complaint()}")
        self.port = int(line.rpartition(":")[2])

    @property
    def pid(self) -> int:
        """The process that all others are children of."""
        return self.process.pid

    def drain(self) -> int:
        """Send SIGTERM, wait, return the exit code."""
        self.process.terminate()
        return self._buried(STOP_PATIENCE)

    def end(self) -> int:
        """Stop it, open calls or not."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.terminate()
        code = self._buried(STOP_PATIENCE)
        self._close()
        return code
