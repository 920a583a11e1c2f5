"""A client that reads slowly, or not at all: the provider waits for it, memory stays bounded."""

import pytest
import trio
from trio.testing import MockClock

from gateway.relay.options import ClockOptions
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.naming import Naming
from gateway.words.target import Conduct, Timeouts
from tests.stage import DONE, END, STOP, STREAM_HEAD, Stage, chat, chunk, event, fault

pytest_plugins = ("tests.onstage",)


async def test_c9_a_reader_that_stalls_is_cut_and_costs_one_read(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C9. The provider is not read on meanwhile: memory stays bounded."""
    stage.clocks = ClockOptions(write_timeout=60.0)
    read = chunk(*[event("word " * 20)] * 10)
    provider = stage.provider(STREAM_HEAD, *[read] * 50)
    caller = stage.connect(window=5 * len(read))
    caller.send(chat())
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase) == ("client_stalled", "streaming")
    assert receipt.ended == provider.closed_at == 60
    given = caller.line.unread.partition(b"\r\n\r\n")[2]
    held = provider.taken - len(STREAM_HEAD) - len(given)
    assert 0 < held <= len(read)
    assert caller.line.unread.count(b"[DONE]") == 0


async def test_c9_a_stalled_reader_of_keepalives_is_cut_too(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C9."""
    stage.timeouts = Timeouts(first_token=1000.0)
    provider = stage.provider()
    caller = stage.connect(window=8)
    caller.send(chat())
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase) == ("client_stalled", "waiting")
    assert provider.closed_at == stage.clocks.head_after + stage.clocks.write_timeout


async def test_c9_one_that_does_not_even_take_the_error_is_cut(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C9."""
    provider = stage.provider(STREAM_HEAD, chunk(event("a")))
    caller = stage.connect(window=500)
    caller.send(chat())
    await trio.sleep(5)
    provider.say(chunk(fault("x" * 1000)))
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.cause) == ("upstream_error", "overloaded_error")
    assert (provider.closed_at, receipt.ended) == (5, 5 + stage.clocks.write_timeout)


async def test_c10_a_slow_reader_holds_the_provider_back(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C10. And the time that it takes is not the provider's silence."""
    stage.timeouts = Timeouts(idle=5.0)
    reads = [chunk(event(f"{number:04}")) for number in range(100)]
    provider = stage.provider(STREAM_HEAD, *reads, chunk(STOP, DONE) + END)
    caller = stage.connect(window=2 * len(reads[0]))
    caller.send(chat())
    got = b""
    while not got.endswith(END):
        await trio.sleep(8)
        got += await caller.read(len(reads[0]))
        assert provider.taken <= len(STREAM_HEAD) + len(got) + 4 * len(reads[0])
    assert got.count(b"data: ") == 102
    assert (await stage.receipt()).outcome == "completed"
    assert trio.current_time() > 800


@pytest.mark.parametrize("comment", [True, False])
async def test_c10_after_a_slow_write_the_idle_time_goes_on_where_it_stood(
    stage: Stage, comment: bool, autojump_clock: MockClock
) -> None:
    """C10, U11: a comment is no event: the silence before it counts, our own writing does not."""
    stage.timeouts = Timeouts(idle=10.0)
    stage.clocks = ClockOptions(keepalive_interval=0.0)
    provider = stage.provider(STREAM_HEAD, chunk(event("a")))
    caller = stage.connect(window=1000)
    caller.send(chat())
    await trio.sleep(9)
    late = b": note\n\n" if comment else event("b")
    provider.say(chunk(b": " + b"x" * 1000 + b"\n\n" + late))
    await trio.sleep(16)
    await caller.read(1500)
    receipt = await stage.receipt()
    assert receipt.outcome == "timeout"
    assert receipt.ended == pytest.approx(26 if comment else 35, abs=1)


@pytest.mark.parametrize("kept", [False, True])
async def test_how_long_a_client_takes_its_answer_is_no_part_of_the_gateways_own(
    stage: Stage, autojump_clock: MockClock, kept: bool
) -> None:
    stage.conduct = Conduct(retries=0, cache_ttl=60.0 if kept else 0.0)
    metrics = Metrics(Naming({"up": "openai"}, ["m"]))
    stage.taps = (metrics,)
    script = (STREAM_HEAD, chunk(event("word " * 200)), chunk(STOP, DONE) + END)
    provider = stage.provider(*script)
    await stage.ask(chat()).reply()
    if not kept:
        provider.then(*script)
    caller = stage.connect(window=500)
    caller.send(chat())
    await trio.sleep(20)
    await caller.reply()
    await stage.calls.ended()
    (overhead,) = [each for each in metrics.told() if each.name == "gateway_overhead_seconds"]
    ((_, numbers),) = overhead.series
    assert (sum(numbers[:-1]), numbers[-1]) == (2, 0.0)
