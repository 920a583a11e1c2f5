"""The file by which tools of the same user find the admin: its address and its token, mode 0600.

It lies in the folder of the control sockets, one for each gateway, and is gone when that ends.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import msgspec

SUFFIX = ".admin"
MODE = 0o600
MAX_BYTES = 4096


class Found(msgspec.Struct, frozen=True):
    """What the file says."""

    url: str
    token: str


def path_of(folder: Path, supervisor: int) -> Path:
    """Return where the file of a gateway lies; `supervisor` is the pid of its first process."""
    return folder / f"{supervisor}{SUFFIX}"


def write(path: Path, found: Found) -> None:
    """Write the file anew, so that nobody else ever could read it. Raises `OSError`."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, MODE)
    try:
        os.write(descriptor, msgspec.json.encode(found) + b"\n")
    finally:
        os.close(descriptor)


def read(path: Path) -> Found | None:
    """Return what a file says; None where there is none of this user's, or not one to be believed.

    Root may read everybody's.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        private = stat.S_ISREG(status.st_mode) and not status.st_mode & 0o077
        if not private or os.geteuid() not in {0, status.st_uid}:
            return None
        return msgspec.json.decode(os.read(descriptor, MAX_BYTES), type=Found)
    except (OSError, msgspec.DecodeError):
        return None
    finally:
        os.close(descriptor)


def sweep(folder: Path, living: Iterable[int]) -> None:
    """Remove the files of gateways that were killed. `living` are the pids of those that answer."""
    alive = frozenset(living)
    for path in folder.glob(f"*{SUFFIX}"):
        pid = path.name.removesuffix(SUFFIX)
        if pid.isdecimal() and int(pid) not in alive and not Path("/proc", pid).exists():
            path.unlink(missing_ok=True)
