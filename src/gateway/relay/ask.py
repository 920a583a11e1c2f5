"""One try at one target: it is asked, its first content is awaited, its answer is read.

Up to the commit (the first content) nothing has reached the client, so a failure is still an
ordinary HTTP error, or the next target's turn. How a try ended is told once, to its attempt and to
what is known of the target's health, in `settle`.
"""

from math import inf

import msgspec
import trio

from gateway.forms import Reader, UpstreamForm
from gateway.forms.http import end_to_end
from gateway.forms.raw_answer import Passing
from gateway.forms.table import upstream_form, write_request
from gateway.policy.thoughts import SIGNED_FORMS
from gateway.policy.tracing import span_below
from gateway.providers.table import TABLE
from gateway.relay.credentials import (
    blames_holder,
    credentials_for,
    scrubber_for,
    unless_passed,
)
from gateway.relay.errand import Errand
from gateway.relay.joining import Joining, is_joined, streamed
from gateway.relay.pinning import note_kept
from gateway.relay.refusal import refusal_of, scrub, scrubbed
from gateway.relay.remembering import remembering, with_thoughts
from gateway.upstream.send import Incoming, send
from gateway.words.answer import Piece
from gateway.words.call import Call, UpstreamRequest
from gateway.words.client import Header
from gateway.words.errors import (
    AttemptTimeout,
    ClientTimeout,
    FirstTokenTimeout,
    GatewayError,
    IdleTimeout,
    UpstreamAuth,
    UpstreamFailure,
    UpstreamFault,
    UpstreamReset,
    UpstreamTruncated,
)
from gateway.words.receipt import Attempt, Receipt, WaitsFor
from gateway.words.target import Target

MAX_PREAMBLE_BYTES = 1_048_576
OK = 200
HANDED_ON = "handed on"

_PASSED_ON = frozenset({b"openai-processing-ms", b"openai-version"})
_PASSED_ON_PREFIX = b"x-ratelimit-"
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_OPENAIS = frozenset({"chat", "raw"})
"""Forms that clients of OpenAI's speak to whoever takes them: they know nobody else's fields."""


def passes(name: bytes) -> bool:
    """Say whether a provider's header may reach the client (R7): an allow-list."""
    return name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIX)


class TargetAnswer:
    """A target's answer (see `words.answer.Answer`). It owns the upstream's socket."""

    def __init__(
        self, target: Target, attempt: Attempt, errand: Errand, incoming: Incoming, reader: Reader
    ) -> None:
        self.target = target
        self._errand = errand
        self._incoming = incoming
        self._reader = reader
        self._passing = reader if isinstance(reader, Passing) else None
        self._clock = errand.clock
        self._scrubber = errand.house.scrubber
        if target.client_key:
            self._scrubber = scrubber_for(target, errand.wishes.own, errand.house)
        self._receipt = errand.receipt
        self._malformed_events = 0
        self.attempt = attempt
        self._held: list[Piece] = []
        self._fault: UpstreamFault | None = None
        self.ended = False

    @property
    def is_common(self) -> bool:
        """Say whether its pieces are of the common form, whatever the client speaks."""
        form = self._errand.call.form
        return form == "chat" or (form != "raw" and not self.target.speaks(form))

    @property
    def status(self) -> int:
        return 200

    @property
    def headers(self) -> tuple[Header, ...]:
        fields = self._incoming.headers
        own = () if self._passing is None else self._passing.headers
        if not [field for field in fields if passes(field[0])]:
            return own
        passed = [field for field in end_to_end(fields) if passes(field[0])]
        return (*own, *scrubbed(passed, self._scrubber))

    async def begin(self) -> None:
        """Read up to the first content, holding what comes before it, in bounds."""
        held: list[Piece] = []
        held_bytes = 0
        while not self.ended:
            pieces = await self._read()
            held += pieces
            speaks = False
            for piece in pieces:
                held_bytes += len(piece.raw)
                speaks = speaks or piece.has_content
            if speaks or held_bytes > MAX_PREAMBLE_BYTES:
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
                if not data and self._passing is not None:
                    self._check_end(self._passing)
                pieces = self._feed(data)
            if self._reader.ended:
                self.ended = True
                self._incoming.park()
            if pieces or self.ended:
                return self._up_to_fault(pieces)

    def _end_at(self, cut: UpstreamFailure) -> list[Piece]:
        """Take a stream for whole that was cut after its last choice had finished (U14, U15)."""
        if self._passing is not None and self._passing.needs_end:
            raise cut
        try:
            return self._feed(b"")
        except GatewayError:
            raise cut from None

    def _check_end(self, passing: Passing) -> None:
        """Refuse an end that nobody announced, where only an end tells that an answer is whole."""
        announced = [name for name, _ in self._incoming.headers if name in _FRAMING]
        if passing.needs_end and not announced:
            raise UpstreamTruncated("The provider did not say where its answer ends.")

    def _feed(self, data: bytes) -> list[Piece]:
        try:
            return self._reader.feed(data) if data else self._reader.end()
        finally:
            malformed = self._reader.malformed_events
            if malformed != self._malformed_events:
                self._receipt.malformed_events += malformed - self._malformed_events
                self._malformed_events = malformed

    def _up_to_fault(self, pieces: list[Piece]) -> list[Piece]:
        """Keep back an error told in the stream: it is raised once what came before has passed.

        What is told is what it costs, whoever reads it, and even where the race is lost.
        """
        attempt = self.attempt
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
            if piece.has_content:
                attempt.pieces += 1
            if piece.usage is not None:
                attempt.usage, attempt.counted = piece.usage, attempt.pieces
        return pieces

    def give_up(self, outcome: str) -> None:
        """Say that nobody will read on, for no fault of the target's, and what that is called."""
        settle(self._errand, self.target, self.attempt, None, left=True)
        self.attempt.outcome = outcome

    def hand_over(self, receipt: Receipt) -> None:
        """Go on with this answer for another call: what it costs, all of it, is that call's."""
        before = self.attempt
        self.attempt = Attempt(
            before.target,
            trio.current_time(),
            upstream=before.upstream,
            usage=before.usage,
            pieces=before.pieces,
            counted=before.counted,
        )
        if receipt.trace is not None:
            self.attempt.trace = span_below(receipt.trace, self._errand.house.tracing)
        before.close(trio.current_time(), None, left=True)
        before.outcome, before.usage = HANDED_ON, None
        receipt.attempts.append(self.attempt)
        receipt.target = before.target
        self._receipt = receipt
        self._errand = msgspec.structs.replace(self._errand, receipt=receipt, pays=None)

    async def lose(self) -> None:
        """Be done with an answer that came second."""
        self.give_up("lost")
        await self._incoming.aclose()

    async def __aenter__(self) -> "TargetAnswer":
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        settle(self._errand, self.target, self.attempt, error)
        # Waits for nothing, unless the answer is a foreign transport's (ADR 5).
        await self._incoming.aclose()


async def ask(errand: Errand, target: Target, share: float = inf) -> TargetAnswer:
    """Return a target's answer at its first content; raises `GatewayError`.

    The target must have been claimed from `Health`. `share` is the time in seconds that the try may
    take, beside the target's own clock; a call that does not stream has no first token.
    """
    receipt = errand.receipt
    attempt = Attempt(target.name, trio.current_time())
    if receipt.trace is not None:
        attempt.trace = span_below(receipt.trace, errand.house.tracing)
    receipt.attempts.append(attempt)
    receipt.target = target.name
    own = target.timeouts.first_token if errand.call.stream else inf
    try:
        patience = min(own, share, errand.patient_until - attempt.began)
        if patience == inf:
            return await _begin(errand, target, attempt)
        with trio.CancelScope(deadline=attempt.began + patience):
            return await _begin(errand, target, attempt)
        raise _expired(target, patience, own, share)
    except BaseException as caught:
        if isinstance(caught, GatewayError):
            scrub(caught, scrubber_for(target, errand.wishes.own, errand.house))
        settle(errand, target, attempt, caught)
        raise


def _expired(target: Target, patience: float, own: float, share: float) -> GatewayError:
    """Return what it is called that no content came in time: by whose clock."""
    if patience == own:
        return FirstTokenTimeout(f"{target.name} sent no content within {own:g} seconds.")
    if patience == share:
        return AttemptTimeout(
            f"{target.name} did not answer within {share:g} seconds, its share of the call's time."
        )
    return ClientTimeout(
        f"No content came within {patience:g} seconds; its client waits no longer."
    )


async def _credentials(
    errand: Errand, target: Target, request: UpstreamRequest, attempt: Attempt
) -> tuple[Header, ...]:
    """Return what the target is shown; who leaves before that has asked nobody for anything."""
    form, own = errand.call.form, errand.wishes.own
    native = form not in _OPENAIS and target.speaks(form)
    attempt.waits_for = WaitsFor.CREDENTIALS
    shown = await credentials_for(target, request, own, errand.house, native=native)
    attempt.waits_for = WaitsFor.HEAD
    return shown


def _reader(
    form: UpstreamForm, call: Call, target: Target, incoming: Incoming, errand: Errand
) -> Reader:
    """Return who reads the answer."""
    limits = errand.house.answers
    reader = form.AnswerReader(
        call,
        incoming.status,
        incoming.content_type,
        limits.max_event_bytes,
        limits.max_answer_bytes,
    )
    if target.form in SIGNED_FORMS:
        return remembering(reader, call, target, errand)
    return reader


async def _begin(errand: Errand, target: Target, attempt: Attempt) -> TargetAnswer:
    call, house = errand.call, errand.house
    form = upstream_form(call, target)
    if errand.beginning:
        call = errand.call_for(target)
    joins = target.conduct.stream_upstream and is_joined(call, target)
    if joins:
        call = streamed(call)
    asked = with_thoughts(call, target, errand) if target.form in SIGNED_FORMS else call
    request = write_request(form, asked, target)
    errand.receipt.dropped = request.dropped
    if target.client_key or target.grant:
        credentials = await _credentials(errand, target, request, attempt)
    else:
        credentials = TABLE[target.kind].credentials(target.key)
    if call.passed:
        credentials = unless_passed(credentials, call)
    incoming = await send(target, credentials, request, house.transports, attempt)
    attempt.waits_for = WaitsFor.CONTENT
    try:
        if incoming.status != OK:
            raise (await refusal_of(incoming, form, target))[0]
        reader = _reader(form, call, target, incoming, errand)
        reader = Joining(reader, attempt) if joins else reader
        answer = TargetAnswer(target, attempt, errand, incoming, reader)
        await answer.begin()
        if call.native is not None:
            await note_kept(reader, target, errand)
    except BaseException:
        await incoming.aclose()
        raise
    now = trio.current_time()
    house.health.spoke(target, now, now - attempt.began)
    return answer


def settle(
    errand: Errand,
    target: Target,
    attempt: Attempt,
    error: BaseException | None,
    *,
    left: bool = False,
) -> None:
    """Tell an attempt and its target's health how it has ended; the first word stands.

    `left` says that it was given up for no fault of the target's.
    """
    if attempt.ended is not None:
        return
    now = trio.current_time()
    failure = error if isinstance(error, GatewayError) else None
    if failure is None and error is not None and errand.clock.silent:
        failure = IdleTimeout("The provider fell silent.")
    attempt.close(now, failure or error, left=left)
    if error is not None and (failure is None or _was_hurried(failure, target, attempt, errand)):
        left = True
    house = errand.house
    if house.costs is not None:
        house.costs.charge(attempt, target, errand.call, errand.receipt)
    today = None if failure is None else house.today()
    if failure is not None and target.client_key:
        left = left or blames_holder(failure, target)
    elif target.grant and isinstance(failure, UpstreamAuth):
        house.tokens.doubt(target)
    house.health.ended(target, now, failure, left=left, today=today)


def _was_hurried(failure: GatewayError, target: Target, attempt: Attempt, errand: Errand) -> bool:
    """Say whether a target had less time than its operator gives it, by its client's own wish.

    Nobody's impatience may let a home rest for everybody.
    """
    if isinstance(failure, AttemptTimeout):
        return trio.current_time() - attempt.began < target.timeouts.first_token
    if errand.patient_until == inf:
        return False
    return isinstance(failure, IdleTimeout) and errand.wishes.patience < target.timeouts.idle
