"""What a process uses of its machine, also where nothing is left to ask with."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.downstream.footprint import FEW, KEPT_FOR, Footprint


@contextmanager
def open_files(count: int) -> Iterator[None]:
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(count)]
    try:
        yield
    finally:
        for descriptor in opened:
            os.close(descriptor)


class Older(Footprint):
    """As on a kernel that must be counted, of this process."""

    def _told(self) -> int:
        return 0


def test_descriptors_are_counted() -> None:
    for footprint in (Footprint(), Older()):
        before = footprint.descriptors(0.0)
        with open_files(7):
            assert footprint.descriptors(1.0) == before + 7
        assert footprint.descriptors(2.0) == before


def test_a_count_that_takes_a_while_is_kept_for_a_moment() -> None:
    footprint = Older()
    with open_files(FEW):
        before = footprint.descriptors(0.0)
        assert before > FEW
    assert footprint.descriptors(KEPT_FOR - 0.1) == before
    assert footprint.descriptors(KEPT_FOR) == before - FEW


def test_without_a_descriptor_left_the_number_is_the_limit_and_memory_is_not_told() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    footprint, older = Footprint(), Older()
    assert (footprint.memory_bytes() or 0) > 1_000_000
    full = max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (full, hard))
    held: list[int] = []
    try:
        try:
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pass
        assert older.descriptors(0.0) == full
        assert footprint.descriptors(0.0) > 0
        assert footprint.memory_bytes() is None
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
