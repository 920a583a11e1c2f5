"""The tap that writes one line for each accepted request, whatever became of it.

It says nothing of what was asked or answered (R21).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from gateway.endpoints import ENDPOINTS
from gateway.telemetry.lines import Line, Plain, printable
from gateway.telemetry.log import Log
from gateway.words.answer import Usage
from gateway.words.receipt import STATUS_CLIENT_GONE, Attempt, Outcome, Phase, Receipt

PROBES = frozenset(endpoint.operation for endpoint in ENDPOINTS if endpoint.probe)

MAX_SHOWN = 200
"""Characters of what a client or a provider chose: path, model, id."""

MAX_TRIED = 2_000
"""Characters of the list of attempts."""

MAX_OUTCOME = 64
"""Characters of how an attempt ended, where a person reads it: a provider chooses its own codes."""

MOST_TOLD = 3
"""Attempts that went before, where a person reads it."""

LOST = "lost"
CANCELLED = "cancelled"
COMPLETED = "completed"
"""What attempts are said to have come to (see `words.receipt.Attempt`)."""

WHEN = {
    Phase.BODY: "in its body",
    Phase.WAITING: "while waiting",
    Phase.STREAMING: "while streaming",
    Phase.FINISHING: "while finishing",
}

QUIET = frozenset({Outcome.COMPLETED, Outcome.CLIENT_GONE})


class AccessLog:
    """A tap (see `words.receipt.Tap`). The receipt itself is handed over: it no longer changes."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def settled(self, receipt: Receipt) -> None:
        """Have the line written; costs the loop some microseconds."""
        level = level_of(receipt)
        self._log.put(level, partial(Settled, level, receipt))


class Settled(NamedTuple):
    """A receipt on its way to the log. The line is worked out in the writer's thread."""

    level: str
    receipt: Receipt
    at_ns: int

    def line(self) -> Line:
        """Work out the line."""
        speak = partial(spoken, self.receipt)
        return Line(self.at_ns, self.level, "request", fields_of(self.receipt), speak)


def level_of(receipt: Receipt) -> str:
    """Say how loud the line is: a bug of ours is an error, whatever else went wrong a warning."""
    outcome = receipt.outcome
    if outcome is None or outcome is Outcome.INTERNAL:
        return "error"
    if receipt.endpoint in PROBES and outcome is Outcome.COMPLETED:
        return "debug"
    if outcome in QUIET or (outcome is Outcome.REFUSED and receipt.status < 500):
        return "info"
    return "warning"


def fields_of(receipt: Receipt) -> dict[str, Plain]:
    """Return all fields, always the same and in the same order. Durations are milliseconds."""
    outcome = receipt.outcome or Outcome.INTERNAL
    gone = outcome is Outcome.CLIENT_GONE
    return {
        "request_id": shown(receipt.request_id),
        "trace_id": None if receipt.trace is None else receipt.trace.trace_id,
        "method": shown(receipt.method),
        "path": shown(receipt.path.partition("?")[0]),
        "endpoint": receipt.endpoint,
        "model": shown(receipt.model),
        "asked": shown(receipt.asked),
        "target": shown(receipt.target),
        "answered_by": shown(receipt.answered_by),
        "stream": receipt.stream,
        "phase": str(receipt.phase),
        "outcome": str(outcome),
        "cause": receipt.cause,
        "status": STATUS_CLIENT_GONE if gone else receipt.status,
        **_used(receipt.usage),
        "cost_nanos": receipt.cost_nanos,
        "ttft_ms": milliseconds(receipt.began, receipt.first_content_at),
        "duration_ms": milliseconds(receipt.began, receipt.ended),
        "bytes_in": receipt.bytes_in,
        "bytes_out": receipt.bytes_out,
        "attempts": len(receipt.attempts),
        "tried": tried(receipt),
        "hedged": receipt.hedged,
        "resumed": receipt.resumed,
        "drained": receipt.drained,
        **_beside(receipt),
        "lost_tokens_in": sum(
            attempt.usage.input_tokens
            for attempt in receipt.attempts
            if attempt.usage is not None and attempt.outcome == LOST
        ),
        "stale_connections": sum(attempt.stale for attempt in receipt.attempts),
        "malformed_events": receipt.malformed_events,
        **_who(receipt),
    }


def tried(receipt: Receipt) -> str | None:
    """Return the list of attempts, safe to read and bounded; None where there was none."""
    if not receipt.attempts:
        return None
    told = printable(receipt.tried(receipt.began if receipt.ended is None else receipt.ended))
    return told if len(told) <= MAX_TRIED else told[: MAX_TRIED - 1] + "…"


def _beside(receipt: Receipt) -> dict[str, Plain]:
    """Return where an answer came from if from no provider, and what guards have done."""
    return {
        "cache": receipt.cache,
        "shared_with": shown(receipt.shared_with),
        "guards": shown(", ".join(receipt.guards)) or None,
    }


def _used(usage: Usage | None) -> dict[str, Plain]:
    """Return what the answer came to, as far as that is known."""
    return {
        "tokens_in": usage.input_tokens if usage else None,
        "tokens_out": usage.output_tokens if usage else None,
        "cached_tokens": usage.cached_tokens if usage else None,
    }


def _who(receipt: Receipt) -> dict[str, Plain]:
    """Return who asked: by which virtual key, from where."""
    caller = receipt.caller
    return {"key": caller.key or None, "team": caller.team, "peer": receipt.peer}


def shown(text: str | None, most: int = MAX_SHOWN) -> str | None:
    """Return what others chose in a form that is safe to read, and bounded."""
    if text is None:
        return None
    return printable(text if len(text) <= most else text[:most] + "…")


def milliseconds(began: float, then: float | None) -> float | None:
    """Return the time between, to a microsecond."""
    return None if then is None else round((then - began) * 1000, 3)


def spoken(receipt: Receipt, fields: Mapping[str, Plain]) -> str:
    """Tell the request in one line as a person would: what, how it ended, by whom, how long."""
    outcome = fields["outcome"]
    parts = [f"{fields['method']} {fields['path']} {fields['status']} {outcome}"]
    if outcome not in {Outcome.COMPLETED, Outcome.REFUSED}:
        parts[0] += f" {WHEN[Phase(str(fields['phase']))]}"
    if fields["cause"] not in {None, outcome}:
        parts.append(str(fields["cause"]))
    parts += [str(name) for name in (fields["target"] or fields["model"],) if name]
    parts += way_of(receipt)
    if fields["tokens_in"] is not None:
        parts.append(f"{fields['tokens_in']} → {fields['tokens_out']} tokens")
    if fields["ttft_ms"] is not None:
        parts.append(f"first after {fields['ttft_ms']:.0f} ms")
    if fields["duration_ms"] is not None:
        parts.append(f"{fields['duration_ms']:.0f} ms")
    if fields["stale_connections"]:
        parts.append("sent again on a fresh connection")
    parts.append(str(fields["request_id"]))
    return " · ".join(parts)


def way_of(receipt: Receipt) -> list[str]:
    """Tell in few words how an answer came about, where that was not one attempt at one target."""
    told: list[str] = []
    if before := _before(receipt.attempts):
        told.append(f"after {before}")
    if receipt.hedged:
        told.append("raced")
    if receipt.resumed:
        told.append("resumed" if receipt.resumed == 1 else f"resumed {receipt.resumed} times")
    if receipt.asked is not None:
        told.append(f"in place of {shown(receipt.asked)}")
    if receipt.drained:
        told.append("read on without its client")
    if receipt.cache == "hit":
        told.append("from the cache")
    if receipt.shared_with is not None:
        told.append(f"shared with {shown(receipt.shared_with)}")
    return told


def _before(attempts: Sequence[Attempt]) -> str:
    """Tell the attempts before the one that answered, or that failed last; races stand apart."""
    run = [attempt for attempt in attempts if attempt.outcome != LOST]
    last = next((each for each in reversed(run) if each.outcome == COMPLETED), None)
    last = last or (run[-1] if run else None)
    counted = Counter(
        f"{shown(each.target)} {shown(each.outcome, MAX_OUTCOME)}"
        for each in run
        if each is not last and each.outcome != CANCELLED
    )
    told = [
        what if times == 1 else f"{what} ({times} times)"
        for what, times in list(counted.items())[:MOST_TOLD]
    ]
    if more := len(counted) - len(told):
        told.append(f"{more} more")
    return ", ".join(told)
