"""Starts a peer on its core, waits until it answers, and stops exactly what it started."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from benchmarks.machine import pinned, session_pids
from benchmarks.peers.asking import Unanswered, ask
from benchmarks.peers.peer import PATH, Command, Peer, Place, Ready
from benchmarks.peers.ports import free_port

START_PATIENCE: Final = 90.0
STOP_PATIENCE: Final = 5.0
POLL: Final = 0.002

KEPT: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")
"""What a peer gets of our environment: no proxies, no keys."""


class NotStarted(Exception):
    """A peer that did not come to answer; its text says in a clause why."""


class Running:
    """A peer that answers: where, with which headers, in which processes, after how long.

    The processes are those of the session that the first one leads. Where there is none (no
    proxy at all), `leader` is None and `ready_after` is 0.
    """

    def __init__(self, peer: Peer, place: Place, process: subprocess.Popen[bytes] | None) -> None:
        self.peer = peer
        self.port = place.port
        self.headers: Mapping[str, str] = peer.headers(place)
        self.ready_after = 0.0
        self._process = process

    @property
    def url(self) -> str:
        """Where chat completions are asked for."""
        return f"http://127.0.0.1:{self.port}{PATH}"

    @property
    def pids(self) -> tuple[int, ...]:
        """All processes of the peer that live."""
        return () if self._process is None else session_pids(self._process.pid)

    @property
    def alive(self) -> bool:
        return self._process is None or self._process.poll() is None

    def pause(self) -> None:
        """Stop all its threads, so that it cannot disturb who is measured now."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End its processes: politely, then not."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGTERM)  # asked twice, some do not wait for open calls
        self.resume()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_PATIENCE)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def wait_until_it_answers(self, since: float) -> None:
        """Ask until there is an answer. Raises `NotStarted`."""
        why = "it did not answer"
        while time.monotonic() - since < START_PATIENCE:
            if not self.alive:
                raise NotStarted("it ended at its start")
            try:
                ask(self.port, self.headers, stream=False)
            except Unanswered as problem:
                why = str(problem)
                time.sleep(POLL)
            else:
                self.ready_after = time.monotonic() - since
                return
        raise NotStarted(f"after {START_PATIENCE:.0f} s {why}")

    def _signal(self, number: signal.Signals) -> None:
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def start(
    peer: Peer, ready: Ready, upstream_port: int, cores: Sequence[int], folder: Path
) -> Running:
    """Start a peer on these cores; `folder` takes its files and its log. Raises `NotStarted`."""
    if peer.command is None:
        return Running(peer, Place(upstream_port, upstream_port, folder), None)
    place = Place(free_port(), upstream_port, folder)
    folder.mkdir(parents=True, exist_ok=True)
    command = peer.command(ready, place)
    since = time.monotonic()
    running = Running(peer, place, _spawn(command, cores, folder))
    try:
        running.wait_until_it_answers(since)
        ask(running.port, running.headers, stream=True)
    except Unanswered as problem:
        running.stop()
        raise NotStarted(str(problem)) from None
    except BaseException:
        running.stop()
        raise
    return running


def _spawn(command: Command, cores: Sequence[int], folder: Path) -> subprocess.Popen[bytes]:
    environ = {name: os.environ[name] for name in KEPT if name in os.environ}
    environ |= {"HOME": str(folder), **command.environ}
    with (folder / "output.log").open("wb") as log, pinned(cores):
        return subprocess.Popen(
            command.arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=environ,
            start_new_session=True,
        )
