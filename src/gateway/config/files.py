"""Reads the files of a configuration: the one place of this room that touches a disk."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

LONGEST_BYTES = 1_048_576

PASSING = "is no file that can be read twice, as a pipe is not"

Stamp = tuple[int, int, int, int]
"""What changes where a file is written or replaced: device, inode, size, time in ns."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files that a configuration names; relative paths begin in its own folder."""

    folder: Path
    again: bool = False
    """Whether all has been read before. A pipe is refused then: it may hold up whoever reads it."""
    seen: dict[Path, Stamp] = field(default_factory=dict)
    """What was read: who watches the configuration watches them too."""
    held: Mapping[Path, bytes] = field(default_factory=dict, repr=False)
    """What is taken for files that are gone: what holds may have been read from one."""
    contents: dict[Path, bytes] = field(default_factory=dict, repr=False)
    missed: dict[Path, Stamp | None] = field(default_factory=dict)
    """What could not be read, as it was found then; None where nothing was."""

    def place(self, path: str) -> str:
        """Return the whole path."""
        return str(self.folder / path)

    def read(self, path: str) -> bytes:
        """Return what a file holds. Raises `ValueError` with a sentence."""
        whole = self.folder / path
        there = stamp_of(whole)
        try:
            found = read_whole(whole, again=self.again)
        except ValueError:
            if whole in self.held:
                return self.held[whole]
            self.missed[whole] = there
            raise
        self.note(whole, found)
        self.contents[whole] = found.data
        return found.data

    def note(self, path: Path, found: "Found") -> None:
        """Note a file that was read, if it can be read twice: a pipe is empty by then."""
        if stat.S_ISREG(found.mode):
            self.seen[path] = found.stamp


class Found(NamedTuple):
    """What a file held, its mode, and which file it was."""

    data: bytes
    mode: int
    stamp: Stamp

    @property
    def is_open(self) -> bool:
        """Say whether everybody on this machine may read it."""
        return bool(self.mode & stat.S_IROTH)


def read_whole(path: Path, *, again: bool = False) -> Found:
    """Return what a file holds. Raises `ValueError` with a sentence.

    What is read `again` is refused where it is none to be read twice, and nobody waits for a pipe.
    """
    try:
        with open(path, "rb", opener=_at_once if again else None) as file:
            seen = os.fstat(file.fileno())
            passes = again and not stat.S_ISREG(seen.st_mode)
            data = b"" if passes else file.read(LONGEST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise ValueError("the path holds a NUL character") from None
    if passes:
        raise ValueError(f"{path} {PASSING}")
    if len(data) > LONGEST_BYTES:
        raise ValueError(f"{path} is longer than {LONGEST_BYTES} bytes")
    return Found(data, seen.st_mode, _stamp(seen))


def stamp_of(path: Path) -> Stamp | None:
    """Return which file lies there now; None where none can be looked at. Links are followed."""
    try:
        return _stamp(path.stat())
    except (OSError, ValueError):
        return None


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _stamp(seen: os.stat_result) -> Stamp:
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns
