"""Starts the load tools, each on the core it is given, and reads what they report."""

import json
import os
import resource
import select
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.wire.build import compile_tools

ANSWER_TIMEOUT = 15.0
"""Seconds within which the upstream says what it is asked."""

CLIENT_TIMEOUT = 900.0
"""Seconds after which a client is ended; it bounds itself long before."""

OPENING_TIMEOUT = 90.0
"""Seconds within which all streams that are to be held must be open."""

Report = dict[str, Any]
"""What a tool printed. The clients' keys stand in `client.c`, the upstream's in `upstream.c`."""


class LoadFailed(Exception):
    """A measurement that says nothing: a tool failed, or too many answers were wrong."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Where the compiled programs are."""

    upstream: Path
    client: Path


def build(cache: Path) -> Tools:
    """Compile the tools into `cache` unless they are there; raises `NotBuilt`, with the reason."""
    return Tools(**compile_tools(cache))


def allow_open_files() -> int:
    """Raise the limit of open files to what is allowed, for all processes started from now on."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def pin(pid: int, core: int | None) -> None:
    """Keep a process on one core."""
    if core is not None:
        os.sched_setaffinity(pid, {core})


class Program:
    """A running tool that answers lines with lines."""

    def __init__(self, core: int | None, *command: str | Path) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        pin(self._process.pid, core)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def read(self, timeout: float) -> bytes:
        """Return its next line; raises `LoadFailed` if it ends or is silent for so long."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        ready, _, _ = select.select([self._process.stdout], [], [], timeout)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            self._process.kill()
            said = self._process.stderr.read().decode(errors="replace").strip()
            raise LoadFailed(said or f"{self._process.args!r} says nothing")
        return line

    def say(self, line: bytes) -> None:
        """Send it a line; one that it no longer wants is lost."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return

    def end(self) -> None:
        """End it, if it has not ended, and close what belongs to it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            try:
                stream.close()
            except BrokenPipeError:
                continue


class Upstream:
    """The provider of all measurements, while its context is entered."""

    def __init__(self, tools: Tools, core: int | None = None, port: int = 0) -> None:
        self._command = (tools.upstream, str(port))
        self._core = core
        self.port = 0
        self.pid = 0

    def __enter__(self) -> Self:
        self._program = Program(self._core, *self._command)
        try:
            self.port = int(json.loads(self._program.read(ANSWER_TIMEOUT))["port"])
        except BaseException:
            self._program.end()
            raise
        self.pid = self._program.pid
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._program.end()

    @property
    def url(self) -> str:
        """Its origin. The path of OpenAI's API is below `/v1`."""
        return f"http://127.0.0.1:{self.port}"

    def report(self) -> Report:
        """Say what it has done since the last `reset`: requests, who left and when, lateness."""
        return self._ask(b"report")

    def reset(self) -> None:
        """Let it forget what it has counted, and cut the streams that are still open."""
        self._ask(b"reset")

    def _ask(self, word: bytes) -> Report:
        self._program.say(word)
        answer: Report = json.loads(self._program.read(ANSWER_TIMEOUT))
        return answer


def run_client(tools: Tools, core: int | None, *args: str) -> Report:
    """Run a client to its end and return its report; raises `LoadFailed` if it has none."""
    program = Program(core, tools.client, *args)
    try:
        report: Report = json.loads(program.read(CLIENT_TIMEOUT))
        return report
    finally:
        program.end()


class Held:
    """Open streams, all of them for as long as the context is entered; `report` is there after."""

    def __init__(self, tools: Tools, core: int | None, *args: str) -> None:
        self._command: tuple[str | Path, ...] = (tools.client, *args)
        self._core = core
        self.open = 0
        self.first_error = ""
        self.report: Report = {}

    def __enter__(self) -> Self:
        self._program = Program(self._core, *self._command)
        try:
            said = self._program.read(OPENING_TIMEOUT).decode()
            if not said.startswith("holding "):
                raise LoadFailed(json.loads(said)["first_error"])
            _, count, self.first_error = said.rstrip("\n").split(" ", 2)
            self.open = int(count)
        except BaseException:
            self._program.end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._program.say(b"release")
                self.report = json.loads(self._program.read(ANSWER_TIMEOUT))
        finally:
            self._program.end()
