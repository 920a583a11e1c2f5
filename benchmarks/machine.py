"""The machine: what it is, which core a process has, and what the kernel counts for it."""

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

PROC: Final = Path("/proc")
TICKS: Final = os.sysconf("SC_CLK_TCK")

BUSY_LOAD: Final = 0.5
"""A load average above this when a run begins is told in the report."""

STOLEN_SHARE: Final = 0.02
"""So much of the time taken by other guests of the host is told too."""


class Machine(msgspec.Struct, frozen=True):
    """What figures depend on; neither paths nor names that belong to one place."""

    processor: str
    cores: int
    memory_gigabytes: float
    kernel: str
    python: str
    load: float


@dataclass(frozen=True, slots=True)
class Ticks:
    """What all cores did since the machine started, in the kernel's ticks."""

    all: int
    stolen: int


def describe() -> Machine:
    """Return what this machine is, and how busy it has been in the last minute."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        processor=_processor((PROC / "cpuinfo").read_text()),
        cores=len(os.sched_getaffinity(0)),
        memory_gigabytes=round(memory / 2**30, 1),
        kernel=f"{platform.system()} {platform.release().split('-')[0]}",
        python=platform.python_version(),
        load=round(os.getloadavg()[0], 2),
    )


def _processor(text: str) -> str:
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model", "cpu model"}:
            return value.strip()
    return platform.machine()


def ticks() -> Ticks:
    """Read what all cores did so far."""
    fields = [int(field) for field in (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    return Ticks(all=sum(fields), stolen=fields[7])


def stolen_share(before: Ticks, after: Ticks) -> float:
    """Say what share of the time between two readings the host gave to others."""
    return (after.stolen - before.stolen) / max(1, after.all - before.all)


def notices(machine: Machine, stolen: float) -> list[str]:
    """Say in sentences what may have spoilt the figures."""
    found = []
    if machine.load > BUSY_LOAD:
        found.append(
            f"The machine was not quiet at the start: its load average was {machine.load}."
        )
    if stolen > STOLEN_SHARE:
        found.append(f"The host gave {stolen:.0%} of the time to others.")
    if machine.cores < 2:
        found.append("There is one core only: load tools and peers share it.")
    return found


def cores() -> tuple[tuple[int, ...], int]:
    """Choose the cores for who is measured, and the one for the load tools and all else."""
    allowed = sorted(os.sched_getaffinity(0))
    return tuple(allowed), allowed[-1]


@contextmanager
def pinned(wanted: Sequence[int]) -> Iterator[None]:
    """Let what this thread starts meanwhile run on these cores alone.

    Pinned before it starts: who counts the cores to choose its number of threads counts one.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def session_pids(leader: int) -> tuple[int, ...]:
    """Return the processes of the session that this one leads, itself among them."""
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            fields = _stat(int(entry.name))
            if fields and int(fields[3]) == leader and fields[0] not in {"Z", "X"}:
                found.append(int(entry.name))
    return tuple(sorted(found))


def _stat(pid: int) -> list[str]:
    """Return what stands behind the name in `stat`: state, parent, group, session, ..."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def resident_bytes(pids: Sequence[int]) -> int:
    """Add up the memory that these processes have in use (RSS)."""
    total = 0
    for pid in pids:
        for line in _lines(pid, "status"):
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) * 1024
    return total


def cpu_seconds(pids: Sequence[int]) -> float:
    """Add up the processor time of these processes, to a tick (10 ms) each."""
    total = 0
    for pid in pids:
        if fields := _stat(pid):
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def _lines(pid: int, name: str) -> list[str]:
    try:
        return (PROC / str(pid) / name).read_text().splitlines()
    except OSError:
        return []
