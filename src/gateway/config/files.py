"""Reads the files of a configuration: the one place of this room that touches a disk."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

LONGEST_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Files:
    """The files that a configuration names; relative paths begin in its own folder."""

    folder: Path

    def place(self, path: str) -> str:
        """Return the whole path."""
        return str(self.folder / path)

    def read(self, path: str) -> bytes:
        """Return what a file holds. Raises `ValueError` with a sentence."""
        return read_whole(self.folder / path)[0]


def read_whole(path: Path) -> tuple[bytes, bool]:
    """Return what a file holds, and whether everybody on this machine may read it.

    Raises `ValueError` with a sentence.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(LONGEST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise ValueError("the path holds a NUL character") from None
    if len(data) > LONGEST_BYTES:
        raise ValueError(f"{path} is longer than {LONGEST_BYTES} bytes")
    return data, bool(mode & stat.S_IROTH)
