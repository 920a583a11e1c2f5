"""How an answer begins: one target is asked, and its first content is awaited.

Up to the commit (the first content) nothing has reached the client, so a failure is still an
ordinary HTTP error. After it the answer belongs to the story in `carry.py`.
"""

from collections.abc import Iterable

import trio

from gateway.forms import Reader
from gateway.forms.http import end_to_end
from gateway.forms.table import FORMS
from gateway.policy.scrub import Scrubber
from gateway.providers.table import TABLE
from gateway.relay.clock import Clock
from gateway.relay.house import House
from gateway.upstream.send import Incoming, send
from gateway.words.answer import Piece
from gateway.words.call import Call
from gateway.words.client import Header
from gateway.words.errors import (
    FirstTokenTimeout,
    GatewayError,
    UpstreamFailure,
    UpstreamFault,
    UpstreamReset,
    UpstreamTruncated,
)
from gateway.words.receipt import Attempt, Receipt, WaitsFor
from gateway.words.target import Plan, Target

MAX_PREAMBLE_BYTES = 1_048_576
MAX_ERROR_BYTES = 65_536
OK = 200

_PASSED_ON = frozenset({b"openai-processing-ms", b"openai-version"})
_PASSED_ON_PREFIX = b"x-ratelimit-"


def passes(name: bytes) -> bool:
    """Say whether a provider's header may reach the client (R7): an allow-list."""
    return name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIX)


class TargetAnswer:
    """A target's answer (see `words.answer.Answer`). It owns the upstream's socket."""

    def __init__(
        self, incoming: Incoming, reader: Reader, clock: Clock, receipt: Receipt, scrubber: Scrubber
    ) -> None:
        self._incoming = incoming
        self._reader = reader
        self._clock = clock
        self._scrubber = scrubber
        self._receipt = receipt
        self._malformed_before = receipt.malformed_events
        self._attempt = receipt.attempts[-1]
        self._held: list[Piece] = []
        self._fault: UpstreamFault | None = None
        self.ended = False

    @property
    def status(self) -> int:
        return 200

    @property
    def headers(self) -> tuple[Header, ...]:
        fields = self._incoming.headers
        if not [field for field in fields if passes(field[0])]:
            return ()
        passed = [field for field in end_to_end(fields) if passes(field[0])]
        return _scrubbed(passed, self._scrubber)

    async def begin(self) -> None:
        """Read up to the first content, holding what comes before it, in bounds."""
        held: list[Piece] = []
        held_bytes = 0
        while not self.ended:
            pieces = await self._read()
            held += pieces
            held_bytes += sum(len(piece.raw) for piece in pieces)
            if held_bytes > MAX_PREAMBLE_BYTES or any(piece.has_content for piece in pieces):
                break
        self._held = held

    async def next(self) -> list[Piece]:
        if self._held or self.ended:
            held, self._held = self._held, []
            return held
        return await self._read()

    async def _read(self) -> list[Piece]:
        if self._fault is not None:
            raise self._fault
        while True:
            try:
                data = await self._incoming.receive()
            except (UpstreamTruncated, UpstreamReset) as cut:
                pieces = self._end_at(cut)
            else:
                self._clock.received()
                pieces = self._feed(data)
            if self._reader.ended:
                self.ended = True
                self._incoming.park()
            if pieces or self.ended:
                return self._up_to_fault(pieces)

    def _end_at(self, cut: UpstreamFailure) -> list[Piece]:
        """Take a stream for whole that was cut after its last choice had finished (U14, U15)."""
        try:
            return self._feed(b"")
        except GatewayError:
            raise cut from None

    def _feed(self, data: bytes) -> list[Piece]:
        try:
            return self._reader.feed(data) if data else self._reader.end()
        finally:
            self._receipt.malformed_events = self._malformed_before + self._reader.malformed_events

    def _up_to_fault(self, pieces: list[Piece]) -> list[Piece]:
        """Keep back an error told in the stream: it is raised once what came before has passed."""
        for index, piece in enumerate(pieces):
            if piece.fault is not None:
                fault = piece.fault
                self._fault = UpstreamFault(fault.message, type=fault.type, code=fault.code)
                scrub(self._fault, self._scrubber)
                self.ended = False
                if index == 0:
                    raise self._fault
                return pieces[:index]
            if not piece.comment:
                self._clock.heard()
        return pieces

    async def __aenter__(self) -> "TargetAnswer":
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._attempt.close(trio.current_time(), error)
        # Waits for nothing, unless the answer is a foreign transport's (ADR 5).
        await self._incoming.aclose()


async def first_to_speak(
    plan: Plan, call: Call, receipt: Receipt, clock: Clock, house: House
) -> TargetAnswer:
    """Return the answer of the plan's target at its first content; raises `GatewayError`.

    A call that does not stream has no first token: its only clock is the total.
    """
    (target,) = plan.targets
    attempt = Attempt(target.name, trio.current_time())
    receipt.attempts.append(attempt)
    receipt.target = target.name
    try:
        if not call.stream:
            return await _ask(target, call, receipt, clock, house)
        patience = target.timeouts.first_token
        with trio.CancelScope(deadline=attempt.began + patience):
            return await _ask(target, call, receipt, clock, house)
        raise FirstTokenTimeout(f"{target.name} sent no content within {patience:g} seconds.")
    except BaseException as caught:
        if isinstance(caught, GatewayError):
            scrub(caught, house.scrubber)
        attempt.close(trio.current_time(), caught)
        raise


async def _ask(
    target: Target, call: Call, receipt: Receipt, clock: Clock, house: House
) -> TargetAnswer:
    form = FORMS[target.form]
    request = form.write_request(call, target)
    credentials = TABLE[target.kind].credentials(target.key)
    attempt = receipt.attempts[-1]
    incoming = await send(target, credentials, request, house.transports, attempt)
    attempt.waits_for = WaitsFor.CONTENT
    try:
        if incoming.status != OK:
            raise await _refusal(incoming, target)
        limits = house.answers
        reader = form.AnswerReader(
            call,
            incoming.status,
            incoming.content_type,
            limits.max_event_bytes,
            limits.max_answer_bytes,
        )
        answer = TargetAnswer(incoming, reader, clock, receipt, house.scrubber)
        await answer.begin()
    except BaseException:
        await incoming.aclose()
        raise
    return answer


async def _refusal(incoming: Incoming, target: Target) -> GatewayError:
    """Read a provider's error answer, in bounds."""
    body = bytearray()
    while len(body) < MAX_ERROR_BYTES and (data := await incoming.receive()):
        body += data
    return FORMS[target.form].read_error(
        incoming.status, tuple(end_to_end(incoming.headers)), bytes(body[:MAX_ERROR_BYTES])
    )


def scrub(error: GatewayError, scrubber: Scrubber) -> None:
    """Take configured secrets out of whatever a provider said in an error (R11)."""
    error.message = scrubber.scrub(error.message)
    error.type = scrubber.scrub(error.type)
    error.code = error.code and scrubber.scrub(error.code)
    error.param = error.param and scrubber.scrub(error.param)
    error.headers = _scrubbed(error.headers, scrubber)


def _scrubbed(headers: Iterable[Header], scrubber: Scrubber) -> tuple[Header, ...]:
    return tuple((name, scrubber.scrub_bytes(value)) for name, value in headers)
