"""Receipts as lines in a file, by a thread of its own. No call and no loop ever waits for the disk.

The file may be renamed, taken away or cut short at any time; several processes may write into it.
"""

import fcntl
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import trio

from gateway.store.line import Journal
from gateway.store.sink_intake import MAX_WAITING, Ended, Intake

MAX_BATCH: Final = 256

LINGER: Final = 0.05
"""Seconds. Lines that come close together leave in one write and wake the thread once."""

RETRY: Final = 1.0
"""Seconds between two tries while the disk is full or the folder is gone."""

FLUSH_PATIENCE: Final = 5.0
"""Seconds that the disk is given at the end."""

_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY


class Appender:
    """The file under its name, opened again where another has come in its place."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def append(self, data: bytes) -> None:
        """Append whole lines, all of them or none. Raises `OSError`."""
        self._follow()
        descriptor = self._descriptor
        # Without locks (some networks' disks have none) each write still goes to the end.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            end = _end_of(descriptor)
            if end and os.pread(descriptor, 1, end - 1) != b"\n":
                data = b"\n" + data  # somebody was killed in the middle of a line
            _write(descriptor, data, end)
        finally:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _follow(self) -> None:
        """Open what bears the name now; where nothing does, make it, for its owner alone."""
        if self._descriptor >= 0:
            mine = os.fstat(self._descriptor)
            with suppress(OSError):
                there = os.stat(self._path)  # noqa: PTH116 (beside `os.fstat`)
                if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
                    return
            self.close()
        self._descriptor = os.open(self._path, _FLAGS, 0o600)


def _end_of(descriptor: int) -> int:
    """Return where the file ends; 0 for what has no end, such as a pipe."""
    try:
        return os.lseek(descriptor, 0, os.SEEK_END)
    except OSError:
        return 0


def _write(descriptor: int, data: bytes, end: int) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        # A disk that is full may have taken half a line: it is taken back, and offered again.
        with suppress(OSError):
            os.ftruncate(descriptor, end)
        raise


class FileSink(Intake):
    """Receipts go into a file. `close` ends it."""

    def __init__(
        self,
        path: str,
        today_ns: Callable[[], int],
        report: Journal,
        *,
        most_waiting: int = MAX_WAITING,
        retry: float = RETRY,
    ) -> None:
        """`report` is told from the sink's thread too."""
        super().__init__(today_ns, report, most_waiting)
        self._file = Appender(path)
        self._retry = retry
        self._closing = threading.Event()
        self._pending: list[bytes] = []
        # A daemon, because a disk that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._write_all, name="receipts", daemon=True)
        self._thread.start()

    async def run(self) -> None:
        """Do nothing: the thread writes by itself."""
        await trio.sleep_forever()

    async def flush(self) -> bool:
        """Wait for nothing: `close` has the thread write what is left."""
        await trio.lowlevel.checkpoint()
        return True

    def close(self, patience: float = FLUSH_PATIENCE) -> bool:
        """Write what waits, for `patience` seconds at most. Return whether all of it was tried.

        What ends from now on is dropped.
        """
        self._shut = True
        self._closing.set()
        self._queue.put(None)
        self._thread.join(patience)
        if self._thread.is_alive():
            self._give_up(len(self._pending) + len(self._drain(self._most_waiting)))
            return False
        return True

    def _write_all(self) -> None:
        try:
            while not (self._closing.is_set() and self._queue.empty()):
                self._pending = self._lines(self._take())
                if self._pending and not self._append():
                    self._try_again()
                self._pending = []
        finally:
            self._file.close()

    def _try_again(self) -> None:
        """Offer the same lines until they are taken; at the end once more."""
        while not self._closing.wait(self._retry):
            if self._append():
                return
        if not self._append():
            self._give_up(len(self._pending))

    def _append(self) -> bool:
        try:
            self._file.append(b"".join(self._pending))
        except (OSError, ValueError) as error:
            self._failed(getattr(error, "strerror", None) or str(error))
            return False
        self._took(len(self._pending))
        return True

    def _take(self) -> list[Ended]:
        """Wait for a receipt; return it with those that follow closely."""
        first = self._queue.get()
        if first is None:
            return []
        if self._queue.qsize() < MAX_BATCH:
            self._closing.wait(LINGER)
        return [first, *self._drain(MAX_BATCH - 1)]
