"""Makes the spans of a call from its receipt, once it has ended: one for it, one for each attempt.

Plain values, of which `otlp.py` makes what travels. They say nothing of what was asked or answered
(R21). Names are those of OpenTelemetry's conventions for HTTP and for generative AI; ours begin
with `gateway.`. What was done and what it used (`gen_ai.operation.name`, `gen_ai.usage.*`) is said
of the attempts alone, so that nobody counts it twice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.endpoints import ENDPOINTS
from gateway.telemetry.access_log import CANCELLED, COMPLETED, LOST, shown
from gateway.telemetry.naming import operation_name
from gateway.words.answer import Usage
from gateway.words.receipt import Attempt, Outcome, Receipt
from gateway.words.trace import TraceContext

Value = str | bool | int | float
Values = dict[str, Value]

NANOS: Final = 1_000_000_000
MOST_ATTEMPTS: Final = 64
"""Attempts of a call that have spans; the span of the call counts all."""

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
HANDED_ON: Final = "handed on"
NO_FAULT: Final = frozenset({COMPLETED, CANCELLED, LOST, HANDED_ON})
"""What an attempt comes to that is not its target's failure."""

FAILURES: Final = frozenset(
    {
        *(Outcome.TIMEOUT, Outcome.UPSTREAM_ERROR, Outcome.UPSTREAM_TRUNCATED),
        *(Outcome.STOPPED, Outcome.INTERNAL),
    }
)
"""What a call comes to that is an error, whatever its status. A client that leaves makes none."""

PATHS: Final = {(each.method, each.path): each.path for each in ENDPOINTS if "{" not in each.path}


class Peer(NamedTuple):
    """A provider as spans name it: in OpenTelemetry's words, and where it is asked."""

    name: str
    host: str = ""
    port: int = 0


class Moment(NamedTuple):
    """Something that happened while a span was open."""

    name: str
    at_ns: int
    values: Values


@dataclass(frozen=True, slots=True)
class Span:
    """One span. `asks` tells an attempt from a call; times are Unix nanoseconds."""

    name: str
    asks: bool
    place: TraceContext
    began_ns: int
    ended_ns: int
    values: Values
    moments: list[Moment] = field(default_factory=list)
    failed: bool = False


class Ended(NamedTuple):
    """A call that has ended, with the moment of that in Unix nanoseconds."""

    receipt: Receipt
    at_ns: int

    def at(self, moment: float) -> int:
        """Return a moment of the receipt's clock as Unix time, counted back from its end."""
        end = moment if self.receipt.ended is None else self.receipt.ended
        return self.at_ns - int(max(end - moment, 0.0) * NANOS)


def spans_of(ended: Ended, peers: Mapping[str, Peer]) -> Iterator[Span]:
    """Yield a call's span, then those of its attempts. `peers` are providers by their names."""
    receipt = ended.receipt
    if receipt.trace is None:
        return
    yield _call(ended, receipt.trace)
    for number, attempt in enumerate(receipt.attempts[:MOST_ATTEMPTS], 1):
        if attempt.trace is not None:
            yield _attempt(ended, attempt, attempt.trace, number, peers)


def _call(ended: Ended, place: TraceContext) -> Span:
    receipt = ended.receipt
    outcome = receipt.outcome or Outcome.INTERNAL
    method = receipt.method if receipt.method in METHODS else "_OTHER"
    route = PATHS.get((receipt.method, receipt.path.partition("?")[0]), "")
    failed = outcome in FAILURES or receipt.status >= 500
    values = _without_none(
        {
            "http.request.method": method,
            "url.path": shown(receipt.path.partition("?")[0]),
            "http.route": route or None,
            "http.response.status_code": receipt.status or None,
            "client.address": shown(receipt.peer),
            "error.type": _error_type(receipt) if failed or receipt.status >= 400 else None,
            "gen_ai.request.model": shown(receipt.model),
            "gen_ai.response.model": shown(receipt.answered_by),
            **_own(receipt, outcome),
        }
    )
    name = f"{'HTTP' if method == '_OTHER' else method} {route}".strip()
    began, moments = ended.at(receipt.began), list(_moments(ended))
    return Span(name, False, place, began, ended.at_ns, values, moments, failed)


def _own(receipt: Receipt, outcome: Outcome) -> dict[str, Value | None]:
    """Return what the conventions have no names for."""
    return {
        "gateway.request_id": shown(receipt.request_id),
        "gateway.endpoint": receipt.endpoint or None,
        "gateway.stream": receipt.stream or None,
        "gateway.outcome": str(outcome),
        "gateway.phase": str(receipt.phase),
        "gateway.cause": receipt.cause,
        "gateway.key": shown(receipt.caller.key) or None,
        "gateway.team": shown(receipt.caller.team) or None,
        "gateway.target": shown(receipt.target),
        "gateway.asked": shown(receipt.asked),
        "gateway.cost_nanos": receipt.cost_nanos,
        "gateway.cache": receipt.cache,
        "gateway.shared_with": shown(receipt.shared_with),
        "gateway.attempts": len(receipt.attempts),
        "gateway.hedged": receipt.hedged or None,
        "gateway.resumed": receipt.resumed or None,
        "gateway.read_on": receipt.drained or None,
    }


def _attempt(
    ended: Ended, attempt: Attempt, place: TraceContext, number: int, peers: Mapping[str, Peer]
) -> Span:
    receipt = ended.receipt
    provider, _, model = attempt.target.partition("/")
    operation = operation_name(receipt.endpoint)
    over = attempt.ended if attempt.ended is not None else receipt.ended
    failed = attempt.outcome not in NO_FAULT
    first = _first_content(receipt, attempt)
    # What passes through asks for no model: behind the slash stands its area.
    asked = None if receipt.model is None else shown(model)
    values = _without_none(
        {
            "gen_ai.operation.name": operation,
            "gen_ai.request.model": asked,
            "gen_ai.request.stream": receipt.stream,
            **_answered(receipt, attempt, first),
            **_asked(peers.get(provider, Peer(provider))),
            "error.type": shown(attempt.outcome) if failed else None,
            "gateway.request_id": shown(receipt.request_id),
            "gateway.provider": shown(provider),
            "gateway.attempt": number,
            "gateway.attempt.outcome": shown(attempt.outcome),
            "gateway.attempt.cost_nanos": attempt.cost_nanos,
            "gateway.attempt.sent_again": attempt.stale or None,
        }
    )
    return Span(
        name=f"{operation} {asked or ''}".strip(),
        asks=True,
        place=place,
        began_ns=ended.at(attempt.began),
        ended_ns=ended.at_ns if over is None else ended.at(over),
        values=values,
        moments=[] if first is None else [Moment("gateway.first_content", ended.at(first), {})],
        failed=failed,
    )


def _asked(peer: Peer) -> dict[str, Value | None]:
    """Return who was asked, and where."""
    return {
        "gen_ai.provider.name": peer.name,
        "server.address": peer.host or None,
        "server.port": peer.port or None,
    }


def _answered(receipt: Receipt, attempt: Attempt, first: float | None) -> dict[str, Value | None]:
    """Return what is known of the answer, of which the first content came at `first`."""
    alone = len(receipt.attempts) == 1
    used = _used(attempt.usage or (receipt.usage if alone else None))
    if first is None:
        return used
    return {
        "gen_ai.response.model": shown(receipt.answered_by),
        "gen_ai.response.time_to_first_chunk": first - attempt.began if receipt.stream else None,
        **used,
    }


def _used(usage: Usage | None) -> dict[str, Value | None]:
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens or None,
        "gen_ai.usage.cache_write.input_tokens": usage.cache_write_tokens or None,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens or None,
    }


def _error_type(receipt: Receipt) -> str:
    """Return what went wrong: its code, or the status that was told."""
    return receipt.cause or (str(receipt.status) if receipt.status >= 400 else "_OTHER")


def _first_content(receipt: Receipt, attempt: Attempt) -> float | None:
    """Return when this attempt's first content was there, if it was the one that answered first."""
    first = receipt.first_content_at
    if first is None or attempt.outcome == LOST or attempt.began > first:
        return None
    return first if attempt.ended is None or attempt.ended >= first else None


def _moments(ended: Ended) -> Iterator[Moment]:
    """Yield what happened in a call, in turn."""
    receipt = ended.receipt
    found: list[tuple[float, str, Values]] = []
    if receipt.body_at is not None:
        found.append((receipt.body_at, "gateway.body", {}))
    for before, attempt in zip(receipt.attempts, receipt.attempts[1:MOST_ATTEMPTS], strict=False):
        told: Values = {"gateway.target": shown(attempt.target) or ""}
        found.append((attempt.began, _step(receipt, before, attempt), told))
    if receipt.first_content_at is not None:
        found.append((receipt.first_content_at, "gateway.first_content", {}))
    if receipt.cut_at is not None:
        cause = receipt.cause or str(receipt.outcome)
        found.append((receipt.cut_at, "gateway.cut", {"gateway.cause": cause}))
    found.sort(key=lambda each: each[0])
    for at, name, values in found:
        yield Moment(name, ended.at(at), values)


def _step(receipt: Receipt, before: Attempt, attempt: Attempt) -> str:
    """Say why another attempt was made."""
    first = receipt.first_content_at
    if receipt.resumed and first is not None and attempt.began > first:
        return "gateway.resume"
    if receipt.hedged and (before.ended is None or before.ended > attempt.began):
        return "gateway.hedge"
    return "gateway.retry" if before.target == attempt.target else "gateway.fallback"


def _without_none(values: Mapping[str, Value | None]) -> Values:
    return {name: value for name, value in values.items() if value is not None}
