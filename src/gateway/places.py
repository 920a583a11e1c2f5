"""Where the processes of one gateway work, and who works there, as their supervisor sees them."""

import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from gateway.drain import Post

LONGEST_PAUSE = 30.0
"""Seconds before a worker that dies again and again is replaced."""

Sockets = Sequence[socket.socket]

Work = Callable[[Post, Sockets], None]
"""What a worker does until it ends. An error that leaves it is told on stderr: exit code 1."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A process beside the workers: its name, its sockets, and what it does until it ends."""

    name: str
    sockets: Sockets
    work: Work


def pause(deaths: int) -> float:
    """Return the seconds before the next try, after so many deaths in a row: 0, 1, 2, 4, … 30."""
    return 0.0 if deaths < 2 else min(LONGEST_PAUSE, 2.0 ** min(deaths - 2, 5))


def how_it_ended(code: int) -> str:
    """Say how a process ended, of whose exit code a signal is the negative."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # one of the real-time signals between the two that have names
        return f"signal {-code}"


@dataclass(slots=True)
class Place:
    """Where one process works at a time, and when the next is to be started there.

    Workers are numbered from 1; the place beside them is 0.
    """

    number: int
    name: str
    sockets: Sockets
    work: Work
    due: float = -inf
    deaths: int = 0

    @property
    def serves(self) -> bool:
        """Say whether calls depend on it."""
        return self.number > 0

    def said(self, pid: int | None) -> dict[str, int | None]:
        """Return what a line of the log says of who works here."""
        return {"worker": self.number, "pid": pid} if self.serves else {"pid": pid}


@dataclass(slots=True)
class Process:
    """A worker, or the one beside them, as its supervisor sees it; `until` is when it is killed."""

    pid: int
    place: Place
    lifeline: socket.socket
    since: float
    until: float = inf
    ready: bool = False
    leaving: bool = False
