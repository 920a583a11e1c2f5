"""The gateway under stock Hypercorn, as a process of its own, with the settings that we ship."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.process import START_TIMEOUT, STOP_TIMEOUT, Gateway

SETTINGS = Path(__file__).parents[1] / "deploy/hypercorn/hypercorn.toml"
RUNNING = re.compile(r"Running on (http://\S+)")


def start(
    directory: Path, config: str, *options: str, environ: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start Hypercorn with our settings on a free port; it logs to `stderr.log`."""
    (directory / "gateway.toml").write_text(config)
    command = [sys.executable, "-m", "hypercorn", "-k", "trio", "--config", str(SETTINGS)]
    command += ["--bind", "127.0.0.1:0", *options, "gateway.asgi:app"]
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    with (directory / "stderr.log").open("w") as stderr:
        return subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            text=True,
            cwd=directory,
            env={**kept, "GATEWAY_CONFIG": "gateway.toml", **(environ or {})},
        )


@contextmanager
def stock(
    directory: Path, config: str, *options: str, environ: Mapping[str, str] | None = None
) -> Iterator[Gateway]:
    """Start Hypercorn with our settings, and end it with SIGTERM."""
    process = start(directory, config, *options, environ=environ)
    log = directory / "stderr.log"
    try:
        yield Gateway(process, _url(process, log), log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _url(process: subprocess.Popen[str], log: Path) -> str:
    deadline = time.monotonic() + START_TIMEOUT
    while not (found := RUNNING.search(log.read_text())):
        assert process.poll() is None, f"Hypercorn did not start:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"Hypercorn does not start:\n{log.read_text()}"
        time.sleep(0.01)  # noqa: TID251 (nothing runs yet that this could hold up)
    return found[1]
