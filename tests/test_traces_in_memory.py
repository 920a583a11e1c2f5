"""What a provider is told of a trace, with and without a collector, in virtual time."""

import itertools
from dataclasses import replace

import httpx2
import trio
from trio.testing import MockClock

from gateway.furnish import peer_of
from gateway.policy.tracing import Tracing
from gateway.services import run_services, services_of
from gateway.telemetry.spans import Peer
from gateway.upstream.send import prepared
from gateway.words.target import Conduct, Origin
from tests.made import Make
from tests.passages import told as said
from tests.stage import (
    COMPLETION,
    Provider,
    Stage,
    answer,
    chat,
    get,
    hand_over,
)

pytest_plugins = ("tests.making", "tests.onstage", "tests.served")

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
GOOD = answer(200, COMPLETION)
BAD = answer(500, b"{}")


def counting() -> Tracing:
    """Return who takes part in traces with ids that can be foreseen: 1, 2, 3."""
    draws = itertools.count(1)
    return Tracing(lambda _: next(draws))


def told(provider: Provider, number: int = 0) -> dict[bytes, bytes]:
    """Return what a request says of its trace."""
    head = provider.sent[number].partition(b"\r\n\r\n")[0]
    lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:]]
    fields = [(name, value) for name, _, value in lines if name.startswith((b"trace", b"bag"))]
    assert len(dict(fields)) == len(fields)
    return dict(fields)


async def test_what_a_client_says_is_passed_on_unchanged_where_nobody_traces_here(
    stage: Stage, autojump_clock: MockClock
) -> None:
    parent, state = f"cc{PARENT[2:]}-more", "a=1 , b=2"
    provider = stage.provider(GOOD)
    fields = [f"Traceparent: {parent}", f"TraceState: {state}", "Baggage: user=anna"]
    assert (await stage.ask(chat(*fields, stream=False)).reply()).status == 200
    assert told(provider) == {b"traceparent": parent.encode(), b"tracestate": state.encode()}
    receipt = await stage.receipt()
    assert receipt.trace is not None
    assert receipt.trace.trace_id == TRACE


async def test_r7_what_is_no_trace_is_not_passed_on(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """R5, R7."""
    provider = stage.provider(GOOD)
    fields = ["Traceparent: 00-evil", "TraceState: a=1"]
    assert (await stage.ask(chat(*fields, stream=False)).reply()).status == 200
    assert told(provider) == {}
    assert (await stage.receipt()).trace is None


async def test_a_client_that_says_nothing_has_nothing_said(
    stage: Stage, autojump_clock: MockClock
) -> None:
    provider = stage.provider(GOOD)
    assert (await stage.ask(chat(stream=False)).reply()).status == 200
    assert told(provider) == {}


async def test_each_attempt_has_a_span_of_its_own_and_a_head_is_not_remembered(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.tracing = counting()
    stage.conduct = Conduct(retries=1)
    provider, before = stage.provider(BAD).then(GOOD), prepared.cache_info().misses
    fields = [f"Traceparent: {PARENT}", "TraceState: a=1"]
    assert (await stage.ask(chat(*fields, stream=False)).reply()).status == 200
    assert prepared.cache_info().misses <= before + 1, "both have one head, without the trace"
    receipt = await stage.receipt()
    places = [attempt.trace for attempt in receipt.attempts]
    assert [place and place.span_id for place in places] == [f"{2:016x}", f"{3:016x}"]
    for number, place in enumerate(places):
        assert place is not None
        assert told(provider, number) == {
            b"traceparent": f"00-{TRACE}-{place.span_id}-01".encode(),
            b"tracestate": b"a=1",
        }


async def test_a_transport_of_others_is_told_the_same(
    stage: Stage, autojump_clock: MockClock
) -> None:
    asked: list[httpx2.Request] = []

    def recorded(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        fields = {"content-type": "application/json"}
        return httpx2.Response(200, headers=fields, stream=httpx2.ByteStream(COMPLETION))

    stage.tracing = counting()
    stage.others = {"http": httpx2.MockTransport(recorded)}
    reply = await stage.ask(chat(f"Traceparent: {PARENT}", stream=False)).reply()
    assert reply.status == 200
    assert asked[0].headers["traceparent"] == f"00-{TRACE}-{2:016x}-01"


async def test_what_passes_through_is_told_it_too(
    keyless: Stage, autojump_clock: MockClock
) -> None:
    keyless.tracing = counting()
    provider = keyless.provider(said({}))
    reply = await keyless.ask(get("/v1/files/f-1", f"Traceparent: {PARENT}")).reply()
    assert reply.status == 200
    assert told(provider) == {b"traceparent": f"00-{TRACE}-{2:016x}-01".encode()}
    receipt = await keyless.receipt()
    assert receipt.attempts[0].trace is not None


async def test_an_answer_that_is_handed_over_has_a_span_in_each_call(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.tracing = counting()
    stage.conduct = Conduct(retries=0, coalesce=True)
    await hand_over(stage)
    for receipt in stage.book.receipts:
        (attempt,) = receipt.attempts
        assert receipt.trace is not None
        assert attempt.trace is not None
        assert attempt.trace.parent_id == receipt.trace.span_id
        assert attempt.trace.trace_id == receipt.trace.trace_id


CONFIG = """
[telemetry]
otlp_endpoint = "http://collector.test:4318"
trace_sample = 0.5
"""


async def test_a_process_has_a_service_for_traces_where_they_are_configured(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    app = make(CONFIG).app
    traces, house = app.outside.traces, app.current.house
    assert traces is not None
    assert (house.tracing, traces.tracing.share) == (traces.tracing, 0.5)
    assert traces.tap in house.taps
    assert "traces" in dict(services_of(app))
    async with trio.open_nursery() as services:
        await services.start(run_services, app)
        services.cancel_scope.cancel()
    assert traces.tap.shut


def test_without_a_collector_there_is_none_of_it(make: Make) -> None:
    app = make("").app
    assert (app.outside.traces, app.current.house.tracing) == (None, None)
    assert "traces" not in dict(services_of(app))


async def test_what_is_built_in_has_no_address(stage: Stage, autojump_clock: MockClock) -> None:
    target = stage.target()
    assert peer_of(target) == Peer("openai", "up.test", 80)
    built_in = replace(target, kind="echo", origin=Origin("echo", "echo", 0))
    assert peer_of(built_in) == Peer("echo")
