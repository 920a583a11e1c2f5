"""`python -m benchmarks.overload`: thousands of idle streams through one process, and their end.

Provider and client are the load tools, each a process of its own; the gateway is `gateway serve`
with one worker. It fails where not all streams could be held, or where anything of them is left.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from benchmarks.__main__ import default_cache
from benchmarks.load import Held, LoadFailed, Tools, Upstream, allow_open_files, build
from benchmarks.machine import cpu_seconds, resident_bytes
from benchmarks.wire.build import NotBuilt

STREAMS: Final = 9_000
IDLE_SECONDS: Final = 20.0
OPENED_PER_SECOND: Final = 1_000
EVENTS_PER_SECOND: Final = 0.01
"""One event at the beginning, and the next when all is over: idle, but for keepalives of ours."""

LONGEST: Final = 400.0
"""Seconds for which streams are asked; they are left long before."""

START_TIMEOUT: Final = 20.0
CLEAN_TIMEOUT: Final = 30.0
LEFT: Final = 8
"""Descriptors that may be more than before: a connection for which the pool has a use."""

CONFIG: Final = """\
[server]
max_calls = {most}
max_connections = {most}

[admin]
port = 0

[providers.up]
kind = "openai"
base_url = "{url}/v1"
models = ["m"]
max_connections = {most}
timeouts = {{ idle = 3600, total = 3600 }}
"""


class Failed(click.ClickException):
    """What was promised does not hold."""


@contextmanager
def serving(folder: Path, config: str) -> Iterator[tuple[int, str]]:
    """Run a gateway; yield its pid and address."""
    path = folder / "gateway.toml"
    path.write_text(config)
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", "--config", str(path)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "RUNTIME_DIRECTORY": str(folder)},
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if " serves " not in line:
            raise Failed(f"the gateway did not start: {(folder / 'log').read_text()}")
        yield process.pid, line.split()[-1]
    finally:
        process.terminate()
        process.wait(START_TIMEOUT)
        assert process.stdout is not None
        process.stdout.close()


def descriptors(pid: int) -> int:
    """Count the open descriptors of a process."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def measure(tools: Tools, streams: int, seconds: float) -> None:
    """Open so many streams, leave them idle for a while, let them all leave at once."""
    with (
        tempfile.TemporaryDirectory(prefix="gateway-") as name,
        Upstream(tools) as upstream,
        serving(Path(name), CONFIG.format(url=upstream.url, most=streams + 100)) as (pid, url),
    ):
        bare, before = resident_bytes([pid]), descriptors(pid)
        ramp = streams / OPENED_PER_SECOND
        options = {
            "--streams": streams, "--ramp": ramp, "--seconds": LONGEST,
            "--events-per-second": EVENTS_PER_SECOND,
        }  # fmt: skip
        words = [word for option, value in options.items() for word in (option, f"{value:g}")]
        began, worked = time.perf_counter(), cpu_seconds([pid])
        with Held(tools, None, "--target", url, "hold", *words) as held:
            opened, opening = time.perf_counter() - began, cpu_seconds([pid]) - worked
            if held.open != streams:
                raise Failed(f"{held.open} of {streams} streams are open: {held.first_error}")
            used, worked = descriptors(pid), cpu_seconds([pid])
            time.sleep(seconds)
            idle = (cpu_seconds([pid]) - worked) / seconds
            memory, worked = resident_bytes([pid]), cpu_seconds([pid])
            began = time.perf_counter()
        while (left := descriptors(pid)) > before + LEFT:
            if time.perf_counter() - began > CLEAN_TIMEOUT:
                raise Failed(f"{left - before} descriptors are left")
            time.sleep(0.1)
        closed, closing = time.perf_counter() - began, cpu_seconds([pid]) - worked
        if held.report["errors"]:
            raise Failed(f"{held.report['errors']} wrong answers: {held.report['first_error']}")
        for what, value in (
            ("streams at once", f"{streams:,}"),
            ("descriptors of the gateway", f"{used:,}"),
            ("time to open them", f"{opened:.1f} s, {opening:.1f} s of a processor"),
            ("memory with none", f"{bare / 1e6:.0f} MB"),
            ("memory with all", f"{memory / 1e6:.0f} MB"),
            ("memory of each", f"{(memory - bare) / streams / 1024:.1f} KiB"),
            ("processor while they are idle", f"{idle:.1%}"),
            ("until all who left at once are gone", f"{closed:.2f} s"),
            ("processor for that", f"{closing:.2f} s"),
            ("memory after that", f"{resident_bytes([pid]) / 1e6:.0f} MB"),
        ):
            click.echo(f"{what:38} {value}")


@click.command()
@click.option("--streams", default=STREAMS, show_default=True, type=click.IntRange(1, 15_000))
@click.option("--seconds", default=IDLE_SECONDS, show_default=True, help="How long they are idle.")
@click.option("--cache", type=click.Path(path_type=Path), help="Where the load tools are kept.")
def main(streams: int, seconds: float, cache: Path | None) -> None:
    """Hold many idle streams through one process, and let them all leave at once."""
    most = allow_open_files()
    if most < 2 * streams + 200:
        raise Failed(f"{streams} streams need {2 * streams + 200} descriptors; {most} are allowed")
    try:
        measure(build(cache or default_cache()), streams, seconds)
    except (NotBuilt, LoadFailed) as error:
        raise Failed(str(error)) from None


if __name__ == "__main__":
    main()
