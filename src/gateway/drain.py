"""How one process ends: who may say so, and what ends in which turn.

A process that is alone heeds signals: the first drains, the second ends at once. One of several
workers drains at a signal, however often it comes, because a terminal and systemd signal a whole
group; at once it ends only when its supervisor says so. A supervisor that is gone means: drain.
"""

import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import trio

from gateway.config.compose import Config
from gateway.downstream.calls import Calls
from gateway.downstream.listen import Listening
from gateway.telemetry.log import Log

LAST_WORDS_TIMEOUT = 5.0

SIGNALS = (signal.SIGTERM, signal.SIGINT)

DRAIN, STOP, RELOAD = b"d", b"s", b"h"
"""What the supervisor says on the lifeline; the last one, that there is another configuration."""

READY, LEAVING = b"r", b"l"
"""What a worker says: that it serves, and that it has begun to drain."""


class Terminal:
    """The terminal that a process was started at, if it was. One that hangs up ends the process,
    unless it was started to outlive that, as by `nohup`.

    SIGHUP says both: that the terminal is gone, and that there is another configuration.
    """

    def __init__(self) -> None:
        """To be made before anybody listens to SIGHUP: whether it was ignored says the rest."""
        self._had = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _has_terminal()

    @property
    def hung_up(self) -> bool:
        """Say whether there was one, and is none any more."""
        return self._had and not _has_terminal()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Post:
    """A worker's place among several: its number, its supervisor, and the lifeline between them.

    `turns` is the descriptor by which those who share one log take turns.
    """

    number: int
    supervisor: int
    lifeline: socket.socket
    turns: int

    def tell(self, word: bytes) -> None:
        """Tell the supervisor, if there still is one."""
        with suppress(OSError):
            self.lifeline.send(word)


def longest_drain(config: Config) -> float:
    """Return the seconds after which a process that drains should have ended."""
    calls = config.calls
    waits = calls.drain_delay + calls.drain_timeout
    return waits + config.clocks.write_timeout + LAST_WORDS_TIMEOUT


class Ending:
    """One process on its way out; orders come from whoever may give them, and `run` obeys."""

    def __init__(
        self, config: Config, calls: Calls, listening: Listening, log: Log, post: Post | None = None
    ) -> None:
        """`post` is a worker's place among several; None where the process is alone."""
        self._config = config
        self._calls = calls
        self._listening = listening
        self._log = log
        self._post = post
        self._told = trio.Event()
        self._now = trio.Event()

    async def run(self) -> None:
        """Wait for the order to drain, then end in turn: listeners, calls, the rest, connections.

        Returns when all have ended. Readiness is red from the order on.
        """
        await self._told.wait()
        await trio.sleep(self._config.calls.drain_delay)
        self._listening.stop_accepting()
        with trio.move_on_after(self._config.calls.drain_timeout):
            # Between two requests of one connection no call is open, and yet another may begin.
            await self._listening.ended()
        if len(self._calls):
            self._log.warning("drain timeout", open_calls=len(self._calls))
        self._calls.stop_all()
        if len(self._calls):
            with trio.move_on_after(self._config.clocks.write_timeout):
                await self._calls.ended()
            self._calls.cut_all()
        with trio.move_on_after(LAST_WORDS_TIMEOUT):
            await self._listening.ended()

    async def stopped(self) -> None:
        """Wait for the order to stop at once."""
        await self._now.wait()

    async def heed_signals(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Take orders from SIGTERM and SIGINT, and leave them without effect afterwards.

        Whoever says it once more while the process is on its last way must not kill it on that.
        """
        # What is blocked is not lost: the receiver hears of it. It leaves what it has found.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        with trio.open_signal_receiver(*SIGNALS) as signals:
            # A worker is born with these blocked, so that none is lost before somebody listens.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            task_status.started()
            async for told in signals:
                self.signalled(signal.Signals(told).name)

    def signalled(self, name: str) -> None:
        """Obey a signal: drain; end at once where one who is alone has drained already."""
        if self._post is None and self._told.is_set():
            self._stop(signal=name)
        else:
            self._drain(signal=name)

    async def heed_supervisor(self, post: Post, reload: Callable[[], None]) -> None:
        """Take orders from the lifeline; where it ends, the supervisor is no more."""
        lifeline = trio.socket.from_stdlib_socket(post.lifeline)
        with suppress(ConnectionResetError):
            while words := await lifeline.recv(64):
                if STOP in words:
                    self._stop(by="supervisor")
                elif DRAIN in words:
                    self._drain(by="supervisor")
                else:
                    reload()
        self._drain(by="the supervisor's end")

    def _drain(self, **said: str) -> None:
        if self._told.is_set():
            return
        self._told.set()
        self._calls.draining = True
        self._log.info("draining", **said, **self._place(), open_calls=len(self._calls))
        if self._post is not None:
            self._post.tell(LEAVING)

    def _stop(self, **said: str) -> None:
        self._log.warning("stopping at once", **said, **self._place(), open_calls=len(self._calls))
        self._calls.draining = True
        self._calls.cut_all()
        self._now.set()

    def _place(self) -> dict[str, int]:
        return {} if self._post is None else {"worker": self._post.number}
