"""Who starts the processes of a course, asks them, and ends them."""

import json
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import trio

from benchmarks.accounts.settings import PEPPER, PEPPER_NAME, Wanted, configuration
from benchmarks.soak.processes import Child, Failed
from tests.store.real_store import until

START_PATIENCE: Final = 30.0
STOP_PATIENCE: Final = 20.0

Fields = dict[str, Any]


class Gateway(Child):
    """`gateway serve` in a folder, with a window (see `watched`)."""

    name = "the gateway"
    port = 0

    def __init__(self, folder: Path, port: int, wanted: Wanted) -> None:
        """`port` is the provider's."""
        self.folder = folder
        self.workers = wanted.workers
        config = folder / "gateway.toml"
        config.write_text(configuration(port, wanted))
        for left in folder.glob("*.sock"):
            left.unlink()
        words = ["-m", "benchmarks.accounts.watched", str(folder), "serve", "--config", str(config)]
        more = {PEPPER_NAME: PEPPER, "RUNTIME_DIRECTORY": str(folder)}
        super().__init__(words, folder / "log", **more)

    def begin(self) -> None:
        line = self.told(START_PATIENCE).decode()
        if " serves " not in line:
            raise Failed(f"the gateway said {line!r}: {self.complaint()}")
        self.port = int(line.rpartition(":")[2])

    def lines(self, event: str = "request") -> list[Fields]:
        """Return the log's lines of one event."""
        whole = self.log.read_text().rpartition("\n")[0].splitlines()
        said = [json.loads(line) for line in whole if line[:1] == "{"]
        return [fields for fields in said if fields["event"] == event]

    def pids(self) -> list[int]:
        """Return the processes that serve and live."""
        if self.workers == 1:
            return [self.process.pid]
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def seen(self, what: bytes = b"sums") -> list[Fields]:
        """Look through the window of each process that serves."""
        return [seen for pid in self.pids() if (seen := self._through(pid, what)) is not None]

    def _through(self, pid: int, what: bytes) -> Fields | None:
        said = b""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(5)
            try:
                asking.connect(str(self.folder / f"{pid}.sock"))
            except OSError:
                return None
            asking.sendall(what)
            while data := asking.recv(1 << 20):
                said += data
        found: Fields = json.loads(said)
        return found

    async def wait_for_all(self) -> None:
        """Wait until every worker is there. Raises `Failed`."""
        try:
            await until(lambda: len(self.seen()) == self.workers, START_PATIENCE)
        except trio.TooSlowError:
            raise Failed("not all workers have begun") from None

    def end(self) -> int:
        """Stop it, open calls or not."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.terminate()
        code = self._buried(STOP_PATIENCE)
        self._close()
        return code

    def drain(self) -> None:
        """Have it end by itself, once all calls have."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self._buried(STOP_PATIENCE)
        self._close()


def kill(pid: int) -> None:
    """End one process that was started here at once."""
    os.kill(pid, signal.SIGKILL)


@contextmanager
def folder() -> Iterator[Path]:
    """Lend a folder whose name is short enough for sockets."""
    made = Path(tempfile.mkdtemp(prefix="gw"))
    try:
        yield made
    finally:
        shutil.rmtree(made)


@dataclass(frozen=True, slots=True)
class Sum:
    """What the windows of all processes show together. Money is nano-dollars."""

    spent: int
    reserved: int
    idle: int
    open: int


def sum_of(seen: list[Fields]) -> Sum:
    """Add up what is seen."""
    return Sum(*(sum(int(each[name]) for each in seen) for name in Sum.__slots__))


@dataclass(frozen=True, slots=True)
class Standing:
    """How money stood at a moment, in all processes together, in nano-dollars."""

    held: int
    """What was spent or held."""
    idle: int
    """What lay in processes, and no call held it."""


def standing_at(seen: list[Fields], moment: float) -> Standing:
    """Return it, by the steps that were noted (see `watched.STEPS`)."""
    held = idle = 0
    for each in seen:
        before = [step for step in each["steps"] if step[0] <= moment]
        if before:
            held, idle = held + before[-1][1], idle + before[-1][2]
    return Standing(held, idle)


def moment_of(line: Fields) -> float:
    """Return when a line of the log was written, on the monotonic clock."""
    written = datetime.fromisoformat(line["timestamp"]).timestamp()
    return written - time.time_ns() / 1e9 + time.monotonic()
