"""A WebSocket's bytes, judged by wsproto's own client."""

import base64
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from gateway.downstream.frames import MOST_WAITING, Frames, handshake
from gateway.downstream.head import Head
from gateway.words.errors import UpgradeNeeded

KEY = base64.b64encode(b"0123456789abcdef")
ASKED = {
    b"connection": b"keep-alive, Upgrade",
    b"upgrade": b"WebSocket",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ==",
}


def head(headers: dict[bytes, bytes], *, http10: bool = False, length: int | None = 0) -> Head:
    return Head("GET", "/v1/responses", headers, http10=http10, keep_alive=True, length=length)


def client() -> Connection:
    return Connection(ConnectionType.CLIENT)


def heard(peer: Connection, data: bytes) -> list[Event]:
    peer.receive_data(data)
    return list(peer.events())


def test_the_example_of_the_standard_is_accepted_as_it_says() -> None:
    """RFC 6455, 1.3."""
    accepted = dict(handshake(head(ASKED)))
    assert accepted[b"sec-websocket-accept"] == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    "without",
    [
        {b"connection": b"close"},
        {b"upgrade": b"h2c"},
        {b"sec-websocket-version": b"8"},
        {b"sec-websocket-key": b"short"},
        {b"sec-websocket-key": b"not base64!"},
    ],
    ids=str,
)
def test_another_head_is_told_what_is_spoken_here(without: dict[bytes, bytes]) -> None:
    with pytest.raises(UpgradeNeeded) as told:
        handshake(head({**ASKED, **without}))
    assert told.value.headers == ((b"upgrade", b"websocket"),)


def test_http_1_0_knows_no_other_protocols() -> None:
    with pytest.raises(UpgradeNeeded):
        handshake(head(ASKED, http10=True))


@pytest.mark.parametrize("length", [5, None])
def test_what_follows_a_handshake_is_no_body(length: int | None) -> None:
    with pytest.raises(UpgradeNeeded):
        handshake(head(ASKED, length=length))


def test_a_message_is_the_same_however_it_is_cut() -> None:
    peer = client()
    wire = peer.send(TextMessage("Grüße ", message_finished=False))
    wire += peer.send(Ping(b"?")) + peer.send(TextMessage("an alle", message_finished=True))
    for at in range(len(wire) + 1):
        frames = Frames(1000)
        for part in (wire[:at], wire[at:]):
            if part:
                frames.feed(part)
        assert list(frames.messages) == ["Grüße an alle".encode()]
        assert not frames.waiting
        assert heard(client(), frames.replies()) == [Pong(b"?")]
        assert frames.replies() == b""


def test_a_message_that_has_begun_waits() -> None:
    frames = Frames(1000)
    frames.feed(client().send(TextMessage("Hel", message_finished=False)))
    assert frames.waiting
    assert frames.size == 3


def test_parts_that_say_nothing_take_no_memory() -> None:
    """G9: there may be any number of them."""
    frames, peer = Frames(1000), client()
    nothing = peer.send(TextMessage("", message_finished=False))
    more = peer.send(TextMessage("", message_finished=False))
    frames.feed(nothing + more * 10)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(1000):
            frames.feed(more * 10)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert frames.waiting
    assert after - before < 10_000


def test_what_waits_has_a_bound() -> None:
    frames, peer = Frames(10), client()
    frames.feed(peer.send(TextMessage("Hello!")))
    assert not frames.full
    frames.feed(peer.send(TextMessage("Hello!")))
    assert (frames.held, frames.full) == (12, True)
    frames.messages.clear()
    frames.feed(peer.send(TextMessage("x")) * MOST_WAITING)
    assert (frames.full, frames.closed) == (True, False)


def test_a_goodbye_is_answered() -> None:
    frames, peer = Frames(1000), client()
    frames.feed(peer.send(CloseConnection(1000, "done")))
    assert frames.closed
    assert heard(peer, frames.replies()) == [CloseConnection(1000, "done")]
    frames.feed(b"more")
    assert frames.goodbye(1000) == b""


def test_an_end_without_goodbye_is_an_end() -> None:
    frames = Frames(1000)
    frames.feed(b"")
    assert frames.closed
    assert frames.replies() == b""


def closed_for(*events: Event, most: int = 1000) -> int:
    peer, frames = client(), Frames(most)
    frames.feed(b"".join(peer.send(event) for event in events))
    assert frames.closed
    (said,) = heard(peer, frames.replies())
    assert isinstance(said, CloseConnection)
    return said.code


def test_what_breaks_the_rules_ends_it_with_the_reason() -> None:
    assert closed_for(BytesMessage(b"\0")) == 1003
    assert closed_for(TextMessage("x" * 11), most=10) == 1009
    assert closed_for(*[TextMessage("x")] * (MOST_WAITING + 1)) == 1008


@pytest.mark.parametrize(
    ("wire", "code"),
    [(b"\x81\x01x", 1002), (b"\xff\x80\0\0\0\0", 1002), (b"\x81\x81\0\0\0\0\xff", 1007)],
    ids=["unmasked", "reserved", "no text"],
)
def test_what_is_no_frame_ends_it(wire: bytes, code: int) -> None:
    frames = Frames(1000)
    frames.feed(wire)
    assert frames.closed
    (said,) = heard(client(), frames.replies())
    assert isinstance(said, CloseConnection)
    assert said.code == code


def test_what_goes_out_is_read_by_the_other_end() -> None:
    frames = Frames(1000)
    said = frames.text("Grüße".encode()) + frames.ping() + frames.goodbye(1001)
    assert heard(client(), said) == [TextMessage("Grüße"), Ping(), CloseConnection(1001, "")]
    assert frames.goodbye(1001) + frames.text(b"x") + frames.ping() == b""


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_no_bytes_do_harm(parts: list[bytes]) -> None:
    frames = Frames(50)
    for part in parts:
        frames.feed(part)
        frames.replies()
    assert all(len(message) <= 50 for message in frames.messages)
