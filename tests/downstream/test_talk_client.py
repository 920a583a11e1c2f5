"""The client of one turn on a WebSocket, in memory: what leaves, and how it learns of the end."""

import pytest
import trio
from trio.testing import MockClock
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Event, Ping, TextMessage

from gateway.downstream.calls import Calls, OpenCall
from gateway.downstream.head import Head
from gateway.downstream.talk import Bounds, Talk
from gateway.downstream.talk_client import TalkClient
from gateway.words.errors import Busy, UpgradeNeeded
from gateway.words.life import Cause
from gateway.words.receipt import Receipt
from tests.caller import Line

HEAD = Head("GET", "/v1/responses", {}, http10=False, keep_alive=True, length=0)
EVENT = b'event: x\ndata: {"type":"x"}\n\n'


def talk_over(line: Line) -> Talk:
    return Talk(line, HEAD, Bounds(1000, 30.0), Calls(10), b"")


def client_of(line: Line, calls: Calls | None = None) -> TalkClient:
    return TalkClient(talk_over(line), b"{}", Calls(10) if calls is None else calls)


def heard(line: Line) -> list[Event]:
    peer = Connection(ConnectionType.CLIENT)
    peer.receive_data(bytes(line.unread))
    return list(peer.events())


def life() -> OpenCall:
    opened = OpenCall(Receipt("req_1", "POST", "/v1/responses", "", 0.0))
    opened.link = trio.CancelScope()
    return opened


async def test_events_leave_as_messages_in_one_write(autojump_clock: MockClock) -> None:
    line = Line()
    client = client_of(line)
    client.start(200, ())
    assert not client.started
    await client.send(EVENT * 2)
    assert heard(line) == [TextMessage('{"type":"x"}')] * 2
    assert len(line.writes) == 1
    assert (client.status, client.started, client.bytes_out) == (200, True, 2 * len(EVENT))


async def test_a_comment_asks_whether_the_client_is_there(autojump_clock: MockClock) -> None:
    line = Line()
    await client_of(line).send(b": keepalive\n\n")
    assert heard(line) == [Ping()]


async def test_nothing_to_say_is_not_said(autojump_clock: MockClock) -> None:
    line = Line()
    await client_of(line).finish(b"")
    assert line.writes == []


async def test_an_error_is_told_in_one_message(autojump_clock: MockClock) -> None:
    line = Line()
    client = client_of(line)
    await client.respond(404, (), b'{"error":{}}')
    assert heard(line) == [TextMessage('{"type":"error","status":404,"error":{}}')]
    assert (client.status, client.started) == (404, True)


@pytest.mark.parametrize("say", ["send", "respond"])
async def test_who_cannot_be_written_to_is_gone(say: str, autojump_clock: MockClock) -> None:
    line = Line()
    client, opened = client_of(line), life()
    client.attach(opened)
    line.broken = True
    with opened.link:
        await (client.send(EVENT) if say == "send" else client.respond(404, (), b"{}"))
    assert (client.gone, opened.cause) == (True, Cause.CLIENT_GONE)


async def test_who_says_goodbye_is_gone(autojump_clock: MockClock) -> None:
    line = Line()
    client, opened = client_of(line), life()
    client.attach(opened)
    line.arriving.append(Connection(ConnectionType.CLIENT).send(CloseConnection(1000)))
    await client.listen()
    assert opened.cause is Cause.CLIENT_GONE


async def test_a_life_that_begins_behind_a_goodbye_ends_at_once(autojump_clock: MockClock) -> None:
    client, opened = client_of(Line()), life()
    client.went_away()
    client.attach(opened)
    assert opened.cause is Cause.CLIENT_GONE


async def test_a_message_needs_room_as_a_body_does(autojump_clock: MockClock) -> None:
    """G9."""
    calls, opened = Calls(10, 1), life()
    client = client_of(Line(), calls)
    client.attach(opened)
    with pytest.raises(Busy):
        await client.body()
    roomy = client_of(Line())
    assert (await roomy.body(), roomy.bytes_in) == (b"{}", 2)


async def test_a_last_word_that_nobody_takes_is_too_slow(autojump_clock: MockClock) -> None:
    client = client_of(Line(window=1))
    with pytest.raises(trio.TooSlowError):
        await client.finish(EVENT, patience=5.0)
    assert client.torn


async def test_it_is_a_websocket_already(autojump_clock: MockClock) -> None:
    client = client_of(Line())
    client.abort()
    with pytest.raises(UpgradeNeeded):
        await client.switch(())
