"""Responses over a WebSocket, in memory and virtual time: each turn a request of its own."""

import json
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from gateway.downstream.options import HttpOptions
from gateway.downstream.talk import PATIENCE, WRITE_TIMEOUT
from gateway.policy.keys import Keyring
from gateway.relay.options import ClockOptions
from tests.passages import ADA, PEPPER, record
from tests.stage import STREAM_HEAD, WHOLE_STREAM, Stage, chunk, event, get
from tests.talker import Talker

pytest_plugins = ("tests.onstage",)


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")


async def test_a_turn_is_answered_in_messages(stage: Stage, autojump_clock: MockClock) -> None:
    stage.provider(*WHOLE_STREAM)
    talker = Talker(stage.connect())
    reply = await talker.opened()
    assert (reply.status, reply.get("upgrade")) == (101, "websocket")
    talker.create()
    events = await talker.response()
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    assert [e["sequence_number"] for e in events] == list(range(len(events)))
    assert text_of(events) == "hello"
    await stage.calls.ended()
    told = [(r.endpoint, r.status, r.outcome) for r in stage.book.receipts]
    assert told == [("open_socket", 101, "completed"), ("chat", 200, "completed")]


async def test_turns_follow_each_other_and_need_not_repeat(
    stage: Stage, autojump_clock: MockClock
) -> None:
    provider = stage.provider(*WHOLE_STREAM).then(*WHOLE_STREAM)
    talker = Talker(stage.connect())
    await talker.opened()
    talker.create()
    first = await talker.response()
    talker.create("More", previous_response_id=first[-1]["response"]["id"])
    assert text_of(await talker.response()) == "hello"
    said = json.loads(provider.sent[1].partition(b"\r\n\r\n")[2])["messages"]
    assert [(each["role"], each["content"]) for each in said] == [
        ("user", "Hello"),
        ("assistant", "hello"),
        ("user", "More"),
    ]
    await stage.calls.ended()
    ids = [receipt.request_id for receipt in stage.book.receipts]
    assert len(set(ids)) == 3


async def test_nothing_is_generated_where_a_turn_only_lays_down(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(*WHOLE_STREAM)
    talker = Talker(stage.connect())
    await talker.opened()
    talker.create(generate=False)
    events = await talker.response()
    assert [e["type"] for e in events] == ["response.created", "response.completed"]
    talker.create([], previous_response_id=events[-1]["response"]["id"])  # type: ignore[arg-type]
    assert text_of(await talker.response()) == "hello"


@pytest.mark.parametrize("way", ["fin", "rst", "goodbye"])
@pytest.mark.parametrize(
    "script", [[], [STREAM_HEAD, chunk(event("a"))]], ids=["silent", "content"]
)
async def test_a_client_that_leaves_closes_the_provider_at_that_instant(
    stage: Stage, script: list[bytes], way: str, autojump_clock: MockClock
) -> None:
    """C1, C2, C4."""
    provider = stage.provider(*script)
    talker = Talker(stage.connect())
    await talker.opened()
    talker.create()
    await provider.asked.wait()
    await trio.sleep(12)
    if way == "goodbye":
        talker.say(CloseConnection(1000))
    else:
        talker.caller.leave(way)
    await stage.calls.ended()
    receipt = stage.book.receipts[-1]
    assert provider.closed_at == receipt.ended == 12
    assert (receipt.outcome, receipt.cause) == ("client_gone", "client_gone")


async def test_an_error_is_told_in_a_message_and_the_next_turn_follows(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(*WHOLE_STREAM)
    talker = Talker(stage.connect())
    await talker.opened()
    talker.create(model="nobody")
    error = await talker.message()
    assert (error["type"], error["status"]) == ("error", 404)
    assert error["error"]["code"] == "model_not_found"
    talker.say(TextMessage("[]"))
    assert (await talker.message())["status"] == 400
    talker.create()
    assert text_of(await talker.response()) == "hello"


async def test_a_stream_that_breaks_off_is_told_and_the_next_turn_follows(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(STREAM_HEAD, chunk(event("hel")) + b"0\r\n\r\n").then(*WHOLE_STREAM)
    talker = Talker(stage.connect())
    await talker.opened()
    talker.create()
    events = await talker.response()
    assert [e["type"] for e in events[-2:]] == ["error", "response.failed"]
    talker.create()
    assert text_of(await talker.response()) == "hello"


async def test_a_waiting_client_is_asked_whether_it_is_there(
    stage: Stage, autojump_clock: MockClock
) -> None:
    provider = stage.provider()
    talker = Talker(stage.connect())
    await talker.opened()
    talker.create()
    await provider.asked.wait()
    assert isinstance(await talker.hear(), Ping)
    talker.say(Pong(b""))
    talker.say(Ping(b"and you?"))
    assert await talker.hear() == Pong(b"and you?")


async def test_a_message_that_comes_early_waits_for_its_turn(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(*WHOLE_STREAM).then(*WHOLE_STREAM)
    talker = Talker(stage.connect())
    await talker.opened()
    talker.create()
    talker.create()
    for _ in range(2):
        assert text_of(await talker.response()) == "hello"


async def test_what_is_no_text_ends_it(stage: Stage, autojump_clock: MockClock) -> None:
    talker = Talker(stage.connect())
    await talker.opened()
    talker.say(BytesMessage(b"\0"))
    assert await talker.goodbye() == 1003
    await talker.caller.hung_up()


async def test_a_message_that_comes_too_slowly_ends_it(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C12."""
    talker = Talker(stage.connect())
    await talker.opened()
    talker.say(TextMessage("{", message_finished=False))
    assert await talker.goodbye() == 1008
    assert trio.current_time() == HttpOptions().body_timeout


async def test_a_goodbye_between_turns_is_answered(stage: Stage, autojump_clock: MockClock) -> None:
    talker = Talker(stage.connect())
    await talker.opened()
    talker.say(CloseConnection(1000))
    assert await talker.goodbye() == 1000
    await talker.caller.hung_up()


async def test_who_says_nothing_for_long_is_sent_away(
    stage: Stage, autojump_clock: MockClock
) -> None:
    talker = Talker(stage.connect())
    await talker.opened()
    await talker.goodbye()
    assert PATIENCE <= trio.current_time() <= PATIENCE + 2


async def test_a_house_that_closes_says_goodbye_between_turns(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G1."""
    provider = stage.provider(STREAM_HEAD, chunk(event("hel")))
    resting, busy = Talker(stage.connect()), Talker(stage.connect())
    await resting.opened()
    await busy.opened()
    busy.create()
    await provider.asked.wait()
    for connection in stage.connections:
        connection.drain()
    assert await resting.goodbye() == 1001
    provider.say(chunk(event("lo")), *WHOLE_STREAM[3:])
    assert text_of(await busy.response()) == "hello"
    assert await busy.goodbye() == 1001


async def test_without_a_handshake_it_is_said_what_is_spoken_here(
    stage: Stage, autojump_clock: MockClock
) -> None:
    reply = await stage.ask(get("/v1/responses")).reply()
    assert (reply.status, reply.error["code"]) == (426, "upgrade_required")
    assert reply.get("upgrade") == "websocket"


async def test_r27_a_web_page_opens_no_websocket_where_there_are_no_keys(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """R27: a browser asks no leave before it opens a WebSocket, from whatever page."""
    talker = Talker(stage.connect(), "Origin: https://evil.example")
    reply = await talker.caller.reply()
    assert (reply.status, reply.error["code"]) == (403, "forbidden")


@pytest.mark.parametrize("said", ["[]", '{"type":"response.create","generate":false}'])
async def test_who_has_said_goodbye_is_told_no_more(
    stage: Stage, said: str, autojump_clock: MockClock
) -> None:
    talker = Talker(stage.connect())
    await talker.opened()
    wire = talker.written(TextMessage(said)) + talker.written(CloseConnection(1000))
    talker.caller.send(wire)
    assert await talker.goodbye() == 1000
    await talker.caller.hung_up()


async def test_a_goodbye_that_meets_an_answer_on_its_way_is_no_bug(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C22."""
    provider = stage.provider(STREAM_HEAD, chunk(event("a")))
    talker = Talker(stage.connect())
    await talker.opened()
    talker.create()
    await provider.asked.wait()
    await trio.sleep(1)
    for _ in range(4):
        provider.say(chunk(event("b")))
    talker.say(CloseConnection(1000))
    provider.say(chunk(event("c")))
    await stage.calls.ended()
    assert stage.book.receipts[-1].outcome == "client_gone"


async def test_what_a_websocket_keeps_is_counted_until_it_ends(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G9."""
    talker = Talker(stage.connect())
    await talker.opened()
    talker.create("x" * 5000, generate=False)
    await talker.response()
    assert 5000 < stage.calls.body_bytes < 6000
    talker.say(TextMessage("y" * 3000, message_finished=False))
    await trio.sleep(1)
    assert 8000 < stage.calls.body_bytes < 9000
    talker.caller.leave()
    await talker.caller.hung_up()
    assert stage.calls.body_bytes == 0


async def test_what_finds_no_room_is_not_kept(stage: Stage, autojump_clock: MockClock) -> None:
    """G9."""
    provider = stage.provider(STREAM_HEAD, chunk(event("hel")))
    talker = Talker(stage.connect())
    await talker.opened()
    talker.create()
    await provider.asked.wait()
    stage.calls.most_body_bytes = 0
    provider.say(*WHOLE_STREAM[2:])
    response = (await talker.response())[-1]["response"]["id"]
    await stage.calls.ended()
    assert stage.calls.body_bytes == 0
    stage.calls.most_body_bytes = 10_000
    talker.create("More", previous_response_id=response)
    assert (await talker.message())["error"]["code"] == "previous_response_not_found"
    talker.say(TextMessage("y" * 11_000, message_finished=False))
    assert await talker.goodbye() == 1013


async def test_a_message_that_meets_a_drain_is_answered(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G1."""
    stage.provider(*WHOLE_STREAM)
    talker = Talker(stage.connect())
    await talker.opened()
    await trio.sleep(1)
    talker.create()
    for connection in stage.connections:
        connection.drain()
    assert text_of(await talker.response()) == "hello"
    assert await talker.goodbye() == 1001


async def test_who_takes_nothing_is_cut_by_the_clock_of_the_call(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C9."""
    stage.clocks = ClockOptions(write_timeout=120.0)
    provider = stage.provider(*WHOLE_STREAM)
    talker = Talker(stage.connect(window=300))
    await talker.opened()
    talker.create()
    await provider.asked.wait()
    await stage.calls.ended()
    receipt = stage.book.receipts[-1]
    assert (receipt.outcome, receipt.ended) == ("client_stalled", 120.0)


async def test_it_is_listened_to_while_a_message_waits(
    stage: Stage, autojump_clock: MockClock
) -> None:
    provider = stage.provider(STREAM_HEAD, chunk(event("a")))
    talker = Talker(stage.connect())
    await talker.opened()
    talker.create()
    talker.create()
    await provider.asked.wait()
    talker.say(Ping(b"and you?"))
    while not isinstance(heard := await talker.hear(), Pong):
        pass
    assert heard == Pong(b"and you?")
    talker.say(CloseConnection(1000))
    await stage.calls.ended()
    assert provider.closed_at == trio.current_time() == 0


async def test_who_says_goodbye_without_taking_what_was_said_is_gone(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C9: what is said in return would wait for its turn."""
    provider = stage.provider(*WHOLE_STREAM)
    talker = Talker(stage.connect(window=300))
    await talker.opened()
    talker.create()
    await provider.asked.wait()
    await trio.sleep(5)
    talker.say(CloseConnection(1000))
    await stage.calls.ended()
    assert stage.book.receipts[-1].outcome == "client_gone"
    assert trio.current_time() == 5


async def test_a_body_behind_the_handshake_is_no_frame(
    stage: Stage, autojump_clock: MockClock
) -> None:
    talker = Talker(stage.connect(), "Content-Length: 5")
    assert (await talker.caller.reply()).status == 426


async def test_a_key_that_was_revoked_asks_no_more(stage: Stage, autojump_clock: MockClock) -> None:
    stage.provider(*WHOLE_STREAM)
    stage.keyring = Keyring([record("ada", ADA)], {}, {}, PEPPER)
    talker = Talker(stage.connect(), f"Authorization: Bearer {ADA}", "Origin: https://a.example")
    await talker.opened()
    talker.create()
    assert text_of(await talker.response()) == "hello"
    stage.current.house = replace(stage.current.house, keys=Keyring([], {}, {}, PEPPER))
    talker.create()
    assert (await talker.message())["status"] == 401


async def test_who_does_not_take_the_answer_to_its_handshake_is_cut(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C9."""
    Talker(stage.connect(window=10))
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.ended) == ("client_stalled", stage.clocks.write_timeout)


async def test_who_takes_nothing_between_turns_is_taken_for_gone(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C9."""
    talker = Talker(stage.connect(window=300))
    await talker.opened()
    talker.create(generate=False)
    await trio.sleep(WRITE_TIMEOUT + 3)
    assert stage.lines[0].closed_at == WRITE_TIMEOUT
