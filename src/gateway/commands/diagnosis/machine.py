"""This machine: descriptors, memory, processors, room for long bodies, the address to listen on.

It blocks, if only for a moment.
"""

import errno
import os
import resource
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.assembly import SPARE_DESCRIPTORS
from gateway.commands.diagnosis.space import room_in, size
from gateway.commands.diagnosis.verdict import Level, Verdict, counted, fail, ok, warn
from gateway.downstream.memory import usable_bytes
from gateway.downstream.options import CallOptions, ListenOptions

FEW_DESCRIPTORS: Final = 4096
TOO_FEW_DESCRIPTORS: Final = 256
WORKER_BYTES: Final = 128 << 20
"""What one worker should have to itself, with some calls open."""

MORE: Final = "Raise it: LimitNOFILE= of systemd's unit, --ulimit nofile= of a container."
LESS: Final = "Have fewer workers, or more memory: the kernel ends whoever takes too much."
FEWER: Final = "One worker for each processor is usual: [server] workers, or --workers."
WRONG_HOST: Final = "Write an address of this machine in [server] host."
NO_TEMP: Final = "Bodies above a megabyte go through it: name another in TMPDIR."


@dataclass(frozen=True, slots=True)
class Machine:
    """What the kernel says of it."""

    descriptors: int
    memory_bytes: int
    processors: int


def this_machine() -> Machine:
    """Ask the kernel."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Machine(hard, usable_bytes(), len(os.sched_getaffinity(0)))


def machine(listen: ListenOptions, calls: CallOptions, seen: Machine) -> list[Verdict]:
    """Judge by what would serve here."""
    return [
        _descriptors(listen, calls, seen.descriptors),
        _memory(listen.workers, seen.memory_bytes),
        _processors(listen.workers, seen.processors),
    ]


def _descriptors(listen: ListenOptions, calls: CallOptions, limit: int) -> Verdict:
    half = max(0, limit - SPARE_DESCRIPTORS) // 2
    seen = f"{limit:,} for each process: {half:,} calls at once"
    if limit < TOO_FEW_DESCRIPTORS:
        return fail("descriptors", seen, MORE)
    needed = (listen.max_connections or 0) + calls.max_calls
    if needed > limit:
        return warn("descriptors", f"{seen}; max_connections and max_calls want {needed:,}", MORE)
    return warn("descriptors", seen, MORE) if limit < FEW_DESCRIPTORS else ok("descriptors", seen)


def _memory(workers: int, usable: int) -> Verdict:
    seen = f"{size(usable)} for {counted(workers, 'worker')}"
    if usable < WORKER_BYTES * workers:
        return warn("memory", seen, LESS)
    return ok("memory", seen)


def _processors(workers: int, processors: int) -> Verdict:
    seen = f"{counted(processors, 'processor')} for {counted(workers, 'worker')}"
    return warn("processors", seen, FEWER) if workers > processors else ok("processors", seen)


def temporary_folder() -> list[Verdict]:
    """Look at the folder for long bodies, which lie there without a name."""
    folder = Path(tempfile.gettempdir())
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"\0")
            file.flush()
    except OSError as error:
        return [fail("temporary folder", f"{folder}: {error.strerror}", NO_TEMP)]
    room = room_in(folder)
    if room.level is Level.OK:
        return [ok("temporary folder", room.seen)]
    return [Verdict("temporary folder", room.level, room.seen, room.remedy)]


def address(listen: ListenOptions, *, runs: bool) -> Sequence[Verdict]:
    """Say whether the address could be listened on; `runs`: a gateway runs on this machine."""
    if listen.unix:
        folder = Path(listen.unix).parent
        if os.access(folder, os.W_OK | os.X_OK):
            return [ok("address", f"{listen.unix} can be made")]
        remedy = "Make the folder, and let the gateway's user write in it."
        return [fail("address", f"no socket can be made in {folder}", remedy)]
    where = f"{listen.host}:{listen.port}"
    try:
        _bind(listen.host, listen.port)
    except PermissionError:
        remedy = "Ports below 1024 are root's: take a higher one, behind a proxy."
        return [fail("address", f"{where} is not for this user", remedy)]
    except UnicodeError:
        return [fail("address", f"{listen.host} is no name of a host", WRONG_HOST)]
    except OSError as error:
        if error.errno == errno.EADDRINUSE and runs:
            return [ok("address", f"{where} is in use, and a gateway runs here")]
        remedy = "See who has it with `ss -ltnp`, or choose another [server] port."
        return [warn("address", f"{where}: {error.strerror or error}", remedy)]
    return [ok("address", f"{where} is free")]


def _bind(host: str, port: int) -> None:
    """Take the address, and let it go at once. Raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, place = found[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(place)
