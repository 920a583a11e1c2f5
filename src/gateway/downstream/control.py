"""The control socket: one question a line, one answer a line, both JSON, for this user alone.

A private Unix socket of each worker, through which an operator's tools see what it is doing. What
can be asked is a table that the composition root fills. Nothing here touches a call: where the
socket cannot be had, the worker serves without it.
"""

import errno
import os
import socket
import stat
import struct
import tempfile
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec
import trio

from gateway.downstream.accept import Accepting, Reserve
from gateway.telemetry.log import Log
from gateway.upstream.wire import Wire

MAX_ASKERS = 16
MAX_LINE = 4096
"""Bytes of one question."""

ASK_TIMEOUT = 10.0
"""Seconds for a whole question and for its answer; an asker that is silent for longer is closed."""

LONGEST_PATH = 107
"""Bytes that Linux takes for the name of a Unix socket."""

SUFFIX = ".sock"
_CREDENTIALS = struct.Struct("3i")
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH

Fields = Mapping[str, object]

Answer = Callable[[Fields], object]
"""Takes the whole question and returns what is written as JSON: fields, or a struct."""


def folder_of(environ: Mapping[str, str]) -> Path:
    """Return the folder for control sockets: systemd's, the session's, or one of our own."""
    # systemd separates several by colons.
    given = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    session = environ.get("XDG_RUNTIME_DIR", "")
    if session:
        return Path(session, "nursery-gateway")
    return Path(tempfile.gettempdir(), f"nursery-gateway-{os.geteuid()}")


def name_of(supervisor: int, pid: int) -> str:
    """Return the name of a worker's socket; one that is alone is its own supervisor."""
    return f"{supervisor}-{pid}{SUFFIX}"


class Control:
    """The control socket of one worker."""

    def __init__(
        self,
        path: Path,
        answers: Mapping[str, Answer],
        log: Log,
        reserve: Reserve | None = None,
    ) -> None:
        """`answers` says for each word of `{"ask": word}` who answers."""
        self._reserve = reserve
        self._path: Final = path
        self._answers = answers
        self._log = log
        self._askers = 0

    async def run(self) -> NoReturn:
        """Answer until cancelled. A service of the process."""
        try:
            sock = open_private(self._path)
        except OSError as error:
            reason = error.strerror or str(error)
            self._log.warning("no control socket", path=self._path, reason=reason)
            await trio.sleep_forever()
        try:
            await trio.serve_listeners(self._welcome, [Accepting(sock, self._reserve)])
        finally:
            sock.close()
            self._path.unlink(missing_ok=True)

    async def _welcome(self, stream: Wire) -> None:
        if self._askers >= MAX_ASKERS or not is_ours(stream.sock):
            return
        self._askers += 1
        try:
            await self.converse(stream)
        except* (trio.BrokenResourceError, trio.TooSlowError):
            pass
        except* Exception as group:
            self._log.exception("bug in control socket", group)
        finally:
            self._askers -= 1

    async def converse(self, stream: trio.abc.Stream) -> None:
        """Answer one line after the other until the asker has no more."""
        waiting = bytearray()
        while True:
            with trio.fail_after(ASK_TIMEOUT):
                while (end := waiting.find(b"\n")) < 0 and len(waiting) <= MAX_LINE:
                    data = await stream.receive_some(MAX_LINE)
                    if not data:
                        return
                    waiting += data
                if not 0 <= end <= MAX_LINE:
                    await stream.send_all(_line({"error": f"longer than {MAX_LINE} bytes"}))
                    return
                line = bytes(waiting[:end])
                del waiting[: end + 1]
                await stream.send_all(_line(self.answer(line)))

    def answer(self, line: bytes) -> object:
        """Return the answer to one question."""
        try:
            question = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            return {"error": f"not a question: {error}"}
        asked = question.get("ask")
        who = self._answers.get(asked) if isinstance(asked, str) else None
        if who is None:
            return {"error": "unknown question", "known": sorted(self._answers)}
        try:
            return who(question)
        except* Exception as group:
            self._log.exception("bug in control socket", group, ask=asked)
        return {"error": "a bug, told in the log"}


def _line(fields: object) -> bytes:
    return msgspec.json.encode(fields) + b"\n"


def is_ours(sock: socket.socket) -> bool:
    """Say whether this user, or root, is at the other end."""
    told = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(told)
    return uid in {0, os.geteuid()}


def open_private(path: Path) -> socket.socket:
    """Listen on a socket that only this user can reach, in a folder that nobody else can change.

    Removes what others left who have ended. Raises `OSError`.
    """
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise OSError(f"longer than the {LONGEST_PATH} bytes that a Unix socket's name may have")
    prepare(path.parent)
    _sweep(path.parent)
    if _answers_at(path):
        raise FileExistsError(0, "somebody listens there")
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # On Linux the file is made with the mode that its socket has: never open to others.
        os.fchmod(sock.fileno(), 0o600)
        sock.bind(os.fspath(path))
        sock.listen(MAX_ASKERS)
    except BaseException:
        sock.close()
        raise
    return sock


def prepare(folder: Path) -> None:
    """Make the folder; refuse one that somebody else has put there, or can write in.

    Raises `OSError`.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    check_folder(folder, {os.geteuid()})


def check_folder(folder: Path, owners: Collection[int]) -> None:
    """Refuse a folder that is another user's, or in which others may write. Raises `OSError`."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(0, "its folder is no folder")
    if status.st_uid not in owners:
        raise PermissionError(0, f"its folder belongs to another user ({status.st_uid})")
    if status.st_mode & _WRITABLE_BY_OTHERS:
        raise PermissionError(0, "others may write in its folder")


def _sweep(folder: Path) -> None:
    """Remove the sockets of processes that are no more."""
    for path in folder.glob(f"*-*{SUFFIX}"):
        pid = path.name.removesuffix(SUFFIX).rpartition("-")[2]
        # A folder may be shared with another container, where the same pids are other processes.
        with suppress(OSError):
            if pid.isdecimal() and not _lives(int(pid)) and not _answers_at(path):
                path.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    return Path("/proc", str(pid)).exists()


def _answers_at(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return probe.connect_ex(os.fspath(path)) not in {errno.ECONNREFUSED, errno.ENOENT}
