"""The file of one process that writes the ledger: its lock says that the process lives.

    gateway.db.writer-1f0c5a9be1d34c77     empty, or the rows that the database did not take

The kernel gives the lock back when the process ends, however it ends. So nobody is taken for dead
who lives, and no number of a process is trusted that another may have by now; processes in
containers that share the folder see each other too. Whoever gets the lock of such a file may have
the rows in it, and close the rows that its process left open.

A line is a row; the first names the columns, since another version may read it.
"""

import fcntl
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import msgspec

from gateway.store.rows import BEFORE, COLUMNS, Row, Value

MARK: Final = ".writer-"

MOST_BYTES: Final = 268_435_456
"""What all journals beside one database may hold together."""

CHUNK_BYTES: Final = 524_288
"""So much is read at once. A line is shorter by far, whatever its client chose."""

MOST_CALLS: Final = 2**40
"""Calls of one process, each of which has a number."""

Numbered = tuple[int, Row]
"""A row with the number that the process has given its call."""

_ROW = msgspec.json.Decoder(list[Value])
_NAMES = msgspec.json.Decoder(list[str])


class JournalFile:
    """Rows on their way to the database, in the file that this process has the lock of."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._length = os.fstat(descriptor).st_size
        self._read = 0
        self._columns = ["number", *COLUMNS]
        self.skipped = False
        """Whether it holds rows that could not be read, and which the next process may try."""
        self.unreadable = 0
        """Lines that were no rows: a process was killed while it wrote, or somebody else did."""

    @classmethod
    def create(cls, database: Path) -> Self:
        """Make the file of this process, and hold its lock until it is closed. Raises `OSError`."""
        while True:
            path = database.with_name(f"{database.name}{MARK}{secrets.token_hex(8)}")
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            if _lock(descriptor):
                return cls(path, descriptor)
            # Somebody thought in this moment that the process of the file was dead.
            os.close(descriptor)

    @property
    def name(self) -> str:
        """What the process is called that it belongs to."""
        return self.path.name.rpartition(MARK)[2]

    @property
    def waits(self) -> bool:
        """Say whether rows are in it that have not been read."""
        return self._read < self._length

    def append(self, rows: Sequence[Numbered], most_bytes: int) -> int:
        """Write rows, so that the file has `most_bytes` at most; return how many it took."""
        lines = [] if self._length else [msgspec.json.encode(["number", *COLUMNS]) + b"\n"]
        taken, size = 0, self._length + sum(map(len, lines))
        for number, row in rows:
            line = msgspec.json.encode([number, *row]) + b"\n"
            size += len(line)
            if size > most_bytes:
                break
            lines.append(line)
            taken += 1
        if not taken or not self._write(b"".join(lines)):
            return 0
        return taken

    def _write(self, data: bytes) -> bool:
        """Write all of it or nothing."""
        written = 0
        try:
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:], self._length + written)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._length)
            return False
        self._length += len(data)
        return True

    def read(self) -> list[Numbered]:
        """Return the next rows, unless `waits` is False. Raises `OSError`."""
        data = os.pread(self._descriptor, CHUNK_BYTES, self._read)
        whole = data.rfind(b"\n") + 1
        if not whole:  # the last line was cut off, or this is none of ours
            self.unreadable += bool(data)
            self._read = self._read + len(data) if data else self._length
            return []
        self._read += whole
        rows = [self._row(line) for line in data[:whole].splitlines()]
        return [row for row in rows if row is not None]

    def _row(self, line: bytes) -> Numbered | None:
        try:
            if line.startswith(b'["number"'):
                self._columns = _NAMES.decode(line)
                return None
            values = dict(zip(self._columns, _ROW.decode(line), strict=True))
            number = values["number"]
            if isinstance(number, int) and 0 <= number < MOST_CALLS:
                return number, [values.get(name, BEFORE.get(name)) for name in COLUMNS]
        except (msgspec.DecodeError, ValueError, KeyError, RecursionError):
            pass
        self.unreadable += 1
        return None

    def rewind(self) -> None:
        """Begin again at the first row: what was read did not reach the database."""
        self._read = 0

    def skip(self) -> None:
        """Leave what is there to the next process."""
        self._read = self._length
        self.skipped = True

    def clear(self) -> None:
        """Empty the file once all of it is in the database. Raises `OSError`."""
        if self.skipped:
            return
        os.ftruncate(self._descriptor, 0)
        self._length = self._read = 0

    def close(self, *, remove: bool = False) -> None:
        """Give the lock back. Nothing of the file is needed any more with `remove`."""
        if remove:
            with suppress(OSError):
                self.path.unlink()
        os.close(self._descriptor)


def left_behind(database: Path) -> list[JournalFile]:
    """Return the files of processes that are no more, with their locks."""
    found = [_take(path) for path in sorted(_files(database))]
    return [file for file in found if file is not None]


def _take(path: Path) -> JournalFile | None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        if _lock(descriptor):
            return JournalFile(path, descriptor)
        os.close(descriptor)
    return None


def names(database: Path) -> set[str]:
    """Return what the processes are called that have a file, alive or not."""
    return {path.name.rpartition(MARK)[2] for path in _files(database)}


def others_bytes(database: Path, own: JournalFile) -> int:
    """Return how much the files of all other processes hold."""
    size = 0
    for path in _files(database):
        with suppress(OSError):
            size += path.stat().st_size if path != own.path else 0
    return size


def _files(database: Path) -> list[Path]:
    begin = f"{database.name}{MARK}"
    with suppress(OSError):
        return [path for path in database.parent.iterdir() if path.name.startswith(begin)]
    return []


def _lock(descriptor: int) -> bool:
    """Take the lock of a file that still has its name; say whether that was to be had."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return os.fstat(descriptor).st_nlink > 0
