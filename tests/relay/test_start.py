"""Hedges: a second home is started where the first is late, and the first to speak wins."""

import pytest
import trio
from trio.testing import MockClock

from gateway.policy.allowance import Allowance
from gateway.words.target import Conduct, Timeouts
from tests.stage import (
    COMPLETION,
    DONE,
    END,
    STOP,
    STREAM_HEAD,
    WHOLE_STREAM,
    Stage,
    answer,
    chat,
    chunk,
    event,
)

pytest_plugins = ("tests.onstage",)


@pytest.fixture
def two(stage: Stage) -> Stage:
    """Let two homes race where the first is late by two seconds."""
    stage.homes = ["up", "b"]
    stage.conduct = Conduct(retries=0, hedge_after=2.0)
    return stage


async def test_a_late_target_is_raced_and_closed_when_it_has_lost(
    two: Stage, autojump_clock: MockClock
) -> None:
    late = two.provider(STREAM_HEAD)
    two.provider(*WHOLE_STREAM, at="b")
    reply = await two.ask(chat()).reply()
    assert (reply.text, late.closed_at) == ("hello", 2.0)
    assert await two.tries() == [("up/m-1", "lost"), ("b/m-1", "completed")]
    receipt = await two.receipt()
    assert (receipt.hedged, receipt.target, receipt.first_content_at) == (True, "b/m-1", 2.0)


async def test_what_a_loser_has_cost_is_on_the_receipt(
    two: Stage, autojump_clock: MockClock
) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 0}
    role = {"index": 0, "delta": {"role": "assistant"}}
    two.provider(STREAM_HEAD, chunk(event(choices=[role], usage=usage)))
    two.provider(*WHOLE_STREAM, at="b")
    await two.ask(chat()).reply()
    lost, won = (await two.receipt()).attempts
    assert lost.usage is not None
    assert (lost.usage.input_tokens, lost.ended, won.outcome) == (7, 2.0, "completed")


async def test_one_that_speaks_in_time_is_not_raced(two: Stage, autojump_clock: MockClock) -> None:
    two.provider(*WHOLE_STREAM)
    assert (await two.ask(chat()).reply()).text == "hello"
    assert await two.tries() == [("up/m-1", "completed")]
    assert not (await two.receipt()).hedged


async def test_the_late_one_may_still_win(two: Stage, autojump_clock: MockClock) -> None:
    late = two.provider(STREAM_HEAD)
    second = two.provider(STREAM_HEAD, at="b")
    caller = two.ask(chat())
    await trio.sleep(5)
    late.say(chunk(event("hi"), STOP, DONE) + END)
    assert (await caller.reply()).text == "hi"
    assert second.closed_at == 5.0
    assert await two.tries() == [("up/m-1", "completed"), ("b/m-1", "lost")]


async def test_both_that_speak_at_once_make_one_answer(
    two: Stage, autojump_clock: MockClock
) -> None:
    late = two.provider(STREAM_HEAD)
    second = two.provider(STREAM_HEAD, at="b")
    caller = two.ask(chat())
    await trio.sleep(5)
    for each in (late, second):
        each.say(chunk(event("hi"), STOP, DONE) + END)
    assert (await caller.reply()).text == "hi"
    assert sorted(outcome for _, outcome in await two.tries()) == ["completed", "lost"]


async def test_a_target_that_fails_early_is_followed_at_once_and_not_hedged(
    two: Stage, autojump_clock: MockClock
) -> None:
    two.provider(answer(500, b"no"))
    two.provider(*WHOLE_STREAM, at="b")
    assert (await two.ask(chat()).reply()).text == "hello"
    assert trio.current_time() < 1.0
    assert not (await two.receipt()).hedged


async def test_a_race_that_all_lose_ends_in_an_error(two: Stage, autojump_clock: MockClock) -> None:
    two.timeouts = Timeouts(first_token=10.0)
    two.provider()
    two.provider(at="b")
    reply = await two.ask(chat()).reply()
    assert (reply.status, reply.error["code"]) == (504, "first_token_timeout")
    assert trio.current_time() == 12.0


async def test_both_are_closed_at_once_when_the_client_leaves(
    two: Stage, autojump_clock: MockClock
) -> None:
    """C4: in a race too."""
    racing = [two.provider(STREAM_HEAD), two.provider(STREAM_HEAD, at="b")]
    caller = two.ask(chat())
    await trio.sleep(5)
    caller.leave()
    receipt = await two.receipt()
    assert [provider.closed_at for provider in racing] == [5.0, 5.0]
    assert [attempt.outcome for attempt in receipt.attempts] == ["cancelled", "cancelled"]


async def test_only_a_share_of_calls_is_hedged(two: Stage, autojump_clock: MockClock) -> None:
    two.hedges = Allowance(0.25, 1.0)
    hedged = []
    for _ in range(5):
        late = two.provider(STREAM_HEAD)
        two.provider(STREAM_HEAD, chunk(event("hello"), STOP, DONE) + END, b"", at="b")
        caller = two.ask(chat())
        await trio.sleep(3)
        late.say(chunk(event("hello"), STOP, DONE) + END, b"")
        assert (await caller.reply()).text == "hello"
        await two.calls.ended()
        hedged.append(two.book.receipts[-1].hedged)
        await trio.sleep(100)
    assert hedged == [True, False, False, False, True]


async def test_neither_a_fallback_nor_a_whole_answer_is_hedged(
    two: Stage, autojump_clock: MockClock
) -> None:
    two.homes, two.spares = ["up"], ["spare"]
    late = two.provider(STREAM_HEAD)
    caller = two.ask(chat())
    await trio.sleep(5)
    late.say(chunk(event("hi"), STOP, DONE) + END)
    assert (await caller.reply()).text == "hi"
    late.then(answer(200, COMPLETION))
    assert (await two.ask(chat(stream=False)).reply()).body == COMPLETION
    assert not any(receipt.hedged for receipt in two.book.receipts)
