"""A long body of a request: it rests in a temporary file that has no name, and ends with its call.

The file is written and read in threads of its own, so that a slow disk keeps nobody waiting but the
call whose body it is. Closing never waits: where a thread is still at it, the thread closes.
"""

import os
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from io import FileIO
from typing import Final, TypeVar

import trio

from gateway.words.body import Span
from gateway.words.errors import Busy, Internal

HELD_BYTES: Final = 1_048_576
"""A body that is no longer stays in memory."""

WRITTEN_BYTES: Final = 262_144
"""So much is written at once."""

T = TypeVar("T")


class Spool:
    """One body, written from its beginning to its end, and then read (see `words.body.Stored`)."""

    def __init__(self, threads: trio.CapacityLimiter) -> None:
        self._threads = threads
        self._file: FileIO | None = None
        self._lock = threading.Lock()
        self._at_work = 0
        self._closed = False
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._written = 0

    @property
    def on_disk(self) -> bool:
        """True once the body has become too long to stay in memory."""
        return self._file is not None

    async def add(self, data: bytes) -> None:
        """Take the next part. Raises `Busy` where there is no room for it."""
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes > (WRITTEN_BYTES if self.on_disk else HELD_BYTES):
            await self._write()

    async def end(self) -> bytes | Span:
        """Say that it is whole; return it. Raises as `add`."""
        if not self.on_disk:
            whole = b"".join(self._waiting)
            self._waiting.clear()
            return whole
        await self._write()
        return Span(self, 0, self._written)

    async def read(self, at: int, size: int) -> bytes:
        """Return a part of what was written. Raises `Internal`."""
        try:
            data = await self._work(partial(_read, at, size))
        except OSError as error:
            raise Internal("The body cannot be read again.") from error
        if len(data) != size:
            raise Internal("The body is not as long as it was.")
        return data

    def close(self) -> None:
        """Let go of it at once. May be called again."""
        self._waiting.clear()
        with self._lock:
            self._closed = True
            if not self._at_work:
                self._shut()

    async def _write(self) -> None:
        data, self._waiting, self._waiting_bytes = b"".join(self._waiting), [], 0
        try:
            await self._work(partial(_write, data))
        except OSError as error:
            raise Busy("There is no room on the disk for the request's body.") from error
        self._written += len(data)

    async def _work(self, work: Callable[[FileIO], T]) -> T:
        """Have a thread do it. Whoever is cancelled does not wait for that to end."""
        return await trio.to_thread.run_sync(
            self._do, work, abandon_on_cancel=True, limiter=self._threads
        )

    def _do(self, work: Callable[[FileIO], T]) -> T:
        with self._lock:
            if self._closed:
                raise OSError("the call is over")
            self._at_work += 1
        try:
            if self._file is None:
                self._file = _open()
            return work(self._file)
        finally:
            with self._lock:
                self._at_work -= 1
                if self._closed and not self._at_work:
                    self._shut()

    def _shut(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _open() -> FileIO:
    # It has no name from the beginning, or loses it at once: nothing is left where we die.
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (it is closed with the call)
    assert isinstance(file, FileIO)
    return file


def _write(data: bytes, file: FileIO) -> None:
    with memoryview(data) as view:
        done = 0
        while done < len(view):
            done += file.write(view[done:])


def _read(at: int, size: int, file: FileIO) -> bytes:
    parts = []
    while size and (data := os.pread(file.fileno(), size, at)):
        parts.append(data)
        at, size = at + len(data), size - len(data)
    return b"".join(parts)
