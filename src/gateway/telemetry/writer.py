"""The thread that writes the log. It may wait for its sink as long as it must; nobody waits for it.

The queue is bounded: what does not fit is lost, counted, and told by the next line that fits (G12).
"""

import fcntl
import os
import select
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue

from gateway.policy.scrub import Scrubber
from gateway.telemetry.last_lines import LastLines
from gateway.telemetry.lines import Entry, Line, Render

MAX_WAITING = 4096
"""Entries. At about 1 KiB each a blocked sink costs 4 MiB."""

MAX_URGENT = 16
MAX_BATCH = 128

LINGER = 0.05
"""Seconds. Lines that come close together leave in one write and wake the thread once.

Each waking takes the interpreter from the loop for a moment, so there are few.
"""

LOCK_PATIENCE = 0.01
"""Seconds that an urgent line waits for a write under way before it takes the thread's way."""


class Writer:
    """Takes entries from whoever has one, without waiting, and puts them on a descriptor.

    It owns the descriptor. `put` may be called from any thread; several at once may pass the bound
    by one entry each.
    """

    def __init__(
        self,
        descriptor: int,
        render: Render,
        scrubber: Scrubber,
        now_ns: Callable[[], int],
        turns: int | None = None,
    ) -> None:
        """`turns` is a descriptor on which those who share the sink lock each other out."""
        self._turns = turns
        self.scrubber = scrubber
        self.last = LastLines()
        self._descriptor = descriptor
        self._render = render
        self._now_ns = now_ns
        # SimpleQueue takes no lock of Python's, so a finalizer may log while `put` runs.
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._urgent: deque[bytes] = deque()
        self._sink = threading.Lock()
        self._closing = threading.Event()
        self._refused = 0
        self._unwritten = 0
        self._told = 0
        self._torn = False
        # A daemon, because a sink that blocks for ever must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """How many lines never reached the sink."""
        return self._refused + self._unwritten

    def put(self, entry: Entry) -> None:
        """Hand over an entry, or count it as lost; never waits."""
        if self._queue.qsize() >= MAX_WAITING or self._closing.is_set():
            self._refused += 1
        else:
            self._queue.put(entry)

    def put_urgent(self, line: Line) -> None:
        """Write a line before this returns, if the sink takes it at once; else it goes next.

        Waits for `LOCK_PATIENCE` at most.
        """
        data = self._bytes(line)
        if self._closing.is_set() or len(self._urgent) >= MAX_URGENT:
            self._refused += 1
        elif self._sink.acquire(timeout=LOCK_PATIENCE):
            try:
                self._put_at_once(data)
            finally:
                self._sink.release()
        else:
            self._urgent.append(data)
        if self._urgent:
            self._queue.put(None)

    def _put_at_once(self, data: bytes) -> None:
        """Write a line now; what the sink, or another process, does not let pass goes next."""
        try:
            with self._turn(fcntl.LOCK_NB):
                data = self._write_now(data)
        except BlockingIOError:
            pass
        if data:
            self._urgent.appendleft(data)

    @contextmanager
    def _turn(self, flags: int = 0) -> Iterator[None]:
        """Keep other processes from writing in between, where the sink is shared.

        Waits for them, unless `flags` is LOCK_NB: then it raises `BlockingIOError`.
        """
        if self._turns is None:
            yield
            return
        fcntl.lockf(self._turns, fcntl.LOCK_EX | flags)
        try:
            yield
        finally:
            fcntl.lockf(self._turns, fcntl.LOCK_UN)

    def close(self, patience: float) -> bool:
        """Write what waits, for `patience` seconds at most. Return whether all of it was tried."""
        self._closing.set()
        self._queue.put(None)
        self._thread.join(patience)
        if self._thread.is_alive():
            self._refused += len(self._drain(MAX_WAITING)) + len(self._drain_urgent())
            return False
        return True

    def _run(self) -> None:
        while not (self._closing.is_set() and self._queue.empty()):
            lines = [self._bytes(entry) for entry in self._take()]
            lost = self.lost
            report = [self._bytes(self._report(lost - self._told))] if lost > self._told else []
            with self._sink, self._turn():
                urgent = self._drain_urgent()
                whole = self._write([*urgent, *report, *lines])
            if report and whole > len(urgent):
                self._told = lost
            elif report:
                whole += 1  # a report that did not fit is made again, and is no loss itself
            self._unwritten += len(urgent) + len(report) + len(lines) - whole
        os.close(self._descriptor)

    def _take(self) -> list[Entry]:
        """Wait for an entry; return it with those that follow closely."""
        first = self._queue.get()
        if first is None:
            return []
        if self._queue.qsize() < MAX_BATCH:
            self._closing.wait(LINGER)
        return [first, *self._drain(MAX_BATCH - 1)]

    def _drain(self, limit: int) -> list[Entry]:
        taken: list[Entry] = []
        with suppress(Empty):
            while len(taken) < limit:
                entry = self._queue.get_nowait()
                if entry is not None:
                    taken.append(entry)
        return taken

    def _drain_urgent(self) -> list[bytes]:
        taken = []
        while self._urgent:
            taken.append(self._urgent.popleft())
        return taken

    def _bytes(self, entry: Entry) -> bytes:
        try:
            line = entry.line()
            text = self._render(line)
            self.last.note(line, self.scrubber.scrub)
        except Exception as error:  # a line that fails is told as a line
            line = Line(self._now_ns(), "error", "log line failed", {"reason": repr(error)})
            text = self._render(line)
            self.last.note(line, self.scrubber.scrub)
        return (self.scrubber.scrub(text) + "\n").encode(errors="backslashreplace")

    def _report(self, lost: int) -> Line:
        return Line(self._now_ns(), "warning", "log lines lost", {"lost": lost})

    def _write(self, chunks: list[bytes]) -> int:
        """Write lines, waiting for the sink; return how many it took whole. Never raises."""
        if not chunks:
            return 0
        # Where the sink refused the rest of a line, the next one still begins as a line.
        view = memoryview(b"\n" * self._torn + b"".join(chunks))
        written = -int(self._torn)
        while view:
            try:
                taken = os.write(self._descriptor, view)
            except BlockingIOError:
                # Whoever shares the terminal with us has made it non-blocking.
                self._has_room(None)
                continue
            except OSError:
                break
            written += taken
            view = view[taken:]
        whole = 0
        while whole < len(chunks) and written >= len(chunks[whole]):
            written -= len(chunks[whole])
            whole += 1
        self._torn = written != 0
        return whole

    def _write_now(self, data: bytes) -> bytes:
        """Write what the sink takes without making the caller wait; return the rest."""
        begun = False
        while data and self._has_room(0):
            try:
                # What is ready takes PIPE_BUF bytes at once, says POSIX; more might wait.
                taken = os.write(self._descriptor, data[: select.PIPE_BUF])
            except BlockingIOError:
                break
            except OSError:
                self._torn = self._torn or begun
                self._refused += 1
                return b""
            data = data[taken:]
            begun = True
        return data

    def _has_room(self, patience_ms: int | None) -> bool:
        room = select.poll()
        room.register(self._descriptor, select.POLLOUT)
        return bool(room.poll(patience_ms))
