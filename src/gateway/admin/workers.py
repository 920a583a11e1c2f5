"""Asks the workers of one gateway, all at once, through their control sockets.

It knows them by the names of their sockets, `<supervisor>-<pid>.sock`, and by nothing else.
"""

import errno
import os
import re
import socket
import struct
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import trio

ASK_TIMEOUT = 2.0
"""Seconds for a worker's whole answer."""

MOST = 4_096
"""Sockets in a folder that are looked at."""

MAX_ANSWER_BYTES = 67_108_864
READ_BYTES = 1_048_576

_NAME = re.compile(r"([0-9]+)-([0-9]+)\.sock")
_CREDENTIALS = struct.Struct("3i")
_NOBODY = frozenset({errno.ECONNREFUSED, errno.ENOENT, errno.EACCES})

_read_answer = msgspec.json.Decoder(dict[str, Any]).decode

Answer = dict[str, Any]


class Workers:
    """The workers of one gateway, whoever they are at the moment."""

    def __init__(self, folder: Path, supervisor: int) -> None:
        """`supervisor` is the pid of their parent; a process that serves alone is its own."""
        self._folder = folder
        self._supervisor = supervisor

    async def ask(self, question: Mapping[str, object]) -> list[Answer]:
        """Ask all at once; return what was answered, in the order of the workers.

        Who does not answer within `ASK_TIMEOUT`, or only that it cannot, is left out.
        """
        found: list[tuple[int, Answer]] = []
        line = msgspec.json.encode(question) + b"\n"
        async with trio.open_nursery() as nursery:
            for supervisor, pid, path in sockets(self._folder):
                if supervisor == self._supervisor:
                    nursery.start_soon(_note, found, pid, partial(ask, path, line))
        return [answer for _, answer in sorted(found, key=_place)]


def _place(found: tuple[int, Answer]) -> tuple[int, int]:
    pid, answer = found
    number = answer.get("worker")
    return (number if isinstance(number, int) else 0, pid)


async def _note(found: list[tuple[int, Answer]], pid: int, asking: partial[Any]) -> None:
    answer: Answer | None = await asking()
    if answer is not None:
        found.append((pid, answer))


def sockets(folder: Path) -> list[tuple[int, int, Path]]:
    """Return supervisor, pid and path of each control socket in a folder, sorted."""
    try:
        paths = list(folder.iterdir())
    except OSError:
        return []
    named = ((_NAME.fullmatch(path.name), path) for path in paths)
    return sorted((int(name[1]), int(name[2]), path) for name, path in named if name)[:MOST]


def supervisors(folder: Path) -> list[int]:
    """Return the pids of the gateways that live in a folder: a worker of theirs still listens."""
    return sorted({supervisor for supervisor, _, path in sockets(folder) if _listens(path)})


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return probe.connect_ex(os.fspath(path)) not in _NOBODY


async def ask(path: Path, line: bytes) -> Answer | None:
    """Ask one worker; None where it does not answer in time, or cannot."""
    try:
        with trio.fail_after(ASK_TIMEOUT):
            async with await trio.open_unix_socket(path) as worker:
                if not is_trusted(worker.socket):
                    return None
                await worker.send_all(line)
                said = await _line(worker)
    except (OSError, trio.BrokenResourceError, trio.TooSlowError):
        return None
    try:
        answer = _read_answer(said)
    except (msgspec.DecodeError, RecursionError):
        return None
    return None if "error" in answer else answer


async def _line(worker: trio.SocketStream) -> bytes:
    """Read a line, in bounds; what has no end is no answer."""
    said = bytearray()
    while not said.endswith(b"\n") and len(said) <= MAX_ANSWER_BYTES:
        data = await worker.receive_some(READ_BYTES)
        if not data:
            break
        said += data
    return bytes(said) if said.endswith(b"\n") else b""


def is_trusted(sock: trio.socket.SocketType) -> bool:
    """Say whether this user or root listens there; root itself may ask everybody."""
    told = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(told)
    return os.geteuid() == 0 or uid in {0, os.geteuid()}
