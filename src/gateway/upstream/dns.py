"""Looks up host names: a service that asks once for all who want to know, and remembers.

A lookup blocks a thread, and a thread cannot be cancelled. So callers only ask: a worker of the
service owns the thread, and a caller that leaves abandons nothing. A lookup that hangs keeps its
thread, but of a limiter of its own; once those are all hung, lookups fail and nothing else does.

`serve` must be running, once for each lookup that may be under way at the same time. While it is
not, whatever is not in the cache is answered at once with `EAI_AGAIN`.
"""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any, NoReturn

import trio

LOOKUP_TIMEOUT = 5.0
POSITIVE_TTL = 30.0
NEGATIVE_TTL = 1.0
MAX_NAMES = 1024
MAX_WAITING = 256
MAX_THREADS = 32

Address = tuple[Any, ...]
"""What `socket.getaddrinfo` returns for each address."""

Lookup = Callable[..., Sequence[Address]]
"""A function with the arguments of `socket.getaddrinfo`."""

Question = tuple[bytes | None, bytes | str | int | None, int, int, int, int]


@dataclass(slots=True)
class _Reply:
    """What is known about one question; it is empty until `done`."""

    done: trio.Event = field(default_factory=trio.Event)
    addresses: Sequence[Address] | None = None
    error: tuple[object, ...] = ()
    expires: float = inf

    def read(self) -> list[Address]:
        if self.addresses is None:
            raise socket.gaierror(*self.error)
        # A copy: Trio reorders what it is given.
        return list(self.addresses)


class Resolver(trio.abc.HostnameResolver):
    """Trio's host name resolver for this process, once `install` has been called."""

    def __init__(
        self,
        lookup: Lookup = socket.getaddrinfo,
        *,
        lookup_timeout: float = LOOKUP_TIMEOUT,
        positive_ttl: float = POSITIVE_TTL,
        negative_ttl: float = NEGATIVE_TTL,
        max_names: int = MAX_NAMES,
        max_threads: int = MAX_THREADS,
    ) -> None:
        self.limiter = trio.CapacityLimiter(max_threads)
        self._lookup = lookup
        self._lookup_timeout = lookup_timeout
        self._ttls = (positive_ttl, negative_ttl)
        self._max_names = max_names
        self._replies: dict[Question, _Reply] = {}
        self._pending: dict[Question, _Reply] = {}
        self._send, self._mailbox = trio.open_memory_channel[Question](MAX_WAITING)
        self._workers = 0

    def install(self) -> None:
        """Answer for Trio in this run: `trio.open_tcp_stream` asks here from now on."""
        trio.socket.set_custom_hostname_resolver(self)

    @property
    def pending(self) -> int:
        """Questions that are waiting for a worker or a thread."""
        return len(self._pending)

    async def serve(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> NoReturn:
        """Answer questions, one at a time, until cancelled."""
        self._workers += 1
        task_status.started()
        try:
            while True:
                await self._answer(await self._mailbox.receive())
        finally:
            self._workers -= 1
            if not self._workers:
                self._dismiss()

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """Answer from the cache, or wait for a worker. Raises `socket.gaierror`."""
        question = (host, port, family, type, proto, flags)
        reply = self._replies.get(question)
        if reply is None or reply.expires <= trio.current_time():
            reply = self._pending.get(question) or self._ask(question)
        await reply.done.wait()
        return reply.read()

    async def getnameinfo(self, sockaddr: object, flags: int) -> tuple[str, str]:
        raise socket.gaierror(socket.EAI_FAIL, "addresses are not turned into names here")

    def _ask(self, question: Question) -> _Reply:
        if not self._workers:
            raise socket.gaierror(socket.EAI_AGAIN, "the resolver is not running")
        try:
            self._send.send_nowait(question)
        except trio.WouldBlock:
            raise socket.gaierror(socket.EAI_AGAIN, "too many names are being looked up") from None
        reply = self._pending[question] = _Reply()
        return reply

    async def _answer(self, question: Question) -> None:
        reply = self._pending[question]
        reply.error = (socket.EAI_AGAIN, "the lookup was given up")
        try:
            with trio.move_on_after(self._lookup_timeout):
                reply.addresses = await trio.to_thread.run_sync(
                    partial(self._lookup, *question), abandon_on_cancel=True, limiter=self.limiter
                )
        except OSError as error:
            reply.error = error.args
        except Exception as error:  # whatever a lookup raises is its answer, not the service's end
            reply.error = (socket.EAI_FAIL, repr(error))
        finally:
            self._remember(question, reply)

    def _remember(self, question: Question, reply: _Reply) -> None:
        positive, negative = self._ttls
        reply.expires = trio.current_time() + (negative if reply.addresses is None else positive)
        del self._pending[question]
        self._replies.pop(question, None)
        while len(self._replies) >= self._max_names:
            del self._replies[next(iter(self._replies))]
        self._replies[question] = reply
        reply.done.set()

    def _dismiss(self) -> None:
        """Nobody serves any more: answer those who still wait."""
        while self._pending:
            _, reply = self._pending.popitem()
            reply.error = (socket.EAI_AGAIN, "the resolver has stopped")
            reply.done.set()
        while self._mailbox.statistics().current_buffer_used:
            self._mailbox.receive_nowait()
