"""Bodies that rest elsewhere."""

import trio

from gateway.words.body import LongBody, Span, joined


class Stored:
    def __init__(self, data: bytes) -> None:
        self.data = data

    async def read(self, at: int, size: int) -> bytes:
        await trio.lowlevel.checkpoint()
        return self.data[at : at + size]


def span(data: bytes) -> Span:
    return Span(Stored(data), 0, len(data))


async def read(body: LongBody, size: int) -> bytes:
    said = b""
    while part := await body.read(len(said), size):
        assert len(part) <= size
        said += part
    return said


async def test_a_long_body_is_read_in_any_parts_as_often_as_need_be() -> None:
    body = joined(span(b"0123456789")[:4], b"own", b"", span(b"0123456789")[4:])
    assert isinstance(body, LongBody)
    assert len(body) == 13
    for size in range(1, 15):
        assert await read(body, size) == b"0123own456789"


def test_a_part_of_a_part_is_a_part() -> None:
    part = span(b"0123456789")[2:8][1:3]
    assert (part.begin, part.end, len(part)) == (3, 5, 2)
    assert len(span(b"0123")[3:1]) == 0


def test_what_is_in_memory_stays_there() -> None:
    assert joined(b"a", b"", b"b") == b"ab"
