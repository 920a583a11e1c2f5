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
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import NoReturn, Protocol

from gateway.drain import DRAIN, LEAVING, READY, RELOAD, SIGNALS, STOP, Post, Terminal
from gateway.places import Beside, Place, Process, Sockets, Work, how_it_ended, pause
from gateway.telemetry.voice import Voice
from gateway.wakeups import ORDERS, wakeups_of_signals

SOUND_AFTER = 60.0
"""Seconds that a worker must live before its death counts as the first."""

STOP_TIMEOUT = 7.0
"""Seconds that a worker has to stop at once, last receipts included, before it is killed."""

LOOK_EVERY = 1.0
"""Seconds between two looks at the configuration's files."""

DISMISSAL_TIMEOUT = 2.0
"""Seconds that the process beside the workers is given to end: it has nothing left to do."""


class Renews(Protocol):
    """Who has the configuration with which the next process begins."""

    def changed(self) -> bool:
        """Look at its files; say once of each change that it has come to rest."""

    def renew(self) -> bool:
        """Read it anew; say whether there is another one from now on."""


class NotStarted(Exception):
    """A worker died before all had been ready once: nothing is served."""


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
            Place(number, "worker", sockets, work) for number, sockets in enumerate(places, 1)
        ]
        if beside is not None:
            # It is due when all workers serve: nobody waits for it.
            self._places.append(Place(0, beside.name, beside.sockets, beside.work, due=inf))
        self._voice = voice
        self._now = now
        self._patience = patience
        self._processes: list[Process] = []
        self._watched = selectors.PollSelector()
        self._begun = self._draining = self._stopping = False
        self._failed = ""
        self._code = 0
        self._terminal = Terminal()
        self._standing: Renews | None = None
        self._look_at = inf

    def run(self, ready: Callable[[Sequence[int]], None], standing: Renews | None = None) -> int:
        """Supervise until all have drained; return the exit code, 1 if one did not end well.

        `ready` is called once, with the pids, when all serve. Where somebody is `standing` for the
        configuration, all are told when there is another. Raises `NotStarted`. Closes all listening
        sockets.
        """
        self._standing = standing
        # What is there is left where it is, or each collection would copy it to every worker.
        gc.collect()
        gc.freeze()
        with wakeups_of_signals() as wakeups:
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
                self._look()
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
            self._look_at = inf if self._standing is None else self._now() + LOOK_EVERY
            for place in self._beside():
                place.due = self._now()

    def _look(self) -> None:
        """Look whether the configuration's files have changed, now and again."""
        if self._standing is None or self._look_at > self._now():
            return
        self._look_at = self._now() + LOOK_EVERY
        if self._standing.changed():
            self._renew("file")

    def _renew(self, by: str) -> None:
        """Have the configuration read anew. If there is another one, all are told."""
        if self._standing is None or not self._begun or self._draining:
            return
        self._voice.say("debug", "reading the configuration anew", by=by)
        if self._standing.renew():
            for process in self._processes:
                with suppress(OSError):
                    process.lifeline.send(RELOAD)

    def _workers(self) -> list[Process]:
        return [process for process in self._processes if process.place.serves]

    def _beside(self) -> list[Place]:
        return [place for place in self._places if not place.serves]

    def _start_those_due(self, wakeups: Sockets) -> None:
        for place in self._places:
            if place.due <= self._now() and (self._workers() or not self._draining):
                place.due = inf
                try:
                    self._start(place, wakeups)
                except OSError as error:
                    self._lose(place, f"could not be started: {error.strerror}")

    def _start(self, place: Place, wakeups: Sockets) -> None:
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
        process = Process(pid, place, ours, self._now())
        self._processes.append(process)
        self._watched.register(ours, selectors.EVENT_READ, process)
        self._voice.say("debug", f"{place.name} started", **place.said(pid))

    def _become(self, place: Place, post: Post, foreign: Sockets) -> NoReturn:
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
        next_one = min(*moments, inf if self._draining else self._look_at)
        timeout = None if next_one == inf else max(0.0, next_one - self._now())
        told = b""
        for key, _ in self._watched.select(timeout):
            if key.data is not None:
                self._hear(key.data)
            else:
                told = signals.recv(4096)
        return [number for number in told if number in ORDERS]

    def _hear(self, process: Process) -> None:
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
        if RELOAD in words:
            self._renew(process.place.name)
        if LEAVING in words and not self._draining:
            # It takes nothing new, and its socket must not wait for its last stream.
            process.leaving = True
            process.place.due = self._now()
            self._send_away(process)
        elif LEAVING in words:
            process.leaving = process.place.serves

    def _send_away(self, process: Process) -> None:
        """Give a process that leaves by itself its time. The one beside waits for the word."""
        if process.place.serves:
            process.until = self._now() + self._patience
        else:
            self._tell(process, DRAIN, min(DISMISSAL_TIMEOUT, self._patience))

    def _tell(self, process: Process, word: bytes, patience: float) -> None:
        process.until = min(process.until, self._now() + patience)
        with suppress(OSError):
            process.lifeline.send(word)

    def _forget(self, process: Process) -> None:
        with suppress(KeyError):
            self._watched.unregister(process.lifeline)

    def _obey(self, name: str) -> None:
        if name == signal.SIGUSR1.name:
            for worker in self._workers():
                os.kill(worker.pid, signal.SIGUSR1)
        elif name == signal.SIGHUP.name and not self._terminal.hung_up:
            self._renew(name)
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

    def _bury(self, process: Process, code: int) -> None:
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

    def _lose(self, place: Place, how: str, pid: int | None = None) -> None:
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


def _close(place: Place) -> None:
    """Have nobody begin there any more, and nobody knock."""
    place.due = inf
    for sock in place.sockets:
        sock.close()
