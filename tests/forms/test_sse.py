"""Events, by every rule of WHATWG's for lines and fields, however the bytes arrive."""

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.forms.sse import BOM, Event, Splitter, read_event, without_marks
from gateway.words.errors import AnswerTooLarge

ENDS = [b"\n", b"\r\n", b"\r"]


def events_of(*parts: bytes, limit: int = 1 << 20) -> list[Event]:
    """Return the events of a whole stream."""
    splitter = Splitter(limit)
    events = [event for part in parts for event in splitter.feed(part)]
    return events + splitter.end()


def feed_all(splitter: Splitter, parts: list[bytes]) -> tuple[list[Event], int]:
    """Return the events, and how many parts were refused."""
    events, refusals = [], 0
    for part in parts:
        try:
            events += splitter.feed(part)
        except AnswerTooLarge:
            refusals += 1
    return events, refusals


def reference(stream: bytes) -> list[tuple[bytes, bytes]]:
    """Read a stream as the specification says, line by line: what is dispatched, by its letter."""
    text = stream.removeprefix(BOM)
    lines = re.split(rb"\r\n|\r|\n", text)[:-1]
    dispatched, name, data = [], b"", b""
    for line in lines:
        if line == b"":
            if data != b"":
                dispatched.append((name, data.removesuffix(b"\n")))
            name, data = b"", b""
        elif not line.startswith(b":"):
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"event":
                name = value
            elif field == b"data":
                data += value + b"\n"
    return dispatched


@pytest.mark.parametrize("end", ENDS)
def test_u20_each_line_end_ends_lines_and_events(end: bytes) -> None:
    """U20."""
    stream = end.join([b"event: note", b"data: one", b"data: two", b"", b"data: three", b"", b""])
    first, second = events_of(stream)
    assert (first.name, first.data) == (b"note", b"one\ntwo")
    assert (second.name, second.data) == (b"", b"three")
    assert first.raw + second.raw == stream


@pytest.mark.parametrize("blank", [a + b for a in ENDS for b in ENDS if a + b != b"\r\n"])
def test_u20_line_ends_may_be_mixed(blank: bytes) -> None:
    """U20."""
    stream = b"data: one" + blank + b"data: two" + blank
    assert [event.data for event in events_of(stream)] == [b"one", b"two"]


@pytest.mark.parametrize(
    ("line", "data"),
    [
        (b"data: x", b"x"),
        (b"data:x", b"x"),
        (b"data:  x", b" x"),
        (b"data: x ", b"x "),
        (b"data:\tx", b"\tx"),
        (b"data: x:y", b"x:y"),
        (b"data::x", b":x"),
        (b"data", b""),
        (b"data:", b""),
        (b"data: ", b""),
        (b"data: x\0y", b"x\0y"),
        (b"data: x\x0by\x0cz\x1c\x85\xe2\x80\xa8", b"x\x0by\x0cz\x1c\x85\xe2\x80\xa8"),
        (b"Data: x", None),
        (b" data: x", None),
        (b"data : x", None),
        (b"dat", None),
        (b"event: x", None),
        (b"id: x", None),
        (b"retry: 1", None),
        (b"unknown: x", None),
        (b": x", None),
    ],
)
@pytest.mark.parametrize("end", ENDS)
def test_a_line_is_read_as_the_specification_says(
    line: bytes, data: bytes | None, end: bytes
) -> None:
    (event,) = events_of(line + end + end)
    assert event.data == data
    assert event.raw == line + end + end


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ([b"event: a"], b"a"),
        ([b"event:a"], b"a"),
        ([b"event"], b""),
        ([b"event: a", b"event: b"], b"b"),
        ([b"Event: a"], b""),
    ],
)
def test_the_last_name_counts(lines: list[bytes], name: bytes) -> None:
    (event,) = events_of(b"\n".join([*lines, b"data: x", b"", b""]))
    assert event.name == name


def test_u19_data_lines_are_joined_with_a_line_feed() -> None:
    """U19."""
    (event,) = events_of(b"data: a\r\ndata\r\n: between\r\nother: x\r\ndata:b\r\n\r\n")
    assert event.data == b"a\n\nb"


@pytest.mark.parametrize(
    ("block", "only"),
    [
        (b": note\n\n", True),
        (b":\n\n", True),
        (b": a\r\n:b\r\n\r\n", True),
        (b"\n: after a blank line\n\n", True),
        (b": note\ndata: x\n\n", False),
        (b": note\nevent: x\n\n", False),
        (b"x\n: note\n\n", False),
        (b"\n\n", False),
    ],
)
def test_u22_a_block_of_comments_is_known_as_such(block: bytes, only: bool) -> None:
    """U22."""
    (event,) = events_of(block)
    assert event.comments_only is only


@pytest.mark.parametrize(
    ("block", "left"),
    [
        (b"id: 1\ndata: x\n\n", b"data: x\n\n"),
        (b"id\ndata: x\n\n", b"data: x\n\n"),
        (b"data: x\r\nid:1\r\nretry: 5\r\n\r\n", b"data: x\r\n\r\n"),
        (b"retry\rdata: x\r\r", b"data: x\r\r"),
        (b"data: a\nid: 1\ndata: b\n\n", b"data: a\ndata: b\n\n"),
        (BOM + b"id: 1\ndata: x\n\n", b"data: x\n\n"),
        (BOM + b"data: x\n\n", b"data: x\n\n"),
        (b"ids: 1\n id: 1\nID: 1\ndata: id: 1\n\n", b"ids: 1\n id: 1\nID: 1\ndata: id: 1\n\n"),
    ],
)
def test_u22_ids_and_retries_are_known_and_can_be_left_out(block: bytes, left: bytes) -> None:
    """U22."""
    (event,) = events_of(block)
    assert without_marks(event) == left
    assert (event.marked or event.bom) is (left != block)
    assert event.raw == block


def test_u21_a_byte_order_mark_counts_at_the_start_alone() -> None:
    """U21."""
    first, second = events_of(BOM + b"data: a\n\n" + BOM + b"data: b\n\n")
    assert (first.data, first.bom) == (b"a", True)
    assert (second.data, second.bom) == (None, False)
    (twice,) = events_of(BOM + BOM + b"data: a\n\n")
    assert twice.data is None


def test_a_block_that_is_read_by_itself_has_no_byte_order_mark() -> None:
    assert read_event(BOM + b"data: a\n\n").data is None


@pytest.mark.parametrize("rest", [b"data: half", b"data: half\n", b"data: half\r", b"data: h\r\n"])
def test_u13_an_event_without_its_blank_line_is_known_as_not_whole(rest: bytes) -> None:
    """U13."""
    splitter = Splitter(100)
    assert [event.data for event in splitter.feed(b"data: whole\n\n" + rest)] == [b"whole"]
    assert splitter.end() == []
    assert splitter.rest == rest


@pytest.mark.parametrize("blank", [b"\r\r", b"\n\r", b"\r\n\r"])
def test_u20_an_event_that_ends_in_cr_waits_for_the_byte_that_tells(blank: bytes) -> None:
    """U20."""
    splitter = Splitter(100)
    assert splitter.feed(b"data: a" + blank) == []
    (event,) = splitter.feed(b"\ndata: b")
    assert event.raw == b"data: a" + blank + b"\n"
    assert splitter.rest == b"data: b"

    splitter = Splitter(100)
    assert splitter.feed(b"data: a" + blank) == []
    (event,) = splitter.feed(b"data: b")
    assert event.raw == b"data: a" + blank

    splitter = Splitter(100)
    assert splitter.feed(b"data: a" + blank) == []
    (event,) = splitter.end()
    assert event.raw == b"data: a" + blank
    assert splitter.rest == b""


def test_u18_many_events_may_come_at_once_and_keep_their_order() -> None:
    """U18."""
    stream = b"".join(b"data: %d\n\n" % number for number in range(500))
    events = Splitter(100).feed(stream)
    assert [event.data for event in events] == [b"%d" % number for number in range(500)]


EVERYTHING = (
    BOM
    + "data: é€\U0001f468\n\n".encode()
    + b": note\r\n\r\nid: 7\rdata: a\r\rdata: b\r\ndata: c\n\r\n\n\nevent: x\ndata:\n\r\ndata: end"
)


@pytest.mark.parametrize("at", range(len(EVERYTHING) + 1))
def test_u17_the_events_are_the_same_wherever_the_bytes_are_cut(at: int) -> None:
    """U17."""
    assert events_of(EVERYTHING[:at], EVERYTHING[at:]) == events_of(EVERYTHING)


def test_u17_the_events_are_the_same_byte_by_byte() -> None:
    """U17."""
    parts = [EVERYTHING[at : at + 1] for at in range(len(EVERYTHING))]
    assert events_of(*parts) == events_of(EVERYTHING)


LINES = [b"data: ", b"data", b"event: e", b"id", b": ", b"x", b"\xff", BOM, b"\n", b"\r", b"\r\n"]
STREAMS = st.lists(st.sampled_from(LINES), max_size=30).map(b"".join)
CUTS = st.lists(st.integers(0, 200), max_size=8)


@given(STREAMS | st.binary(max_size=80), CUTS)
@example(b"\n\r\r\n\n\n\r", [1, 2, 3])
@example(b"data: x\n\ny\r\n\r\n", [9])
def test_events_are_those_of_the_specification_and_together_they_are_the_stream(
    stream: bytes, cuts: list[int]
) -> None:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    splitter = Splitter(1 << 20)
    events = [event for begin, end in pairwise(edges) for event in splitter.feed(stream[begin:end])]
    events += splitter.end()
    whole = b"".join(event.raw for event in events)
    assert whole + splitter.rest == stream
    assert events == events_of(stream)
    told = [(event.name, event.data) for event in events if event.data is not None]
    assert told == reference(whole)


@given(st.lists(STREAMS, max_size=6), st.integers(1, 40))
def test_whatever_comes_is_read_or_too_large(parts: list[bytes], limit: int) -> None:
    splitter = Splitter(limit)
    events: list[Event] = []
    try:
        for part in parts:
            events += splitter.feed(part)
            assert len(splitter.rest) <= limit
        events += splitter.end()
    except AnswerTooLarge:
        pass
    assert all(len(event.raw) <= limit for event in events)
    assert b"".join(parts).startswith(b"".join(event.raw for event in events))


def test_u28_an_event_of_just_the_limit_passes() -> None:
    """U28."""
    stream = b"data: " + b"x" * 92 + b"\n\n"
    assert len(events_of(stream, limit=100)) == 1
    with pytest.raises(AnswerTooLarge, match="99 bytes"):
        events_of(stream, limit=99)


@pytest.mark.parametrize("at", range(111))
def test_u28_the_events_before_a_gigantic_one_are_told_first(at: int) -> None:
    """U28."""
    stream = b"data: a\n\n" + b"data: " + b"x" * 95 + b"\n\n"
    splitter = Splitter(50)
    events, refusals = feed_all(splitter, [stream[:at], stream[at:], b"", b"data: b\n\n"])
    assert [event.data for event in events] == [b"a"]
    assert refusals >= 2
    with pytest.raises(AnswerTooLarge):
        splitter.end()
    assert splitter.rest == b""


def test_u28_a_gigantic_event_is_refused_while_it_arrives_and_not_kept() -> None:
    """U28."""
    splitter = Splitter(10_000)
    assert feed_all(splitter, [b"x" * 1000] * 10) == ([], 0)
    assert feed_all(splitter, [b"x" * 1000] * 10) == ([], 10)
    assert splitter.rest == b""


@pytest.mark.parametrize("first", [b"", b":\r\n\r\n"])
def test_u28_a_long_event_in_small_reads_is_not_searched_again_and_again(first: bytes) -> None:
    """U28, G10: read again from its start each time, this would take minutes."""
    splitter = Splitter(1 << 24)
    splitter.feed(first)
    for _ in range(40_000):
        assert splitter.feed(b"x" * 200) == []
    (event,) = splitter.feed(b"\n\n")
    assert len(event.raw) == 8_000_002
