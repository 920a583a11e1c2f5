"""What must hold in every world. Each invariant looks at a record and says what is wrong with it.

They know the plan and the facts, and nothing of how the gateway does it. `check` asks them all;
`test_invariants.py` shows each of them red on a record that was doctored.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields

from gateway.words.receipt import Attempt, Outcome
from tests.simulation.admissions import ADMISSIONS
from tests.simulation.answers import Reply
from tests.simulation.attempts import ATTEMPTS
from tests.simulation.clocks import nothing_waits_longer_than_its_clock
from tests.simulation.facts import (
    ERROR,
    KEEPALIVE,
    SLACK,
    answers,
    asked_for,
    attempts_of,
    crashed,
    end_of,
    misled,
    over_at,
    receipt_of,
    reply_to,
    tellers,
    text_in,
    texts_of,
    tried,
    up_to_end,
    whole_text_in,
    with_guests,
)
from tests.simulation.money import MONEY, is_spent_out
from tests.simulation.promises import PROMISES
from tests.simulation.providers import SLOW_READ
from tests.simulation.record import Asked, Record
from tests.simulation.tills import CRASH
from tests.simulation.wishes import Wish
from tests.stage import DONE, KEY

ERROR_KEYS = {"message", "type", "param", "code"}
TRANSIENT = {408, 413, 503}
"""Statuses with which any request may be refused: too slow, too long, no room."""

CONTINUE = len(b"HTTP/1.1 100 Continue\r\n\r\n")

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
        receipts = [receipt for receipt, whose in with_guests(record) if whose is guest]
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
        if receipt.outcome is Outcome.INTERNAL and receipt.request_id not in crashed(record):
            yield f"{receipt.request_id} ended in a bug of the gateway's own"


def nothing_is_left(record: Record) -> Iterator[str]:
    """When all is quiet nothing is held: no call, slot, task, socket or wait."""
    for counter in fields(record.rest):
        if count := getattr(record.rest, counter.name):
            yield f"{counter.name} is {count} at rest"


def nobody_reported_a_bug(record: Record) -> Iterator[str]:
    """Whatever happens outside, the gateway has no bug to tell of but what is planned."""
    planned = [bug for bug in record.bugs if CRASH in bug]
    if len(planned) != len(crashed(record)):
        yield f"{len(planned)} bugs of the ledger were reported, of {len(crashed(record))}"
    for bug in record.bugs:
        if bug not in planned:
            yield f"a bug was reported: {bug}"


def limits_are_kept(record: Record) -> Iterator[str]:
    """There are never more connections to a provider than it allows."""
    if record.most_links > record.plan.max_connections:
        yield f"{record.most_links} connections to a provider that allows fewer"


def the_provider_hears_at_once(record: Record) -> Iterator[str]:
    """A client's leaving ends its call and the provider's work at that very moment.

    Unless the answer is read on: then the call ends later, and the provider's work with it.
    """
    for receipt, guest in with_guests(record):
        if not receipt.drained and end_of(receipt) > max(guest.gone_at, receipt.began):
            gone = guest.gone_at
            yield f"{receipt.request_id} ended at {end_of(receipt)}, its client was gone at {gone}"
    for asked in record.asked:
        call = receipt_of(record, asked.call)
        attempts = [] if call is None else attempts_of(call, asked)
        raced = record.plan.routing.conduct.hedge_after > 0.0
        if not attempts or any(_may_be_kept(asked, each, raced=raced) for each in attempts):
            continue
        if asked.link.closed_at > (over := max(map(over_at, attempts))):
            times = f"{asked.link.closed_at}, {over}"
            yield f"link {asked.link.number} outlived its attempt for {asked.call}: {times}"


def nobody_is_asked_in_vain(record: Record) -> Iterator[str]:
    """No provider is asked before its call began, after it ended or after the client has gone."""
    for asked in record.asked:
        receipt, guest = receipt_of(record, asked.call), record.guest_of(asked.call)
        if receipt is None or guest is None:
            yield f"a provider was asked for {asked.call}, which nobody sent"
            continue
        if not receipt.began <= asked.began <= min(end_of(receipt), guest.gone_at):
            yield f"{asked.call} was asked for at {asked.began}, outside of its time"


def the_answer_is_a_prefix(record: Record) -> Iterator[str]:
    """What a client is told is what one provider said, in order, byte for byte, and no more.

    Where an answer was joined its text is compared: it is that of one of those who were asked.
    """
    for guest in record.guests:
        if guest.complaint:
            yield f"{guest.visit.name} cannot read its answers: {guest.complaint}"
    for wish, reply in answers(record):
        if not wish.chats or reply.status != 200:
            continue
        body, asked = bytes(reply.body), asked_for(record, wish.id)
        if not asked:
            if misled(body, ()) if reply.streams else reply.whole:
                yield f"{wish.id} was told what nobody said"
        elif reply.streams:
            if not tellers(record, wish, body):
                yield f"{wish.id} was told what its provider did not say: {_astray(body, asked)}"
        elif all(_is_other(wish, reply, each) for each in asked):
            yield f"{wish.id} was told what its provider did not say: {body[:80]!r}"


def _astray(body: bytes, asked: list[Asked]) -> str:
    return " or ".join(misled(body, each.said) or text_in(body) for each in asked)


def _is_other(wish: Wish, reply: Reply, asked: Asked) -> bool:
    body, whole = bytes(reply.body), asked.script.body or b""
    if wish.form != "chat":
        certain = reply.whole and not reply.until_close
        return certain and asked.script.exact and body != whole_text_in(whole).encode()
    # Where only the connection's end ends the body, its being cut cannot be seen.
    certain = reply.whole and not reply.until_close
    return asked.script.exact and body != whole and (certain or not whole.startswith(body))


def done_is_earned(record: Record) -> Iterator[str]:
    """`[DONE]` comes only after the provider's last word, once, and never after an error."""
    for wish, reply in answers(record):
        if not reply.streams:
            continue
        body = bytes(reply.body)
        receipt = receipt_of(record, wish.id)
        completed = receipt is not None and receipt.outcome is Outcome.COMPLETED
        if body.count(DONE) > 1 or (DONE in body and not body.endswith(DONE)):
            yield f"{wish.id} was told [DONE] in the middle"
        if DONE not in body:
            if reply.whole and (completed or not reply.until_close):
                yield f"{wish.id} has an end without [DONE]"
            continue
        if not any(each.ended or not each.script.exact for each in tellers(record, wish, body)):
            yield f"{wish.id} was told [DONE], which its provider had not said"
        if b"\n" + ERROR in body or body.startswith(ERROR):
            yield f"{wish.id} was told [DONE] after an error"
        if reply.whole and not completed:
            yield f"{wish.id} was told [DONE] and is settled as something else"


def what_is_complete_was_written(record: Record) -> Iterator[str]:
    """A completed call's answer was written whole, and no other stream has an end."""
    for receipt, guest in with_guests(record):
        reply = reply_to(guest.visit.wishes, guest.written, receipt.request_id)
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
    for wish, reply in answers(record):
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
    for wish, reply in answers(record):
        if KEY.encode() in reply.body or KEY in str(reply.fields):
            yield f"{wish.id} was told the key"
    for line in record.lines:
        if KEY in json.dumps(line):
            yield f"the log tells the key: {line}"


def usage_is_the_last_that_was_said(record: Record) -> Iterator[str]:
    """Of several usages the last counts, and they are never summed (U27)."""
    for receipt, wish, guest in tried(record):
        reply = reply_to(guest.visit.wishes, guest.written, receipt.request_id)
        if receipt.outcome is not Outcome.COMPLETED or reply is None or not receipt.stream:
            continue
        usage = None if receipt.usage_quality == "estimated" else receipt.usage
        counted = None if usage is None else (usage.input_tokens, usage.output_tokens)
        asked = tellers(record, wish, bytes(reply.body))
        last = [(_usages(each) or [None])[-1] for each in asked if each.script.exact]
        if receipt.resumed:  # what was compared, and not told, tells no usage either
            last = [None, *(usage for each in asked for usage in _usages(each))]
        if last and counted not in last:
            yield f"{receipt.request_id} counts {counted}, its provider said {last}"


def _usages(asked: Asked) -> list[tuple[int, int] | None]:
    return [part.usage for part in asked.said if part.usage is not None]


def a_drain_lets_calls_end(record: Record) -> Iterator[str]:
    """A call is stopped only when its time to end has passed, or by an operator's own word.

    What its money does to it is told elsewhere.
    """
    orders, calls = record.plan.orders, record.plan.config.calls
    patience = orders.drain_at + calls.drain_delay + calls.drain_timeout
    for receipt in record.receipts:
        if receipt.outcome is Outcome.STOPPED and not is_spent_out(receipt):
            allowed = min(patience, orders.stop_at, orders.cancel_at)
            if end_of(receipt) < allowed - SLACK:
                yield f"{receipt.request_id} was stopped at {end_of(receipt)}, before {allowed}"


def a_calm_client_gets_it_all(record: Record) -> Iterator[str]:
    """Who stays and reads gets every answer whole, and of a stream every event."""
    for receipt, guest in with_guests(record):
        if not guest.visit.calm or receipt.outcome is not Outcome.COMPLETED:
            continue
        if not receipt.attempts:
            continue
        reply = reply_to(guest.visit.wishes, guest.replies, receipt.request_id)
        if reply is None or not reply.whole:
            yield f"{receipt.request_id} is said to be complete, and came in part"
        elif reply.streams:
            body, wish = bytes(reply.body), record.plan.wish(receipt.request_id)
            told = tellers(record, wish, body)
            joined = receipt.resumed > 0
            if all(_lacks(wish, each, body, joined=joined) for each in told):
                yield f"{receipt.request_id} is said to be complete, and lacks events"


def _lacks(wish: Wish, asked: Asked, body: bytes, *, joined: bool) -> bool:
    """Say whether a stream is less than all that was said; in other words the text counts."""
    if joined:
        return text_in(body) not in texts_of(asked)
    if wish.form != "chat":
        return asked.script.exact and text_in(body) not in texts_of(asked)
    said = b"".join(part.told or b"" for part in up_to_end(asked.said)) + DONE
    return asked.script.exact and body.replace(KEEPALIVE, b"") != said


def a_calm_call_ends_as_it_should(record: Record) -> Iterator[str]:
    """Where nothing interferes, the provider's script alone says how the call ends."""
    plan = record.plan
    if not (plan.orders.calm and plan.roomy):
        return
    for guest in record.guests:
        closed = False
        for wish in guest.visit.wishes if guest.visit.calm else ():
            receipt = receipt_of(record, wish.id)
            if receipt is None and wish.clean and not closed:
                yield f"{wish.id} was never accepted"
            reply = reply_to(guest.visit.wishes, guest.replies, wish.id)
            closed |= reply is None or not reply.whole or reply.fields["connection"] == "close"
            expected = _expected(record, wish.id)
            if receipt is not None and expected and receipt.outcome not in expected:
                yield f"{wish.id} ended as {receipt.outcome} ({receipt.cause}), not {expected}"


def _expected(record: Record, call: str) -> set[str]:
    """Return the outcomes that a call may have, empty where that cannot be said."""
    plan = record.plan
    asked, receipt = asked_for(record, call), receipt_of(record, call)
    if receipt is None or len(receipt.attempts) > 1:
        return set()  # others could answer: what is said of attempts must do
    if not all(each.link.fate.calm and not each.script.stale for each in asked) or not asked:
        return set()
    last = asked[-1]
    if not (last.fresh or last.said):
        return set()  # a kept connection broke: whatever became of the fresh one ended it (U5)
    script = last.script
    expected = set(script.outcomes)
    if is_spent_out(receipt):
        expected.add(Outcome.STOPPED)
    clocks = plan.timeouts
    waits = script.waits + (SLOW_READ if script.reads == "slow" else 0.0)
    asks = plan.wish(call).asks
    total = min(clocks.total, asks.total, asks.patience) / len(plan.routing.places)
    patience = min(clocks.first_token, clocks.idle, asks.patience)
    if script.longest_wait >= patience or waits >= total:
        expected.add(Outcome.TIMEOUT)
    if script.bulk > plan.answers.max_event_bytes or script.bulk > plan.answers.max_answer_bytes:
        expected = {Outcome.UPSTREAM_ERROR}
    return expected


def _may_be_kept(asked: Asked, attempt: Attempt, *, raced: bool) -> bool:
    """Say whether the connection may live on: its answer was read to its last word."""
    if attempt.outcome in {"cancelled", "open", "lost"}:
        # It has spoken in whole before it was known who has won.
        return raced and (asked.ended or asked.script.body is not None)
    return asked.ended or asked.over or asked.script.body is not None


INVARIANTS: tuple[Invariant, ...] = (
    one_receipt_and_one_line,
    receipts_do_not_change,
    bytes_are_counted,
    every_request_has_an_outcome,
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
    *ATTEMPTS,
    *PROMISES,
    *ADMISSIONS,
    *MONEY,
)


def check(record: Record) -> list[str]:
    """Return all that is wrong, each with the name of the invariant that says so."""
    return [
        f"{invariant.__name__}: {problem}"
        for invariant in INVARIANTS
        for problem in invariant(record)
    ]
