"""What each side notes of a call, as lines of JSON in files that outlive whoever wrote them.

All moments are seconds on the machine's monotonic clock, which every process shares.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

CHUNK_BYTES: Final = 4_194_304

Line = Mapping[str, Any]
"""A line of the gateway's log."""


class Seen(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A call as its client saw it.

    `end` is how the answer ended: `whole`, `cut` (the connection closed within it, or without any),
    `left` (by the client itself), `overdue`, or `unconnected`. `wrong` tells of what no answer may
    hold, as an event of another call.
    """

    number: int
    began: float
    ended: float = 0.0
    status: int = 0
    events: int = 0
    comments: int = 0
    bytes: int = 0
    done: bool = False
    code: str | None = None
    retry_after: str | None = None
    end: str = "cut"
    left_at: float | None = None
    reused: bool = False
    wrong: str = ""


class Began(msgspec.Struct, tag="began"):
    """A provider has read a request: which of its process's own it is, and which call's."""

    pid: int
    take: int
    id: str
    at: float


class Ended(msgspec.Struct, tag="ended"):
    """A provider is done with a request: it `played` its part, or its peer had `gone` before."""

    pid: int
    take: int
    at: float
    how: str
    events: int = 0


class Journal:
    """Notes of one process, a line each, written at once: a kill loses none of them."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        self._encode = msgspec.json.Encoder().encode

    def note(self, record: msgspec.Struct) -> None:
        os.write(self._descriptor, self._encode(record) + b"\n")

    def close(self) -> None:
        os.close(self._descriptor)


class Tail:
    """Whole lines of a file that others are still writing, each of them once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self._rest = b""

    def lines(self) -> Iterator[bytes]:
        """Yield what has been written since the last time."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._at)
            while data := file.read(CHUNK_BYTES):
                self._at += len(data)
                *whole, self._rest = (self._rest + data).split(b"\n")
                yield from whole
