"""Bugs to be planted: each is what somebody might write, and what the simulator must then find.

A bug is a list of changes: an owner (a class or a module), a name in it, and what stands there
instead. Nothing else in the tests replaces what is running. Here it is the point: it shows that the
simulator can see. Those of the routing stand in `routing_bugs.py`, those of money in
`money_bugs.py`.
"""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from math import inf
from types import TracebackType
from typing import Any

import msgspec
import trio

from gateway.downstream import front
from gateway.downstream.calls import Calls, OpenCall
from gateway.downstream.client import HttpClient
from gateway.downstream.connection import READ_BYTES, Connection
from gateway.downstream.front import Front
from gateway.downstream.head import Head
from gateway.downstream.idle import Idle
from gateway.forms.chat import AnswerWriter
from gateway.relay import ask as asking
from gateway.relay import walk
from gateway.relay.ask import TargetAnswer
from gateway.relay.clock import Clock
from gateway.relay.errand import Errand
from gateway.relay.options import ClockOptions
from gateway.upstream import exchange
from gateway.upstream.exchange import State
from gateway.upstream.pool import Site
from gateway.upstream.response import ResponseReader
from gateway.upstream.send import DirectAnswer
from gateway.upstream.transport import Body
from gateway.words.answer import Piece, Usage
from gateway.words.errors import GatewayError
from gateway.words.life import Cause
from gateway.words.receipt import Receipt
from gateway.words.target import Target
from tests.stage import DONE

Change = tuple[object, str, object]
"""Whose, which name, and what stands there instead."""

Bug = Callable[[], list[Change]]
"""Makes the changes; they know what they replace."""


# The lease and the provider's connection.


def a_cleanup_awaits() -> list[Change]:
    """What is awaited while the call is cancelled is not done, and no shield is around it."""
    true = DirectAnswer.aclose

    async def aclose(self: DirectAnswer) -> None:
        await trio.lowlevel.checkpoint()
        await true(self)

    return [(DirectAnswer, "aclose", aclose)]


def a_refusal_keeps_its_lease() -> list[Change]:
    true = DirectAnswer.aclose

    async def aclose(self: DirectAnswer) -> None:
        if self.status == 200:
            await true(self)

    return [(DirectAnswer, "aclose", aclose)]


def a_cancelled_connection_is_kept() -> list[Change]:
    def close(self: Body) -> None:
        self._lease.put_back()

    return [(Body, "close", close)]


def a_connection_is_closed_late() -> list[Change]:
    true = exchange.Connection.close

    async def later(self: exchange.Connection) -> None:
        await trio.sleep(3)
        true(self)

    def close(self: exchange.Connection) -> None:
        trio.lowlevel.spawn_system_task(later, self)

    return [(exchange.Connection, "close", close)]


def closing_is_left_to_the_garbage_collector() -> list[Change]:
    return [(exchange.Connection, "close", lambda self: None)]


def one_connection_serves_two() -> list[Change]:
    def check_out(self: Site[Any], now: float) -> Any:
        return self._idle[-1][0] if self._idle else None

    return [(Site, "check_out", check_out)]


def leftover_bytes_are_an_answer() -> list[Change]:
    """U38: a connection on which more has come than was asked for is used again."""
    true = exchange.Connection.look

    def look(self: exchange.Connection) -> State:
        return State.READY if self.answer.complete else true(self)

    return [
        (exchange.Connection, "look", look),
        (exchange.Connection, "reusable", property(lambda self: self.answer.complete)),
    ]


def a_freed_slot_wakes_nobody() -> list[Change]:
    def free(self: Site[Any]) -> None:
        self.open -= 1

    return [(Site, "free", free)]


def who_leaves_the_line_takes_a_slot_along() -> list[Change]:
    true = Site.wait

    async def wait(self: Site[Any]) -> Any:
        try:
            return await true(self)
        except trio.Cancelled:
            self.open += 1
            raise

    return [(Site, "wait", wait)]


def a_byte_does_not_forbid_a_retry() -> list[Change]:
    """U5: a kept connection that broke after a byte of the answer is taken for stale."""
    never = property(lambda self: False, lambda self, value: None)
    return [(ResponseReader, "began", never)]


def a_retry_for_nobody() -> list[Change]:
    true = asking.ask

    async def ask(*given: Any) -> TargetAnswer:
        try:
            return await true(*given)
        except trio.Cancelled:
            with trio.move_on_after(1, shield=True), suppress(GatewayError):
                answer = await true(*given)
                await answer._incoming.aclose()
            raise

    return [(walk, "ask", ask)]


# What the client is told.


def an_error_is_followed_by_done() -> list[Change]:
    true = AnswerWriter.error

    def error(self: AnswerWriter, told: GatewayError) -> bytes:
        return true(self, told) + DONE

    return [(AnswerWriter, "error", error)]


def a_cut_stream_is_told_as_whole() -> list[Change]:
    true = TargetAnswer._end_at

    def end_at(self: TargetAnswer, cut: Any) -> list[Piece]:
        with suppress(GatewayError):
            return true(self, cut)
        reader: Any = self._reader
        reader.ended = True
        return []

    return [(TargetAnswer, "_end_at", end_at)]


def the_first_pieces_are_told_twice() -> list[Change]:
    true = TargetAnswer.next

    async def next_pieces(self: TargetAnswer) -> list[Piece]:
        twice = 2 if self._held else 1
        return await true(self) * twice

    return [(TargetAnswer, "next", next_pieces)]


def pieces_of_one_read_are_told_backwards() -> list[Change]:
    true = AnswerWriter.write
    return [(AnswerWriter, "write", lambda self, pieces: true(self, pieces[::-1]))]


def the_head_is_told_twice() -> list[Change]:
    """A keepalive has sent it already."""

    def begin(self: Clock, status: int, headers: Any) -> None:
        self._client.start(status, headers)

    return [(Clock, "start", begin)]


def a_keepalive_falls_into_an_event() -> list[Change]:
    """No lock between the pump and the keepalive."""
    true_at, true_send = Clock._keepalive_at, Clock.send

    def keepalive_at(self: Clock) -> float:
        since, self._writing_since = self._writing_since, inf
        try:
            return true_at(self)
        finally:
            self._writing_since = since

    async def send(self: Clock, data: bytes) -> None:
        self._keepalive_done = None
        await true_send(self, data)

    return [(Clock, "_keepalive_at", keepalive_at), (Clock, "send", send)]


def what_came_behind_a_request_is_lost() -> list[Change]:
    true = HttpClient._write

    async def write(self: HttpClient, *given: Any) -> None:
        await true(self, *given)
        self.rest = b""

    return [(HttpClient, "_write", write)]


# The client's leaving.


def a_leaving_client_cuts_nothing() -> list[Change]:
    def went_away(self: HttpClient) -> None:
        self.gone = True

    return [(HttpClient, "went_away", went_away)]


def a_client_is_watched_for_ever() -> list[Change]:
    kept = ExitStack()

    async def run(self: Connection) -> None:
        kept.enter_context(self._hall.gone.watching(self._stream, self._went_away))
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._serve()

    return [(Connection, "run", run)]


def an_idle_connection_stays() -> list[Change]:
    async def run(self: Idle) -> None:
        await trio.sleep_forever()

    return [(Idle, "run", run)]


def a_goodbye_has_no_end() -> list[Change]:
    async def linger(self: Connection) -> None:
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            await self._stream.send_eof()
            while await self._stream.receive_some(READ_BYTES):
                pass

    return [(Connection, "_linger", linger)]


# The clocks.


def comments_restart_the_idle_clock() -> list[Change]:
    def received(self: Clock) -> None:
        self._bytes_at = self._heard_at = trio.current_time()

    return [(Clock, "received", received)]


def the_idle_clock_is_ignored() -> list[Change]:
    return [(Clock, "_idle_at", lambda self: inf)]


def the_total_clock_is_ignored() -> list[Change]:
    return [(OpenCall, "expire_at", lambda self, moment: None)]


def the_first_token_clock_is_ignored() -> list[Change]:
    true = asking.ask

    async def ask(errand: Errand, target: Target, share: float) -> TargetAnswer:
        patient = replace(target, timeouts=replace(target.timeouts, first_token=inf))
        return await true(errand, patient, share)

    return [(walk, "ask", ask)]


def a_stalled_write_is_waited_for() -> list[Change]:
    true = Clock.__init__

    def begin(self: Clock, client: Any, life: Any, options: ClockOptions, began: float) -> None:
        true(self, client, life, msgspec.structs.replace(options, write_timeout=inf), began)

    return [(Clock, "__init__", begin)]


def a_farewell_has_no_deadline() -> list[Change]:
    true = Front._tell

    async def tell(self: Front, client: Any, head: Head, error: GatewayError, *given: Any) -> None:
        if client.started:
            await given[1].farewell(error)
        else:
            await true(self, client, head, error, *given)

    return [(Front, "_tell", tell)]


def a_body_may_take_for_ever() -> list[Change]:
    return [(HttpClient, "_patience", lambda self, began, size: inf)]


# The receipt, the registry, the end.


Exit = Callable[[Any, type[BaseException] | None, BaseException | None, TracebackType | None], None]


def a_receipt_is_dropped_when_stopped() -> list[Change]:
    true: Exit = front._Account.__exit__

    def leave(self: Any, kind: Any, error: Any, trace: Any) -> None:
        if self._life.cause is Cause.DRAIN:
            self._calls.remove(self._life)
        else:
            true(self, kind, error, trace)

    return [(front._Account, "__exit__", leave)]


def a_receipt_is_settled_twice() -> list[Change]:
    true: Exit = front._Account.__exit__

    def leave(self: Any, kind: Any, error: Any, trace: Any) -> None:
        true(self, kind, error, trace)
        if self._life.cause is Cause.CLIENT_GONE:
            true(self, kind, error, trace)

    return [(front._Account, "__exit__", leave)]


def a_receipt_is_told_before_its_outcome() -> list[Change]:
    true: Exit = front._Account.__exit__

    def leave(self: Any, kind: Any, error: Any, trace: Any) -> None:
        self._life.receipt.ended = trio.current_time()
        for tap in self._house.taps:
            tap.settled(self._life.receipt)
        self._house = replace(self._house, taps=())
        true(self, kind, error, trace)

    return [(front._Account, "__exit__", leave)]


def usage_is_summed() -> list[Change]:
    """U27: the last one counts."""
    true = Receipt.note

    def note(self: Receipt, pieces: list[Piece]) -> None:
        before = self.usage or Usage()
        true(self, pieces)
        for piece in pieces:
            if piece.usage is not None:
                self.usage = before = Usage(
                    before.input_tokens + piece.usage.input_tokens,
                    before.output_tokens + piece.usage.output_tokens,
                )

    return [(Receipt, "note", note)]


def there_is_no_most_of_calls() -> list[Change]:
    return [(Calls, "full", property(lambda self: False))]


def a_drain_tells_nobody() -> list[Change]:
    return [(Calls, "stop_all", lambda self: None)]
