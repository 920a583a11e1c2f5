"""`resume`: a stream that broke off is asked for again, and joined where it says the same."""

import json
from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock

from gateway.words.target import Conduct, Timeouts
from tests.stage import (
    DONE,
    END,
    STOP,
    STREAM_HEAD,
    Provider,
    Stage,
    answer,
    chat,
    chunk,
    event,
    fault,
)

pytest_plugins = ("tests.onstage",)

TEXT = "The quick brown fox jumps over the lazy dog, and then it goes home again."


def said(*words: str, end: bool = True) -> tuple[bytes, ...]:
    """Return a stream of these words, whole or not."""
    last = (chunk(STOP, DONE) + END,) if end else ()
    return (STREAM_HEAD, *(chunk(event(word)) for word in words), *last)


@pytest.fixture
def joining(stage: Stage) -> Stage:
    """Let one home and a fallback be asked again, and joined."""
    stage.spares = ["spare"]
    stage.conduct = Conduct(retries=2, resume=True)
    stage.timeouts = Timeouts(first_token=10.0, idle=5.0)
    return stage


CUTS = {
    "cut": (b"",),
    "an error": (chunk(fault("overloaded", "overloaded_error")),),
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=list(CUTS))
async def test_a_stream_that_breaks_off_is_joined_by_the_same_target(
    joining: Stage, cut: Sequence[bytes], autojump_clock: MockClock
) -> None:
    joining.provider(*said("The quick ", "brown", end=False), *cut)
    joining.provider(*said("The ", "quick brown f", "ox"))
    reply = await joining.ask(chat()).reply()
    assert (reply.text, reply.events[-1], reply.whole) == ("The quick brown fox", "[DONE]", True)
    receipt = await joining.receipt()
    assert (receipt.outcome, receipt.resumed) == ("completed", 1)
    assert [attempt.outcome for attempt in receipt.attempts][1:] == ["completed"]
    assert {attempt.target for attempt in receipt.attempts} == {"up/m-1"}


async def test_a_stream_that_stalls_is_joined_by_the_next_target_and_not_the_same(
    joining: Stage, autojump_clock: MockClock
) -> None:
    stalled = joining.provider(*said("The quick ", end=False))
    joining.provider(*said("The quick brown fox"), at="spare")
    reply = await joining.ask(chat()).reply()
    assert (reply.text, stalled.closed_at) == ("The quick brown fox", 5.0)
    assert await joining.tries() == [("up/m-1", "idle_timeout"), ("spare/n-1", "completed")]


async def test_an_answer_that_differs_is_never_spliced(
    joining: Stage, autojump_clock: MockClock
) -> None:
    joining.provider(*said("The quick ", "brown", end=False), b"")
    other = joining.provider(*said("The quick ", "red fox"))
    reply = await joining.ask(chat()).reply()
    texts = [each["choices"][0]["delta"]["content"] for each in reply.events[:-1]]
    assert texts == ["The quick ", "brown"]
    assert reply.events[-1]["error"]["code"] == "upstream_truncated"
    assert not reply.whole
    assert await joining.tries() == [("up/m-1", "upstream_truncated"), ("up/m-1", "differs")]
    assert joining.health.open_calls(joining.target()) == 0
    assert other.closed


async def test_what_breaks_off_more_often_than_is_allowed_ends_in_the_error(
    joining: Stage, autojump_clock: MockClock
) -> None:
    joining.provider(*said("The ", end=False), b"")
    joining.provider(*said("The ", "quick ", end=False), b"")
    reply = await joining.ask(chat()).reply()
    assert reply.events[-1]["error"]["code"] == "upstream_truncated"
    assert len(await joining.tries()) == 2


async def test_twice_where_twice_is_allowed(joining: Stage, autojump_clock: MockClock) -> None:
    joining.conduct = Conduct(retries=2, resume=True, resume_attempts=2)
    joining.provider(*said("The ", end=False), b"")
    joining.provider(*said("The ", "quick ", end=False), b"")
    joining.provider(*said("The quick brown fox"), at="spare")
    assert (await joining.ask(chat()).reply()).text == "The quick brown fox"
    assert (await joining.receipt()).resumed == 2


async def test_what_is_not_plain_text_is_not_joined(
    joining: Stage, autojump_clock: MockClock
) -> None:
    call = {"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": ""}}
    choice = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}
    joining.provider(STREAM_HEAD, chunk(event(choices=[choice])), b"")
    reply = await joining.ask(chat()).reply()
    assert reply.events[-1]["error"]["code"] == "upstream_truncated"
    assert len(await joining.tries()) == 1


async def test_a_stall_of_what_cannot_be_joined_is_told_as_ever(
    joining: Stage, autojump_clock: MockClock
) -> None:
    choice = {"index": 0, "delta": {"reasoning_content": "hm"}, "finish_reason": None}
    joining.provider(STREAM_HEAD, chunk(event(choices=[choice])))
    reply = await joining.ask(chat()).reply()
    assert reply.events[-1]["error"]["code"] == "idle_timeout"
    assert len(await joining.tries()) == 1


async def test_it_is_off_unless_it_is_switched_on(
    joining: Stage, autojump_clock: MockClock
) -> None:
    joining.conduct = Conduct(retries=2)
    joining.provider(*said("The ", end=False), b"")
    reply = await joining.ask(chat()).reply()
    assert reply.events[-1]["error"]["code"] == "upstream_truncated"


async def test_a_client_can_do_without(joining: Stage, autojump_clock: MockClock) -> None:
    joining.provider(*said("The ", end=False), b"")
    reply = await joining.ask(chat("x-gateway-resume: off")).reply()
    assert reply.events[-1]["error"]["code"] == "upstream_truncated"


async def test_no_prefix_is_sent_unless_the_target_takes_one(
    joining: Stage, autojump_clock: MockClock
) -> None:
    first = joining.provider(*said(TEXT[:40], end=False), b"")
    second = joining.provider(*said(TEXT))
    assert (await joining.ask(chat()).reply()).text == TEXT
    assert second.sent_json() == first.sent_json()


@pytest.mark.parametrize("begins_anew", [False, True])
async def test_a_target_that_takes_a_prefix_goes_on_from_it(
    joining: Stage, begins_anew: bool, autojump_clock: MockClock
) -> None:
    joining.prefill = True
    joining.provider(*said(TEXT[:40], end=False), b"")
    second = joining.provider(*said(TEXT if begins_anew else TEXT[40:]))
    assert (await joining.ask(chat()).reply()).text == TEXT
    said_before = second.sent_json()["messages"][-1]
    assert said_before == {"role": "assistant", "content": TEXT[:40]}


async def test_a_fallback_that_refuses_is_as_if_it_had_not_been_asked(
    joining: Stage, autojump_clock: MockClock
) -> None:
    joining.provider(*said("The ", end=False))
    told = json.dumps({"error": {"message": "no prefill", "type": "t", "code": "c"}}).encode()
    joining.provider(answer(400, told), at="spare")
    reply = await joining.ask(chat()).reply()
    assert reply.events[-1]["error"]["code"] == "idle_timeout"
    assert await joining.tries() == [("up/m-1", "idle_timeout"), ("spare/n-1", "c")]


async def test_the_client_that_leaves_meanwhile_ends_it(
    joining: Stage, autojump_clock: MockClock
) -> None:
    """C4."""
    joining.provider(*said("The ", end=False), b"")
    again = Provider()
    joining.prepare(again)
    caller = joining.ask(chat())
    await again.asked.wait()
    await trio.sleep(1)
    caller.leave()
    receipt = await joining.receipt()
    assert (receipt.outcome, again.closed_at) == ("client_gone", receipt.ended)


async def test_the_total_time_holds_for_all_of_it(
    joining: Stage, autojump_clock: MockClock
) -> None:
    joining.timeouts = Timeouts(first_token=10.0, idle=5.0, total=7.0)
    joining.provider(*said("The ", end=False))
    joining.provider(at="spare")
    reply = await joining.ask(chat()).reply()
    assert reply.events[-1]["error"]["code"] == "total_timeout"
    assert trio.current_time() == 7.0
