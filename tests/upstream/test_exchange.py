"""One exchange on a connection in memory, in virtual time."""

import pytest
import trio

from gateway.upstream.exchange import (
    MAX_UNREAD_BYTES,
    WRITE_BYTES,
    Connection,
    State,
)
from gateway.upstream.failures import Malformed, Reset, Truncated, WriteStalled
from gateway.upstream.outgoing import READ_AT_ONCE_BYTES, Outgoing
from gateway.words.body import LongBody, Span
from tests.memory import MemoryStream

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
REFUSAL = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"
BIG = b"x" * (3 * WRITE_BYTES)


def request(body: bytes = b"{}", method: str = "POST") -> Outgoing:
    return Outgoing(method, b"HEAD\r\n", body)


async def test_a_small_request_leaves_in_one_write() -> None:
    stream = MemoryStream(HELLO)
    connection = Connection(stream)
    await connection.ask(request())
    assert stream.sent == [b"HEAD\r\ncontent-length: 2\r\n\r\n{}"]
    assert connection.answer.status == 200
    assert [await connection.receive_some() for _ in range(3)] == [b"hello", b"", b""]
    assert connection.reusable
    assert connection.look() is State.READY


async def test_one_answer_after_another_on_one_connection() -> None:
    stream = MemoryStream(HELLO, CHUNKED + b"2\r\nhi\r\n0\r\n\r\n")
    connection = Connection(stream)
    for body in (b"hello", b"hi"):
        await connection.ask(request())
        assert await connection.receive_some() == body
        assert await connection.receive_some() == b""
        assert connection.look() is State.READY


async def test_the_events_of_one_read_come_together() -> None:
    stream = MemoryStream(CHUNKED + b"1\r\na\r\n1\r\nb\r\n", b"")
    connection = Connection(stream)
    await connection.ask(request())
    assert await connection.receive_some() == b"ab"
    stream.say(b"1", b"\r\nc\r\n", b"1\r\nd\r\n0\r\n\r\n")
    assert await connection.receive_some() == b"c"
    assert await connection.receive_some() == b"d"
    assert await connection.receive_some() == b""


async def test_reset_end_and_raw_end_are_told_apart() -> None:
    """U13, U15."""
    for act, failure in (
        (MemoryStream.reset, Reset),
        (MemoryStream.cut, Truncated),
        (lambda stream: stream.say(b""), Truncated),
    ):
        for said in (b"", CHUNKED + b"5\r\nhel"):
            stream = MemoryStream()
            connection = Connection(stream)
            if said:
                stream.say(said)
                await connection.ask(request())
                assert await connection.receive_some() == b"hel"
            act(stream)
            with pytest.raises(failure):
                await (connection.receive_some() if said else connection.ask(request()))
            assert not connection.reusable
            assert connection.answer.began == bool(said)


async def test_a_big_body_is_written_in_slices() -> None:
    stream = MemoryStream()
    connection = Connection(stream)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.ask, request(BIG))
        await trio.testing.wait_all_tasks_blocked()
        stream.say(HELLO)
    assert [len(part) for part in stream.sent[1:]] == [WRITE_BYTES] * 3
    assert await connection.receive_some() == b"hello"
    assert connection.reusable


async def test_a_request_refused_half_way_is_not_sent_to_its_end() -> None:
    """U35: the answer is read, the rest of the body is not sent, the connection is not kept."""
    stream = MemoryStream(b"", REFUSAL)
    stream._answers[0] = b"HTTP/1.1 100 Continue\r\n\r\n"
    connection = Connection(stream)
    await connection.ask(request(BIG))
    assert len(stream.sent) < 4
    assert connection.answer.status == 413
    assert await connection.receive_some() == b"big"
    assert await connection.receive_some() == b""
    assert not connection.reusable
    assert connection.look() is State.DEAD


async def test_an_answer_is_heard_although_sending_failed() -> None:
    """U35."""
    stream = MemoryStream()
    stream.write_error = trio.BrokenResourceError()
    stream.say(REFUSAL)
    connection = Connection(stream)
    await connection.ask(request())
    assert connection.answer.status == 413
    assert not connection.reusable


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 413 Too", None])
async def test_a_reset_while_sending_is_told(said: bytes | None) -> None:
    stream = MemoryStream()
    stream.write_error = trio.BrokenResourceError()
    if said is None:
        stream.reset()
    else:
        stream.say(said)
    connection = Connection(stream)
    with pytest.raises(Reset, match="while the request was sent"):
        await connection.ask(request())


async def test_a_provider_that_does_not_read_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """U36."""
    stream = MemoryStream()
    stream.stuck = True
    connection = Connection(stream)
    began = trio.current_time()
    with pytest.raises(WriteStalled, match="within 60 seconds"):
        await connection.ask(request(), 60.0)
    assert trio.current_time() - began == 60


async def test_a_provider_that_answers_instead_of_reading_is_heard(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """U35, U36."""
    stream = MemoryStream()
    stream.stuck = True
    stream.say(REFUSAL)
    connection = Connection(stream)
    await connection.ask(request(), 60.0)
    assert connection.answer.status == 413


async def unfinished(said: bytes = CHUNKED + b"5\r\nhello\r\n") -> tuple[Connection, MemoryStream]:
    stream = MemoryStream(said)
    connection = Connection(stream)
    await connection.ask(request())
    assert await connection.receive_some() == b"hello"
    return connection, stream


async def test_what_is_left_of_an_answer_is_read_without_waiting() -> None:
    connection, stream = await unfinished()
    assert connection.look() is State.UNFINISHED
    stream.say(b"2\r\n.")
    assert connection.look() is State.UNFINISHED
    stream.say(b".\r\n", b"0\r\n\r\n")
    assert connection.look() is State.READY


@pytest.mark.parametrize(
    "said",
    [b"", b"0\r\n\r\nx", b"nonsense\r\n", b"%x\r\n%b" % (1 << 20, b"x" * MAX_UNREAD_BYTES)],
    ids=["an end", "a byte too many", "nonsense", "too much"],
)
async def test_what_does_not_end_as_it_should_is_not_used_again(said: bytes) -> None:
    """U25, U38."""
    connection, stream = await unfinished()
    stream.say(said)
    assert connection.look() is State.DEAD


async def test_a_broken_or_closed_connection_is_not_used_again() -> None:
    connection, stream = await unfinished()
    stream.reset()
    assert connection.look() is State.DEAD
    connection, stream = await unfinished()
    connection.close()
    assert stream.closed
    assert connection.look() is State.DEAD


@pytest.mark.parametrize("said", [b"", b"x"])
async def test_a_connection_that_says_something_unasked_is_not_used_again(said: bytes) -> None:
    """U38, R4."""
    connection, stream = await unfinished(HELLO)
    assert connection.look() is State.READY
    stream.say(said)
    assert connection.look() is State.DEAD


async def test_nonsense_is_told() -> None:
    connection = Connection(MemoryStream(b"nonsense"))
    with pytest.raises(Malformed):
        await connection.ask(request())


class Stored:
    """Holds bytes as a file would; `read_at` are the places that were read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.read_at: list[int] = []

    async def read(self, at: int, size: int) -> bytes:
        await trio.lowlevel.checkpoint()
        self.read_at.append(at)
        return self.data[at : at + size]


async def test_a_long_body_is_read_as_it_is_sent_and_again_where_it_is_sent_again() -> None:
    data = bytes(range(256)) * (2 * READ_AT_ONCE_BYTES // 256) + b"end"
    stored = Stored(data)
    body = LongBody([b"own", Span(stored, 0, len(data))])
    for _ in range(2):
        stream = MemoryStream()
        connection = Connection(stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.ask, Outgoing("POST", b"HEAD\r\n", body))
            await trio.testing.wait_all_tasks_blocked()
            stream.say(HELLO)
        assert stream.sent[0] == b"HEAD\r\ncontent-length: %d\r\n\r\n" % len(body)
        assert b"".join(stream.sent[1:]) == b"own" + data
        assert max(map(len, stream.sent)) <= WRITE_BYTES
        assert await connection.receive_some() == b"hello"
        assert connection.reusable
    assert stored.read_at == [0, READ_AT_ONCE_BYTES, 2 * READ_AT_ONCE_BYTES] * 2


@pytest.mark.parametrize("taken", [2, 4])
async def test_a_long_body_that_is_refused_half_way_is_not_read_to_its_end(taken: int) -> None:
    """U35."""
    stored = Stored(b"x" * (8 * READ_AT_ONCE_BYTES))
    body = LongBody([Span(stored, 0, len(stored.data))])
    go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
    connection = Connection(MemoryStream(*[go_on] * taken, REFUSAL))
    await connection.ask(Outgoing("POST", b"HEAD\r\n", body))
    assert connection.answer.status == 413
    assert stored.read_at == [0]
    assert not connection.reusable
