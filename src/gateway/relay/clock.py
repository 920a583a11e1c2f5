"""The one clock task of a streamed call: idle, write stall, keepalive.

It reads floats that the pump writes, so a passing event costs no scope and no wake-up. It never
decides what an ending means: it names the cause and leaves the unwinding to the scopes. The total
time is a deadline of the life itself, so that an answer of one piece needs no task.
"""

from math import inf

import trio

from gateway.forms import Writer
from gateway.relay.options import ClockOptions
from gateway.relay.reading_on import ReadingOn
from gateway.words.client import Client, Header
from gateway.words.errors import GatewayError
from gateway.words.life import Cause, Life
from gateway.words.receipt import Receipt
from gateway.words.target import Conduct, Timeouts

OK = 200
_SILENCES = frozenset({Cause.IDLE_SILENCE, Cause.IDLE_TRICKLE})
WRITE_GLANCE = 1.0
"""Seconds between two looks at a write under way: what is left of the idle time counts after it."""


class Clock:
    """Watches one call, and writes to its client in turn with the keepalive."""

    def __init__(self, client: Client, life: Life, options: ClockOptions, began: float) -> None:
        self._client = client
        self._life = life
        self._options = options
        self._began = self._bytes_at = self._heard_at = self._spoke_at = began
        self._total_at = inf
        self._idle_timeout = inf
        self._committed = False
        self._writing_since = inf
        self._ticks = False
        self._writer: Writer | None = None
        self._keepalive = b""
        self._keepalive_done: trio.Event | None = None
        self._keepalive_scope = trio.CancelScope()
        self._reading: trio.CancelScope | None = None
        self._reading_on: ReadingOn | None = None
        self._fell_silent = False

    @property
    def until(self) -> float:
        """When the total time is over, on Trio's clock."""
        return self._total_at

    @property
    def silent(self) -> bool:
        """True once the call was ended because its provider fell silent."""
        return self._fell_silent or self._life.cause in _SILENCES

    def begin(self, timeouts: Timeouts, writer: Writer) -> None:
        """Start to count. The writer knows how its form keeps a waiting client."""
        self._total_at = self._began + timeouts.total
        self._life.expire_at(self._total_at)
        self._idle_timeout = timeouts.idle
        self._writer = writer
        self._keepalive = writer.keepalive()

    def spare(self, conduct: Conduct, receipt: Receipt) -> None:
        """Have the answer read on, within bounds, where the client leaves."""
        self._reading_on = ReadingOn(conduct, receipt)
        self._life.spare(self._read_on)

    def _read_on(self) -> None:
        """Write nothing from now on: there is nobody to read it."""
        assert self._reading_on is not None
        self._keepalive = b""
        self._keepalive_scope.cancel(reason=Cause.CLIENT_GONE)
        until = trio.current_time() + self._reading_on.begin()
        self._life.expire_at(min(self._total_at, until))
        self._client.abort()

    def commit(self) -> float:
        """Say that content has come: from now on the idle clock counts. Returns when it came."""
        self._committed = True
        self._heard_at = self._bytes_at
        return self._bytes_at

    def doubt(self) -> None:
        """Say that another content must come before the idle clock counts again."""
        self._committed = False

    def watch(self, reading: trio.CancelScope | None) -> None:
        """End this scope, while it is given, and not the call where the provider falls silent."""
        self._reading = reading

    def received(self) -> None:
        """Say that the provider sent bytes, whatever they hold."""
        self._bytes_at = trio.current_time()

    def heard(self) -> None:
        """Say that the provider sent an event; comments are none."""
        self._heard_at = self._bytes_at

    def start(self, status: int, headers: tuple[Header, ...]) -> None:
        """Set the head of the answer, unless a keepalive had to send one already."""
        if not self._client.started:
            self._client.start(status, headers)

    async def send(self, data: bytes) -> None:
        """Write whole events. Waits for the client, and for a keepalive that is being written."""
        if not data:
            return
        began = self._writing_since = self._spoke_at = trio.current_time()
        if self._keepalive_done is not None:
            self._writing_since = inf
            await self._keepalive_done.wait()
            self._writing_since = self._spoke_at = trio.current_time()
        if self._reading_on is None:
            if self._ticks:
                await self._client.send(data)
            else:
                await self._send_alone(data)
        else:
            await self._send_if_there(data, self._reading_on)
        self._writing_since = inf
        # While we write, the provider is not read: that silence is ours.
        self._heard_at += trio.current_time() - began

    async def _send_alone(self, data: bytes) -> None:
        """Write a part of an answer of one piece, which has no clock task to watch over it."""
        with trio.move_on_after(self._options.write_timeout) as scope:
            await self._client.send(data)
        if scope.cancelled_caught:
            self._life.cut(Cause.CLIENT_STALLED)
            await trio.lowlevel.checkpoint()

    async def _send_if_there(self, data: bytes, reading_on: ReadingOn) -> None:
        """Write to a client that may leave, which ends the writing and not the call."""
        if reading_on.alone and not reading_on.may_go_on:
            self._life.stop(Cause.CLIENT_GONE)
        await trio.lowlevel.checkpoint_if_cancelled()
        if not reading_on.alone:
            with reading_on.writing():
                await self._client.send(data)

    async def finish(self, data: bytes) -> None:
        """Write the last events and the end of the body, in one write."""
        await self.hush()
        if self._reading_on is not None and self._is_alone:
            # All is read. The life has its cause: this call ends as what it was, left.
            self._life.stop(Cause.CLIENT_GONE)
            await trio.lowlevel.checkpoint()
        if not self._ticks:
            await self._finish_alone(data)
            return
        self._writing_since = trio.current_time()
        await self._client.finish(data)
        self._writing_since = inf

    async def _finish_alone(self, data: bytes) -> None:
        """Write an answer of one piece, which has no clock task to watch over it."""
        try:
            await self._client.finish(data, self._options.write_timeout)
        except trio.TooSlowError:
            self._life.cut(Cause.CLIENT_STALLED)
            await trio.lowlevel.checkpoint()

    async def farewell(self, error: GatewayError) -> None:
        """Tell an error inside an answer that has begun, and break the answer off."""
        await self.hush()
        said = b"" if self._writer is None else self._writer.error(error)
        if said and not self._client.torn:
            await self._client.send(said)
        self._client.abort()

    async def hush(self) -> None:
        """Send no more keepalives; wait for the one that is being written."""
        self._keepalive = b""
        if self._keepalive_done is not None:
            await self._keepalive_done.wait()

    async def run(self) -> None:
        """Keep time until cancelled: look at every clock, sleep to the nearest."""
        self._ticks = True
        while True:
            now = trio.current_time()
            if now >= self._keepalive_at():
                await self._keep_alive()
                continue
            self._judge(now)
            await trio.sleep_until(self._next(now))

    def _keepalive_at(self) -> float:
        interval = self._options.keepalive_interval
        if not self._keepalive or not interval or self._writing_since != inf:
            return inf
        if not self._client.started:
            return self._began + self._options.head_after
        return self._spoke_at + interval

    def _judge(self, now: float) -> None:
        if now >= self._writing_since + self._options.write_timeout:
            self._life.cut(Cause.CLIENT_STALLED)
        elif self._idle_at() <= now < self._total_at:
            if self._reading is not None:
                self._committed = False
                self._reading.cancel(reason=Cause.IDLE_SILENCE)
                return
            self._fell_silent = self._is_alone
            trickles = self._bytes_at > self._heard_at
            self._life.stop(Cause.IDLE_TRICKLE if trickles else Cause.IDLE_SILENCE)

    @property
    def _is_alone(self) -> bool:
        return self._reading_on is not None and self._reading_on.alone

    def _idle_at(self) -> float:
        if not self._committed or self._writing_since != inf:
            return inf
        return self._heard_at + self._idle_timeout

    def _next(self, now: float) -> float:
        over = self._life.cause is not None and (self._fell_silent or not self._is_alone)
        if over or now >= self._total_at:
            return inf
        # A write or a commit may begin while we sleep: wake before it could be overdue.
        stalled_at = min(self._writing_since, now) + self._options.write_timeout
        patience = self._idle_timeout if self._writing_since == inf else WRITE_GLANCE
        idle_at = min(self._idle_at(), now + patience)
        interval = self._options.keepalive_interval
        keepalive_at = min(self._keepalive_at(), now + interval) if interval else inf
        return min(stalled_at, idle_at, keepalive_at)

    async def _keep_alive(self) -> None:
        done = self._keepalive_done = trio.Event()
        try:
            with trio.move_on_after(self._options.write_timeout) as scope:
                self._keepalive_scope = scope
                if not self._client.started and self._writer is not None:
                    self._client.start(OK, self._writer.headers)
                await self._client.send(self._keepalive)
            if scope.cancelled_caught and not self._is_alone:
                self._life.cut(Cause.CLIENT_STALLED)
            self._spoke_at = trio.current_time()
        finally:
            self._keepalive_done = None
            done.set()
