"""The front: one accepted request becomes one nursery, one life, one receipt.

Everything that a request starts lives inside `serve`, and ends with it. The boundary of the house
is here: whatever goes wrong in the rooms below is told to this client, logged once, and ends here.
"""

import re
from collections.abc import Container, Mapping

import trio

from gateway.downstream.calls import Calls, OpenCall
from gateway.downstream.client import Guest
from gateway.downstream.head import Head, split_path
from gateway.downstream.refusal import error_headers
from gateway.endpoints import Endpoint, find, find_plain
from gateway.forms import chat
from gateway.forms.chat import write_error
from gateway.forms.table import DOWNSTREAM_FORMS
from gateway.policy.callers import client_address, refuse_web_pages
from gateway.policy.issuers import Identifies
from gateway.policy.jwt import token_in
from gateway.policy.keys import presented
from gateway.policy.labels import labels_of
from gateway.policy.wishes import wishes_of
from gateway.relay.account import account_of
from gateway.relay.carry import carry
from gateway.relay.clock import Clock
from gateway.relay.house import Current, House
from gateway.relay.resume import SILENT
from gateway.words.caller import ANYONE, Caller
from gateway.words.client import Header
from gateway.words.errors import (
    Busy,
    GatewayError,
    IdleTimeout,
    Internal,
    Stopped,
    StoppedByOperator,
    TotalTimeout,
    Unauthorized,
    UnsupportedMedia,
)
from gateway.words.life import Cause
from gateway.words.receipt import Receipt

_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_JSON: Header = (b"content-type", b"application/json")
NO_KEY = (
    "A key of this gateway is needed, in authorization: Bearer, x-api-key or api-key. None was"
    " sent, or it is not known here, or no longer."
)
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

    def __init__(
        self, current: Current, calls: Calls, trusted_proxies: Container[str], *, open_use: bool
    ) -> None:
        """`open_use` lifts the rule that a keyless gateway is asked by loopback names only."""
        self._current = current
        self._calls = calls
        self._trusted_proxies = trusted_proxies
        self._open_use = open_use

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
                    await self._tell(client, error, life, clock, house)
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
                endpoint, name = await self._admit(head, receipt, client, house)
                if endpoint.operation == "chat":
                    body = await client.body()
                    call = DOWNSTREAM_FORMS[endpoint.form].read_request(endpoint.operation, body)
                    receipt.model, receipt.stream = call.model, call.stream
                    if call.stream:
                        nursery.start_soon(clock.run)
                    await carry(call, wishes_of(head.headers), receipt, clock, house)
                else:
                    status, body = self._show(endpoint, name, house, receipt.caller)
                    await self._respond(client, life, house, status, (), body)
                    receipt.complete()
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

    def _open_receipt(self, head: Head, peer: str, house: House) -> Receipt:
        own = head.headers.get(b"x-request-id", b"")
        sane = _SANE_ID.fullmatch(own) is not None
        forwarded = head.headers.get(b"x-forwarded-for")
        return Receipt(
            request_id=own.decode("ascii") if sane else house.new_id(),
            method=head.method,
            path=head.path,
            peer=client_address(peer, forwarded, self._trusted_proxies),
            began=trio.current_time(),
        )

    async def _admit(
        self, head: Head, receipt: Receipt, client: Guest, house: House
    ) -> tuple[Endpoint, str]:
        """Find the endpoint and the id in its path; refuse whoever may not ask it."""
        endpoint, name = find_plain(head.method, head.path) or find(
            head.method, split_path(head.path)
        )
        receipt.endpoint = endpoint.operation
        if endpoint.probe:
            return endpoint, name
        if client.spare:
            raise Busy("Too many connections.")
        headers = head.headers
        issuers = house.issuers
        if issuers is not None and (token := token_in(headers)) is not None:
            receipt.caller = await _vouched(issuers, token, house.today())
        else:
            receipt.caller = self._identify(head, house)
        if endpoint.method == "POST":
            _check_media(headers)
            if house.books is not None:
                receipt.tags, receipt.session, receipt.client = labels_of(headers)
            if self._calls.full:
                raise Busy(f"{self._calls.most} calls are open, which is the most at once.")
        return endpoint, name

    def _identify(self, head: Head, house: House) -> Caller:
        """Say who asks, by digest alone (S5); refuse whoever may not, all in the same words."""
        headers = head.headers
        secret = None if house.keys is None else presented(headers)
        if house.keys is None or (secret is None and self._open_use):
            refuse_web_pages(head.host, headers.get(b"sec-fetch-site"), open_use=self._open_use)
            return ANYONE
        caller = None if secret is None else house.keys.identify(secret, house.today())
        if caller is None:
            raise Unauthorized(NO_KEY)
        return caller

    def _show(
        self, endpoint: Endpoint, name: str, house: House, caller: Caller
    ) -> tuple[int, bytes]:
        match endpoint.operation:
            case "list_models":
                return 200, chat.write_models(house.names_for(caller))
            case "show_model":
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
        self, client: Guest, error: GatewayError, life: OpenCall, clock: Clock, house: House
    ) -> None:
        """Tell the client what went wrong: as an answer, or inside the one that has begun."""
        if not client.started:
            await clock.hush()
            body = write_error(error)
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
        with trio.move_on_after(house.clocks.write_timeout) as scope:
            await client.respond(status, (_JSON, *headers), body)
        if scope.cancelled_caught:
            life.cut(Cause.CLIENT_STALLED)
            await trio.lowlevel.checkpoint()


async def _vouched(issuers: Identifies, token: bytes, today: float) -> Caller:
    """Say for whom a token vouches; refuse all others, in the words for a wrong key.

    Raises `Unauthorized`, or `Busy` where the issuer's keys cannot be had.
    """
    caller = await issuers.identify(token, today)
    if caller is None:
        raise Unauthorized(NO_KEY)
    return caller


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


def _check_media(headers: Mapping[bytes, bytes]) -> None:
    if b"content-encoding" in headers:
        raise UnsupportedMedia("A compressed body is not accepted; send it as it is.")
    media = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media != b"application/json":
        raise UnsupportedMedia("Declare the body: content-type: application/json.")
