"""Each invariant can fail: a record that was doctored shows it red, and the sound one does not."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from gateway.policy.health import State
from gateway.policy.prices import Price
from gateway.words.answer import Usage
from gateway.words.budget import Budget
from gateway.words.caller import Limits
from gateway.words.receipt import Attempt, Outcome, Receipt
from tests.simulation.answers import Reply
from tests.simulation.facts import KEEPALIVE, misled
from tests.simulation.fates import Fate
from tests.simulation.invariants import INVARIANTS, check
from tests.simulation.plan import Leaving, Orders, Plan, Visit, draw_plan
from tests.simulation.record import Asked, Entry, Guest, Link, Record, Rest, Spent
from tests.simulation.routing import Place, Routing
from tests.simulation.scripts import Part, Say, Script, end_part, stop_part, text, usage_part
from tests.simulation.tills import Holder, Till
from tests.simulation.wishes import Asks, Wish
from tests.stage import DONE, KEY, event, post

FIRST, SECOND = text(event("one "), content=True), text(event("two"), content=True)
WISH = Wish("c0-0", "chat", post(b"{}"), stream=True, chats=True, holder="one")
HEALTH = Wish("c0-1", "GET /healthz", b"GET /healthz HTTP/1.1\r\n\r\n", "GET", statuses=(200,))
SAID = [FIRST, SECOND, stop_part(), usage_part(WISH), end_part()]
BODY = b"".join(part.told or b"" for part in SAID) + DONE


BUDGET = Budget(10_000_000, "hour", alert=(0.0001,))
TILL = Till((Holder("one", budgets=(BUDGET,)),), prices={"up/m-1": Price(1_000_000, 1_000_000)})
COST = 5_000
"""Nano-dollars for the three tokens asked and the two answered."""


def a_plan() -> Plan:
    drawn = draw_plan(0)
    visit = Visit("c0", 0.0, (WISH, HEALTH))
    return replace(
        drawn, visits=(visit,), orders=Orders(), max_calls=100, max_connections=100, most=100,
        till=TILL,
    )  # fmt: skip


def a_line(receipt: Receipt) -> dict[str, object]:
    return {"request_id": receipt.request_id, "outcome": str(receipt.outcome)}


def a_record() -> Record:
    """A world in which one stream and one probe went well."""
    plan = a_plan()
    chat = Receipt("c0-0", "POST", "/v1/chat/completions", "peer", 1.0, stream=True, status=200)
    chat.attempts = [Attempt("up/m-1", 1.0, 3.0, "completed")]
    chat.model, chat.usage, chat.cost_nanos, chat.usage_quality = "m", Usage(3, 2), COST, "exact"
    probe = Receipt("c0-1", "GET", "/healthz", "peer", 4.0, status=200)
    for receipt, ended in ((chat, 3.0), (probe, 4.0)):
        receipt.complete()
        receipt.ended = ended
    script = Script((Say(b"", tuple(SAID)),), frozenset({"completed"}), "completes")
    link = Link(0, Fate(), 1.0, 1.0, closed_at=60.0, taken=500)
    asked = Asked(link, "c0-0", 1.0, script, True, KEY, list(SAID), [2.0] * len(SAID))
    asked.said_in, asked.said_bytes, asked.over = [(0, 900)] * len(SAID), 900, True
    link.reads.append((2.0, 900))
    link.asked.append(asked)
    guest = Guest(plan.visits[0], opened_at=1.0, gone_at=5.0, closed_at=5.0, heard_at=4.0, sent=2)
    for replies in (guest.replies, guest.written):
        replies += [
            Reply(200, head_of("c0-0", "text/event-stream"), bytearray(BODY), whole=True),
            Reply(200, head_of("c0-1", "application/json"), bytearray(b"{}"), whole=True),
        ]
    record = Record(plan, ["c0-0", "c0-1"], [chat, probe], guests=[guest], links=[link])
    record.lines = [a_line(chat), a_line(probe)]
    record.asked = [asked]
    record.most_links = 1
    record.spent = [Spent("key", "one", BUDGET, TILL.window_of("hour", 1.0), COST, (0.0001,))]
    record.ledger = [
        Entry("started", "c0-0", 1.0, 0, None),
        Entry("settled", "c0-0", 3.0, 1, "completed"),
        Entry("settled", "c0-1", 4.0, 0, "completed"),
    ]
    return record


def head_of(name: str, media: str) -> dict[str, str]:
    return {"content-type": media, "x-request-id": name, "connection": "keep-alive"}


def settle(record: Record, outcome: Outcome) -> None:
    """Let the stream's call have ended otherwise."""
    record.receipts[0].outcome = outcome
    record.lines[0]["outcome"] = str(outcome)


def rewrite(record: Record, old: bytes, new: bytes, which: int = 0) -> None:
    """Put other bytes into an answer, as it was written and as it was read."""
    for reply in _replies(record, which):
        reply.body = bytearray(bytes(reply.body).replace(old, new))


def cut(record: Record) -> None:
    """Take the end of the stream's body away."""
    for reply in _replies(record, 0):
        reply.whole = False


def _replies(record: Record, which: int) -> tuple[Reply, Reply]:
    guest = record.guests[0]
    return guest.replies[which], guest.written[which]


def ask_again(record: Record, **changes: Any) -> None:
    """Let the provider have been asked a second time."""
    link = Link(1, Fate(), 1.0, 1.0, closed_at=3.0)
    record.asked.append(replace(record.asked[0], link=link, **changes))


def order(record: Record, drain_at: float) -> None:
    record.plan = replace(record.plan, orders=Orders(drain_at))


def test_a_sound_record_is_not_complained_of() -> None:
    assert check(a_record()) == []


Doctor = Callable[[Record], object]


def leave(record: Record) -> None:
    settle(record, Outcome.CLIENT_GONE)
    record.receipts[0].attempts[0].outcome = "cancelled"


def stop(record: Record) -> None:
    settle(record, Outcome.STOPPED)
    order(record, drain_at=3.5)


def refuse(record: Record) -> None:
    for reply in _replies(record, 1):
        reply.status = 503


def silence(record: Record) -> None:
    """Let the provider have ended its stream without its last words."""
    asked = record.asked[0]
    asked.said, asked.said_at, asked.said_in = [FIRST, SECOND], [2.0, 2.0], [(0, 900)] * 2


RESTING = State("up/m-1", "open", 9.0, 1, 0, ())


def route(record: Record, **conduct: Any) -> None:
    """Let there be more places than one."""
    places = (Place("up", keys=2), Place("a"), Place("s", "spare"), Place("l", "longer"))
    routing = Routing(places, conduct=replace(Routing().conduct, retries=1, **conduct))
    record.plan = replace(record.plan, routing=routing)


def try_first(
    record: Record,
    target: str,
    until: float,
    outcome: str,
    began: float = 0.4,
    then: str = "up/m-1",
) -> None:
    """Let another attempt have stood before the one that answered."""
    if target != "up/m-1":
        route(record)
    answered = record.receipts[0].attempts[0]
    answered.target = then
    record.receipts[0].attempts.insert(0, Attempt(target, began, until, outcome))


def wish_for(record: Record, asks: Asks) -> None:
    """Let the client have wished something, and a fallback have answered at the third try."""
    route(record)
    visit = replace(record.plan.visits[0], wishes=(replace(WISH, asks=asks), HEALTH))
    record.guests[0].visit = visit
    for began in (0.5, 0.7):
        record.receipts[0].attempts.insert(0, Attempt("s/s-1", began, 0.9, "x"))


def race(
    record: Record, *, hedge_after: float = 0.1, lost_at: float = 2.0, closed_at: float = 2.0
) -> None:
    """Let another home have lost a race."""
    route(record, hedge_after=hedge_after)
    receipt = record.receipts[0]
    receipt.hedged, receipt.first_content_at = True, 2.0
    receipt.attempts.insert(0, Attempt("a/m-1", 0.8, lost_at, "lost"))
    link = Link(1, Fate(), 0.8, 0.8, closed_at=closed_at, place="a")
    record.asked.insert(0, Asked(link, "c0-0", 0.8, record.asked[0].script, True))


def in_vain(record: Record) -> None:
    """Let two have failed, and the client not be told that this was all."""
    try_first(record, "a/m-1", 1.0, "status_500")
    record.receipts[0].attempts[-1].outcome = record.receipts[0].cause = "status_503"
    for reply in _replies(record, 0):
        reply.status = 503


def too_soon(record: Record) -> None:
    """Let a provider have been asked again before its time."""
    asked = record.asked[0]
    asked.script = replace(asked.script, asks_for=5.0)
    ask_again(record, began=2.9)


def hurry(record: Record, outcome: str) -> None:
    record.receipts[0].attempts.append(Attempt("up/m-1", 3.0, 3.0, outcome))


def late(record: Record) -> None:
    record.receipts[0].attempts[0].ended = 500.0


def join(record: Record, text: str, *, ended: bool = False) -> None:
    """Let the answer have been joined with one that says this."""
    asked = record.asked[0]
    part = Part(event(text), event(text), content=True)
    asked.said = [part, *([end_part()] * ended)]
    asked.said_at, asked.said_in = [2.0] * len(asked.said), [(0, 900)] * len(asked.said)
    asked.over = ended
    record.receipts[0].resumed = 1


def hold(record: Record, **changes: Any) -> None:
    """Let the key have been another's: with other limits, or other budgets."""
    till = replace(TILL, holders=(replace(TILL.holders[0], **changes),))
    record.plan = replace(record.plan, till=till)


def enter(record: Record, index: int, **changes: Any) -> None:
    """Let the ledger have been told otherwise."""
    record.ledger[index] = replace(record.ledger[index], **changes)


def spend(record: Record, **changes: Any) -> None:
    record.spent[0] = replace(record.spent[0], **changes)


def charge(record: Record, nanos: int) -> None:
    record.receipts[0].cost_nanos = nanos
    spend(record, spent=nanos)


def stop_for_money(record: Record) -> None:
    settle(record, Outcome.STOPPED)
    record.receipts[0].cause = "insufficient_quota"


def refuse_for_money(record: Record) -> None:
    """Let the call have been refused, and not a nano-dollar been spent."""
    record.receipts[0].attempts.clear()
    charge(record, 0)
    for reply in _replies(record, 0):
        reply.status, reply.body = 429, bytearray(b'{"error":{"code":"insufficient_quota"}}')


def read_on(record: Record, *, seconds: float = 9.0, events: int = 9) -> None:
    """Let the client have left right after the beginning, and the answer have been read on."""
    conduct = {"reads_on": True, "drain_max_seconds": seconds, "drain_max_tokens": events}
    route(record, **conduct)
    receipt, asked = record.receipts[0], record.asked[0]
    receipt.drained, record.guests[0].gone_at = True, 1.5
    settle(record, Outcome.CLIENT_GONE)
    asked.said_in = [(index * 100, index * 100 + 100) for index in range(len(SAID))]
    asked.link.reads[:] = [(2.0, end) for _, end in asked.said_in]


DOCTORED: list[tuple[str, Doctor]] = [
    ("one_receipt_and_one_line", lambda record: record.receipts.pop()),
    ("one_receipt_and_one_line", lambda record: record.receipts.append(record.receipts[0])),
    ("one_receipt_and_one_line", lambda record: record.lines.pop()),
    ("one_receipt_and_one_line", lambda record: record.lines[0].update(outcome="refused")),
    ("one_receipt_and_one_line", lambda record: setattr(record.receipts[1], "request_id", "c0-0")),
    ("receipts_do_not_change", lambda record: record.changed.append("c0-0")),
    ("bytes_are_counted", lambda record: setattr(record.receipts[1], "bytes_out", 7)),
    ("every_request_has_an_outcome", lambda record: setattr(record.receipts[0], "outcome", None)),
    ("every_request_has_an_outcome", lambda record: setattr(record.receipts[0], "ended", None)),
    ("every_request_has_an_outcome", lambda record: settle(record, Outcome.INTERNAL)),
    ("attempts_are_closed", lambda record: setattr(record.receipts[0].attempts[0], "ended", None)),
    ("attempts_are_closed", lambda record: setattr(record.receipts[0].attempts[0], "ended", 9.0)),
    *(
        ("nothing_is_left", lambda record, name=each.name: setattr(record.rest, name, 1))
        for each in fields(Rest)
    ),
    ("nobody_reported_a_bug", lambda record: record.bugs.append("KeyError")),
    ("limits_are_kept", lambda record: setattr(record, "most_links", 101)),
    ("the_provider_hears_at_once", lambda record: setattr(record.guests[0], "gone_at", 2.5)),
    ("the_provider_hears_at_once", leave),
    ("nobody_is_asked_in_vain", lambda record: setattr(record.asked[0], "call", "c9-9")),
    ("nobody_is_asked_in_vain", lambda record: setattr(record.asked[0], "began", 3.5)),
    ("nobody_is_asked_in_vain", lambda record: setattr(record.asked[0], "began", 0.5)),
    ("attempts_are_what_providers_see", ask_again),
    ("attempts_are_what_providers_see", lambda record: ask_again(record, fresh=False)),
    ("attempts_are_what_providers_see", lambda record: record.asked.clear()),
    ("attempts_are_what_providers_see", lambda record: try_first(record, "up/m-1", 9.0, "x", 5.0)),
    ("attempts_are_what_providers_see", lambda record: setattr(record.asked[0], "began", 0.5)),
    ("nobody_is_asked_too_often", lambda record: try_first(record, "up/m-1", 1.0, "x")),
    ("nobody_is_asked_too_often", lambda record: wish_for(record, Asks(fallbacks=False))),
    ("nobody_is_asked_too_often", lambda record: wish_for(record, Asks(retries=0))),
    (
        "a_silent_home_is_asked_once",
        lambda record: try_first(record, "up/m-1", 0.9, "idle_timeout"),
    ),
    ("nobody_is_tried_for_nobody", lambda record: setattr(record.guests[0], "gone_at", 0.5)),
    ("nobody_is_tried_for_nobody", lambda record: setattr(record.receipts[0], "resumed", 1)),
    (
        "nobody_is_tried_for_nobody",
        lambda record: setattr(record.receipts[0], "first_content_at", 0.9),
    ),
    ("who_has_lost_is_left_at_once", lambda record: setattr(record.receipts[0], "hedged", True)),
    ("who_has_lost_is_left_at_once", lambda record: try_first(record, "a/m-1", 2.0, "x")),
    ("who_has_lost_is_left_at_once", lambda record: race(record, hedge_after=0.5)),
    ("who_has_lost_is_left_at_once", lambda record: race(record, lost_at=2.5)),
    ("who_has_lost_is_left_at_once", lambda record: race(record, closed_at=2.5)),
    ("what_is_final_is_final", lambda record: try_first(record, "a/m-1", 1.0, "content_filter")),
    ("longer_homes_are_for_long_prompts", lambda record: try_first(record, "l/l-1", 1.0, "x")),
    (
        "longer_homes_are_for_long_prompts",
        lambda record: try_first(record, "a/m-1", 0.5, "context_length_exceeded", then="s/s-1"),
    ),
    ("only_failures_rest_a_home", lambda record: record.homes.append(RESTING)),
    ("all_that_was_tried_is_said", in_vain),
    ("a_wish_to_be_left_alone_is_kept", lambda record: ask_again(record, began=1.2)),
    ("a_wish_to_be_left_alone_is_kept", too_soon),
    ("nobody_is_tried_without_time", lambda record: hurry(record, "attempt_timeout")),
    ("nobody_is_tried_without_time", lambda record: hurry(record, "client_timeout")),
    ("nobody_is_tried_without_time", late),
    ("the_answer_is_a_prefix", lambda record: join(record, "one t")),
    ("done_is_earned", lambda record: join(record, "one two and more")),
    ("a_calm_client_gets_it_all", lambda record: join(record, "one two and more", ended=True)),
    ("the_answer_is_a_prefix", lambda record: rewrite(record, b"two", b"too")),
    ("the_answer_is_a_prefix", lambda record: rewrite(record, FIRST.raw, b"")),
    ("the_answer_is_a_prefix", lambda record: rewrite(record, SECOND.raw, SECOND.raw * 2)),
    ("the_answer_is_a_prefix", lambda record: rewrite(record, DONE, usage_part(WISH).raw + DONE)),
    ("the_answer_is_a_prefix", lambda record: record.asked.clear()),
    ("the_answer_is_a_prefix", lambda record: setattr(record.guests[0], "complaint", "a chunk")),
    ("done_is_earned", lambda record: rewrite(record, DONE, b"")),
    ("done_is_earned", lambda record: rewrite(record, DONE, DONE * 2)),
    ("done_is_earned", lambda record: rewrite(record, DONE, b'data: {"error": {}}\n\n' + DONE)),
    ("done_is_earned", silence),
    ("done_is_earned", lambda record: settle(record, Outcome.TIMEOUT)),
    ("what_is_complete_was_written", cut),
    ("what_is_complete_was_written", lambda record: settle(record, Outcome.TIMEOUT)),
    ("what_is_complete_was_written", lambda record: setattr(record.receipts[0], "status", 499)),
    ("answers_are_for_their_requests", lambda record: record.guests[0].replies.reverse()),
    ("answers_are_for_their_requests", lambda record: setattr(_replies(record, 1)[0], "status", 7)),
    ("answers_are_for_their_requests", refuse),
    ("only_what_was_sent_is_accepted", lambda record: record.accepted.reverse()),
    ("only_what_was_sent_is_accepted", lambda record: record.accepted.append("")),
    ("no_secret_is_told", lambda record: rewrite(record, b"{}", KEY.encode(), which=1)),
    ("no_secret_is_told", lambda record: record.lines[0].update(path=KEY)),
    (
        "usage_is_the_last_that_was_said",
        lambda record: setattr(record.receipts[0], "usage", Usage(6, 4)),
    ),
    ("usage_is_the_last_that_was_said", lambda record: setattr(record.receipts[0], "usage", None)),
    (
        "nothing_waits_longer_than_its_clock",
        lambda record: setattr(record.receipts[1], "ended", 1000.0),
    ),
    (
        "nothing_waits_longer_than_its_clock",
        lambda record: setattr(record.asked[0], "said_at", [-100.0] * len(SAID)),
    ),
    ("nothing_waits_longer_than_its_clock", lambda record: setattr(record, "drained_in", 1e4)),
    ("nothing_waits_longer_than_its_clock", lambda record: setattr(record, "quiet", False)),
    (
        "nothing_waits_longer_than_its_clock",
        lambda record: setattr(record.guests[0], "closed_at", 200.0),
    ),
    ("a_drain_lets_calls_end", stop),
    ("a_drain_lets_calls_end", lambda record: settle(record, Outcome.STOPPED)),
    ("a_calm_client_gets_it_all", cut),
    ("a_calm_client_gets_it_all", lambda record: rewrite(record, SECOND.raw, b"")),
    ("a_calm_call_ends_as_it_should", lambda record: settle(record, Outcome.TIMEOUT)),
    ("a_calm_call_ends_as_it_should", lambda record: record.receipts.pop(0)),
    (
        "no_write_waits_longer_than_its_clock",
        lambda record: setattr(record.guests[0], "longest_write", 61.0),
    ),
    (
        "no_more_calls_than_may_be",
        lambda record: setattr(record, "plan", replace(record.plan, max_calls=0)),
    ),
    ("nobody_waits_in_vain", lambda record: setattr(record, "waited_in_vain", 1)),
    ("who_is_stopped_is_told", lambda record: settle(record, Outcome.STOPPED)),
    ("no_request_is_forgotten", lambda record: record.guests[0].replies.pop()),
    ("the_ledger_is_told_in_order", lambda record: record.ledger.pop(0)),
    ("the_ledger_is_told_in_order", lambda record: record.ledger.pop(1)),
    ("the_ledger_is_told_in_order", lambda record: record.ledger.append(record.ledger[0])),
    ("the_ledger_is_told_in_order", lambda record: record.ledger.reverse()),
    ("the_ledger_is_told_in_order", lambda record: enter(record, 0, attempts=1)),
    ("the_ledger_is_told_in_order", lambda record: enter(record, 0, at=1.1)),
    ("the_ledger_is_told_in_order", lambda record: enter(record, 1, outcome=None)),
    ("the_ledger_is_told_in_order", lambda record: enter(record, 1, at=2.9)),
    ("the_ledger_is_told_in_order", lambda record: enter(record, 2, call="c9-9")),
    ("limits_of_callers_are_kept", lambda record: hold(record, limits=Limits(0))),
    ("limits_of_callers_are_kept", lambda record: hold(record, limits=Limits(None, 4))),
    ("limits_of_callers_are_kept", lambda record: hold(record, limits=Limits(concurrency=0))),
    ("what_is_spent_is_what_was_charged", lambda record: record.spent.clear()),
    ("what_is_spent_is_what_was_charged", lambda record: spend(record, spent=COST + 1)),
    ("what_is_spent_is_what_was_charged", lambda record: spend(record, start=0)),
    ("no_budget_is_passed", lambda record: hold(record, budgets=(Budget(COST - 1, "hour"),))),
    ("money_is_held_as_it_may_be", lambda record: record.overdrawn.append("key one holds -1")),
    ("who_is_charged_is_charged_what_was_told", lambda record: charge(record, COST + 1)),
    ("who_is_charged_is_charged_what_was_told", silence),
    ("who_has_spent_all_is_told", stop_for_money),
    (
        "who_has_spent_all_is_told",
        lambda record: rewrite(record, DONE, b'data: {"error":{"code":"insufficient_quota"}}\n\n'),
    ),
    ("who_can_pay_is_let_in", stop_for_money),
    ("who_can_pay_is_let_in", refuse_for_money),
    ("alerts_are_told_once", lambda record: spend(record, told=())),
    ("alerts_are_told_once", lambda record: spend(record, told=(0.0001, 0.0001))),
    ("who_is_read_on_ends_within_bounds", lambda record: setattr(record.receipts[0], "drained", 1)),
    ("who_is_read_on_ends_within_bounds", lambda record: read_on(record, seconds=1.4)),
    ("who_is_read_on_ends_within_bounds", lambda record: read_on(record, events=2)),
]
"""What must be said, and what was done to the record."""


@pytest.mark.parametrize(("name", "doctor"), DOCTORED, ids=[name for name, _ in DOCTORED])
def test_an_invariant_finds_what_was_doctored(name: str, doctor: Doctor) -> None:
    record = a_record()
    doctor(record)
    assert name in {problem.partition(":")[0] for problem in check(record)}


def test_who_is_read_on_within_bounds_is_not_complained_of() -> None:
    record = a_record()
    read_on(record)
    assert not [each for each in check(record) if each.startswith("who_is_read_on")]


def test_every_invariant_has_been_seen_red() -> None:
    assert {invariant.__name__ for invariant in INVARIANTS} == {name for name, _ in DOCTORED}


ERROR = b'data: {"error":{"message":"no"}}\n\n'


@pytest.mark.parametrize(
    ("body", "leads_astray"),
    [
        (b"", False),
        (FIRST.raw, False),
        (FIRST.raw[:20], False),
        (KEEPALIVE + FIRST.raw + KEEPALIVE * 2 + SECOND.raw[:-1], False),
        (FIRST.raw + ERROR, False),
        (ERROR[:25], False),
        (FIRST.raw + ERROR[:-1], False),
        (FIRST.raw + ERROR + SECOND.raw, True),
        (FIRST.raw + ERROR + DONE, True),
        (SECOND.raw, True),
        (FIRST.raw[:20] + ERROR, True),
        (FIRST.raw + b": hello\n\n", True),
    ],
)
def test_a_stream_may_break_off_only_in_one_way(body: bytes, leads_astray: bool) -> None:
    said = [FIRST, Part(b"data: {\n\n", None), SECOND, stop_part(), end_part()]
    assert bool(misled(body, said)) is leads_astray


def test_a_client_that_leaves_early_is_not_calm() -> None:
    visit = Visit("c0", 0.0, (WISH,))
    assert visit.calm
    assert not replace(visit, leaving=Leaving("fin", after_bytes=1.0)).calm
