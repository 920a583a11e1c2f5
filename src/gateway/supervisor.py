"""The parent of several workers: forks them, replaces one that dies, and has them drain.

It runs no Trio and no thread, for it forks: neither survives that. It never touches a connection;
it only keeps the listening sockets open, so that nobody is refused while a worker is replaced.
"""

import gc
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from typing import NoReturn

from gateway.drain import DRAIN, LEAVING, READY, SIGNALS, STOP, Post
from gateway.telemetry.voice import Voice

LONGEST_PAUSE = 30.0
"""Seconds before a worker that dies again and again is replaced."""

SOUND_AFTER = 60.0
"""Seconds that a worker must live before its death counts as the first."""

STOP_TIMEOUT = 5.0
"""Seconds that a worker is given to stop at once, before it is killed."""

Sockets = Sequence[socket.socket]

Work = Callable[[Post, Sockets], None]
"""What a worker does until it ends. An error that leaves it is told on stderr: exit code 1."""


class NotStarted(Exception):
    """A worker died before all had been ready once: nothing is served."""


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
class _Place:
    """Where one worker serves at a time, and when the next is to be started there."""

    number: int
    sockets: Sockets
    due: float = -inf
    deaths: int = 0


@dataclass(slots=True)
class _Worker:
    """A process, as its supervisor sees it; `until` is when it is killed."""

    pid: int
    place: _Place
    lifeline: socket.socket
    since: float
    until: float = inf
    ready: bool = False
    leaving: bool = False


class Supervisor:
    """The workers of one gateway, from the first fork to the last exit code."""

    def __init__(
        self,
        places: Sequence[Sockets],
        work: Work,
        voice: Voice,
        now: Callable[[], float],
        patience: float,
    ) -> None:
        """`places` holds each worker's sockets; after `patience` a worker that drains is killed."""
        self._places = [_Place(at + 1, sockets) for at, sockets in enumerate(places)]
        self._work = work
        self._voice = voice
        self._now = now
        self._patience = patience
        self._workers: list[_Worker] = []
        self._watched = selectors.PollSelector()
        self._begun = self._draining = self._stopping = False
        self._failed = ""
        self._code = 0

    def run(self, ready: Callable[[Sequence[int]], None]) -> int:
        """Supervise until all have drained; return the exit code, 1 if one did not end well.

        `ready` is called once, with the pids, when all serve. Raises `NotStarted`. Closes all
        listening sockets.
        """
        # What is there is left where it is, or each collection would copy it to every worker.
        gc.collect()
        gc.freeze()
        with _wakeups() as wakeups:
            self._watched.register(wakeups[0], selectors.EVENT_READ)
            while True:
                self._start_those_due(wakeups)
                if self._draining and not self._workers:
                    break
                told = self._wait(wakeups[0])
                # Who died before the signal was read has not died of it.
                self._reap()
                for number in told:
                    self._obey(signal.Signals(number).name)
                self._kill_those_late()
                if not (self._begun or self._draining):
                    serving = [
                        each.pid for each in self._workers if each.ready and not each.leaving
                    ]
                    self._begun = len(serving) == len(self._places)
                    if self._begun:
                        ready(serving)
        if self._failed:
            raise NotStarted(self._failed)
        self._voice.say("info", "stopped", exit_code=self._code)
        return self._code

    def _start_those_due(self, wakeups: Sockets) -> None:
        for place in self._places:
            if place.due <= self._now():
                place.due = inf
                try:
                    self._start(place, wakeups)
                except OSError as error:
                    self._lose(place, f"could not be started: {error.strerror}")

    def _start(self, place: _Place, wakeups: Sockets) -> None:
        """Fork a worker. Its signals stay blocked until it listens to them, so none is lost."""
        supervisor = os.getpid()
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        sys.stdout.flush()
        sys.stderr.flush()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            pid = os.fork()  # noqa: TID251  (no Trio runs here, and no thread)
            if pid == 0:
                post = Post(place.number, supervisor, theirs, self._voice.turns)
                self._become(place, post, (*wakeups, ours))
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        worker = _Worker(pid, place, ours, self._now())
        self._workers.append(worker)
        self._watched.register(ours, selectors.EVENT_READ, worker)
        self._voice.say("debug", "worker started", worker=place.number, pid=pid)

    def _become(self, place: _Place, post: Post, foreign: Sockets) -> NoReturn:
        """Be the worker, in the new process, and keep nothing that belongs to another."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            others = [worker.lifeline for worker in self._workers]
            for other in self._places:
                others += [sock for sock in other.sockets if sock not in place.sockets]
            for sock in (*foreign, *others):
                sock.close()
            self._work(post, place.sockets)
            code = 0
        except BaseException:
            # In one write: its siblings may fail in the same moment, for the same reason.
            with suppress(OSError):
                os.write(sys.stderr.fileno(), traceback.format_exc().encode(errors="replace"))
            raise
        finally:
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _wait(self, signals: socket.socket) -> list[int]:
        """Wait for a signal, a worker's word, or the time of the next deed; return the orders."""
        moments = [worker.until for worker in self._workers]
        moments += [place.due for place in self._places]
        next_one = min(moments)
        timeout = None if next_one == inf else max(0.0, next_one - self._now())
        told = b""
        for key, _ in self._watched.select(timeout):
            if key.data is not None:
                self._hear(key.data)
            else:
                told = signals.recv(4096)
        return [number for number in told if number in SIGNALS]

    def _hear(self, worker: _Worker) -> None:
        """Read what a worker has said. Where it has hung up, its end is near."""
        try:
            words = worker.lifeline.recv(64)
        except BlockingIOError:
            return
        except OSError:
            words = b""
        if not words:
            self._forget(worker)
        worker.ready = worker.ready or READY in words
        if LEAVING in words:
            worker.leaving = True
            if not self._draining:
                # It takes nothing new, and its socket must not wait for its last stream.
                worker.place.due = self._now()
                worker.until = self._now() + self._patience

    def _forget(self, worker: _Worker) -> None:
        with suppress(KeyError):
            self._watched.unregister(worker.lifeline)

    def _obey(self, name: str) -> None:
        if not self._draining:
            self._voice.say("info", "draining", signal=name, workers=len(self._workers))
            self._end(DRAIN, self._patience)
        elif not self._stopping:
            self._voice.say("warning", "stopping at once", signal=name, workers=len(self._workers))
            self._stop()

    def _stop(self) -> None:
        self._stopping = True
        self._end(STOP, min(STOP_TIMEOUT, self._patience))

    def _end(self, word: bytes, patience: float) -> None:
        """Tell all workers to end. From now on none is replaced, and nobody listens but them."""
        self._draining = True
        for place in self._places:
            place.due = inf
            for sock in place.sockets:
                sock.close()
        for worker in self._workers:
            worker.until = min(worker.until, self._now() + patience)
            with suppress(OSError):
                worker.lifeline.send(word)

    def _reap(self) -> None:
        for worker in list(self._workers):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._hear(worker)
                self._forget(worker)
                worker.lifeline.close()
                self._workers.remove(worker)
                self._bury(worker, os.waitstatus_to_exitcode(status))

    def _bury(self, worker: _Worker, code: int) -> None:
        expected = worker.leaving or self._draining
        if expected:
            level = "warning" if code else "debug"
            ended = how_it_ended(code)
            self._voice.say(
                level, "worker ended", worker=worker.place.number, pid=worker.pid, how=ended
            )
            if self._draining and code:
                self._code = 1
            return
        if self._now() - worker.since >= SOUND_AFTER:
            worker.place.deaths = 0
        self._lose(worker.place, f"ended with {how_it_ended(code)}", worker.pid)

    def _lose(self, place: _Place, how: str, pid: int | None = None) -> None:
        """Have a worker that died replaced, or give up if there never were all of them."""
        if self._begun:
            place.deaths += 1
            wait = pause(place.deaths)
            place.due = self._now() + wait
            self._voice.say(
                "error", "worker died", worker=place.number, pid=pid, how=how, replaced_in=wait
            )
        elif not self._failed:
            self._failed = f"Worker {place.number} {how} before all were ready."
            self._stop()

    def _kill_those_late(self) -> None:
        for worker in self._workers:
            if worker.until <= self._now():
                worker.until = inf
                self._voice.say(
                    "error", "worker killed: it did not end in time",
                    worker=worker.place.number, pid=worker.pid,
                )  # fmt: skip
                os.kill(worker.pid, signal.SIGKILL)


@contextmanager
def _wakeups() -> Iterator[Sockets]:
    """Turn signals into bytes on a socket, the first of the pair, so that none slips between."""
    reader, writer = socket.socketpair()
    for end in (reader, writer):
        end.setblocking(False)
    numbers = (*SIGNALS, signal.SIGCHLD)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    old = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield reader, writer
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        reader.close()
        writer.close()
