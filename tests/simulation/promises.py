"""More of what must hold in every world: what planted bugs have shown to be worth a look."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from math import inf

from gateway.words.receipt import Outcome, Receipt
from tests.simulation.network import CALM
from tests.simulation.plan import Appetite, Visit
from tests.simulation.record import Record

SLACK = 1e-6
"""Seconds by which sums of virtual times may differ."""

FAREWELLS = (b'"gateway_shutdown"', b'"cancelled_by_operator"', b'"insufficient_quota"')


def no_write_waits_longer_than_its_clock(record: Record) -> Iterator[str]:
    """C9: a client that takes nothing is cut in time, also while it is told why its call ended."""
    most = record.plan.config.clocks.write_timeout
    for guest in record.guests:
        if guest.longest_write > most + SLACK:
            yield f"a write to {guest.visit.name} waited {guest.longest_write} seconds, not {most}"


def no_more_calls_than_may_be(record: Record) -> Iterator[str]:
    """No more calls are in work at once than may be."""
    asked = [receipt for receipt in record.receipts if receipt.attempts]
    for receipt in asked:
        open_then = [each for each in asked if each.began <= receipt.began < _end_of(each)]
        if len(open_then) > record.plan.max_calls:
            yield f"{len(open_then)} calls at {receipt.began}, {record.plan.max_calls} may be"


def nobody_waits_in_vain(record: Record) -> Iterator[str]:
    """Who waits for a slot has one as soon as there is one."""
    if record.waited_in_vain:
        yield "a call waited for a slot, and there was one"


def who_is_stopped_is_told(record: Record) -> Iterator[str]:
    """G1: a client that reads is told that its call was stopped; what it has is not torn."""
    for guest in record.guests:
        visit = guest.visit
        reads = visit.appetite == Appetite() and visit.back == CALM
        if not reads or visit.sealed:  # under TLS a write that was cut may be half out
            continue
        for wish, reply in zip_longest(visit.wishes, guest.replies):
            receipt = next((each for each in record.receipts if each.request_id == wish.id), None)
            if receipt is None or receipt.outcome is not Outcome.STOPPED:
                continue
            heard = b"" if reply is None else reply.body
            in_time = _end_of(receipt) < min(record.plan.orders.stop_at, guest.left_at)
            codes = FAREWELLS if wish.form != "messages" else (b'"error"',)  # it knows no codes
            if in_time and not any(code in heard for code in codes):
                yield f"{wish.id} was stopped, and its client was not told"


def no_request_is_forgotten(record: Record) -> Iterator[str]:
    """C14: requests that came together are all answered, unless one answer is the last."""
    if not (record.plan.orders.calm and record.plan.roomy):
        return
    for guest in record.guests:
        if not _prompt(guest.visit):
            continue
        answered = guest.replies
        last = answered[-1] if answered else None
        over = last is not None and (not last.whole or last.fields.get("connection") == "close")
        if len(answered) < len(guest.visit.wishes) and not over:
            yield f"{guest.visit.name} asked {len(guest.visit.wishes)} times, heard {len(answered)}"


def _prompt(visit: Visit) -> bool:
    """Say whether a client sends and reads at once and stays; it may send all at once."""
    return replace(visit, pipelines=False).calm


def _end_of(receipt: Receipt) -> float:
    return inf if receipt.ended is None else receipt.ended


PROMISES = (
    no_write_waits_longer_than_its_clock,
    no_more_calls_than_may_be,
    nobody_waits_in_vain,
    who_is_stopped_is_told,
    no_request_is_forgotten,
)
