"""When a target fails before it has spoken: again, elsewhere, or not at all. In virtual time."""

import json
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from gateway.policy.offers import Rules
from gateway.upstream.failures import Refused, TlsFailed
from gateway.words.target import Conduct, Cooldown, Timeouts
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
    fault,
)

pytest_plugins = ("tests.onstage",)

ROLE = event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}])


def told(status: int, code: str, *fields: bytes, message: str = "no") -> bytes:
    """Return a provider's error answer."""
    error = {"message": message, "type": "some_error", "code": code, "param": None}
    return answer(status, json.dumps({"error": error}).encode(), *fields)


@pytest.fixture
def two(stage: Stage) -> Stage:
    """Let two providers offer the model, and a call be tried again."""
    stage.homes = ["up", "b"]
    stage.conduct = Conduct(retries=2)
    return stage


@pytest.fixture
def spare(stage: Stage) -> Stage:
    """Let one provider offer the model, and another what it falls back on."""
    stage.spares = ["spare"]
    stage.conduct = Conduct(retries=2)
    return stage


async def test_u1_a_refused_connection_is_tried_once_more_then_elsewhere(
    two: Stage, autojump_clock: MockClock
) -> None:
    """U1."""
    two.refuse(Refused("no"))
    two.refuse(Refused("no"))
    two.provider(*WHOLE_STREAM, at="b")
    reply = await two.ask(chat()).reply()
    assert (reply.status, reply.text, reply.events[-1]) == (200, "hello", "[DONE]")
    refused = ("up/m-1", "upstream_connect_error")
    assert await two.tries() == [refused, refused, ("b/m-1", "completed")]
    (receipt,) = two.book.receipts
    assert (receipt.target, receipt.outcome) == ("b/m-1", "completed")


@pytest.mark.parametrize("status", [500, 502, 503, 529])
@pytest.mark.parametrize("stream", [True, False])
async def test_u7_an_error_of_the_provider_is_tried_again_within_the_call(
    two: Stage, status: int, stream: bool, autojump_clock: MockClock
) -> None:
    """U7."""
    provider = two.provider(told(status, "overloaded"))
    provider.then(*(WHOLE_STREAM if stream else (answer(200, COMPLETION),)))
    reply = await two.ask(chat(stream=stream)).reply()
    assert reply.status == 200
    assert await two.tries() == [("up/m-1", "overloaded"), ("up/m-1", "completed")]
    assert 0.2 <= trio.current_time() <= 1.0


async def test_u7_what_lasts_is_answered_by_the_next(two: Stage, autojump_clock: MockClock) -> None:
    """U7."""
    two.provider(told(500, "a")).then(told(500, "b"))
    two.provider(*WHOLE_STREAM, at="b")
    reply = await two.ask(chat()).reply()
    assert reply.text == "hello"
    said = (reply.get("x-gateway-attempts") or "").split(", ")
    assert [part.rpartition(";")[0] for part in said] == ["up/m-1;a", "up/m-1;b", "b/m-1;ok"]


async def test_where_all_have_failed_an_sdk_is_told_not_to_ask_again(
    two: Stage, autojump_clock: MockClock
) -> None:
    two.provider(told(500, "a")).then(told(500, "a"))
    last = [told(503, "down", b"retry-after: 1", b"x-should-retry: true")] * 3
    provider = two.provider(last[0], at="b")
    for script in last[1:]:
        provider.then(script)
    reply = await two.ask(chat()).reply()
    assert (reply.status, reply.error["code"]) == (503, "down")
    assert (reply.get("x-should-retry"), reply.get("retry-after")) == ("false", "1")
    assert len((reply.get("x-gateway-attempts") or "").split(", ")) == 5
    assert [target for target, _ in await two.tries()] == ["up/m-1"] * 2 + ["b/m-1"] * 3


async def test_the_last_target_is_tried_as_often_as_is_allowed_and_never_in_a_loop(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.conduct = Conduct(retries=2)
    provider = stage.provider(told(500, "a"))
    provider.then(told(500, "a")).then(*WHOLE_STREAM)
    assert (await stage.ask(chat()).reply()).text == "hello"
    receipt = await stage.receipt()
    began = [attempt.began for attempt in receipt.attempts]
    assert len(began) == 3
    assert began[2] - began[0] > 1.5


@pytest.mark.parametrize(
    "script",
    [(), (STREAM_HEAD,), (STREAM_HEAD, chunk(b": ping\n\n", ROLE))],
    ids=["nothing", "a head", "a role and pings"],
)
async def test_u10_a_silent_target_is_passed_over(
    two: Stage, script: tuple[bytes, ...], autojump_clock: MockClock
) -> None:
    """U10: it is never asked again in this call, whatever the number of its keys."""
    two.keys = ["sk-0123456789-one", "sk-0123456789-two"]
    two.timeouts = Timeouts(first_token=10.0)
    silent = two.provider(*script)
    two.provider(*WHOLE_STREAM, at="b")
    reply = await two.ask(chat()).reply()
    assert (reply.text, silent.closed_at) == ("hello", 10.0)
    assert await two.tries() == [("up/m-1", "first_token_timeout"), ("b/m-1", "completed")]


async def test_what_a_failed_target_has_begun_to_say_never_reaches_the_client(
    two: Stage, autojump_clock: MockClock
) -> None:
    two.conduct = Conduct(retries=0)
    two.provider(STREAM_HEAD, chunk(ROLE, b": hm\n\n"), chunk(fault("gone", "overloaded")))
    two.provider(*WHOLE_STREAM, at="b")
    reply = await two.ask(chat()).reply()
    assert reply.body == event("hel") + event("lo") + STOP + DONE


async def test_a_failing_stream_that_has_begun_is_not_answered_by_another(
    two: Stage, autojump_clock: MockClock
) -> None:
    two.provider(STREAM_HEAD, chunk(event("a")), b"")
    reply = await two.ask(chat()).reply()
    assert reply.events[-1]["error"]["code"] == "upstream_truncated"
    assert await two.tries() == [("up/m-1", "upstream_truncated")]


@pytest.mark.parametrize("status", [400, 404, 413, 422])
async def test_a_mistake_of_the_client_is_told_and_not_asked_elsewhere(
    two: Stage, status: int, autojump_clock: MockClock
) -> None:
    two.provider(told(status, "bad"))
    reply = await two.ask(chat()).reply()
    assert (reply.status, reply.error["code"]) == (status, "bad")
    assert (len(await two.tries()), reply.get("x-should-retry")) == (1, None)
    assert two.health.rests_for(two.target(), trio.current_time()) == 0.0


async def test_a_content_filter_is_never_routed_around(
    spare: Stage, autojump_clock: MockClock
) -> None:
    spare.provider(told(400, "content_filter"))
    reply = await spare.ask(chat()).reply()
    assert (reply.status, reply.error["code"]) == (400, "content_filter")
    assert len(await spare.tries()) == 1


async def test_a_prompt_that_is_too_long_goes_to_context_fallbacks_alone(
    spare: Stage, autojump_clock: MockClock
) -> None:
    spare.homes = ["up", "b"]
    spare.rules = Rules(fallbacks={"m": ("org/big",)}, context_fallbacks={"m": ("n",)})
    spare.provider(told(400, "context_length_exceeded"))
    spare.provider(*WHOLE_STREAM, at="spare")
    assert (await spare.ask(chat()).reply()).text == "hello"
    assert await spare.tries() == [
        ("up/m-1", "context_length_exceeded"),
        ("spare/n-1", "completed"),
    ]


async def test_without_a_longer_model_the_prompt_is_too_long(
    spare: Stage, autojump_clock: MockClock
) -> None:
    spare.provider(told(400, "context_length_exceeded"))
    reply = await spare.ask(chat()).reply()
    assert (reply.status, reply.error["code"]) == (400, "context_length_exceeded")
    assert len(await spare.tries()) == 1


async def test_u8_a_limit_is_waited_for_where_that_is_short(
    spare: Stage, autojump_clock: MockClock
) -> None:
    """U8."""
    provider = spare.provider(told(429, "slow", b"retry-after: 1"))
    provider.then(*WHOLE_STREAM)
    assert (await spare.ask(chat()).reply()).text == "hello"
    assert await spare.tries() == [("up/m-1", "slow"), ("up/m-1", "completed")]
    assert 1.0 <= trio.current_time() < 1.7


@pytest.mark.parametrize("wait", [b"retry-after: 20", b"retry-after-ms: 20000"])
async def test_u8_a_long_wait_is_for_the_fallback_to_spare(
    spare: Stage, wait: bytes, autojump_clock: MockClock
) -> None:
    """U8."""
    spare.provider(told(429, "slow", wait))
    spare.provider(*WHOLE_STREAM, at="spare")
    assert (await spare.ask(chat()).reply()).text == "hello"
    assert (await spare.tries())[-1] == ("spare/n-1", "completed")
    assert trio.current_time() < 1.0


async def test_u8_one_key_rests_and_the_others_take_over(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U8."""
    stage.conduct = Conduct(retries=2)
    stage.keys = ["sk-0123456789-one", "sk-0123456789-two"]
    provider = stage.provider(told(429, "slow", b"retry-after: 60"))
    provider.then(*WHOLE_STREAM).then(*WHOLE_STREAM)
    assert (await stage.ask(chat()).reply()).text == "hello"
    assert (await stage.ask(chat()).reply()).text == "hello"
    shown = [sent.partition(b"Bearer ")[2].partition(b"\r\n")[0] for sent in provider.sent]
    assert shown[0] != shown[1] == shown[2]


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_refused_key_rests_and_another_is_shown(
    stage: Stage, status: int, autojump_clock: MockClock
) -> None:
    stage.keys = ["sk-0123456789-one", "sk-0123456789-two"]
    provider = stage.provider(told(status, "bad key"))
    for _ in range(3):
        provider.then(*WHOLE_STREAM)
    for _ in range(3):
        assert (await stage.ask(chat()).reply()).text == "hello"
    refused = provider.sent[0].partition(b"Bearer ")[2].partition(b"\r\n")[0]
    assert [refused in sent for sent in provider.sent] == [True, False, False, False]


async def test_tls_that_cannot_be_trusted_is_not_tried_again(
    two: Stage, autojump_clock: MockClock
) -> None:
    two.refuse(TlsFailed("bad certificate"))
    two.provider(*WHOLE_STREAM, at="b")
    assert (await two.ask(chat()).reply()).text == "hello"
    assert await two.tries() == [("up/m-1", "upstream_tls_error"), ("b/m-1", "completed")]


async def test_nobody_is_asked_for_a_client_that_left_in_the_pause(
    two: Stage, autojump_clock: MockClock
) -> None:
    """C5: neither again nor elsewhere."""
    provider = two.provider(told(500, "a"))
    caller = two.ask(chat())
    await provider.asked.wait()
    await trio.testing.wait_all_tasks_blocked()
    caller.leave()
    receipt = await two.receipt()
    assert (receipt.outcome, len(receipt.attempts)) == ("client_gone", 1)
    assert len(provider.sent) == 1


async def test_a_whole_answer_shares_the_total_time_among_its_targets(
    two: Stage, autojump_clock: MockClock
) -> None:
    two.timeouts = Timeouts(total=60.0)
    silent = two.provider()
    two.provider(answer(200, COMPLETION), at="b")
    reply = await two.ask(chat(stream=False)).reply()
    assert (reply.body, silent.closed_at) == (COMPLETION, 30.0)
    assert await two.tries() == [("up/m-1", "attempt_timeout"), ("b/m-1", "completed")]


async def test_a_pause_that_leads_beyond_the_total_time_is_not_begun(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.conduct = Conduct(retries=2)
    stage.timeouts = Timeouts(total=5.0)
    stage.provider(told(429, "slow", b"retry-after: 10"))
    reply = await stage.ask(chat()).reply()
    assert (reply.status, reply.get("retry-after")) == (429, "10")
    assert reply.get("x-should-retry") == "false"
    assert trio.current_time() < 1.0


@pytest.mark.parametrize("stream", [True, False])
async def test_the_gateway_gives_up_before_its_client_does_and_says_why(
    two: Stage, stream: bool, autojump_clock: MockClock
) -> None:
    two.provider()
    two.provider(at="b")
    caller = two.ask(chat("x-stainless-read-timeout: 20", stream=stream))
    reply = await caller.reply()
    assert (reply.status, reply.error["code"]) == (504, "client_timeout")
    assert 18.0 <= trio.current_time() < 20.0
    assert reply.get("x-should-retry") == "false"


async def test_a_clients_own_patience_counts_only_where_it_is_honoured(
    two: Stage, autojump_clock: MockClock
) -> None:
    two.conduct = Conduct(honour_client_timeout=False)
    two.timeouts = Timeouts(first_token=50.0)
    two.provider()
    two.provider(at="b")
    caller = two.ask(chat("x-stainless-read-timeout: 20"))
    with trio.fail_after(1000):
        while not two.book.receipts:
            await trio.sleep(1)
    assert trio.current_time() >= 100.0
    caller.leave()


async def test_targets_that_fail_again_and_again_rest_and_come_back(
    spare: Stage, autojump_clock: MockClock
) -> None:
    spare.conduct = Conduct(retries=0, cooldown=Cooldown(3, 30.0, 15.0))
    up = spare.provider(told(500, "a"))
    up.then(told(500, "a")).then(told(500, "a")).then(*WHOLE_STREAM)
    there = spare.provider(*WHOLE_STREAM, at="spare")
    for _ in range(4):
        there.then(*WHOLE_STREAM)
    for _ in range(5):
        assert (await spare.ask(chat()).reply()).text == "hello"
    assert (len(up.sent), len(there.sent)) == (3, 5)
    await trio.sleep(15.0)
    assert (await spare.ask(chat()).reply()).text == "hello"
    assert (len(up.sent), len(there.sent)) == (4, 5)


async def test_a_clients_leaving_counts_against_no_target(
    spare: Stage, autojump_clock: MockClock
) -> None:
    """C1 in part: and a status 499 is nobody's error."""
    spare.conduct = Conduct(retries=0, cooldown=Cooldown(1, 30.0, 15.0))
    for _ in range(3):
        spare.provider(STREAM_HEAD, chunk(event("a")))
        caller = spare.ask(chat())
        await caller.read(50)
        caller.leave()
        await spare.calls.ended()
    assert spare.health.rests_for(spare.target(), trio.current_time()) == 0.0
    assert spare.health.open_calls(spare.target()) == 0


async def test_silence_in_mid_stream_counts_against_its_target(
    spare: Stage, autojump_clock: MockClock
) -> None:
    spare.timeouts = Timeouts(idle=5.0)
    spare.conduct = Conduct(retries=0, cooldown=Cooldown(1, 30.0, 15.0))
    spare.provider(STREAM_HEAD, chunk(event("a")))
    reply = await spare.ask(chat()).reply()
    assert reply.events[-1]["error"]["code"] == "idle_timeout"
    assert spare.health.rests_for(spare.target(), trio.current_time()) > 14.0


async def test_nobodys_impatience_lets_a_home_rest(spare: Stage, autojump_clock: MockClock) -> None:
    spare.timeouts = Timeouts(idle=5.0)
    spare.conduct = Conduct(retries=0, cooldown=Cooldown(1, 30.0, 15.0))
    spare.provider(STREAM_HEAD, chunk(event("a")))
    reply = await spare.ask(chat("x-stainless-read-timeout: 1")).reply()
    assert reply.events[-1]["error"]["code"] == "idle_timeout"
    assert trio.current_time() < 1.0
    assert spare.health.rests_for(spare.target(), trio.current_time()) == 0.0


async def test_wishes_of_a_client_lessen_what_is_done(
    spare: Stage, autojump_clock: MockClock
) -> None:
    spare.provider(told(500, "a")).then(told(500, "b"))
    alone = ("x-gateway-retries: 1", "x-gateway-fallbacks: off")
    reply = await spare.ask(chat(*alone)).reply()
    assert (reply.status, reply.error["code"], len(await spare.tries())) == (500, "b", 2)


async def test_a_wish_that_means_nothing_is_a_mistake(
    spare: Stage, autojump_clock: MockClock
) -> None:
    reply = await spare.ask(chat("x-gateway-retries: many")).reply()
    assert (reply.status, "x-gateway-retries" in reply.error["message"]) == (400, True)


async def test_usage_and_model_are_those_of_who_answered(
    two: Stage, autojump_clock: MockClock
) -> None:
    two.conduct = replace(two.conduct, retries=0)
    early = {"prompt_tokens": 99, "completion_tokens": 0}
    two.provider(STREAM_HEAD, chunk(event(usage=early, model="wrong")), chunk(fault("x", "y")))
    late = {"prompt_tokens": 3, "completion_tokens": 2}
    two.provider(
        STREAM_HEAD,
        chunk(event("hi", model="right"), STOP, event(usage=late, choices=[], model="right"), DONE)
        + END,
        at="b",
    )
    reply = await two.ask(chat()).reply()
    assert {each["model"] for each in reply.events[:-1]} <= {"right", "m-1"}
    receipt = await two.receipt()
    assert receipt.usage is not None
    assert (receipt.usage.input_tokens, receipt.answered_by) == (3, "right")
    assert receipt.attempts[0].usage is not None
    assert receipt.attempts[0].usage.input_tokens == 99
