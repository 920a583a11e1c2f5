"""`on_client_gone = "drain"`: the client leaves, and its answer is read on, within bounds.

In memory and in virtual time. The call is the same call, in the same nursery: it ends later, and
its receipt has what the provider bills.
"""

from math import inf

import pytest
import trio
from trio.testing import MockClock

from gateway.policy.prices import Price, Prices
from gateway.relay.costs import Costs
from gateway.relay.options import ClockOptions
from gateway.words.answer import Usage
from gateway.words.target import Conduct, Timeouts
from tests.caller import Caller
from tests.stage import (
    COMPLETION,
    DONE,
    END,
    STOP,
    STREAM_HEAD,
    WHOLE_STREAM,
    Provider,
    Stage,
    answer,
    chat,
    chunk,
    event,
)

pytest_plugins = ("tests.onstage",)

TOLD = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
LAST = chunk(STOP, event(choices=[], usage=TOLD), DONE) + END


@pytest.fixture
def reading_on(stage: Stage) -> Stage:
    stage.conduct = Conduct(retries=0, reads_on=True, drain_max_seconds=30.0, drain_max_tokens=5)
    stage.costs = Costs(Prices({"up/m-1": Price(1_000_000, 1_000_000)}))
    return stage


async def left(stage: Stage, way: str = "fin") -> tuple[Provider, Caller]:
    """Have a client leave after the first event, at 10 seconds."""
    provider = stage.provider(STREAM_HEAD, chunk(event("a")))
    caller = stage.ask(chat())
    await caller.read_to(b'"a"')
    await trio.sleep(10)
    caller.leave(way)
    await trio.sleep(1)
    return provider, caller


@pytest.mark.parametrize("way", ["fin", "rst"])
async def test_a_stream_is_read_to_its_end_and_its_cost_is_exact(
    reading_on: Stage, way: str, autojump_clock: MockClock
) -> None:
    provider, caller = await left(reading_on, way)
    assert (len(reading_on.calls), provider.closed_at) == (1, inf)
    for _ in range(3):
        provider.say(chunk(event("b")))
        await trio.sleep(2)
    provider.say(LAST)
    receipt = await reading_on.receipt()
    assert (receipt.outcome, receipt.cause, receipt.drained) == ("client_gone", "client_gone", True)
    assert (receipt.usage, receipt.usage_quality) == (Usage(9, 4), "exact")
    assert (receipt.cost_nanos, receipt.ended) == (13_000, 17)
    assert receipt.attempts[0].outcome == "completed"
    assert provider.closed_at == inf, "its connection carries another call"
    assert b'"b"' not in b"".join(data for _, data in caller.line.writes)


async def test_it_is_read_on_for_so_many_seconds(
    reading_on: Stage, autojump_clock: MockClock
) -> None:
    provider, _ = await left(reading_on)
    receipt = await reading_on.receipt()
    assert (receipt.outcome, receipt.drained, receipt.ended) == ("client_gone", True, 40)
    assert provider.closed_at == 40
    assert receipt.usage_quality == "estimated"


async def test_no_more_events_are_read_than_may_be(
    reading_on: Stage, autojump_clock: MockClock
) -> None:
    provider, _ = await left(reading_on)
    for _ in range(20):
        provider.say(chunk(event("b")))
        await trio.sleep(0.1)
    receipt = await reading_on.receipt()
    assert receipt.pieces == 1 + 5 + 1
    assert receipt.ended is not None
    assert provider.closed_at == receipt.ended < 12


async def test_an_answer_in_one_piece_is_waited_for(
    reading_on: Stage, autojump_clock: MockClock
) -> None:
    provider = reading_on.provider()
    caller = reading_on.ask(chat(stream=False))
    await provider.asked.wait()
    await trio.sleep(10)
    caller.leave()
    await trio.sleep(5)
    provider.say(answer(200, COMPLETION))
    receipt = await reading_on.receipt()
    assert (receipt.outcome, receipt.drained, receipt.ended) == ("client_gone", True, 15)
    assert (receipt.usage, receipt.usage_quality) == (Usage(3, 2), "exact")


async def test_whoever_leaves_before_anybody_was_asked_costs_nothing(
    reading_on: Stage, autojump_clock: MockClock
) -> None:
    reading_on.timeouts = Timeouts(connect=100.0)
    caller = reading_on.ask(chat())
    await trio.sleep(10)
    caller.leave()
    receipt = await reading_on.receipt()
    assert (receipt.drained, receipt.ended, receipt.cost_nanos) == (False, 10, None)


async def test_a_client_that_takes_nothing_and_leaves_does_not_hold_the_answer_up(
    reading_on: Stage, autojump_clock: MockClock
) -> None:
    """C9 in part: it stops reading, then it leaves."""
    provider = reading_on.provider(STREAM_HEAD, chunk(event("a")))
    caller = reading_on.connect(window=600)
    caller.send(chat())
    await trio.sleep(1)
    provider.say(chunk(event("b" * 2_000)))
    await trio.sleep(9)
    caller.leave()
    await trio.sleep(1)
    provider.say(LAST)
    receipt = await reading_on.receipt()
    assert (receipt.outcome, receipt.drained, receipt.ended) == ("client_gone", True, 11)
    assert receipt.usage == Usage(9, 4)


async def test_what_breaks_off_or_falls_silent_ends_as_what_it_was(
    reading_on: Stage, autojump_clock: MockClock
) -> None:
    provider, _ = await left(reading_on)
    provider.cut()
    receipt = await reading_on.receipt()
    assert (receipt.outcome, receipt.drained, receipt.ended) == ("client_gone", True, 11)
    assert receipt.attempts[0].outcome == "upstream_truncated"


@pytest.mark.parametrize("who", ["drain", "operator", "cut"])
async def test_a_call_without_a_client_ends_like_any_other(
    reading_on: Stage, who: str, autojump_clock: MockClock
) -> None:
    """G1 in part: what is read on holds up no shutdown."""
    provider, _ = await left(reading_on)
    if who == "drain":
        reading_on.calls.stop_all()
    elif who == "cut":
        reading_on.calls.cut_all()
    else:
        (call,) = reading_on.calls
        assert reading_on.calls.stop(call.receipt.request_id) == 1
    receipt = await reading_on.receipt()
    assert (receipt.outcome, receipt.ended) == ("client_gone", 11)
    assert provider.closed_at == 11


async def test_who_stays_is_served_as_ever(reading_on: Stage, autojump_clock: MockClock) -> None:
    reading_on.provider(*WHOLE_STREAM)
    reply = await reading_on.ask(chat()).reply()
    receipt = await reading_on.receipt()
    assert (reply.text, receipt.outcome, receipt.drained) == ("hello", "completed", False)


async def test_without_it_the_provider_is_closed_at_once(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C1."""
    provider, _ = await left(stage)
    receipt = await stage.receipt()
    assert (receipt.drained, receipt.ended, provider.closed_at) == (False, 10, 10)


async def test_whoever_reads_on_is_not_let_wait_for_a_silent_provider(
    reading_on: Stage, autojump_clock: MockClock
) -> None:
    """T4 in part: the idle clock goes on without a client."""
    reading_on.conduct = Conduct(retries=0, reads_on=True, drain_max_seconds=1_000.0)
    reading_on.timeouts = Timeouts(idle=20.0)
    provider, _ = await left(reading_on)
    for _ in range(30):
        provider.say(chunk(event("b")))
        await trio.sleep(2)
    receipt = await reading_on.receipt()
    assert (receipt.outcome, receipt.drained, receipt.ended) == ("client_gone", True, 69 + 20)
    assert receipt.attempts[0].outcome == "idle_timeout"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("way", ["fin", "rst"])
async def test_once_all_is_read_there_is_nothing_to_read_on_for(
    reading_on: Stage, way: str, stream: bool, autojump_clock: MockClock
) -> None:
    """C9 in part: it does not take the last write, and leaves."""
    whole = (STREAM_HEAD, chunk(event("b" * 2_000, finish="stop"), DONE) + END)
    reading_on.provider(*(whole if stream else (answer(200, COMPLETION),)))
    caller = reading_on.connect(window=100)
    caller.send(chat(stream=stream))
    await trio.sleep(4)
    caller.leave(way)
    receipt = await reading_on.receipt()
    assert (receipt.outcome, receipt.ended) == ("client_gone", 4)


async def test_a_client_that_takes_no_keepalive_and_leaves_does_not_end_the_answer(
    reading_on: Stage, autojump_clock: MockClock
) -> None:
    reading_on.clocks = ClockOptions(head_after=2.0, write_timeout=8.0)
    provider = reading_on.provider(STREAM_HEAD)
    caller = reading_on.connect(window=100)
    caller.send(chat())
    await trio.sleep(4)
    caller.leave()
    await trio.sleep(1)
    provider.say(chunk(event("a")), LAST)
    receipt = await reading_on.receipt()
    assert (receipt.outcome, receipt.drained, receipt.ended) == ("client_gone", True, 5)
    assert receipt.usage == Usage(9, 4)


async def test_nobody_is_asked_any_more_for_a_client_that_has_left_a_race(
    reading_on: Stage, autojump_clock: MockClock
) -> None:
    """The first home is still being connected to: it is not asked, so nothing is read on."""
    reading_on.homes = ["up", "other"]
    reading_on.conduct = Conduct(retries=0, hedge_after=1.0, reads_on=True)
    provider = reading_on.provider(STREAM_HEAD, at="other")
    caller = reading_on.ask(chat())
    await trio.sleep(2)
    caller.leave()
    receipt = await reading_on.receipt()
    assert (receipt.drained, receipt.ended, provider.closed_at) == (False, 2, 2)


async def test_no_home_is_tried_again_once_the_client_of_a_race_has_left(
    reading_on: Stage, autojump_clock: MockClock
) -> None:
    reading_on.homes = ["up", "other"]
    reading_on.conduct = Conduct(retries=1, hedge_after=1.0, reads_on=True)
    late = reading_on.provider(STREAM_HEAD)
    refusing = reading_on.provider(answer(503, b"{}", b"retry-after: 2"), at="other")
    caller = reading_on.ask(chat())
    await trio.sleep(2)
    caller.leave()
    await trio.sleep(5)
    late.say(chunk(event("a")), LAST)
    receipt = await reading_on.receipt()
    assert (receipt.drained, len(receipt.attempts), len(refusing.sent)) == (True, 2, 1)


async def test_a_kept_connection_that_breaks_is_not_replaced_for_nobody(
    reading_on: Stage, autojump_clock: MockClock
) -> None:
    provider = reading_on.provider(*WHOLE_STREAM).then()
    assert (await reading_on.ask(chat()).reply()).text == "hello"
    caller = reading_on.ask(chat())
    await trio.sleep(1)
    caller.leave()
    await trio.sleep(1)
    provider.reset()
    await reading_on.calls.ended()
    receipt = reading_on.book.receipts[-1]
    assert (receipt.outcome, receipt.drained, receipt.ended) == ("client_gone", True, 2)
    assert len(reading_on.dialled) == 1
