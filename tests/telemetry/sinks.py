"""Sinks for a log: pipes that are read, that are not read, and that refuse."""

import fcntl
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, TextIO

PATIENCE = 5.0
"""Seconds. A test that waits longer has failed."""


class Pipe:
    """A pipe whose write end a log is given, and whose read end the test holds."""

    def __init__(self) -> None:
        self.reader, writer = os.pipe()
        self.stream: TextIO = os.fdopen(writer, "w")
        self._rest = b""

    def lines(self, count: int) -> list[str]:
        """Return the next lines, waiting for them."""
        while self._rest.count(b"\n") < count:
            ready, _, _ = select.select([self.reader], [], [], PATIENCE)
            assert ready, f"{count} lines were expected, there is only {self._rest!r}"
            data = os.read(self.reader, 65_536)
            assert data, f"{count} lines were expected, the log ended with {self._rest!r}"
            self._rest += data
        *found, self._rest = self._rest.split(b"\n", count)
        return [line.decode() for line in found]

    def events(self, count: int) -> list[dict[str, Any]]:
        """Return the next lines as the objects that they hold."""
        return [json.loads(line) for line in self.lines(count)]

    def rest(self) -> list[str]:
        """Return all further lines, once whoever writes has closed the pipe."""
        self.stream.close()
        while data := os.read(self.reader, 65_536):
            self._rest += data
        found, self._rest = self._rest, b""
        return found.decode().splitlines()

    def waiting(self) -> bool:
        """Say whether there is something to read now."""
        return bool(select.select([self.reader], [], [], 0)[0]) or bool(self._rest)

    def fill(self) -> int:
        """Fill the pipe so that the next write blocks; return how many bytes that took."""
        descriptor = self.stream.fileno()
        os.set_blocking(descriptor, False)
        taken = 0
        try:
            while True:
                taken += os.write(descriptor, b" " * 4096)
        except BlockingIOError:
            return taken
        finally:
            os.set_blocking(descriptor, True)

    def empty(self, size: int) -> None:
        """Read what `fill` wrote."""
        while size:
            size -= len(os.read(self.reader, size))

    def shrink(self) -> None:
        """Make the pipe as small as the kernel allows: one page."""
        fcntl.fcntl(self.stream.fileno(), fcntl.F_SETPIPE_SZ, 4096)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stream.close()
        os.close(self.reader)


@contextmanager
def another_has_its_turn(turns: int) -> Iterator[None]:
    """Have another process hold what those who share a sink lock each other out with."""
    turn = "import fcntl,sys; fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX); print(); input()"
    other = subprocess.Popen(
        [sys.executable, "-u", "-c", turn, str(turns)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[turns],
    )
    assert other.stdin is not None
    assert other.stdout is not None
    with other:
        other.stdout.readline()
        try:
            yield
        finally:
            other.stdin.close()
            other.wait(PATIENCE)
