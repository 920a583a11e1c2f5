"""The tap that keeps ended calls until their spans are taken: bounded, counted, never waiting."""

from typing import Any

from gateway.policy.scrub import Scrubber
from gateway.telemetry import otlp
from gateway.telemetry.spans import Peer
from gateway.telemetry.traces import (
    MAX_WAITING,
    MAX_WAITING_BYTES,
    Batch,
    Traces,
    about,
    the_wire,
)
from gateway.words.errors import UpstreamReset
from gateway.words.receipt import Receipt
from gateway.words.secret import Secret
from gateway.words.trace import TraceContext
from tests.otlp_receiver import read
from tests.store.receipts import NOON_NS, Today, Told, call, end

CANARY = "sk-canary-0123456789-of-a-provider"
DROPPED = "traces dropped, the collector is too slow"
AWAY = "traces cannot be exported"
BACK = "traces are exported again"
SAMPLED = TraceContext("4b" * 16, "01" * 8, sampled=True)


def ended(*, sampled: bool = True, **fields: Any) -> Receipt:
    """Return a call with one attempt, each in its place of a trace."""
    place = TraceContext("4b" * 16, "01" * 8, sampled)
    receipt = end(call(trace=place, **fields))
    for attempt in receipt.attempts:
        attempt.trace = TraceContext("4b" * 16, "02" * 8, sampled, place.span_id)
    return receipt


class Wire:
    """Writes how many spans there are; rejects so many of each batch."""

    def __init__(self, rejects: int = 0) -> None:
        self.rejects = rejects

    def encode(self, spans: Any, resource: Any, /) -> bytes:
        return b"%d" % len(list(spans))

    def rejected(self, answer: bytes, /) -> tuple[int, str]:
        return self.rejects, "no room"


def tap(told: Told, wire: Wire | None = None, most_waiting: int = 100) -> Traces:
    return Traces({}, {}, Today(), told, wire=wire or Wire(), most_waiting=most_waiting)


def test_what_is_kept_becomes_a_batch_of_spans() -> None:
    traces = Traces({"openai": Peer("openai")}, about("gate", "ab", 7), Today(), Told())
    traces.settled(ended())
    traces.settled(ended())
    assert traces.queued == 2
    batch = traces.batch(10)
    assert batch is not None
    assert batch.spans == 4
    spans = read(batch.body)
    assert [span.ended for span in spans[::2]] == [NOON_NS] * 2
    assert spans[0].about["service.name"] == "gate"
    assert spans[0].about["service.instance.id"] == "ab"
    assert (traces.queued, traces.batch(10)) == (0, None)
    assert the_wire() is otlp


def test_who_is_not_sampled_and_probes_have_no_place() -> None:
    traces = tap(Told())
    traces.settled(ended(sampled=False))
    traces.settled(end(call()))
    traces.settled(ended(endpoint="healthz"))
    assert traces.queued == 0
    failed = call(trace=SAMPLED, endpoint="healthz", attempts=[])
    failed.fail(UpstreamReset("x"))
    traces.settled(failed)
    assert traces.queued == 1, "what fails is told all the same"


def test_what_finds_no_room_is_counted_and_told_once() -> None:
    told = Told()
    traces = tap(told, most_waiting=2)
    for _ in range(5):
        traces.settled(ended())
    assert (traces.queued, traces.dropped, told.events) == (2, 6, [DROPPED])
    assert traces.batch(1) == Batch(b"2", 2)
    traces.settled(ended())
    traces.settled(ended())
    assert (traces.dropped, told.events) == (8, [DROPPED, DROPPED])


def test_calls_that_take_much_memory_find_room_for_fewer() -> None:
    traces, long = tap(Told(), most_waiting=MAX_WAITING), "/" + "x" * 8_000
    for _ in range(MAX_WAITING):
        traces.settled(ended(path=long))
    assert traces.queued < MAX_WAITING_BYTES / len(long)
    assert traces.dropped == 2 * (MAX_WAITING - traces.queued)
    while traces.batch(1_000) is not None:
        pass
    traces.settled(ended(path=long))
    assert traces.queued == 1, "what was taken leaves its room"


def test_a_call_that_cannot_be_told_does_not_take_others_along() -> None:
    told = Told()
    traces = tap(told)
    odd = ended()
    odd.request_id = 7  # type: ignore[assignment]
    for receipt in (ended(), odd, ended()):
        traces.settled(receipt)
    assert traces.batch(10) == Batch(b"4", 4)
    assert (traces.dropped, told.events) == (2, ["bug in a call's spans"])


def test_a_batch_that_cannot_be_written_is_lost_and_no_other() -> None:
    class Broken(Wire):
        def encode(self, spans: Any, resource: Any, /) -> bytes:
            raise ValueError("canary")

    told = Told()
    traces = tap(told, Broken())
    traces.settled(ended())
    assert traces.batch(10) == Batch(b"", 0)
    assert (traces.dropped, told.events) == (2, ["bug in a batch of spans"])
    assert traces.batch(10) is None


def test_an_outage_is_told_once_and_its_end_too() -> None:
    told = Told()
    traces = tap(told)
    batch = Batch(b"4", 4)
    for _ in range(3):
        traces.failed("nobody there")
    assert (traces.away, told.events) == (True, [AWAY])
    traces.give_up(4)
    traces.took(batch, b"")
    assert (traces.away, told.events) == (False, [AWAY, BACK])
    assert (traces.exported, traces.dropped) == (4, 4)
    traces.took(batch, b"")
    assert told.events == [AWAY, BACK]


def test_spans_that_a_collector_rejects_are_lost() -> None:
    told = Told()
    traces = tap(told, Wire(rejects=3))
    traces.took(Batch(b"4", 4), b"")
    assert (traces.exported, traces.dropped, told.events) == (1, 3, [AWAY])
    assert told.fields[0]["error"] == "the collector rejects spans: no room"
    traces.took(Batch(b"2", 2), b"")
    assert (traces.exported, traces.dropped) == (1, 5), "not more than there were"


def test_what_is_left_at_the_end_is_lost() -> None:
    told = Told()
    traces = tap(told)
    traces.settled(ended())
    traces.close()
    traces.settled(ended())
    assert (traces.queued, traces.dropped, told.events) == (0, 4, ["traces lost"])
    quiet = Told()
    tap(quiet).close()
    assert quiet.events == []


def test_r11_what_a_provider_repeats_of_a_secret_is_masked() -> None:
    told = Told()
    traces = Traces({"openai": Peer("openai")}, about("gate", "ab", 7), Today(), told)
    traces.scrubber = Scrubber([Secret(CANARY)])
    traces.settled(ended(answered_by=f"gpt-{CANARY}", model=CANARY))
    batch = traces.batch(10)
    assert batch is not None
    assert batch.spans == 2
    assert CANARY.encode() not in batch.body
    assert b"gpt-" in batch.body
    assert told.events == []
