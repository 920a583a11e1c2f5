"""How much memory this process may use: what the machine has, or less where its group is bounded.

It reads what the kernel shows; what it does not show bounds nothing.
"""

import os
from collections.abc import Iterator
from pathlib import Path

LEAST_FOR_BODIES = 268_435_456
SHARE_FOR_BODIES = 4
"""A body is in memory up to three times for a moment: as it came, as one, and on its way out."""

_GROUPS = Path("sys/fs/cgroup")


def room_for_bodies(usable_bytes: int, workers: int) -> int:
    """Return how many bytes the bodies in one worker may have, all together: its part of a quarter.

    256 MiB at least, so that a small machine still takes bodies of the usual limit.
    """
    return max(LEAST_FOR_BODIES, usable_bytes // SHARE_FOR_BODIES // workers)


def usable_bytes(root: Path = Path("/")) -> int:
    """Return the bytes of memory that this process may use."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return min([pages * size, *_limits(root)])


def _limits(root: Path) -> Iterator[int]:
    """Go through the bounds of this process's control groups, of both versions, and those above."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _upwards(root / _GROUPS, path, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _upwards(root / _GROUPS / "memory", path, "memory.limit_in_bytes")


def _upwards(top: Path, path: str, name: str) -> Iterator[int]:
    # In a container the path is the host's, and its own group stands at the top.
    below = Path(path.lstrip("/"))
    for folder in (below, *below.parents):
        try:
            text = (top / folder / name).read_text().strip()
        except OSError:
            continue
        if text.isdecimal():  # "max" is no bound
            yield int(text)
