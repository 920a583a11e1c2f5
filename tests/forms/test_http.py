"""HTTP's own rules, where llhttp leaves them to us."""

from sys import getrefcount

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.forms.http import (
    Segments,
    check_header,
    end_to_end,
    segment_of,
    status_line,
    write_fields,
)
from gateway.words.errors import BadRequest


def test_r7_what_connection_names_is_of_that_connection_alone() -> None:
    """R7."""
    mine = (b"x-mine", b"1")
    others = [(b"connection", b"keep-alive, X-Other"), (b"x-other", b"2"), (b"keep-alive", b"5")]
    assert end_to_end([mine, *others]) == [mine, others[0]]
    assert end_to_end([mine, *others, (b"connection", b"\tx-mine ,")]) == [
        others[0],
        (b"connection", b"\tx-mine ,"),
    ]
    assert end_to_end([mine]) == [mine]


def test_a_status_line_names_its_reason() -> None:
    assert status_line(200) == b"HTTP/1.1 200 OK\r\n"
    assert status_line(502) == b"HTTP/1.1 502 Bad Gateway\r\n"


def test_an_unknown_status_has_a_reason_phrase_too() -> None:
    assert status_line(599) == b"HTTP/1.1 599 Status\r\n"


@pytest.mark.parametrize("name", [b"x-request-id", b"a", b"!#$%&'*+-.^_`|~09az"])
@pytest.mark.parametrize("value", [b"", b"plain", b"\tcaf\xc3\xa9 \xff", b'"~!'])
def test_r5_a_sound_field_passes(name: bytes, value: bytes) -> None:
    check_header(name, value)


@pytest.mark.parametrize(
    "name", [b"", b"X-Upper", b"a b", b"a:", b"a\r\n", b"caf\xc3\xa9", b"a\x00"]
)
def test_r5_what_is_no_name_is_refused(name: bytes) -> None:
    with pytest.raises(ValueError, match="not a header name"):
        check_header(name, b"value")


@pytest.mark.parametrize("control", [b"\r\n", b"\n", b"\r", b"\x00", b"\x1b", b"\x7f"])
@pytest.mark.parametrize("place", [b"%bx", b"x%bx", b"x%b"])
def test_r5_a_value_with_a_control_character_is_refused_and_not_shown(
    control: bytes, place: bytes
) -> None:
    value = place % control + b"hidden"
    with pytest.raises(ValueError, match="x-key") as caught:
        check_header(b"x-key", value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("id", "segment"),
    [
        ("plain-1.0_x~", "plain-1.0_x~"),
        ("vendor/model:1", "vendor%2Fmodel%3A1"),
        ("a b?c#d%e", "a%20b%3Fc%23d%25e"),
        ("...", "..."),
    ],
)
def test_r1_a_name_is_one_segment_whatever_stands_in_it(id: str, segment: str) -> None:
    """R1."""
    assert segment_of(id) == segment


@pytest.mark.parametrize("id", ["", ".", "..", "a/..", "../a", "a\\..\\b", "/a", "a//b"])
def test_r1_a_name_that_leads_elsewhere_is_refused(id: str) -> None:
    """R1."""
    with pytest.raises(BadRequest):
        segment_of(id)


def test_fields_are_written_in_order_whether_from_a_list_or_a_tuple() -> None:
    fields = [(b"b", b"2"), (b"a", b"1"), (b"b", b"\xff")]
    assert write_fields(fields) == write_fields(tuple(fields)) == b"b: 2\r\na: 1\r\nb: \xff\r\n"
    assert write_fields([]) == b""


def test_r5_no_field_is_written_beside_one_that_could_split_the_message() -> None:
    with pytest.raises(ValueError, match="control"):
        write_fields([(b"a", b"1"), (b"b", b"2\r\nc: 3")])


def cut(parts: list[bytes]) -> tuple[list[int], bytes]:
    """Return where the segments end in the whole, and their bytes put together."""
    segments, ends, joined, done = Segments(), [], b"", 0
    for part in parts:
        offset = 0
        for segment, offset in segments.split(part):
            joined += segment
            ends.append(done + offset)
        assert offset == len(part)
        done += len(part)
    return ends, joined


def test_a_segment_ends_where_a_head_ends() -> None:
    data = b"GET / HTTP/1.1\r\n\r\nGET /second"
    assert list(Segments().split(data)) == [(data[:18], 18), (data[18:], len(data))]


def test_bytes_without_a_blank_line_are_one_segment() -> None:
    data = b"GET / HTTP/1.1\r\nhost: a\r\n"
    ((segment, end),) = Segments().split(data)
    assert segment is data
    assert end == len(data)


def test_nothing_gives_no_segment() -> None:
    assert list(Segments().split(b"")) == []


MESSAGES = b"A\r\n\r\nB\r\nC\r\n\r\n\r\n\r\nD\r\r\n\r\n\nE"
BLANKS = {at + 4 for at in range(len(MESSAGES)) if MESSAGES.startswith(b"\r\n\r\n", at)}


@pytest.mark.parametrize("at", range(len(MESSAGES) + 1))
def test_no_segment_reaches_beyond_a_blank_line_wherever_the_bytes_are_cut(at: int) -> None:
    ends, joined = cut([MESSAGES[:at], MESSAGES[at:]])
    assert joined == MESSAGES
    assert set(ends) == (BLANKS | {at, len(MESSAGES)}) - {0}


@given(st.lists(st.text("\r\nx", max_size=9).map(str.encode), max_size=9))
def test_segments_are_the_stream_and_end_at_every_blank_line(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    ends, joined = cut(parts)
    assert joined == whole
    blanks = {at + 4 for at in range(len(whole)) if whole.startswith(b"\r\n\r\n", at)}
    assert blanks <= set(ends)


@pytest.mark.parametrize("name", [b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key"])
def test_no_key_is_remembered(name: bytes) -> None:
    """It may be a caller's own, and is nobody else's when that call has ended."""
    key = bytes(bytearray(b"a callers own"))
    known = getrefcount(key)
    assert write_fields([(name, key)]) == name + b": a callers own\r\n"
    assert getrefcount(key) == known
    with pytest.raises(ValueError, match="control character"):
        write_fields([(name, b"no\r\nkey")])
