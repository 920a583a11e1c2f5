"""One connection to a provider, and the one HTTP/1.1 exchange at a time that it carries."""

from enum import Enum
from math import inf

import trio

from gateway.upstream.failures import Malformed, Reset, Truncated, WriteStalled
from gateway.upstream.outgoing import READ_AT_ONCE_BYTES, Outgoing
from gateway.upstream.response import ResponseReader
from gateway.upstream.wire import READ_BYTES, Ragged, UpstreamStream
from gateway.words.body import LongBody
from gateway.words.receipt import WaitsFor

WRITE_BYTES = 65_536
MAX_UNREAD_BYTES = 65_536


class State(Enum):
    """What a connection that nobody is using is good for."""

    READY = "ready"
    UNFINISHED = "unfinished"
    DEAD = "dead"


class Connection:
    """A connection, and the answer that it is being read for.

    It raises the errors of `failures.py` and leaves closing to its owner.
    """

    def __init__(self, stream: UpstreamStream, peer: str = "") -> None:
        """`peer` is host and port, for those who watch."""
        self._stream = stream
        self.peer = peer
        self.opened = trio.current_time()
        self.requests = 0
        self._unread_bytes = 0
        self._sent_whole = False
        self.answer = ResponseReader("GET")

    async def ask(self, request: Outgoing, write_timeout: float = inf) -> None:
        """Send a request and wait for the head of its answer, which is then in `answer`.

        `write_timeout` (seconds) is the patience of each write. Waiting for the head has no clock
        here: the caller's scope is its clock.
        """
        answer = self.answer = ResponseReader(request.method)
        self._unread_bytes = 0
        self._sent_whole = False
        self.requests += 1
        attempt = request.attempt
        attempt.upstream, attempt.waits_for = self, WaitsFor.PROVIDER
        try:
            self._sent_whole = await self._send(request, write_timeout)
        except (Reset, WriteStalled):
            # It may have refused a request that it did not read to its end (U35).
            if not self._hear_what_was_said():
                raise
        attempt.waits_for = WaitsFor.HEAD
        while not answer.head_done:
            try:
                arrived = await self._stream.receive_some(READ_BYTES)
            except trio.BrokenResourceError as error:
                raise _told(error) from error
            answer.arrived(arrived)

    async def receive_some(self) -> bytes:
        """Return the next part of the answer's body, b"" at its end."""
        answer, stream = self.answer, self._stream
        while not (data := answer.take()):
            if answer.complete:
                return b""
            try:
                arrived = await stream.receive_some(READ_BYTES)
            except trio.BrokenResourceError as error:
                raise _told(error) from error
            answer.arrived(arrived)
        return data

    @property
    def reusable(self) -> bool:
        """True once the answer is whole and another request may follow."""
        answer = self.answer
        return answer.complete and answer.reusable and self._sent_whole

    def look(self) -> State:
        """Say what the connection is good for, reading what is left without waiting for it.

        An answer that is unfinished may finish later; what is read of it here is dropped.
        """
        answer = self.answer
        try:
            while not answer.complete:
                if (data := self._stream.read_now(READ_BYTES)) is None:
                    return State.UNFINISHED
                self._unread_bytes += len(data)
                if not data or self._unread_bytes > MAX_UNREAD_BYTES:
                    return State.DEAD
                answer.feed(data)
                answer.take()
            # Alive means: it says nothing. An end or a byte too many is no beginning.
            if self.reusable and self._stream.read_now(1) is None:
                return State.READY
        except (trio.BrokenResourceError, trio.ClosedResourceError, Malformed):
            pass
        return State.DEAD

    def close(self) -> None:
        """Close at once."""
        self._stream.close()
        self.answer.forget()

    async def _send(self, request: Outgoing, patience: float) -> bool:
        """Write the request; False where it was answered before it had been sent whole."""
        body = request.body
        if not isinstance(body, LongBody):
            if len(body) <= WRITE_BYTES:
                await self._write(request.head + body, patience)
                return True
            await self._write(request.head, patience)
            return await self._send_part(body, patience)
        await self._write(request.head, patience)
        sent = 0
        while sent < len(body):
            if self._hear_what_was_said():
                return False
            part = await body.read(sent, READ_AT_ONCE_BYTES)
            if not await self._send_part(part, patience):
                return False
            sent += len(part)
        return True

    async def _send_part(self, part: bytes, patience: float) -> bool:
        """Write a part of a body; False where it was answered before that had been sent whole."""
        with memoryview(part) as view:
            for begin in range(0, len(view), WRITE_BYTES):
                if self._hear_what_was_said():
                    return False
                await self._write(view[begin : begin + WRITE_BYTES], patience)
                # A peer as fast as we are would keep all other calls waiting.
                await trio.lowlevel.checkpoint()
        return True

    async def _write(self, data: bytes | memoryview, patience: float) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            sent = self._stream.write_now(data)
            if sent == len(data):
                return
            with trio.move_on_after(patience), memoryview(data) as view:
                await self._stream.send_all(view[sent:])
                return
        except trio.BrokenResourceError as error:
            raise Reset("it reset the connection while the request was sent") from error
        raise WriteStalled(f"it took no byte of the request within {patience:g} seconds")

    def _hear_what_was_said(self) -> bool:
        """Read what has come without waiting; True if it holds the head of a final answer."""
        answer = self.answer
        while not answer.head_done:
            try:
                data = self._stream.read_now(READ_BYTES)
            except trio.BrokenResourceError:
                return False
            if not data:
                return False
            answer.feed(data)
        return True


def _told(error: trio.BrokenResourceError) -> Truncated | Reset:
    if isinstance(error, Ragged):
        return Truncated("it cut the connection within its answer")
    return Reset("it reset the connection")
