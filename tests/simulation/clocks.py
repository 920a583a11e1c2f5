"""That nothing takes longer than it may, whatever happens: calls, connections, a drain, a world."""

from collections.abc import Iterator
from math import inf

from gateway.words.receipt import Receipt
from tests.simulation.facts import SLACK, asked_for, end_of, tried, with_guests
from tests.simulation.plan import Plan
from tests.simulation.record import Record

MIN_BODY_RATE = 16_384
LONGEST_BODY = 300_000
LAST_WORDS = 5.0
GOODBYES = 6.0
"""Seconds for closing: a look at who is idle, an answer to what is no request, the lingering."""


def nothing_waits_longer_than_its_clock(record: Record) -> Iterator[str]:
    """A call ends within its total time and a write's; what is idle and a drain within theirs."""
    plan = record.plan
    clocks, http, calls = plan.config.clocks, plan.config.http, plan.config.calls
    body = http.body_timeout + min(http.max_body_bytes, LONGEST_BODY) / MIN_BODY_RATE
    most = max(plan.timeouts.total, body) + clocks.write_timeout
    for receipt in record.receipts:
        took = end_of(receipt) - receipt.began
        if took > most + SLACK:
            yield f"{receipt.request_id} took {took} seconds, its clocks allow {most}"
    for receipt, wish, _ in tried(record):
        latest = max(receipt.attempts[0].began, receipt.began + wish.asks.total)
        if end_of(receipt) > latest + clocks.write_timeout + SLACK:
            yield f"{receipt.request_id} outlived the time that it was given"
    for receipt, guest in with_guests(record):
        if guest.visit.calm and end_of(receipt) > _silent_until(record, receipt) + SLACK:
            yield f"{receipt.request_id} outlived the silence of its provider"
    for guest in record.guests:
        ends = [end_of(receipt) for receipt, whose in with_guests(record) if whose is guest]
        active = max([guest.heard_at, *ends, guest.opened_at if guest.opened_at < inf else 0.0])
        if guest.closed_at < inf and guest.closed_at > active + _idle_time(plan) + SLACK:
            yield f"{guest.visit.name} was kept from {active} to {guest.closed_at}"
    drain = calls.drain_delay + calls.drain_timeout + clocks.write_timeout + LAST_WORDS
    if record.drained_in > drain + SLACK:
        yield f"the drain took {record.drained_in} seconds, its clocks allow {drain}"
    if not record.quiet:
        yield "the world did not come to rest"


def _idle_time(plan: Plan) -> float:
    http = plan.config.http
    return max(http.keep_alive, http.head_timeout) + GOODBYES


def _silent_until(record: Record, receipt: Receipt) -> float:
    """Return when a stream must have ended because its provider said nothing that counts."""
    seen = asked_for(record, receipt.request_id)
    clocks = record.plan.timeouts
    if not receipt.stream or not seen or len(receipt.attempts) > 1:
        return inf
    asked = seen[-1]
    if not asked.link.fate.calm or not asked.script.exact:
        return inf
    said = list(zip(asked.said, asked.said_at, strict=True))
    if not any(part.content for part, _ in said):
        return receipt.attempts[-1].began + clocks.first_token
    return max(moment for part, moment in said if not part.silent) + clocks.idle
