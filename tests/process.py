"""The gateway as a process of its own, for tests whose truth lies in the kernel."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio

START_TIMEOUT = 20
STOP_TIMEOUT = 20
POLL = 0.005
ADMIN = "gateway-admin"
ONCE = "\n[defaults]\nretries = 0\n"
"""What a configuration is given that does not speak of retries."""

Fields = dict[str, Any]


class Gateway:
    """A running `python -m gateway serve`, its address and its log."""

    def __init__(
        self, process: subprocess.Popen[str], url: str, log: Path, control: Path | None = None
    ) -> None:
        """`control` is the folder of its control sockets."""
        self.process = process
        self.url = url
        self.log = log
        self.control = control or log.parent
        self.port = int(url.rpartition(":")[2])

    @property
    def api(self) -> str:
        """The base URL for OpenAI's clients."""
        return self.url + "/v1"

    def lines(self, event: str = "request") -> list[Fields]:
        """Return the log's lines of one event."""
        # The last one may be on its way still: the kernel writes page by page.
        whole = self.log.read_text().rpartition("\n")[0]
        said = [json.loads(line) for line in whole.splitlines() if line[:1] == "{"]
        return [fields for fields in said if fields["event"] == event]

    async def wait_for_lines(
        self, count: int, wanted: Callable[[Fields], bool] = lambda _: True, patience: float = 5.0
    ) -> list[Fields]:
        """Wait until so many requests have their line."""
        with trio.fail_after(patience):
            while len(found := [line for line in self.lines() if wanted(line)]) < count:
                await trio.sleep(POLL)
        return found

    def descriptors(self) -> int:
        """Count the process's open descriptors."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))  # noqa: PTH208 (counts, no paths)

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the process; or to all that it has started too, as a terminal does."""
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def workers(self) -> list[int]:
        """Return the pids of its workers; none where it serves alone."""
        return [pid for pid in children(self.process.pid) if name_of(pid) != ADMIN]

    async def wait_for_admin(self, but: int = 0) -> int:
        """Wait for the admin's process, `but` not counted; return its pid."""
        with trio.fail_after(START_TIMEOUT):
            while True:
                pids = [pid for pid in children(self.process.pid) if name_of(pid) == ADMIN]
                if pids and pids != [but]:
                    return next(pid for pid in pids if pid != but)
                await trio.sleep(POLL)

    async def wait_for_workers(self, count: int = 2, but: int = 0) -> list[int]:
        """Wait until so many workers answer on their control sockets, `but` not counted."""
        with trio.fail_after(START_TIMEOUT):
            while True:
                pids = [pid for pid in self.workers() if pid != but]
                if len(pids) == count and all([await self.status(pid) for pid in pids]):
                    return pids
                await trio.sleep(POLL)

    async def status(self, pid: int) -> Fields | None:
        """Ask a worker how it is; None where nobody answers."""
        try:
            client = await trio.open_unix_socket(self.control / f"{self.process.pid}-{pid}.sock")
        except OSError:
            return None
        async with client:
            await client.send_all(b'{"ask":"status"}\n')
            said = b""
            with trio.fail_after(5):
                while not said.endswith(b"\n"):
                    data = await client.receive_some(65_536)
                    if not data:
                        return None
                    said += data
        fields: Fields = json.loads(said)
        return fields

    async def exit_code(self, patience: float = STOP_TIMEOUT) -> int:
        """Wait for the process to end."""
        with trio.fail_after(patience):
            while (code := self.process.poll()) is None:
                await trio.sleep(POLL)
        return code


@contextmanager
def gateway(
    directory: Path,
    config: str | None,
    *options: str,
    environ: Mapping[str, str] | None = None,
    stderr: int | None = None,
    under: Sequence[str] = (),
) -> Iterator[Gateway]:
    """Start the gateway with a configuration, on a free port; end it with SIGTERM.

    It has no admin, unless the options give it a port.

    Its log goes to a file in the directory, unless `stderr` says where else. It is the first of a
    process group of its own, and has a folder of its own for control sockets. `under` is the
    command of a program that becomes the gateway. It asks no provider twice, so that a test sees
    what comes of each answer, unless the configuration says how often.
    """
    if "--admin-port" not in options:
        options = ("--admin-port", "0", *options)
    command = [*under, sys.executable, "-m", "gateway", "serve", "--port", "0", *options]
    if config is not None:
        path = directory / "gateway.toml"
        path.write_text(config if "retries" in config else config + ONCE)
        command += ["--config", str(path)]
    log = directory / "stderr.log"
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    # The names of a test's own folders are too long for a socket.
    control = Path(tempfile.mkdtemp(prefix="gateway-"))
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=file if stderr is None else stderr,
            text=True,
            cwd=directory,
            env={**kept, "RUNTIME_DIRECTORY": str(control), **(environ or {})},
            process_group=0,
        )
    try:
        yield Gateway(process, _first_url(process, log), log, control)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        finally:
            shutil.rmtree(control)
            if process.stdout is not None:
                process.stdout.close()


def children(pid: int) -> list[int]:
    """Return the pids of what a process has started and not yet buried."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def name_of(pid: int) -> str:
    """Return the name that a process has given itself; none where there is none such."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def free_port() -> int:
    """Return a port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _first_url(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if " serves " not in line:
        process.wait(START_TIMEOUT)
        raise AssertionError(f"the gateway did not start: {line!r}\n{log.read_text()}")
    return line.rpartition(" ")[2].strip()


def provider(port: int, models: str = '["m"]', **more: str) -> str:
    """Return a configuration with one scripted provider, and further lines for its table."""
    extra = "".join(f"{key} = {value}\n" for key, value in more.items())
    return f'[providers.up]\nkind = "openai"\nbase_url = "http://127.0.0.1:{port}/v1"\n\
models = {models}\n{extra}'
