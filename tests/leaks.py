"""What a test may not leave behind: descriptors, threads, tasks, limiter tokens, lost errors.

The check costs some 0.1 ms a test; it looks closely only where something is different.
"""

import gc
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import trio

OPEN = Path("/proc/self/fd") if Path("/proc/self/fd").is_dir() else Path("/dev/fd")

PATIENCE = 1.0
"""Seconds that a thread is given to come to its end."""

WORKER = "Trio thread "
"""Trio keeps its idle worker threads for a while; a busy one bears another name."""


class Baseline:
    """What was there before the test."""

    def __init__(self) -> None:
        self._descriptors = open_descriptors()
        self._threads = set(threading.enumerate())

    def leaks(self) -> list[str]:
        """Say what is there now and was not before."""
        return self._open_descriptors() + self._running_threads()

    def _open_descriptors(self) -> list[str]:
        if open_descriptors() <= self._descriptors:
            return []
        gc.collect()
        new = sorted(number for number, _, _ in open_descriptors() - self._descriptors)
        return [f"descriptor {number}: {(OPEN / str(number)).readlink()}" for number in new]

    def _running_threads(self) -> list[str]:
        deadline = time.monotonic() + PATIENCE
        while found := [
            thread
            for thread in threading.enumerate()
            if thread not in self._threads and not thread.name.startswith(WORKER)
        ]:
            if time.monotonic() > deadline:
                return [f"thread: {thread.name}" for thread in found]
            found[0].join(0.01)
        return []


def open_descriptors() -> set[tuple[int, int, int]]:
    """Return the open descriptors, each with the device and inode that it stands for."""
    found = set()
    for path in OPEN.iterdir():
        with suppress(OSError):  # the one by which the listing itself was read is gone
            status = os.fstat(int(path.name))
            found.add((int(path.name), status.st_dev, status.st_ino))
    return found


class LostErrors(logging.Handler):
    """Keeps what Trio can only log: errors in async generators that were collected as garbage."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record.getMessage())

    def take(self) -> list[str]:
        """Return what has come since the last time."""
        taken, self.records = self.records, []
        return [f"async generator: {message}" for message in taken]


def watch_generators() -> LostErrors:
    """Begin to keep what Trio logs about async generators."""
    handler = LostErrors()
    logger = logging.getLogger("trio.async_generator_errors")  # noqa: TID251  it is Trio's own
    logger.addHandler(handler)
    return handler


def run_and_count(main: Callable[[], Awaitable[Any]], **options: Any) -> Any:
    """Run like `trio.run`; fail if system tasks or tokens of the default limiter are left."""

    async def counted() -> Any:
        tasks = trio.lowlevel.current_statistics().tasks_living
        value = await main()
        left = trio.lowlevel.current_statistics().tasks_living - tasks
        tokens = trio.to_thread.current_default_thread_limiter().borrowed_tokens
        assert left <= 0, f"{left} tasks outlive the test"
        assert not tokens, f"{tokens} threads still work for the test"
        return value

    return trio.run(counted, **options)
