"""What must hold in every world. Each invariant looks at a record and says what is wrong with it.

They know the plan and the facts, and nothing of how the gateway does it. `check` asks them all;
`test_invariants.py` shows each of them red on a record that was doctored.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from math import inf

from gateway.words.receipt import Outcome, Receipt
from tests.simulation.answers import Reply
from tests.simulation.plan import Plan
from tests.simulation.promises import PROMISES
from tests.simulation.providers import SLOW_READ
from tests.simulation.record import Asked, Guest, Record
from tests.simulation.scripts import Part
from tests.simulation.wishes import Wish
from tests.stage import DONE, KEY

KEEPALIVE = b": keepalive\n\n"
ERROR = b'data: {"error":'
ERROR_KEYS = {"message", "type", "param", "code"}
TRANSIENT = {408, 413, 503}
"""Statuses with which any request may be refused: too slow, too long, no room."""

CONTINUE = len(b"HTTP/1.1 100 Continue\r\n\r\n")

SLACK = 1e-6
"""Seconds by which sums of virtual times may differ."""

MIN_BODY_RATE = 16_384
LONGEST_BODY = 300_000
LAST_WORDS = 5.0
GOODBYES = 6.0
"""Seconds for closing: a look at who is idle, an answer to what is no request, the lingering."""

Invariant = Callable[[Record], Iterator[str]]


def one_receipt_and_one_line(record: Record) -> Iterator[str]:
    """Every accepted request has exactly one receipt and one log line, with the same outcome."""
    if len(record.receipts) != len(record.accepted):
        yield f"{len(record.accepted)} accepted, {len(record.receipts)} receipts"
    if len(record.lines) != len(record.accepted):
        yield f"{len(record.accepted)} accepted, {len(record.lines)} log lines"
    settled = Counter(receipt.request_id for receipt in record.receipts)
    for name, count in Counter(name for name in record.accepted if name).items():
        if settled[name] != count:
            yield f"{name} was accepted {count} times and settled {settled[name]} times"
    told = Counter((line["request_id"], line["outcome"]) for line in record.lines)
    if told != Counter((each.request_id, str(each.outcome)) for each in record.receipts):
        yield "the log lines do not tell what the receipts say"


def receipts_do_not_change(record: Record) -> Iterator[str]:
    """What was settled stays as it was: another thread may be reading it."""
    for name in record.changed:
        yield f"{name} was changed after it was settled"


def bytes_are_counted(record: Record) -> Iterator[str]:
    """Where a client was answered in full, its receipts account for every byte that was written."""
    for guest in record.guests:
        receipts = [receipt for receipt, whose in _with_guests(record) if whose is guest]
        # Where only the connection's end ends an answer, it cannot be seen whether that is all.
        whole = all(reply.whole and not reply.until_close for reply in guest.written)
        counted = sum(receipt.bytes_out for receipt in receipts) + guest.informed * CONTINUE
        if whole and receipts and len(receipts) == len(guest.written) and counted != guest.wrote:
            yield f"{guest.visit.name} was written {guest.wrote} bytes, {counted} are counted"


def every_request_has_an_outcome(record: Record) -> Iterator[str]:
    """Receipts are finished: an outcome, an end, and the outcomes add up."""
    outcomes = Counter(receipt.outcome for receipt in record.receipts)
    if sum(outcomes[outcome] for outcome in Outcome) != len(record.accepted):
        yield f"the outcomes do not add up to {len(record.accepted)}: {outcomes}"
    for receipt in record.receipts:
        if receipt.ended is None:
            yield f"{receipt.request_id} has no end"
        if receipt.outcome is Outcome.INTERNAL:
            yield f"{receipt.request_id} ended in a bug of the gateway's own"


def attempts_are_closed(record: Record) -> Iterator[str]:
    """No attempt is left open, none outlives its call, none is beyond the plan."""
    for receipt in record.receipts:
        if len(receipt.attempts) > 1:
            yield f"{receipt.request_id} made {len(receipt.attempts)} attempts"
        for attempt in receipt.attempts:
            if attempt.ended is None or attempt.outcome == "open":
                yield f"an attempt of {receipt.request_id} is open"
            elif attempt.ended > end_of(receipt):
                yield f"an attempt outlives {receipt.request_id}"


def nothing_is_left(record: Record) -> Iterator[str]:
    """When all is quiet nothing is held: no call, slot, task, socket or wait."""
    for counter in fields(record.rest):
        if count := getattr(record.rest, counter.name):
            yield f"{counter.name} is {count} at rest"


def nobody_reported_a_bug(record: Record) -> Iterator[str]:
    """Whatever happens outside, the gateway's own code has no bug to tell of."""
    for bug in record.bugs:
        yield f"a bug was reported: {bug}"


def limits_are_kept(record: Record) -> Iterator[str]:
    """There are never more connections to a provider than it allows."""
    if record.most_links > record.plan.max_connections:
        yield f"{record.most_links} connections to a provider that allows fewer"


def the_provider_hears_at_once(record: Record) -> Iterator[str]:
    """A client's leaving ends its call and the provider's work at that very moment."""
    for receipt, guest in _with_guests(record):
        if end_of(receipt) > max(guest.gone_at, receipt.began):
            gone = guest.gone_at
            yield f"{receipt.request_id} ended at {end_of(receipt)}, its client was gone at {gone}"
    for asked in record.asked:
        call = _receipt_of(record, asked.call)
        if call is None or _may_be_kept(asked, call):
            continue
        if asked.link.closed_at > end_of(call):
            times = f"{asked.link.closed_at}, {end_of(call)}"
            yield f"link {asked.link.number} outlived {asked.call}: {times}"


def nobody_is_asked_in_vain(record: Record) -> Iterator[str]:
    """No provider is asked before its call began, after it ended or after the client has gone.

    It is asked again only where a kept connection was closed without a byte of an answer (U5).
    """
    before: dict[str, Asked] = {}
    for asked in record.asked:
        receipt, guest = _receipt_of(record, asked.call), record.guest_of(asked.call)
        if receipt is None or guest is None:
            yield f"a provider was asked for {asked.call}, which nobody sent"
            continue
        if not receipt.began <= asked.began <= min(end_of(receipt), guest.gone_at):
            yield f"{asked.call} was asked for at {asked.began}, outside of its time"
        first = before.setdefault(asked.call, asked)
        heard = first.link.taken > first.taken_before
        if first is not asked and (first.fresh or heard or not asked.fresh):
            yield f"{asked.call} was asked for twice"


def the_answer_is_a_prefix(record: Record) -> Iterator[str]:
    """What a client is told is what its provider said, in order, byte for byte, and no more."""
    for guest in record.guests:
        if guest.complaint:
            yield f"{guest.visit.name} cannot read its answers: {guest.complaint}"
    for wish, reply in _answers(record):
        asked = _last_asked(record, wish.id)
        if not wish.chats or reply.status != 200:
            continue
        if asked is None:
            if misled(bytes(reply.body), ()) if reply.streams else reply.whole:
                yield f"{wish.id} was told what nobody said"
        elif asked.script.exact:
            body = bytes(reply.body)
            wrong = misled(body, asked.said) if reply.streams else _is_other(reply, asked)
            if wrong:
                yield f"{wish.id} was told what its provider did not say: {wrong}"


def _is_other(reply: Reply, asked: Asked) -> str:
    body, whole = bytes(reply.body), asked.script.body or b""
    # Where only the connection's end ends the body, its being cut cannot be seen.
    certain = reply.whole and not reply.until_close
    return "" if body == whole or (not certain and whole.startswith(body)) else repr(body[:80])


def misled(body: bytes, said: Iterable[Part]) -> str:
    """Say where a stream leaves what was said; nothing where it does not."""
    rest = body
    for part in said:
        while rest.startswith(KEEPALIVE):
            rest = rest[len(KEEPALIVE) :]
        if part.closes:
            break
        if part.told is None:
            continue
        if not rest.startswith(part.told):
            return "" if _may_end_so(rest, part.told) else repr(rest[:80])
        rest = rest[len(part.told) :]
    while rest.startswith(KEEPALIVE):
        rest = rest[len(KEEPALIVE) :]
    return "" if _may_end_so(rest, DONE) else repr(rest[:80])


def _may_end_so(rest: bytes, next_part: bytes) -> bool:
    """Say whether a stream may break off like this: within a part, or with one error told."""
    if next_part.startswith(rest) or KEEPALIVE.startswith(rest) or ERROR.startswith(rest):
        return True
    return rest.startswith(ERROR) and rest.find(b"\n\n") in {-1, len(rest) - 2}


def done_is_earned(record: Record) -> Iterator[str]:
    """`[DONE]` comes only after the provider's last word, once, and never after an error."""
    for wish, reply in _answers(record):
        if not reply.streams:
            continue
        body = bytes(reply.body)
        asked, receipt = _last_asked(record, wish.id), _receipt_of(record, wish.id)
        completed = receipt is not None and receipt.outcome is Outcome.COMPLETED
        if body.count(DONE) > 1 or (DONE in body and not body.endswith(DONE)):
            yield f"{wish.id} was told [DONE] in the middle"
        if DONE not in body:
            if reply.whole and (completed or not reply.until_close):
                yield f"{wish.id} has an end without [DONE]"
            continue
        if asked is None or not (asked.ended or not asked.script.exact):
            yield f"{wish.id} was told [DONE], which its provider had not said"
        if b"\n" + ERROR in body or body.startswith(ERROR):
            yield f"{wish.id} was told [DONE] after an error"
        if reply.whole and not completed:
            yield f"{wish.id} was told [DONE] and is settled as something else"


def what_is_complete_was_written(record: Record) -> Iterator[str]:
    """A completed call's answer was written whole, and no other stream has an end."""
    for receipt, guest in _with_guests(record):
        reply = _reply_to(guest.visit.wishes, guest.written, receipt.request_id)
        completed = receipt.outcome is Outcome.COMPLETED
        if completed and not (reply is not None and reply.whole):
            yield f"{receipt.request_id} is said to be complete, and was not written whole"
        if reply is None:
            continue
        ended = reply.whole and reply.streams and not reply.until_close
        if ended and not completed:
            yield f"{receipt.request_id} is {receipt.outcome}, and its stream has an end"
        if reply.status != receipt.status:
            yield f"{receipt.request_id} was told {reply.status}, not {receipt.status}"


def answers_are_for_their_requests(record: Record) -> Iterator[str]:
    """Each answer is the one to its request: its id, its status, the shape of its error."""
    for wish, reply in _answers(record):
        if wish.id in record.accepted and reply.fields.get("x-request-id") != wish.id:
            yield f"{wish.id} got the answer to {reply.fields.get('x-request-id')}"
        if wish.statuses and reply.status not in {*wish.statuses, *TRANSIENT}:
            yield f"{wish.id}, {wish.kind}, was answered {reply.status}"
        refused = reply.whole and reply.status >= 400 and not reply.until_close
        if refused and wish.method != "HEAD" and not _is_error(bytes(reply.body)):
            yield f"{wish.id} was told an error in no known shape: {bytes(reply.body)[:80]!r}"


def only_what_was_sent_is_accepted(record: Record) -> Iterator[str]:
    """No request is made of another's body, none twice, none out of its turn."""
    left = list(record.accepted)
    for guest in record.guests:
        clean = [wish.id for wish in guest.visit.wishes if wish.clean]
        accepted = [name for name in record.accepted if name in clean]
        if accepted != clean[: len(accepted)]:
            yield f"{guest.visit.name} sent {clean}, accepted were {accepted}"
        left = [name for name in left if name not in clean]
    if left:
        yield f"accepted, though nobody sent them: {left}"


def _is_error(body: bytes) -> bool:
    try:
        told = json.loads(body)
    except ValueError:
        return False
    return bool(told == {"status": "draining"} or told.get("error", {}).keys() == ERROR_KEYS)


def no_secret_is_told(record: Record) -> Iterator[str]:
    """The gateway's own key reaches no client and no log line, though a provider says it."""
    for wish, reply in _answers(record):
        if KEY.encode() in reply.body or KEY in str(reply.fields):
            yield f"{wish.id} was told the key"
    for line in record.lines:
        if KEY in json.dumps(line):
            yield f"the log tells the key: {line}"


def usage_is_the_last_that_was_said(record: Record) -> Iterator[str]:
    """Of several usages the last counts, and they are never summed (U27)."""
    for receipt in record.receipts:
        asked = _last_asked(record, receipt.request_id)
        if receipt.outcome is not Outcome.COMPLETED or asked is None or not receipt.stream:
            continue
        if asked.script.exact:
            told = [part.usage for part in asked.said if part.usage is not None]
            usage = receipt.usage
            counted = None if usage is None else (usage.input_tokens, usage.output_tokens)
            if counted != (told[-1] if told else None):
                yield f"{receipt.request_id} counts {counted}, its provider said {told}"


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
    for receipt, guest in _with_guests(record):
        if guest.visit.calm and end_of(receipt) > _silent_until(record, receipt) + SLACK:
            yield f"{receipt.request_id} outlived the silence of its provider"
    for guest in record.guests:
        ends = [end_of(receipt) for receipt, whose in _with_guests(record) if whose is guest]
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
    asked = _last_asked(record, receipt.request_id)
    clocks = record.plan.timeouts
    if not receipt.stream or asked is None or not asked.link.fate.calm or not asked.script.exact:
        return inf
    said = list(zip(asked.said, asked.said_at, strict=True))
    if not any(part.content for part, _ in said):
        return receipt.attempts[-1].began + clocks.first_token
    return max(moment for part, moment in said if not part.silent) + clocks.idle


def a_drain_lets_calls_end(record: Record) -> Iterator[str]:
    """A call is stopped only when its time to end has passed, or by an operator's own word."""
    orders, calls = record.plan.orders, record.plan.config.calls
    patience = orders.drain_at + calls.drain_delay + calls.drain_timeout
    for receipt in record.receipts:
        if receipt.outcome is Outcome.STOPPED:
            allowed = min(patience, orders.stop_at, orders.cancel_at)
            if end_of(receipt) < allowed - SLACK:
                yield f"{receipt.request_id} was stopped at {end_of(receipt)}, before {allowed}"


def a_calm_client_gets_it_all(record: Record) -> Iterator[str]:
    """Who stays and reads gets every answer whole, and of a stream every event."""
    for receipt, guest in _with_guests(record):
        asked = _last_asked(record, receipt.request_id)
        if not guest.visit.calm or receipt.outcome is not Outcome.COMPLETED or asked is None:
            continue
        reply = _reply_to(guest.visit.wishes, guest.replies, receipt.request_id)
        if reply is None or not reply.whole:
            yield f"{receipt.request_id} is said to be complete, and came in part"
        elif reply.streams and asked.script.exact:
            body = bytes(reply.body).replace(KEEPALIVE, b"")
            closing = next((i for i, part in enumerate(asked.said) if part.closes), None)
            if body != b"".join(part.told or b"" for part in asked.said[:closing]) + DONE:
                yield f"{receipt.request_id} is said to be complete, and lacks events"


def a_calm_call_ends_as_it_should(record: Record) -> Iterator[str]:
    """Where nothing interferes, the provider's script alone says how the call ends."""
    plan = record.plan
    if not (plan.orders.calm and plan.roomy):
        return
    for guest in record.guests:
        closed = False
        for wish in guest.visit.wishes if guest.visit.calm else ():
            receipt = _receipt_of(record, wish.id)
            if receipt is None and wish.clean and not closed:
                yield f"{wish.id} was never accepted"
            reply = _reply_to(guest.visit.wishes, guest.replies, wish.id)
            closed |= reply is None or not reply.whole or reply.fields["connection"] == "close"
            expected = _expected(record, wish.id)
            if receipt is not None and expected and receipt.outcome not in expected:
                yield f"{wish.id} ended as {receipt.outcome} ({receipt.cause}), not {expected}"


def _expected(record: Record, call: str) -> set[str]:
    """Return the outcomes that a call may have, empty where that cannot be said."""
    plan = record.plan
    asked = [each for each in record.asked if each.call == call]
    if not all(each.link.fate.calm and not each.script.stale for each in asked) or not asked:
        return set()
    last = asked[-1]
    if not (last.fresh or last.said):
        return set()  # a kept connection broke: whatever became of the fresh one ended it (U5)
    script = last.script
    expected = set(script.outcomes)
    clocks = plan.timeouts
    waits = script.waits + (SLOW_READ if script.reads == "slow" else 0.0)
    if script.longest_wait >= min(clocks.first_token, clocks.idle) or waits >= clocks.total:
        expected.add(Outcome.TIMEOUT)
    if script.bulk > plan.answers.max_event_bytes or script.bulk > plan.answers.max_answer_bytes:
        expected = {Outcome.UPSTREAM_ERROR}
    return expected


def end_of(receipt: Receipt) -> float:
    """Return when a call ended; never where it has not."""
    return inf if receipt.ended is None else receipt.ended


def _answers(record: Record) -> Iterator[tuple[Wish, Reply]]:
    """Yield every answer with what it answers: as it was written, and as it was read."""
    for guest in record.guests:
        for replies in (guest.written, guest.replies):
            yield from zip(guest.visit.wishes, replies, strict=False)


def _with_guests(record: Record) -> Iterator[tuple[Receipt, Guest]]:
    for receipt in record.receipts:
        guest = record.guest_of(receipt.request_id)
        if guest is not None:
            yield receipt, guest


def _receipt_of(record: Record, call: str) -> Receipt | None:
    return next((each for each in record.receipts if each.request_id == call), None)


def _reply_to(wishes: Iterable[Wish], replies: Iterable[Reply], call: str) -> Reply | None:
    pairs = zip(wishes, replies, strict=False)
    return next((reply for wish, reply in pairs if wish.id == call), None)


def _last_asked(record: Record, call: str) -> Asked | None:
    return next((each for each in reversed(record.asked) if each.call == call), None)


def _may_be_kept(asked: Asked, receipt: Receipt) -> bool:
    """Say whether the connection may live on: its answer was read to its last word."""
    if receipt.attempts and receipt.attempts[-1].outcome in {"cancelled", "open"}:
        return False
    return asked.ended or asked.over or asked.script.body is not None


INVARIANTS: tuple[Invariant, ...] = (
    one_receipt_and_one_line,
    receipts_do_not_change,
    bytes_are_counted,
    every_request_has_an_outcome,
    attempts_are_closed,
    nothing_is_left,
    nobody_reported_a_bug,
    limits_are_kept,
    the_provider_hears_at_once,
    nobody_is_asked_in_vain,
    the_answer_is_a_prefix,
    done_is_earned,
    what_is_complete_was_written,
    answers_are_for_their_requests,
    only_what_was_sent_is_accepted,
    no_secret_is_told,
    usage_is_the_last_that_was_said,
    nothing_waits_longer_than_its_clock,
    a_drain_lets_calls_end,
    a_calm_client_gets_it_all,
    a_calm_call_ends_as_it_should,
    *PROMISES,
)


def check(record: Record) -> list[str]:
    """Return all that is wrong, each with the name of the invariant that says so."""
    return [
        f"{invariant.__name__}: {problem}"
        for invariant in INVARIANTS
        for problem in invariant(record)
    ]
