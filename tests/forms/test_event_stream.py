"""AWS's binary event stream, with botocore's own decoder as the judge."""

import struct
from itertools import starmap
from typing import Any
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer, EventStreamMessage, ParserError
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.forms.event_stream import MAX_HEADER_BYTES, Frames, Message
from gateway.words.errors import AnswerTooLarge, GatewayError, UpstreamMalformed
from tests.framed import event, message, packed

LIMIT = 1 << 20
UUID = bytes(range(16))

ALL_TYPES: list[tuple[bytes, Any]] = [
    (b"\x00", True),
    (b"\x01", False),
    (b"\x02" + struct.pack(">b", -7), -7),
    (b"\x03" + struct.pack(">h", -300), -300),
    (b"\x04" + struct.pack(">i", 70_000), 70_000),
    (b"\x05" + struct.pack(">q", -(1 << 40)), -(1 << 40)),
    (b"\x06\x00\x03\x00\xff\x01", b"\x00\xff\x01"),
    (b"\x07\x00\x07w\xc3\xb6rlds", "wörlds"),
    (b"\x08" + struct.pack(">q", 1_700_000_000_000), 1_700_000_000_000),
    (b"\x09" + UUID, UUID),
]
EVERY = b"".join(b"\x02h%d%b" % (at, raw) for at, (raw, _) in enumerate(ALL_TYPES))
STREAM = b"".join(
    (
        event("messageStart", {"role": "assistant"}),
        packed(b"", b""),
        packed(EVERY, b"x" * 600),
        message({f"name-{at}": "v" * at for at in range(40)}, b"{}"),
    )
)


def read(parts: list[bytes], limit: int = LIMIT) -> tuple[list[Message], GatewayError | None, bool]:
    """Return the messages, how it ended, and whether it ended between two of them."""
    frames, found = Frames(limit), []
    try:
        for part in parts:
            found += frames.feed(part)
        frames.feed(b"")
    except GatewayError as error:
        return found, error, frames.is_between
    return found, None, frames.is_between


def judged(data: bytes) -> list[EventStreamMessage]:
    """Return what botocore reads; raises `ParserError` and others."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return list(buffer)


def told(messages: list[Message]) -> list[tuple[dict[str, Any], bytes]]:
    return [(dict(each.headers), each.payload) for each in messages]


def test_headers_of_every_type_are_read_as_botocore_reads_them() -> None:
    found, error, whole = read([packed(EVERY, b"body")])
    assert (error, whole) == (None, True)
    assert dict(found[0].headers) == {f"h{at}": value for at, (_, value) in enumerate(ALL_TYPES)}
    (other,) = judged(packed(EVERY, b"body"))
    assert told(found) == [(other.headers, other.payload)]


def test_a_stream_is_the_same_wherever_it_is_cut() -> None:
    expected = told(read([STREAM])[0])
    assert expected == [(each.headers, each.payload) for each in judged(STREAM)]
    for at in range(1, len(STREAM)):
        found, error, whole = read([STREAM[:at], STREAM[at:]])
        assert (told(found), error, whole) == (expected, None, True), at
    singly = [STREAM[at : at + 1] for at in range(len(STREAM))]
    assert told(read(singly)[0]) == expected


texts = st.text(max_size=40)
headers = st.dictionaries(st.text(min_size=1, max_size=20), texts, max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(headers, st.binary(max_size=300)), max_size=5), st.integers(0, 2000))
def test_what_is_written_is_read_and_botocore_agrees(
    parts: list[tuple[dict[str, str], bytes]], cut: int
) -> None:
    stream = b"".join(starmap(message, parts))
    found, error, whole = read([stream[:cut], stream[cut:]])
    assert (told(found), error, whole) == (parts, None, True)
    assert [(each.headers, each.payload) for each in judged(stream)] == parts


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(STREAM) - 1), st.integers(1, 255))
def test_a_byte_that_was_changed_is_seen_where_botocore_sees_it(at: int, by: int) -> None:
    broken = bytearray(STREAM)
    broken[at] ^= by
    found, error, _ = read([bytes(broken)])
    with pytest.raises(ParserError):
        judged(bytes(broken))
    assert isinstance(error, UpstreamMalformed)
    assert len(found) < len(told(read([STREAM])[0]))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_the_tree(data: bytes) -> None:
    read([data])
    read([packed(data, b"")])


def prelude(length: int, header_bytes: int) -> bytes:
    whole = message({}, b"")
    told = length.to_bytes(4) + header_bytes.to_bytes(4)
    return told + struct.pack(">I", crc32(told)) + whole[12:]


@pytest.mark.parametrize(
    ("length", "header_bytes"),
    [(0, 0), (15, 0), (16, 1), (20, 5), (MAX_HEADER_BYTES + 17, MAX_HEADER_BYTES + 1)],
)
def test_lengths_that_cannot_be_are_refused(length: int, header_bytes: int) -> None:
    _, error, _ = read([prelude(length, header_bytes)])
    assert isinstance(error, UpstreamMalformed)


def test_a_message_above_the_limit_is_refused_before_it_has_come() -> None:
    found, error, _ = read([prelude(1001, 0)], 1000)
    assert found == []
    assert isinstance(error, AnswerTooLarge)


def test_what_came_before_a_broken_message_is_returned_and_nothing_behind_it() -> None:
    sound = message({"a": "b"}, b"1")
    frames = Frames(LIMIT)
    assert told(frames.feed(sound + sound[:-1] + b"!" + sound)) == [({"a": "b"}, b"1")]
    for _ in range(2):
        with pytest.raises(UpstreamMalformed):
            frames.feed(sound)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x05ab",
        b"\x01a",
        b"\x01a\x0a",
        b"\x01a\x04\x00",
        b"\x01a\x07\x00",
        b"\x01a\x07\x00\x05abc",
        b"\x01a\x07\x00\x01\xff",
        b"\x01\xff\x00",
        b"\x01a\x09abc",
        b"\x01a\x00\x01a\x01",
    ],
)
def test_a_header_that_cannot_be_read_is_malformed(raw: bytes) -> None:
    for headers in (raw, b"\x04long\x07\x02\x00" + b"x" * 512 + raw):
        _, error, _ = read([packed(headers, b"")])
        assert isinstance(error, UpstreamMalformed)


def test_a_stream_that_ends_within_a_message_is_seen() -> None:
    assert read([STREAM])[2] is True
    assert read([STREAM[:-1]])[2] is False
    assert read([STREAM + b"\x00"])[2] is False
