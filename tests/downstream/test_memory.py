"""What the kernel says of memory, read from folders that look like its own."""

import os
from pathlib import Path

import pytest

from gateway.downstream.memory import LEAST_FOR_BODIES, room_for_bodies, usable_bytes

MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
MIB = 1_048_576


def put(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_without_groups_it_is_what_the_machine_has(tmp_path: Path) -> None:
    assert usable_bytes(tmp_path) == MACHINE
    assert 0 < usable_bytes() <= MACHINE


@pytest.mark.parametrize(
    ("group", "files"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "7000\n", "memory.max": "9000"}),
        ("0::/a/b\n", {"a/b/memory.max": "7000", "a/memory.max": "9000"}),
        ("0::/of/the/host\n", {"memory.max": "7000\n"}),
        ("5:cpu,memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": "7000\n"}),
        ("5:memory:/of/the/host\n", {"memory/memory.limit_in_bytes": "7000\n"}),
    ],
    ids=["above", "own", "container", "first version", "container, first version"],
)
def test_g9_the_least_bound_of_its_groups_counts(
    tmp_path: Path, group: str, files: dict[str, str]
) -> None:
    """G9."""
    put(tmp_path, "proc/self/cgroup", group)
    for path, text in files.items():
        put(tmp_path, f"sys/fs/cgroup/{path}", text)
    assert usable_bytes(tmp_path) == 7000


def test_groups_of_other_things_bound_nothing(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/cgroup", "3:cpu:/a\n2:name=systemd:/a\n0::/a\n")
    put(tmp_path, "sys/fs/cgroup/memory/a/memory.limit_in_bytes", "7000")
    put(tmp_path, "sys/fs/cgroup/a/memory.max", "max")
    assert usable_bytes(tmp_path) == MACHINE


def test_g9_a_worker_has_its_part_of_a_quarter_and_never_less_than_some_bodies() -> None:
    """G9."""
    assert room_for_bodies(8192 * MIB, 1) == 2048 * MIB
    assert room_for_bodies(8192 * MIB, 4) == 512 * MIB
    assert room_for_bodies(512 * MIB, 4) == LEAST_FOR_BODIES
