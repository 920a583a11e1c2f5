"""What this process uses of its machine: descriptors and memory, as the kernel tells them.

It must answer where there is no descriptor left: that is when an operator asks.
"""

import errno
import os
import resource
from math import inf
from pathlib import Path
from typing import Final

KEPT_FOR: Final = 5.0
"""Seconds for which a count is kept that took a while: younger kernels tell it at no cost."""

FEW: Final = 1_000
"""So many descriptors are counted in a millisecond."""

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_SHORT: Final = frozenset({errno.EMFILE, errno.ENFILE})


class Footprint:
    """The descriptors and the memory of one process: its own, unless `proc` is another's folder."""

    def __init__(self, proc: Path = Path("/proc/self")) -> None:
        self._descriptors = proc / "fd"
        self._memory = proc / "statm"
        self._counted = 0
        self._counted_at = -inf

    def descriptors(self, now: float) -> int:
        """Return how many descriptors are open."""
        if told := self._told():
            return told
        if self._counted > FEW and now - self._counted_at < KEPT_FOR:
            return self._counted
        self._counted, self._counted_at = self._count(), now
        return self._counted

    def _told(self) -> int:
        """Return what a kernel from 6.2 on tells without being counted; 0 from an older one."""
        return self._descriptors.stat().st_size

    def _count(self) -> int:
        try:
            return len(os.listdir(self._descriptors)) - 1  # noqa: PTH208  (counts, no paths)
        except OSError as error:
            if error.errno not in _SHORT:
                raise
            return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    def memory_bytes(self) -> int | None:
        """Return how much memory is resident; None where it cannot be read now."""
        try:
            return int(self._memory.read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
        except OSError:
            return None
