"""The front: one accepted request becomes one nursery, one life, one receipt.

Everything that a request starts lives inside `serve`, and ends with it. The boundary of the house
is here: whatever goes wrong in the rooms below is told to this client, logged once, and ends here.
"""

from collections.abc import Awaitable, Container

import trio

from gateway.downstream.calls import Calls, OpenCall
from gateway.downstream.client import Guest
from gateway.downstream.door import SANE_ID, Door, form_asked
from gateway.downstream.frames import handshake
from gateway.downstream.head import Head
from gateway.downstream.passing import passing_of
from gateway.downstream.refusal import error_headers
from gateway.downstream.spool import Spool
from gateway.downstream.upload import read_upload
from gateway.endpoints import Found
from gateway.forms import chat, raw
from gateway.forms.table import DOWNSTREAM_FORMS
from gateway.policy.callers import client_address
from gateway.policy.tracing import trace_of
from gateway.policy.wishes import wishes_of
from gateway.relay.account import account_of
from gateway.relay.carry import carry
from gateway.relay.clock import Clock
from gateway.relay.house import Current, House
from gateway.relay.ownership import check_body
from gateway.relay.passage import pass_on
from gateway.relay.resume import SILENT
from gateway.words.call import Call
from gateway.words.caller import Caller
from gateway.words.client import Header
from gateway.words.errors import (
    GatewayError,
    IdleTimeout,
    Internal,
    Stopped,
    StoppedByOperator,
    TotalTimeout,
)
from gateway.words.life import Cause
from gateway.words.receipt import Receipt
from gateway.words.trace import TRACEPARENT

_JSON: Header = (b"content-type", b"application/json")
FAREWELLS: dict[Cause, GatewayError] = {
    Cause.TOTAL_TIMEOUT: TotalTimeout("The call took longer than its total time."),
    Cause.IDLE_SILENCE: IdleTimeout(SILENT),
    Cause.IDLE_TRICKLE: IdleTimeout("The provider sends bytes, but no whole event."),
    Cause.DRAIN: Stopped("The gateway is shutting down."),
    Cause.OPERATOR: StoppedByOperator("The operator of the gateway has stopped this call."),
}


class _Account:
    """Holds a request in the registry; settles its receipt on the way out, without waiting."""

    def __init__(self, life: OpenCall, calls: Calls, client: Guest, house: House) -> None:
        self._life, self._calls, self._client, self._house = life, calls, client, house

    def __enter__(self) -> None:
        self._calls.add(self._life)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._calls.remove(self._life)
        if self._life.spool is not None:
            self._life.spool.close()
        del self._life.client  # who know each other would wait for the collector
        receipt, client = self._life.receipt, self._client
        receipt.ended = trio.current_time()
        receipt.status = client.status
        receipt.bytes_in, receipt.bytes_out = client.bytes_in, client.bytes_out
        if self._life.cause is not None:
            receipt.end(self._life.cause)
        elif error is None or is_cancellation(error):
            receipt.end(Cause.DRAIN)  # cancelled from outside: the server ended around us
        else:
            receipt.fail(Internal("left by an exception"))
        for tap in self._house.taps:
            try:
                tap.settled(receipt)
            except* Exception as group:
                self._house.report("tap", group, receipt.request_id)


class Front:
    """Answers requests, whichever server they came through."""

    def __init__(self, current: Current, calls: Calls, trusted_proxies: Container[str]) -> None:
        self._door = Door(calls)
        self._current = current
        self._calls = calls
        self._trusted_proxies = trusted_proxies

    async def serve(self, client: Guest, head: Head, peer: str) -> None:
        """Answer one request. Returns when nothing of it is left; raises nothing but Cancelled."""
        house = self._current.house
        receipt = self._open_receipt(head, peer, house)
        life = OpenCall(receipt)
        life.client = client
        with _Account(life, self._calls, client, house):
            async with trio.open_nursery() as nursery:
                life.link = nursery.cancel_scope
                client.attach(life)
                clock = Clock(client, life, house.clocks, receipt.began)
                if client.listens:
                    nursery.start_soon(client.listen)
                error = await self._work(client, head, life, clock, house, nursery)
                if error is not None:
                    await self._tell(client, head, error, life, clock, house)
                if nursery.child_tasks:
                    nursery.cancel_scope.cancel()

    async def _work(
        self,
        client: Guest,
        head: Head,
        life: OpenCall,
        clock: Clock,
        house: House,
        nursery: trio.Nursery,
    ) -> GatewayError | None:
        """Do what was asked; return the error that the client is to be told, if any."""
        error: GatewayError | None = None
        receipt = life.receipt
        try:
            with life.work:
                await self._do(client, head, life, clock, house, nursery)
        except* GatewayError as group:
            # Its traceback holds this frame, which holds it: that would wait for the collector.
            error = first_of(group).with_traceback(None)
            error.__context__ = error.__cause__ = None
            if not life.alone:
                receipt.fail(error)
        except* Exception as group:
            house.report("request", group, receipt.request_id)
            error = Internal(f"Internal error; the log tells more under {receipt.request_id}.")
            receipt.fail(error)
        life.note_expiry()
        if receipt.outcome is None and life.cause is not None:
            receipt.end(life.cause)
            error = FAREWELLS.get(life.cause)
        return error

    async def _do(
        self,
        client: Guest,
        head: Head,
        life: OpenCall,
        clock: Clock,
        house: House,
        nursery: trio.Nursery,
    ) -> None:
        """Let the request in, and do what it asks. Raises `GatewayError`."""
        receipt = life.receipt
        found = await self._door.admit(head, receipt, client, house)
        if found.endpoint.carried:
            call = await self._read(found, client, head, life, house)
            receipt.model, receipt.stream = call.model, call.stream
            if call.stream:
                nursery.start_soon(clock.run)
            wishes = wishes_of(head.headers)
            if house.passes_keys:
                wishes = house.with_own_key(wishes, head.headers)
            await carry(call, wishes, receipt, clock, house)
        elif found.endpoint.passage:
            nursery.start_soon(clock.run)
            passing = passing_of(found, head, client, life, self._calls.disk)
            await pass_on(passing, receipt, clock, house)
        elif found.endpoint.operation == "open_socket":
            await self._in_time(client.switch(handshake(head)), life, house)
            receipt.complete()
        else:
            status, body = self._show(found, house, receipt.caller)
            await self._respond(client, life, house, status, (), body)
            receipt.complete()

    async def _read(
        self, found: Found, client: Guest, head: Head, life: OpenCall, house: House
    ) -> Call:
        """Read what is asked, in the form of its endpoint. Raises `ClientMistake`, `Busy`."""
        endpoint = found.endpoint
        if endpoint.uploads:
            life.spool = Spool(self._calls.disk)
            call = await read_upload(found, client, head, life.spool)
            life.receipt.body_at = trio.current_time()
            return call
        body = await client.body()
        life.receipt.body_at = trio.current_time()
        if house.keys is not None or house.issuers is not None:
            await check_body(body, life.receipt.caller, house)
        if endpoint.names_model:
            body = raw.with_model(body, found.ids[0])
        return DOWNSTREAM_FORMS[endpoint.form].read_request(endpoint.operation, body, head.headers)

    def _open_receipt(self, head: Head, peer: str, house: House) -> Receipt:
        own = head.headers.get(b"x-request-id", b"")
        sane = SANE_ID.fullmatch(own) is not None
        forwarded = head.headers.get(b"x-forwarded-for")
        trace = None
        if house.tracing is not None or TRACEPARENT in head.headers:
            trace = trace_of(head.headers, house.tracing)
        return Receipt(
            request_id=own.decode("ascii") if sane else house.new_id(),
            method=head.method,
            path=head.path,
            peer=client_address(peer, forwarded, self._trusted_proxies),
            began=trio.current_time(),
            trace=trace,
        )

    def _show(self, found: Found, house: House, caller: Caller) -> tuple[int, bytes]:
        match found.endpoint.operation:
            case "list_models":
                return 200, chat.write_models(house.names_for(caller))
            case "show_model":
                (name,) = found.ids
                chat.check_model(name)
                house.check(name, caller)
                return 200, chat.write_model(name)
            case "readyz" if self._calls.draining:
                return 503, b'{"status":"draining"}'
            case "readyz" if house.gate.away:
                closed = house.gate.mode == "closed"
                told = '{"status":"%s","shared_store":"away","mode":"%s"}'
                said = told % ("closed" if closed else "ready", house.gate.mode)
                return 503 if closed else 200, said.encode()
            case "readyz":
                return 200, b'{"status":"ready"}'
            case _:
                return 200, b'{"status":"ok"}'

    async def _tell(
        self,
        client: Guest,
        head: Head,
        error: GatewayError,
        life: OpenCall,
        clock: Clock,
        house: House,
    ) -> None:
        """Tell the client what went wrong: as an answer, or inside the one that has begun."""
        if not client.started:
            await clock.hush()
            body = DOWNSTREAM_FORMS[form_asked(head)].write_error(error)
            headers = (*error_headers(error), *account_of(life.receipt))
            await self._respond(client, life, house, error.status, headers, body)
            return
        with trio.move_on_after(house.clocks.write_timeout) as scope:
            await clock.farewell(error)
        if scope.cancelled_caught:
            life.cut(Cause.CLIENT_STALLED)

    async def _respond(
        self,
        client: Guest,
        life: OpenCall,
        house: House,
        status: int,
        headers: tuple[Header, ...],
        body: bytes,
    ) -> None:
        await self._in_time(client.respond(status, (_JSON, *headers), body), life, house)

    async def _in_time(self, writing: Awaitable[None], life: OpenCall, house: House) -> None:
        """Write an answer that no clock task watches over."""
        with trio.move_on_after(house.clocks.write_timeout) as scope:
            await writing
        if scope.cancelled_caught:
            life.cut(Cause.CLIENT_STALLED)
            await trio.lowlevel.checkpoint()


def is_cancellation(error: BaseException) -> bool:
    """Say whether this is Cancelled and nothing else; a nursery tells it as a group."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(trio.Cancelled)[1] is None
    return isinstance(error, trio.Cancelled)


def first_of(group: BaseExceptionGroup[GatewayError]) -> GatewayError:
    """Return the first error of a group, however deep."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, GatewayError)
    return error
