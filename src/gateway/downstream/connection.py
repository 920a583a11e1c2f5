"""HTTP/1.1 on one connection, any Trio stream: heads, keep-alive, pipelining in order, the end.

The law of this file: nothing that goes wrong on a connection leaves it. A bug here costs one
connection; every other stream of the process goes on untouched.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from gateway.downstream.calls import Calls, OpenCall
from gateway.downstream.client import Guest, HttpClient
from gateway.downstream.gone import Gone
from gateway.downstream.head import Head, end_of_head, read_head
from gateway.downstream.idle import Idle
from gateway.downstream.options import HttpOptions
from gateway.downstream.refusal import refusal
from gateway.downstream.talk import GOING_AWAY, NORMAL, Bounds, Talk, turn_of
from gateway.downstream.talk import PATIENCE as TALK_PATIENCE
from gateway.downstream.talk_client import TalkClient
from gateway.upstream.wire import Wire
from gateway.words.errors import ClientMistake, HeadTimeout

READ_BYTES = 65_536
FRESH_TIMEOUT = 0.25
"""Seconds that a connection has to say its first word though the house is closing: whoever has
only just been let in has mostly written it already."""

LINGER_TIMEOUT = 2.0
LINGER_BYTES = 33_554_432

Answering = Callable[[Guest, Head, str], Awaitable[None]]
"""The front: answers one request of a client whose peer address is given."""


@dataclass(frozen=True, slots=True)
class Hall:
    """What all connections share."""

    options: HttpOptions
    calls: Calls
    gone: Gone
    idle: Idle
    answer: Answering
    new_id: Callable[[], str]
    report: Callable[[str, BaseException, str], None]
    spare: bool = False
    """True for connections beyond the limits: one request each, and none but probes is answered."""


class Connection:
    """One client connection, from accept to close."""

    def __init__(self, stream: trio.abc.Stream, peer: str, hall: Hall) -> None:
        self._stream = stream
        self.peer = peer
        self.opened = trio.current_time()
        self._hall = hall
        self._options = hall.options
        self._calls = hall.calls
        self._client: HttpClient | TalkClient | None = None
        self._buffer = b""
        self._reading_head = False
        self._fresh = True
        self._gone = False
        self._stopping = self._hung_up = False
        self._skip_blank_line = True

    @property
    def call(self) -> OpenCall | None:
        """The request that is being answered, if one is."""
        return None if self._client is None else self._client.life

    def drain(self) -> None:
        """Close the connection if it is between requests; else after the present one."""
        self._stopping = True
        if self._reading_head:
            self._wait_no_longer()

    def _wait_no_longer(self) -> None:
        """Hang up on a client that says nothing; on a new one only when it had its moment."""
        until = self.opened + FRESH_TIMEOUT
        if self._fresh and trio.current_time() < until:
            self._hall.idle.add(self, until)
        else:
            self.hang_up()

    def hang_up(self) -> None:
        """End the wait for a request. What has come in this moment is still answered."""
        self._hung_up = True
        self._hall.gone.hang_up(self._stream)

    async def run(self) -> None:
        """Serve requests until one side ends it. Raises nothing but Cancelled."""
        try:
            with self._hall.gone.watching(self._stream, self._went_away):
                await self._serve()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the peer is gone: there is nobody to tell
        except* Exception as group:
            self._hall.report("connection", group, "")

    def _went_away(self) -> None:
        self._gone = True
        if self._client is not None:
            self._client.went_away()

    async def _serve(self) -> None:
        patience = self._options.head_timeout
        while True:
            try:
                head = await self._read_head(patience)
            except ClientMistake as mistake:
                await self._refuse(mistake)
                await self._linger(unread=True)
                return
            if head is None:
                return
            client = HttpClient(self._stream, head, self._options, self._calls, self._buffer)
            client.gone, client.spare = self._gone, self._hall.spare
            self._client = client
            try:
                await self._hall.answer(client, head, self.peer)
            finally:
                self._client = None
            self._buffer = client.rest
            if client.switched:
                await self._talk(head)
                return
            if not client.reusable:
                break
            if self._stopping and not self._buffer:
                return
            patience = self._options.keep_alive
        if not client.cut_unseen:
            await self._linger(unread=client.unread)
        elif isinstance(self._stream, Wire):
            self._stream.break_off()

    async def _talk(self, head: Head) -> None:
        """Answer the messages of a WebSocket, one after the other, until one side ends it."""
        options = self._options
        bounds = Bounds(options.max_body_bytes, options.body_timeout)
        talk = Talk(self._stream, head, bounds, self._calls, self._buffer)
        try:
            while not (talk.torn or self._gone):
                message = await self._wait_for_message(talk)
                if message is None:
                    break
                await self._take_turn(talk, message)
        finally:
            talk.end()
        await talk.say_goodbye(GOING_AWAY if self._stopping else NORMAL)
        await self._linger(unread=not talk.over)

    async def _take_turn(self, talk: Talk, message: bytes) -> None:
        """Answer one message of a WebSocket."""
        body = await turn_of(talk, message, self._hall.new_id())
        if body is None:
            return
        client = self._client = TalkClient(talk, body, self._calls)
        client.gone = self._gone
        try:
            await self._hall.answer(client, talk.head, self.peer)
        finally:
            self._client = None

    async def _wait_for_message(self, talk: Talk) -> bytes | None:
        """Wait for the next message; None where there is none, or the house is closing."""
        if self._stopping:
            return None
        self._reading_head = True
        self._hall.idle.add(self, trio.current_time() + TALK_PATIENCE)
        try:
            return await talk.next()
        except trio.ClosedResourceError:
            if not self._hung_up:
                raise
            return None
        finally:
            self._hall.idle.remove(self)
            self._reading_head = False
            if self._hung_up:  # a message that came in this moment is still answered
                self._hung_up = False
                self._hall.gone.take_up(self._stream)

    async def _read_head(self, patience: float) -> Head | None:
        """Return the next head; None where the client said no more. Raises `ClientMistake`."""
        self._skip_blank_line = self._reading_head = True
        try:
            if self._buffer:
                # Requests that came together are answered without a read between them.
                await trio.lowlevel.checkpoint()
            else:
                self._buffer = await self._wait_for_request(patience)
                if not self._buffer:
                    return None
            end = self._end_of_head() or await self._rest_of_head()
        finally:
            self._reading_head = False
        if not end:
            return None
        if self._hung_up:
            self._hung_up = False
            self._hall.gone.take_up(self._stream)
        data, self._buffer = self._buffer[:end], self._buffer[end:]
        return read_head(data)

    async def _wait_for_request(self, patience: float) -> bytes:
        idle = self._hall.idle
        idle.add(self, trio.current_time() + patience)
        if self._stopping:
            self._wait_no_longer()
        try:
            return bytes(await self._stream.receive_some(READ_BYTES))
        finally:
            idle.remove(self)
            self._fresh = False

    async def _rest_of_head(self) -> int:
        """Read on to the end of a head that has begun; 0 where it has none."""
        with trio.move_on_after(self._options.head_timeout):
            while not (end := self._end_of_head()):
                data = await self._stream.receive_some(READ_BYTES)
                if not data:
                    return 0
                self._buffer += data
            return end
        if self._buffer:
            raise HeadTimeout("The request's head arrived too slowly.")
        return 0

    def _end_of_head(self) -> int:
        if self._buffer == b"\r":
            return 0
        if self._skip_blank_line and self._buffer[:2] == b"\r\n":
            self._skip_blank_line = False
            self._buffer = self._buffer[2:]
        return end_of_head(self._buffer)

    async def _refuse(self, mistake: ClientMistake) -> None:
        """Answer what is no request. It has no receipt: no head was parsed whole."""
        answer = refusal(mistake, self._hall.new_id())
        with trio.move_on_after(LINGER_TIMEOUT):
            await self._stream.send_all(answer)

    async def _linger(self, *, unread: bool) -> None:
        if not self._gone:
            await linger(self._stream, LINGER_TIMEOUT, unread=unread)


async def linger(stream: trio.abc.Stream, patience: float, *, unread: bool) -> None:
    """Say goodbye and read on for a moment: a reset would eat the answer (RFC 9112, 9.6).

    TLS cannot say goodbye with its own half alone, so there it is only read on, and only where more
    is to come: the client closes when it has its answer.
    """
    goodbye = stream.send_eof if isinstance(stream, trio.abc.HalfCloseableStream) else None
    if goodbye is None and not unread:
        return
    with trio.move_on_after(patience):
        if goodbye is not None:
            await goodbye()
        read = 0
        while read < LINGER_BYTES and (data := await stream.receive_some(READ_BYTES)):
            read += len(data)
