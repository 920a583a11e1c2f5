"""What one call came to: the one mutable thing that travels, and the taps that read it."""

import re
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from gateway.words.answer import Piece, Usage
from gateway.words.caller import ANYONE, Caller
from gateway.words.errors import (
    GatewayError,
    Internal,
    Stopped,
    Timeout,
    UpstreamFailure,
    UpstreamTruncated,
)
from gateway.words.life import Cause
from gateway.words.trace import TraceContext


class Outcome(StrEnum):
    """How a request ended; a closed list."""

    COMPLETED = "completed"
    REFUSED = "refused"
    CLIENT_GONE = "client_gone"
    CLIENT_STALLED = "client_stalled"
    TIMEOUT = "timeout"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_TRUNCATED = "upstream_truncated"
    STOPPED = "stopped"
    INTERNAL = "internal"


class Phase(StrEnum):
    """How far a request had come."""

    BODY = "body"
    WAITING = "waiting"
    STREAMING = "streaming"
    FINISHING = "finishing"


class WaitsFor(StrEnum):
    """What a call or an attempt waits for; a closed list, in words for people."""

    BODY = "the client's body"
    CREDENTIALS = "credentials"
    SLOT = "a slot"
    CONNECTION = "a connection"
    TURN = "its next try"
    OTHERS = "who asks for it too"
    HEAD = "the answer's head"
    CONTENT = "first content"
    PROVIDER = "the provider"
    CLIENT = "the client"
    END = "its end"


ASKED: Final = frozenset({WaitsFor.HEAD, WaitsFor.CONTENT})
"""What an attempt waits for whose request has been sent."""

OUTCOME_OF_CAUSE = {
    Cause.CLIENT_GONE: Outcome.CLIENT_GONE,
    Cause.CLIENT_STALLED: Outcome.CLIENT_STALLED,
    Cause.TOTAL_TIMEOUT: Outcome.TIMEOUT,
    Cause.IDLE_SILENCE: Outcome.TIMEOUT,
    Cause.IDLE_TRICKLE: Outcome.TIMEOUT,
    Cause.DRAIN: Outcome.STOPPED,
    Cause.OPERATOR: Outcome.STOPPED,
}

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")

_SEPARATORS = re.compile(r"[;,]")

STATUS_CLIENT_GONE = 499
"""For the log only; never on the wire."""


def _plain(code: str | None) -> str | None:
    """Return a code as it can be repeated: a provider may choose an odd one (R21)."""
    return code if code is None or _CODE.fullmatch(code) else "other"


def outcome_of_error(error: GatewayError) -> Outcome:
    """Say which outcome an error amounts to."""
    match error:
        case UpstreamTruncated():
            return Outcome.UPSTREAM_TRUNCATED
        case UpstreamFailure():
            return Outcome.UPSTREAM_ERROR
        case Timeout():
            return Outcome.TIMEOUT
        case Internal():
            return Outcome.INTERNAL
        case Stopped():
            return Outcome.STOPPED
        case _:
            return Outcome.REFUSED


class Upstream(Protocol):
    """A connection to a provider, as far as one sees it who only watches."""

    @property
    def peer(self) -> str:
        """Host and port."""

    @property
    def opened(self) -> float:
        """When it was opened; seconds on the monotonic clock."""

    @property
    def requests(self) -> int:
        """How many requests it has carried, the present one too."""


class Attempt(msgspec.Struct):
    """One try at one target. Times are seconds on the monotonic clock.

    `waits_for` is written by whoever begins to wait, up to the first content. `upstream` is the
    connection that carries it, while it does. `stale` says that it was sent once more, because the
    kept connection that was to carry it had been closed (U5); `alone` that it is not, because its
    client has left, or it may have made something. `usage` is what the provider has reported of
    this attempt: what it costs, whether or not it is the one that answered; `pieces` are those with
    content that it has told, `counted` those of them that the usage counts; `cost_nanos` what it
    comes to in nano-dollars. `trace` is its own place in the trace of its call, if there is one.
    """

    target: str
    began: float
    ended: float | None = None
    outcome: str = "open"
    waits_for: WaitsFor = WaitsFor.HEAD
    upstream: Upstream | None = None
    stale: bool = False
    alone: bool = False
    usage: Usage | None = None
    pieces: int = 0
    counted: int = 0
    cost_nanos: int | None = None
    trace: TraceContext | None = None

    def close(self, now: float, error: BaseException | None, *, left: bool = False) -> None:
        """Say how the attempt ended, `left` if it was given up; the first word stands."""
        self.upstream = None
        if self.ended is not None:
            return
        self.ended = now
        if left:
            self.outcome = "cancelled"
        elif error is None:
            self.outcome = "completed"
        elif isinstance(error, GatewayError):
            self.outcome = _plain(error.code) or error.type
        else:
            self.outcome = "cancelled"

    def told(self, now: float) -> str:
        """Tell it in a few words: target, outcome, milliseconds."""
        if self.ended is None:
            outcome, seconds = "ok", now - self.began
        else:
            outcome, seconds = self.outcome, self.ended - self.began
        target = self.target.replace(";", "_").replace(",", "_")
        return f"{target};{outcome};{seconds * 1000:.0f}"

    def lose(self) -> None:
        """Say of an attempt that was cut off that another has won."""
        if self.outcome == "cancelled":
            self.outcome = "lost"


class Receipt(msgspec.Struct, eq=False):
    """One request, from its complete head to its end. Times are seconds on the monotonic clock.

    `hedged` says that a second target was started beside a late one, `resumed` how often a stream
    that broke off was gone on with. `cache` is "hit", "miss", "shared", or None where answers are
    neither kept nor shared; `shared_with` is the request whose answer this one read along. `asked`
    is the model that was asked for where a spent budget had another take its place. `drained` says
    that the answer was read on after its client had left. `dropped` names the fields of the request
    that the last target which was asked could not be told. `cut_at` is when its life was first
    ended from outside, by a cut or a stop; `body_at` is when its body had come whole, `told_at`
    when its last words were ready for the client. `trace` is where in a trace it stands, if it is
    in one. `guards` are those that have found something, each with what it did: `pii:redact`.
    """

    request_id: str
    method: str
    path: str
    peer: str
    began: float
    endpoint: str = ""
    model: str | None = None
    target: str | None = None
    answered_by: str | None = None
    stream: bool = False
    phase: Phase = Phase.BODY
    outcome: Outcome | None = None
    cause: str | None = None
    status: int = 0
    usage: Usage | None = None
    first_content_at: float | None = None
    ended: float | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    pieces: int = 0
    malformed_events: int = 0
    attempts: list[Attempt] = []
    hedged: bool = False
    resumed: int = 0
    dropped: tuple[str, ...] = ()
    cache: str | None = None
    shared_with: str | None = None
    caller: Caller = ANYONE
    cost_nanos: int | None = None
    usage_quality: str | None = None
    tags: tuple[str, ...] = ()
    session: str | None = None
    client: str | None = None
    asked: str | None = None
    drained: bool = False
    cut_at: float | None = None
    trace: TraceContext | None = None
    body_at: float | None = None
    told_at: float | None = None
    guards: tuple[str, ...] = ()

    def tried(self, now: float) -> str:
        """Tell each attempt: target, outcome, milliseconds. One that goes on is the answer."""
        if len(self.attempts) == 1:
            return self.attempts[0].told(now)
        return ", ".join([each.told(now) for each in self.attempts])

    def note(self, pieces: list[Piece]) -> None:
        """Read the facts of pieces that pass: the last usage wins, it is never summed (U27)."""
        self.pieces += len(pieces)
        for piece in pieces:
            if piece.usage is not None:
                self.usage = piece.usage
            if piece.model is not None:
                self.answered_by = piece.model

    def note_guard(self, name: str, deed: str) -> None:
        """Take note, once, that a guard has done something."""
        said = f"{name}:{deed}"
        if said not in self.guards:
            self.guards = (*self.guards, said)

    def begin_content(self, now: float) -> None:
        """Say that the first content has come."""
        self.phase = Phase.STREAMING
        self.first_content_at = now

    def complete(self) -> None:
        """Say that the last byte was handed over. What happens afterwards changes nothing (C8)."""
        self._settle(Outcome.COMPLETED, None)

    def fail(self, error: GatewayError) -> None:
        """Say that the call ended in an error; the first word stands."""
        self._settle(outcome_of_error(error), _plain(error.code))

    def end(self, cause: Cause) -> None:
        """Say that the call was ended from outside; the first word stands."""
        self._settle(OUTCOME_OF_CAUSE[cause], str(cause))

    def _settle(self, outcome: Outcome, cause: str | None) -> None:
        if self.outcome is None:
            self.outcome, self.cause = outcome, cause


class Tap(Protocol):
    """One who watches and cannot change. `settled` must not block and must not raise."""

    def settled(self, receipt: Receipt) -> None:
        """Take note of a request that has ended; called once for each accepted request."""
