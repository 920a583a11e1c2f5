"""The parent of workers: forks them, replaces one that dies, and has them drain.

It runs no Trio and no thread, for it forks: neither survives that. It never touches a connection;
it only keeps the listening sockets open, so that nobody is refused while a worker is replaced.

Beside the workers there may be one process that carries nothing. It begins after them and ends
after them, and whatever becomes of it, they and the exit code never notice.
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

STOP_TIMEOUT = 7.0
"""Seconds that a worker has to stop at once, last receipts included, before it is killed."""

DISMISSAL_TIMEOUT = 2.0
"""Seconds that the process beside the workers is given to end: it has nothing left to do."""

ORDERS = (*SIGNALS, signal.SIGUSR1)
"""Signals that are heeded; the last one has all workers show what is open."""

Sockets = Sequence[socket.socket]

Work = Callable[[Post, Sockets], None]
"""What a worker does until it ends. An error that leaves it is told on stderr: exit code 1."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A process beside the workers: its name, its sockets, and what it does until it ends."""

    name: str
    sockets: Sockets
    work: Work


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
class _Process:
    """A worker, or the one beside them, as its supervisor sees it; `until` is when it is killed."""

    pid: int
    place: _Place
    lifeline: socket.socket
    since: float
    until: float = inf
    ready: bool = False
    leaving: bool = False


class Supervisor:
    """The processes of one gateway, from the first fork to the last exit code."""

    def __init__(
        self,
        places: Sequence[Sockets],
        work: Work,
        voice: Voice,
        now: Callable[[], float],
        patience: float,
        beside: Beside | None = None,
    ) -> None:
        """`places` holds each worker's sockets; after `patience` a worker that drains is killed."""
        self._places = [
            _Place(number, "worker", sockets, work) for number, sockets in enumerate(places, 1)
        ]
        if beside is not None:
            # It is due when all workers serve: nobody waits for it.
            self._places.append(_Place(0, beside.name, beside.sockets, beside.work, due=inf))
        self._voice = voice
        self._now = now
        self._patience = patience
        self._processes: list[_Process] = []
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
                if self._draining and not self._workers():
                    self._dismiss()
                    if not self._processes:
                        break
                told = self._wait(wakeups[0])
                # Who died before the signal was read has not died of it.
                self._reap()
                for number in told:
                    self._obey(signal.Signals(number).name)
                self._kill_those_late()
                if not (self._begun or self._draining):
                    self._begin(ready)
        if self._failed:
            raise NotStarted(self._failed)
        self._voice.say("info", "stopped", exit_code=self._code)
        return self._code

    def _begin(self, ready: Callable[[Sequence[int]], None]) -> None:
        """Tell that all serve, once they do, and let the one beside them begin."""
        serving = [each.pid for each in self._workers() if each.ready and not each.leaving]
        self._begun = len(serving) == len([place for place in self._places if place.serves])
        if self._begun:
            ready(serving)
            for place in self._beside():
                place.due = self._now()

    def _workers(self) -> list[_Process]:
        return [process for process in self._processes if process.place.serves]

    def _beside(self) -> list[_Place]:
        return [place for place in self._places if not place.serves]

    def _start_those_due(self, wakeups: Sockets) -> None:
        for place in self._places:
            if place.due <= self._now() and (self._workers() or not self._draining):
                place.due = inf
                try:
                    self._start(place, wakeups)
                except OSError as error:
                    self._lose(place, f"could not be started: {error.strerror}")

    def _start(self, place: _Place, wakeups: Sockets) -> None:
        """Fork a process. Its signals stay blocked until it listens to them, so none is lost."""
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
        process = _Process(pid, place, ours, self._now())
        self._processes.append(process)
        self._watched.register(ours, selectors.EVENT_READ, process)
        self._voice.say("debug", f"{place.name} started", **place.said(pid))

    def _become(self, place: _Place, post: Post, foreign: Sockets) -> NoReturn:
        """Be who works there, in the new process, and keep nothing that belongs to another."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            others = [process.lifeline for process in self._processes]
            for other in self._places:
                others += [sock for sock in other.sockets if sock not in place.sockets]
            for sock in (*foreign, *others):
                sock.close()
            place.work(post, place.sockets)
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
        """Wait for a signal, somebody's word, or the time of the next deed; return the orders."""
        moments = [process.until for process in self._processes]
        moments += [place.due for place in self._places]
        next_one = min(moments)
        timeout = None if next_one == inf else max(0.0, next_one - self._now())
        told = b""
        for key, _ in self._watched.select(timeout):
            if key.data is not None:
                self._hear(key.data)
            else:
                told = signals.recv(4096)
        return [number for number in told if number in ORDERS]

    def _hear(self, process: _Process) -> None:
        """Read what a process has said. Where it has hung up, its end is near."""
        try:
            words = process.lifeline.recv(64)
        except BlockingIOError:
            return
        except OSError:
            words = b""
        if not words:
            self._forget(process)
        process.ready = process.ready or READY in words
        if LEAVING in words and not self._draining:
            # It takes nothing new, and its socket must not wait for its last stream.
            process.leaving = True
            process.place.due = self._now()
            self._send_away(process)
        elif LEAVING in words:
            process.leaving = process.place.serves

    def _send_away(self, process: _Process) -> None:
        """Give a process that leaves by itself its time. The one beside waits for the word."""
        if process.place.serves:
            process.until = self._now() + self._patience
        else:
            self._tell(process, DRAIN, min(DISMISSAL_TIMEOUT, self._patience))

    def _tell(self, process: _Process, word: bytes, patience: float) -> None:
        process.until = min(process.until, self._now() + patience)
        with suppress(OSError):
            process.lifeline.send(word)

    def _forget(self, process: _Process) -> None:
        with suppress(KeyError):
            self._watched.unregister(process.lifeline)

    def _obey(self, name: str) -> None:
        if name == signal.SIGUSR1.name:
            for worker in self._workers():
                os.kill(worker.pid, signal.SIGUSR1)
        elif not self._draining:
            self._voice.say("info", "draining", signal=name, workers=len(self._workers()))
            self._end(DRAIN, self._patience)
        elif not self._stopping:
            workers = len(self._workers())
            self._voice.say("warning", "stopping at once", signal=name, workers=workers)
            self._stop()

    def _stop(self) -> None:
        self._stopping = True
        self._end(STOP, min(STOP_TIMEOUT, self._patience))

    def _end(self, word: bytes, patience: float) -> None:
        """Tell all workers to end. From now on none is replaced, and nobody listens but them."""
        self._draining = True
        for place in self._places:
            if place.serves:
                _close(place)
        for worker in self._workers():
            self._tell(worker, word, patience)

    def _dismiss(self) -> None:
        """Tell the one beside the workers to end, now that there are none.

        One that has not begun yet is not waited for.
        """
        for place in self._beside():
            _close(place)
        for process in self._processes:
            if not process.leaving:
                process.leaving = True
                patience = min(DISMISSAL_TIMEOUT, self._patience) if process.ready else 0.0
                self._tell(process, DRAIN, patience)

    def _reap(self) -> None:
        for process in list(self._processes):
            pid, status = os.waitpid(process.pid, os.WNOHANG)
            if pid:
                self._hear(process)
                self._forget(process)
                process.lifeline.close()
                self._processes.remove(process)
                self._bury(process, os.waitstatus_to_exitcode(status))

    def _bury(self, process: _Process, code: int) -> None:
        place = process.place
        if process.leaving or (self._draining and place.serves):
            level = "warning" if code and place.serves else "debug"
            how = how_it_ended(code)
            self._voice.say(level, f"{place.name} ended", **place.said(process.pid), how=how)
            if self._draining and code and place.serves:
                self._code = 1
            return
        if self._now() - process.since >= SOUND_AFTER:
            place.deaths = 0
        self._lose(place, f"ended with {how_it_ended(code)}", process.pid)

    def _lose(self, place: _Place, how: str, pid: int | None = None) -> None:
        """Have one that died replaced, or give up if there never were all of the workers."""
        if self._begun:
            place.deaths += 1
            wait = pause(place.deaths)
            place.due = self._now() + wait
            self._voice.say(
                "error", f"{place.name} died", **place.said(pid), how=how, replaced_in=wait
            )
        elif not self._failed:
            self._failed = f"Worker {place.number} {how} before all were ready."
            self._stop()

    def _kill_those_late(self) -> None:
        for process in self._processes:
            if process.until <= self._now():
                process.until = inf
                place = process.place
                level = "error" if place.serves else "warning" if process.ready else "debug"
                event = f"{place.name} killed: it did not end in time"
                self._voice.say(level, event, **place.said(process.pid))
                os.kill(process.pid, signal.SIGKILL)


def _close(place: _Place) -> None:
    """Have nobody begin there any more, and nobody knock."""
    place.due = inf
    for sock in place.sockets:
        sock.close()


@contextmanager
def _wakeups() -> Iterator[Sockets]:
    """Turn signals into bytes on a socket, the first of the pair, so that none slips between."""
    reader, writer = socket.socketpair()
    for end in (reader, writer):
        end.setblocking(False)
    numbers = (*ORDERS, signal.SIGCHLD)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    old = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield reader, writer
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in zip(numbers, before, strict=True):
            # One that comes late must not kill what is about to end by itself.
            signal.signal(number, signal.SIG_IGN if number in SIGNALS else handler)
        reader.close()
        writer.close()
