"""The tap that writes one line for each accepted request, whatever became of it.

It says nothing of what was asked or answered (R21).
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from gateway.endpoints import ENDPOINTS
from gateway.telemetry.lines import Line, Plain, printable
from gateway.telemetry.log import Log
from gateway.words.receipt import STATUS_CLIENT_GONE, Outcome, Phase, Receipt

PROBES = frozenset(endpoint.operation for endpoint in ENDPOINTS if endpoint.probe)

MAX_SHOWN = 200
"""Characters of what a client or a provider chose: path, model, id."""

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
        return Line(self.at_ns, self.level, "request", fields_of(self.receipt), spoken)


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
    usage = receipt.usage
    gone = outcome is Outcome.CLIENT_GONE
    return {
        "request_id": shown(receipt.request_id),
        "method": shown(receipt.method),
        "path": shown(receipt.path.partition("?")[0]),
        "endpoint": receipt.endpoint,
        "model": shown(receipt.model),
        "target": shown(receipt.target),
        "answered_by": shown(receipt.answered_by),
        "stream": receipt.stream,
        "phase": str(receipt.phase),
        "outcome": str(outcome),
        "cause": receipt.cause,
        "status": STATUS_CLIENT_GONE if gone else receipt.status,
        "tokens_in": usage.input_tokens if usage else None,
        "tokens_out": usage.output_tokens if usage else None,
        "cached_tokens": usage.cached_tokens if usage else None,
        "ttft_ms": milliseconds(receipt.began, receipt.first_content_at),
        "duration_ms": milliseconds(receipt.began, receipt.ended),
        "bytes_in": receipt.bytes_in,
        "bytes_out": receipt.bytes_out,
        "attempts": len(receipt.attempts),
        "stale_connections": sum(attempt.stale for attempt in receipt.attempts),
        "malformed_events": receipt.malformed_events,
        "peer": receipt.peer,
    }


def shown(text: str | None) -> str | None:
    """Return what others chose in a form that is safe to read, and bounded."""
    if text is None:
        return None
    return printable(text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…")


def milliseconds(began: float, then: float | None) -> float | None:
    """Return the time between, to a microsecond."""
    return None if then is None else round((then - began) * 1000, 3)


def spoken(fields: Mapping[str, Plain]) -> str:
    """Tell the request in one line as a person would: what, how it ended, by whom, how long."""
    outcome = fields["outcome"]
    parts = [f"{fields['method']} {fields['path']} {fields['status']} {outcome}"]
    if outcome not in {Outcome.COMPLETED, Outcome.REFUSED}:
        parts[0] += f" {WHEN[Phase(str(fields['phase']))]}"
    if fields["cause"] not in {None, outcome}:
        parts.append(str(fields["cause"]))
    parts += [str(name) for name in (fields["target"] or fields["model"],) if name]
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
