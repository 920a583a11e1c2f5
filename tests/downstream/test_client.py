"""A client on our own connection: its body as it comes, the answer as it goes."""

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from gateway.downstream.calls import Calls, OpenCall
from gateway.downstream.client import CONTINUE, MIN_BODY_RATE, HttpClient
from gateway.downstream.head import read_head
from gateway.downstream.options import HttpOptions
from gateway.relay.options import ClockOptions
from gateway.words.receipt import Receipt
from gateway.words.target import Timeouts
from tests.caller import Caller, Line
from tests.stage import (
    COMPLETION,
    STREAM_HEAD,
    WHOLE_STREAM,
    Stage,
    answer,
    chat,
    chunk,
    event,
    get,
    post,
    words,
)

pytest_plugins = ("tests.onstage",)

MODELS = get("/v1/models")
BODY = words(stream=False)
CHUNKED = post(b"", "Transfer-Encoding: chunked")
LAST = b"0\r\n\r\n"


def head_alone(*fields: str, size: int = len(BODY), version: str = "1.1") -> bytes:
    """Return the head of a chat request whose body comes later, or never."""
    return post(b"", f"Content-Length: {size}", *fields, version=version)


async def test_a_body_in_chunks_is_the_same_body(stage: Stage, autojump_clock: MockClock) -> None:
    provider = stage.provider(answer(200, COMPLETION)).then(answer(200, COMPLETION))
    wire = CHUNKED + chunk(BODY[:10], BODY[10:11], BODY[11:]) + LAST
    caller = stage.ask(wire + MODELS)
    assert (await caller.reply()).body == COMPLETION
    assert (await caller.reply()).status == 200
    caller.send(*(wire[index : index + 1] for index in range(len(wire))))
    assert (await caller.reply()).body == COMPLETION
    await stage.calls.ended()
    assert [receipt.bytes_in for receipt in stage.book.receipts] == [len(BODY), 0, len(BODY)]
    assert provider.sent[0] == provider.sent[1]


@pytest.mark.parametrize(
    "rest",
    [b"zz\r\n", b"3\r\nabcd\r\n", b"0\r\nx-trailer: 1\r\n\r\n"],
    ids=["size", "end", "trailer"],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_c21_a_bad_chunk_is_refused_and_the_connection_closed(
    stage: Stage, rest: bytes, at_once: bool, autojump_clock: MockClock
) -> None:
    """C21, R8."""
    wire = CHUNKED + chunk(BODY) + rest
    caller = stage.ask(wire) if at_once else stage.ask(CHUNKED, wire[len(CHUNKED) :])
    reply = await caller.reply()
    assert (reply.status, reply.get("connection")) == (400, "close")
    assert reply.error["code"] == "invalid_request"
    assert (await stage.receipt()).outcome == "refused"


async def test_leave_to_send_a_body_is_given(stage: Stage, autojump_clock: MockClock) -> None:
    """Expect: 100-continue, and an answer with a head of its own after it."""
    stage.provider(answer(200, COMPLETION))
    caller = stage.ask(head_alone("Expect: 100-Continue"))
    assert (await caller.reply()).status == 100
    caller.send(BODY + MODELS)
    assert (await caller.reply()).body == COMPLETION
    assert (await caller.reply()).status == 200
    await stage.calls.ended()
    total = sum(len(data) for _, data in caller.line.writes)
    assert sum(receipt.bytes_out for receipt in stage.book.receipts) == total - len(CONTINUE)


async def test_leave_is_not_given_to_a_body_that_is_here(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(answer(200, COMPLETION))
    caller = stage.ask(chat("Expect: 100-continue", stream=False))
    assert (await caller.reply()).body == COMPLETION


async def test_an_old_client_is_never_given_leave(stage: Stage, autojump_clock: MockClock) -> None:
    stage.provider(answer(200, COMPLETION))
    caller = stage.ask(head_alone("Expect: 100-continue", version="1.0"))
    await trio.sleep(1)
    caller.send(BODY)
    assert (await caller.reply()).status == 200


async def test_a_mistake_in_the_head_is_told_instead_of_leave(
    stage: Stage, autojump_clock: MockClock
) -> None:
    caller = stage.ask(head_alone("Expect: 100-continue", "Content-Encoding: gzip"))
    reply = await caller.reply()
    assert (reply.status, reply.get("connection")) == (415, "close")


async def test_a_mistake_in_a_body_that_had_leave_has_a_head_of_its_own(
    stage: Stage, autojump_clock: MockClock
) -> None:
    caller = stage.ask(head_alone("Expect: 100-continue", size=4))
    assert (await caller.reply()).status == 100
    caller.send(b"oops")
    reply = await caller.reply()
    assert (reply.status, reply.error["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("way", ["fin", "rst"])
async def test_c16_gone_after_it_was_given_leave(
    stage: Stage, way: str, autojump_clock: MockClock
) -> None:
    """C16."""
    caller = stage.ask(head_alone("Expect: 100-continue"))
    await caller.reply()
    await trio.sleep(5)
    caller.leave(way)
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase, receipt.ended) == ("client_gone", "body", 5)
    assert stage.dialled == []


async def test_c16_one_who_does_not_even_take_the_leave_is_too_slow(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C16."""
    caller = stage.connect(window=5)
    caller.send(head_alone("Expect: 100-continue"))
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.cause) == ("refused", "request_body_timeout")
    assert receipt.ended == stage.http.body_timeout + stage.clocks.write_timeout


async def test_c12_a_body_that_stops_is_too_slow(stage: Stage, autojump_clock: MockClock) -> None:
    """C12."""
    caller = stage.ask(head_alone() + BODY[:10])
    await trio.sleep(25)
    caller.send(BODY[10:20])
    reply = await caller.reply()
    assert (reply.status, reply.error["code"]) == (408, "request_body_timeout")
    assert reply.get("connection") == "close"
    assert trio.current_time() == pytest.approx(30, abs=0.01)
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase, receipt.bytes_in) == ("refused", "body", 20)


@pytest.mark.parametrize(("rate", "taken"), [(MIN_BODY_RATE - 1000, False), (MIN_BODY_RATE, True)])
async def test_c12_a_body_must_keep_a_rate(
    stage: Stage, rate: int, taken: bool, autojump_clock: MockClock
) -> None:
    """C12, R17: however steadily it comes."""
    body = words(stream=False, pad="x" * (900 * MIN_BODY_RATE))
    stage.provider(answer(200, COMPLETION))
    caller = stage.ask(head_alone(size=len(body)))
    for begin in range(0, len(body), rate):
        await trio.sleep(1)
        caller.send(body[begin : begin + rate])
        if caller.line.writes:
            break
    reply = await caller.reply()
    assert reply.status == (200 if taken else 408)
    if not taken:
        slower = MIN_BODY_RATE - rate
        assert trio.current_time() == pytest.approx(30 * MIN_BODY_RATE / slower, abs=31)


@pytest.mark.parametrize("size", [101, 10_000_000_000])
async def test_c13_a_body_that_is_declared_too_long_is_not_read(
    stage: Stage, size: int, autojump_clock: MockClock
) -> None:
    """C13, R14."""
    stage.http = HttpOptions(max_body_bytes=100)
    caller = stage.ask(head_alone(size=size) + b"x" * 50)
    reply = await caller.reply()
    assert (reply.status, reply.error["code"]) == (413, "request_too_large")
    assert reply.get("connection") == "close"
    assert (await stage.receipt()).outcome == "refused"


async def test_c13_a_body_of_the_greatest_length_is_taken(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C13."""
    stage.http = HttpOptions(max_body_bytes=len(BODY))
    stage.provider(answer(200, COMPLETION)).then(answer(200, COMPLETION))
    caller = stage.ask(chat(stream=False))
    assert (await caller.reply()).status == 200
    caller.send(CHUNKED + chunk(BODY) + LAST)
    assert (await caller.reply()).status == 200


async def test_c13_a_body_whose_chunks_grow_too_long_is_refused_when_they_do(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C13, R14: counted as it is read."""
    stage.http = HttpOptions(max_body_bytes=100)
    caller = stage.ask(CHUNKED)
    for _ in range(10):
        await trio.sleep(1)
        caller.send(chunk(b"x" * 10))
    await trio.sleep(1)
    assert caller.line.writes == []
    caller.send(chunk(b"x"))
    reply = await caller.reply()
    assert (reply.status, reply.get("connection")) == (413, "close")


async def test_c13_chunks_that_come_with_the_head_are_counted_too(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C13."""
    stage.http = HttpOptions(max_body_bytes=len(BODY) - 1)
    caller = stage.ask(CHUNKED + chunk(BODY) + LAST + MODELS)
    reply = await caller.reply()
    assert (reply.status, reply.error["code"]) == (413, "request_too_large")


async def test_g9_a_body_for_which_there_is_no_memory_now_is_refused_before_it_is_read(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G9."""
    stage.calls.most_body_bytes = 3 * len(BODY)
    providers = [stage.provider() for _ in range(3)]
    callers = [stage.ask(chat(stream=False)) for _ in range(3)]
    for provider in providers:
        await provider.asked.wait()
    assert stage.calls.body_bytes == 3 * len(BODY)
    reply = await stage.ask(head_alone(size=1)).reply()
    assert (reply.status, reply.error["code"]) == (503, "overloaded")
    assert (reply.get("retry-after"), reply.get("connection")) == ("1", "close")
    assert reply.get("x-should-retry") is None
    callers[0].leave()
    await trio.sleep(1)
    assert stage.calls.body_bytes == 2 * len(BODY)
    stage.provider(answer(200, COMPLETION))
    assert (await stage.ask(chat(stream=False)).reply()).status == 200
    await trio.sleep(1)
    assert stage.calls.body_bytes == 2 * len(BODY)


async def test_g9_a_body_in_chunks_is_counted_as_it_comes(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G9."""
    stage.calls.most_body_bytes = 25
    caller = stage.ask(CHUNKED)
    for held in (10, 20):
        caller.send(chunk(b"x" * 10))
        await trio.sleep(1)
        assert stage.calls.body_bytes == held
    caller.send(chunk(b"x" * 10))
    reply = await caller.reply()
    assert (reply.status, reply.error["code"]) == (503, "overloaded")
    await trio.sleep(1)
    assert stage.calls.body_bytes == 0


ENDS: dict[str, Callable[[Stage, Caller], None]] = {
    "client gone": lambda stage, caller: caller.leave(),
    "reset": lambda stage, caller: caller.leave("rst"),
    "stopped": lambda stage, caller: stage.calls.stop_all(),
    "cut": lambda stage, caller: stage.calls.cut_all(),
    "too slow": lambda stage, caller: None,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("whole", [True, False])
async def test_g9_what_a_body_held_is_free_when_its_call_has_ended_however_it_ends(
    stage: Stage, end: Callable[[Stage, Caller], None], whole: bool, autojump_clock: MockClock
) -> None:
    """G9."""
    stage.timeouts = Timeouts(first_token=5.0)
    stage.provider()
    head, part = head_alone(size=100), b"x" * 50
    caller = stage.ask(chat(stream=False) if whole else head + part)
    await trio.sleep(1)
    assert stage.calls.body_bytes == len(BODY if whole else part)
    end(stage, caller)
    await stage.receipt()
    assert stage.calls.body_bytes == 0


async def test_a_refused_request_whose_body_is_here_costs_no_connection(
    stage: Stage, autojump_clock: MockClock
) -> None:
    caller = stage.ask(post(BODY, path="/nowhere") + post(b"<a/>", "Content-Type: text/xml"))
    for status in (404, 415):
        reply = await caller.reply()
        assert (reply.status, reply.get("connection")) == (status, "keep-alive")


async def test_a_refused_request_whose_body_is_not_here_ends_the_connection(
    stage: Stage, autojump_clock: MockClock
) -> None:
    for wire in (
        post(BODY[:-1], f"Content-Length: {len(BODY)}", path="/nowhere"),
        post(chunk(BODY), "Transfer-Encoding: chunked", path="/nowhere"),
        post(b"no chunk", "Transfer-Encoding: chunked", path="/nowhere"),
    ):
        caller = stage.ask(wire)
        reply = await caller.reply()
        assert (reply.status, reply.get("connection")) == (404, "close")
        assert await caller.read(1) == b""


async def test_a_get_may_have_a_body_which_is_dropped(
    stage: Stage, autojump_clock: MockClock
) -> None:
    caller = stage.ask(get("/v1/models", "Content-Length: 3") + b"abc" + MODELS)
    assert (await caller.reply()).status == 200
    assert (await caller.reply()).status == 200


@pytest.mark.parametrize("way", ["fin", "rst"])
@pytest.mark.parametrize("wire", [head_alone() + BODY[:5], CHUNKED + chunk(BODY)])
async def test_c7_gone_within_its_body(
    stage: Stage, wire: bytes, way: str, autojump_clock: MockClock
) -> None:
    """C7."""
    caller = stage.ask(wire)
    await trio.sleep(3)
    caller.leave(way)
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase, receipt.ended) == ("client_gone", "body", 3)
    assert (receipt.status, receipt.attempts, caller.line.writes) == (0, [], [])


async def test_c7_gone_without_a_watcher_is_seen_by_the_read(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C7."""
    caller = stage.ask(head_alone())
    await trio.sleep(3)
    caller.line.on_gone = None
    caller.leave()
    assert (await stage.receipt()).outcome == "client_gone"


@pytest.mark.parametrize("stream", [True, False])
async def test_c1_gone_without_a_watcher_is_seen_by_the_next_write(
    stage: Stage, stream: bool, autojump_clock: MockClock
) -> None:
    """C1."""
    provider = stage.provider()
    caller = stage.ask(chat(stream=stream))
    await provider.asked.wait()
    caller.line.on_gone = None
    caller.leave("rst")
    await trio.sleep(5)
    whole = answer(200, COMPLETION)
    provider.say(STREAM_HEAD + chunk(event("a")) if stream else whole)
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.ended) == ("client_gone", 5)
    assert caller.line.writes == []


async def test_c3_one_who_left_before_its_request_was_read_is_not_served(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C3, C14: nothing is asked of a provider for one who has gone, though the request is here."""
    caller = stage.ask(chat() + chat())
    caller.leave()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.bytes_out) == ("client_gone", 0)
    assert (stage.dialled, caller.line.writes) == ([], [])


async def test_the_head_leaves_with_the_first_piece_in_one_write(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(*WHOLE_STREAM)
    caller = stage.ask(chat())
    await caller.reply()
    first, *others = (data for _, data in caller.line.writes)
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"hel"' in first
    assert len(others) == 2
    assert others[-1].endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


async def test_an_answer_in_one_piece_is_one_write(stage: Stage, autojump_clock: MockClock) -> None:
    stage.provider(answer(200, COMPLETION))
    caller = stage.ask(chat(stream=False) + MODELS)
    await caller.reply()
    await caller.reply()
    assert len(caller.line.writes) == 2


async def test_one_who_does_not_take_an_answer_in_one_piece_is_cut(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C9."""
    stage.clocks = ClockOptions(write_timeout=7.0)
    caller = stage.connect(window=20)
    caller.send(MODELS)
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.ended) == ("client_stalled", 7)


async def test_c3_one_who_leaves_before_its_call_has_begun_is_known_to_be_gone(
    autojump_clock: MockClock,
) -> None:
    """C3."""
    head = read_head(MODELS)
    client = HttpClient(Line(), head, HttpOptions(), Calls(1), b"")
    client.went_away()
    call = OpenCall(Receipt("id", "GET", "/", "peer", 0.0))
    call.link = trio.CancelScope()
    client.attach(call)
    assert (call.cause, call.link.cancel_called) == ("client_gone", True)
