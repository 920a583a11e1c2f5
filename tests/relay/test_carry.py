"""The story of a call: what passes, how it ends, what the receipt says of it. Virtual time."""

import json
from collections.abc import Callable
from math import inf
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.relay.options import AnswerOptions
from gateway.words.answer import Usage
from gateway.words.target import Timeouts
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
    fault,
    get,
)

pytest_plugins = ("tests.onstage",)

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
TOLD = event(usage=USAGE, choices=[])
BROKEN = b"data: {not json}\n\n"
KEEPALIVE = b": keepalive\n\n"


async def test_events_pass_byte_for_byte_and_one_read_is_one_write(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C27, U18: and the head keeps proxies from buffering or packing them (C24)."""
    odd = b'data:{"choices":[{"index":0,"delta":{"content":"x"}}],"unknown":[1]}\r\n\r\n'
    reads = (event("a") + event("b"), odd, STOP + DONE)
    stage.provider(STREAM_HEAD, *(chunk(read) for read in reads), END)
    caller = stage.ask(chat())
    reply = await caller.reply()
    assert reply.chunks == list(reads)
    assert len(caller.line.writes) == len(reads)
    assert reply.get("content-type") == "text/event-stream; charset=utf-8"
    assert reply.get("cache-control") == "no-cache, no-transform"
    assert reply.get("x-accel-buffering") == "no"
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase, receipt.pieces) == ("completed", "finishing", 4)
    assert (receipt.target, receipt.answered_by) == ("up/m-1", "m-1")
    assert [(each.target, each.outcome) for each in receipt.attempts] == [("up/m-1", "completed")]


async def test_u17_events_cut_anywhere_pass_whole(stage: Stage, autojump_clock: MockClock) -> None:
    """U17."""
    said = event("caf\u00e9").replace(b"\\u00e9", "\u00e9".encode()) + STOP + DONE
    wire = chunk(*(said[index : index + 1] for index in range(len(said)))) + END
    stage.provider(STREAM_HEAD, *(wire[index : index + 1] for index in range(len(wire))))
    reply = await stage.ask(chat()).reply()
    assert reply.body == said
    assert len(reply.chunks) == 3


async def test_an_answer_in_one_piece_passes_as_it_came(
    stage: Stage, autojump_clock: MockClock
) -> None:
    whole = answer(200, COMPLETION)
    provider = stage.provider(whole[:50], whole[50:130], whole[130:])
    reply = await stage.ask(chat(stream=False, unknown={"a": [1]})).reply()
    assert (reply.body, reply.get("content-type")) == (COMPLETION, "application/json")
    assert provider.sent_json()["unknown"] == {"a": [1]}
    assert provider.sent_json()["model"] == "m-1"
    receipt = await stage.receipt()
    assert (receipt.usage, receipt.stream) == (Usage(3, 2), False)


@pytest.mark.parametrize("asked", [True, False])
async def test_usage_is_read_always_and_shown_to_whoever_asked(
    stage: Stage, asked: bool, autojump_clock: MockClock
) -> None:
    """U27: of several the last counts; `usage: null` stays where it is."""
    nothing = event("a", usage=None)
    first = event("b", usage={"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4})
    provider = stage.provider(STREAM_HEAD, chunk(nothing, first, STOP, TOLD, DONE) + END)
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if asked else {}
    reply = await stage.ask(chat(**options)).reply()
    assert reply.body == nothing + first + STOP + (TOLD if asked else b"") + DONE
    assert provider.sent_json()["stream_options"] == {"include_usage": True}
    assert (await stage.receipt()).usage == Usage(3, 2)


async def test_u16_u22_what_kills_sdks_is_left_out_and_counted(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U16, U22."""
    reads = (
        BROKEN + event("a"),
        BROKEN,
        b": note\n\n",
        b"id: 7\nretry: 1\n" + event("b"),
        STOP + DONE,
    )
    stage.provider(STREAM_HEAD, *(chunk(read) for read in reads), END)
    reply = await stage.ask(chat()).reply()
    assert reply.body == event("a") + b": note\n\n" + event("b") + STOP + DONE
    assert (await stage.receipt()).malformed_events == 2


async def test_u25_the_first_done_ends_the_stream_and_nothing_is_waited_for(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U25. What is left is read when the connection is next wanted."""
    provider = stage.provider(STREAM_HEAD, chunk(event("a"), STOP, DONE), chunk(DONE, event("x")))
    caller = stage.ask(chat())
    reply = await caller.reply()
    assert reply.body == event("a") + STOP + DONE
    assert trio.current_time() == 0
    assert (await stage.receipt()).outcome == "completed"
    provider.say(END)
    provider.then(*WHOLE_STREAM)
    caller.send(chat())
    assert (await caller.reply()).text == "hello"
    assert len(stage.dialled) == 1


def clean_end(provider: Provider) -> None:
    provider.say(END)


def cut_off(provider: Provider) -> None:
    provider.say(b"")


@pytest.mark.parametrize("part", [b"", chunk(DONE[:-1])])
@pytest.mark.parametrize("end", [clean_end, cut_off, Provider.cut, Provider.reset])
async def test_u14_u15_u23_a_stream_that_has_finished_is_whole_however_it_ends(
    stage: Stage, part: bytes, end: Callable[[Provider], None], autojump_clock: MockClock
) -> None:
    """U14, U15, U23."""
    provider = stage.provider(STREAM_HEAD, chunk(event("a"), STOP))
    caller = stage.ask(chat())
    await provider.asked.wait()
    if part:
        provider.say(part)
    end(provider)
    reply = await caller.reply()
    assert (reply.body, reply.whole) == (event("a") + STOP + DONE, True)
    assert (await stage.receipt()).outcome == "completed"


async def test_a_stream_that_says_nothing_but_done_is_an_empty_answer(
    stage: Stage, autojump_clock: MockClock
) -> None:
    for dropped in (b"", BROKEN):
        stage.provider(STREAM_HEAD, chunk(dropped + DONE), b"")
        assert (await stage.ask(chat()).reply()).body == DONE
    await stage.calls.ended()
    assert [receipt.outcome for receipt in stage.book.receipts] == ["completed"] * 2


ENDINGS: dict[str, tuple[Callable[[Provider], None], str, str]] = {
    "fin": (cut_off, "upstream_truncated", "upstream_truncated"),
    "tls cut": (Provider.cut, "upstream_truncated", "upstream_truncated"),
    "rst": (Provider.reset, "upstream_reset", "upstream_error"),
    "a clean end": (clean_end, "upstream_truncated", "upstream_truncated"),
    "no chunk": (lambda provider: provider.say(b"zz"), "upstream_malformed", "upstream_error"),
}


@pytest.mark.parametrize(("end", "code", "outcome"), ENDINGS.values(), ids=ENDINGS)
async def test_u13_u14_u15_u24_a_stream_that_breaks_off_never_looks_whole(
    stage: Stage,
    end: Callable[[Provider], None],
    code: str,
    outcome: str,
    autojump_clock: MockClock,
) -> None:
    """U13, U14, U15, U24.

    One error in band, then the connection ends without the end of the body; never a [DONE].
    """
    said = event("a", usage=USAGE)
    provider = stage.provider(STREAM_HEAD, chunk(said))
    caller = stage.ask(chat())
    await provider.asked.wait()
    await trio.sleep(3)
    end(provider)
    reply = await caller.reply()
    assert reply.body.startswith(said)
    assert reply.events[1]["error"]["code"] == code
    assert reply.events[1]["error"].keys() == {"message", "type", "param", "code"}
    assert (len(reply.events), reply.whole) == (2, False)
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.cause, receipt.phase) == (outcome, code, "streaming")
    assert (receipt.usage, receipt.status) == (Usage(3, 2), 200)
    assert receipt.attempts[0].outcome == code
    assert provider.closed_at == (inf if end is clean_end else 3)


async def test_an_old_clients_stream_that_breaks_off_has_its_error_too(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(STREAM_HEAD, chunk(event("a")), b"")
    reply = await stage.ask(chat(version="1.0")).reply()
    assert reply.events[-1]["error"]["code"] == "upstream_truncated"


async def test_u14_an_answer_in_one_piece_that_is_short_is_a_502(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U14."""
    stage.provider(answer(200, COMPLETION)[:-1], b"")
    reply = await stage.ask(chat(stream=False)).reply()
    assert (reply.status, reply.error["code"]) == (502, "upstream_truncated")


async def test_u26_an_error_told_in_the_stream_is_passed_once(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U26. What came before it passes, its own words and code are kept, nothing follows it."""
    for script in (
        [chunk(event("a"), event("b") + fault() + event("c"), DONE)],
        [chunk(event("a") + event("b")), chunk(fault()), chunk(DONE) + END],
    ):
        provider = stage.provider(STREAM_HEAD, *script)
        reply = await stage.ask(chat()).reply()
        assert reply.text == "ab"
        assert reply.events[2:] == [json.loads(fault()[6:])]
        assert not reply.whole
        assert provider.closed
    await stage.calls.ended()
    for receipt in stage.book.receipts:
        assert (receipt.outcome, receipt.cause) == ("upstream_error", "overloaded_error")


async def test_u11_silence_in_mid_stream_is_told_in_band(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U11. Comments are no events, and neither is what the gateway itself keeps saying."""
    stage.timeouts = Timeouts(idle=40.0)
    provider = stage.provider(STREAM_HEAD, chunk(event("a")))
    caller = stage.ask(chat())
    await trio.sleep(30)
    provider.say(chunk(event("b")))
    await trio.sleep(30)
    provider.say(chunk(b": still here\n\n"))
    reply = await caller.reply()
    assert trio.current_time() == provider.closed_at == 70
    assert reply.text == "ab"
    assert KEEPALIVE in reply.body
    assert reply.events[-1]["error"] == {
        "message": "The provider sends bytes, but no whole event.",
        "type": "timeout",
        "param": None,
        "code": "idle_timeout",
    }
    assert not reply.whole
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.cause, receipt.phase) == (
        "timeout",
        "idle_trickle",
        "streaming",
    )


async def test_u30_bytes_that_never_become_an_event_are_a_trickle(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U30."""
    stage.timeouts = Timeouts(idle=10.0)
    provider = stage.provider(STREAM_HEAD, chunk(event("a")))
    caller = stage.ask(chat())
    for byte in event("b")[:12]:
        await trio.sleep(1)
        provider.say(chunk(bytes([byte])))
    reply = await caller.reply()
    assert reply.events[-1]["error"]["code"] == "idle_timeout"
    assert (provider.closed_at, (await stage.receipt()).cause) == (10, "idle_trickle")


@pytest.mark.parametrize("stream", [True, False])
async def test_u12_the_total_time_ends_a_call_in_band_or_with_a_504(
    stage: Stage, stream: bool, autojump_clock: MockClock
) -> None:
    """U12."""
    stage.timeouts = Timeouts(total=60.0, first_token=1000.0)
    provider = stage.provider(*WHOLE_STREAM[:stream])
    caller = stage.ask(chat(stream=stream))
    for _ in range(10 if stream else 0):
        await trio.sleep(7)
        provider.say(chunk(event("a")))
    reply = await caller.reply()
    error = reply.events[-1]["error"] if stream else reply.error
    assert (error["code"], error["type"]) == ("total_timeout", "timeout")
    assert (reply.status, reply.whole) == ((200, False) if stream else (504, True))
    assert reply.get("x-should-retry") == (None if stream else "false")
    assert provider.closed_at == 60
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.cause) == ("timeout", "total_timeout")
    assert receipt.phase == ("streaming" if stream else "waiting")


async def test_c26_a_long_wait_has_its_head_and_keepalives_and_an_error_in_band(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C26. The status is committed then; the first token can still come too late."""
    stage.timeouts = Timeouts(first_token=60.0)
    provider = stage.provider()
    caller = stage.ask(chat())
    reply = await caller.reply()
    assert [at for at, _ in caller.line.writes] == [20, 35, 50, 60]
    assert (reply.status, reply.whole) == (200, False)
    assert reply.body.startswith(3 * KEEPALIVE)
    assert reply.events[0]["error"]["code"] == "first_token_timeout"
    assert provider.closed_at == 60
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase, receipt.status) == ("timeout", "waiting", 200)


async def test_c26_content_after_keepalives_goes_on_behind_the_same_head(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C26."""
    provider = stage.provider()
    caller = stage.ask(chat() + get("/healthz"))
    await trio.sleep(30)
    provider.say(*WHOLE_STREAM)
    reply = await caller.reply()
    assert reply.body.startswith(KEEPALIVE)
    assert (reply.text, reply.whole) == ("hello", True)
    assert (await caller.reply()).status == 200


async def test_u29_an_endless_stream_ends_at_its_greatest_length(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """U29."""
    stage.answers = AnswerOptions(max_answer_bytes=1000)
    stage.provider(STREAM_HEAD, *[chunk(event("a"))] * 20)
    reply = await stage.ask(chat()).reply()
    assert reply.events[-1]["error"]["code"] == "upstream_answer_too_large"
    assert len(reply.body) < 1300


async def test_u28_a_gigantic_event_is_not_kept(stage: Stage, autojump_clock: MockClock) -> None:
    """U28."""
    stage.answers = AnswerOptions(max_event_bytes=1000)
    provider = stage.provider(STREAM_HEAD, chunk(event("a")), chunk(b"data: " + b"x" * 2000))
    reply = await stage.ask(chat()).reply()
    assert (reply.text, reply.whole) == ("a", False)
    assert reply.events[-1]["error"]["code"] == "upstream_answer_too_large"
    assert provider.closed
