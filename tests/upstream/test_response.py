"""One answer from bytes: framing, limits, and the exact place where it ends."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.forms.http import MAX_FIELDS, MAX_HEAD_BYTES, MAX_LINE_BYTES
from gateway.upstream.failures import Malformed, TooMuch, Truncated
from gateway.upstream.response import MAX_INFORMATIONAL, ResponseReader

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


def read(*parts: bytes, method: str = "POST", ended: bool = False) -> tuple[ResponseReader, bytes]:
    reader = ResponseReader(method)
    body = b""
    for part in parts:
        reader.feed(part)
        body += reader.take()
    if ended:
        reader.end()
    return reader, body


WHOLE = {
    "length": (SIZED + b"hello", b"hello"),
    "chunks": (CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", b"hello world"),
    "extensions": (CHUNKED + b"5;a=b;c\r\nhello\r\n0;last\r\n\r\n", b"hello"),
    "trailers": (CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a\r\n\r\n", b"hello"),
    "blank lines in chunks": (CHUNKED + b"8\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n" * 4),
    "blank lines in a length": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" + b"\r\n" * 4,
        b"\r\n" * 4,
    ),
    "no body": (b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", b""),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b""),
    "length of none": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    "an empty field before its length": (
        b"HTTP/1.1 200 OK\r\nX-Empty:\r\nContent-Length: 2\r\n\r\nok",
        b"ok",
    ),
    "after informational answers": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        + SIZED
        + b"hello",
        b"hello",
    ),
    "an informational answer that says close": (
        b"HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\n" + SIZED + b"hello",
        b"hello",
    ),
    "an upgrade that was only offered": (
        b"HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nok",
        b"ok",
    ),
}


@pytest.mark.parametrize(("data", "body"), WHOLE.values(), ids=WHOLE)
def test_an_answer_is_the_same_however_it_is_cut(data: bytes, body: bytes) -> None:
    """U17, U32: also byte by byte; and it is known to be whole the moment it is."""
    for cut in range(1, len(data)):
        reader, got = read(data[:cut], data[cut:])
        assert (got, reader.complete, reader.reusable) == (body, True, True)
    reader, got = read(*(data[at : at + 1] for at in range(len(data))))
    assert (got, reader.complete, reader.reusable) == (body, True, True)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.data())
def test_any_chunks_cut_anywhere_give_the_same_body(
    parts: list[bytes], data: st.DataObject
) -> None:
    wire = CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    edges = [0, *cuts, len(wire)]
    pieces = [wire[a:b] for a, b in itertools.pairwise(edges) if b > a]
    reader, body = read(*pieces)
    assert (body, reader.complete, reader.reusable) == (b"".join(parts), True, True)


@pytest.mark.parametrize(("data", "body"), WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize(
    "extra", [b"\r\n", b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen"]
)
def test_a_byte_too_many_ends_the_connection(data: bytes, body: bytes, extra: bytes) -> None:
    """U38, R4: a second answer is never read as the answer to anything, wherever it is cut."""
    for cut in (len(data) - 1, len(data), len(data) + 1):
        whole = data + extra
        reader, got = read(whole[:cut], whole[cut:])
        assert (got, reader.complete, reader.reusable) == (body, True, False)


def test_the_head_is_read_in_lower_case_with_its_bytes() -> None:
    reader, _ = read(b"HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nX-Y: \xe4\r\n\r\n")
    assert reader.status == 429
    assert reader.headers == [(b"retry-after", b"3"), (b"x-y", b"\xe4")]
    assert reader.head_done


def test_the_answer_to_head_has_no_body() -> None:
    reader, body = read(SIZED, method="HEAD")
    assert (body, reader.complete, reader.reusable) == (b"", True, True)


def test_connection_close_is_obeyed() -> None:
    reader, body = read(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
    assert (body, reader.complete, reader.reusable) == (b"ok", True, False)


@pytest.mark.parametrize(
    ("field", "reusable"), [(b"", False), (b"Connection: keep-alive\r\n", True)]
)
def test_http_1_0_is_kept_only_if_it_says_so(field: bytes, reusable: bool) -> None:
    reader, _ = read(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n" + field + b"\r\nok")
    assert (reader.complete, reader.reusable) == (True, reusable)


def test_without_length_or_chunks_the_end_of_the_connection_is_the_end() -> None:
    reader, body = read(b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo")
    assert (body, reader.complete) == (b"hello", False)
    reader.end()
    assert (reader.complete, reader.reusable) == (True, False)
    reader.end()


CUT = {
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 O",
    "an informational answer alone": b"HTTP/1.1 100 Continue\r\n\r\n",
    "too short for its length": SIZED + b"hell",
    "no last chunk": CHUNKED + b"5\r\nhello\r\n",
    "half a chunk": CHUNKED + b"5\r\nhel",
    "no end of trailers": CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n",
}


@pytest.mark.parametrize("data", CUT.values(), ids=CUT)
def test_an_answer_that_ends_too_soon_is_cut(data: bytes) -> None:
    """U13, U14: never taken for a whole one."""
    with pytest.raises(Truncated, match="closed the connection"):
        read(*([data] if data else []), ended=True)


BAD = {
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n",
    "an http/2 preface": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    "rtsp": b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "http/2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "http/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "an empty line first": b"\r\n" + SIZED,
    "status 99": b"HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
    "status 600": b"HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n",
    "switching protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "switching, said shortly": b"HTTP/1.1 101 Switching\r\n\r\nrest",
    "both framings": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "both framings, turned": CHUNKED[:-2] + b"Content-Length: 5\r\n\r\n",
    "gzip coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "gzip, chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "chunked twice": CHUNKED[:-2] + b"Transfer-Encoding: chunked\r\n\r\n",
    "chunks in http/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two lengths": SIZED[:-2] + b"Content-Length: 5\r\n\r\n",
    "a signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
    "an endless length": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "a folded field": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
    "a bare line feed": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "an encoded body": b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 5\r\n\r\nhello",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_what_could_be_read_in_two_ways_is_refused(data: bytes) -> None:
    """U31, R4: also when it comes byte by byte."""
    with pytest.raises(Malformed):
        read(data)
    with pytest.raises(Malformed):
        read(*(data[at : at + 1] for at in range(len(data))))


def test_an_encoded_answer_is_told_by_name() -> None:
    """U31."""
    with pytest.raises(Malformed, match="encoded its answer as 'gzip', although identity"):
        read(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
    reader, _ = read(b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\n\r\n")
    assert reader.head_done


def test_what_came_before_a_bad_chunk_is_not_lost() -> None:
    reader = ResponseReader("POST")
    reader.feed(CHUNKED + b"5\r\nhello\r\nnonsense\r\n")
    assert reader.take() == b"hello"
    with pytest.raises(Malformed, match="does not speak HTTP"):
        reader.take()
    assert not reader.complete
    assert not reader.reusable or not reader.complete


def test_after_a_failure_nothing_is_read() -> None:
    """What had come before it is taken first; then it is told, as often as one asks."""
    reader = ResponseReader("POST")
    reader.feed(CHUNKED + b"5\r\nhello\r\nnonsense\r\n")
    reader.feed(b"0\r\n\r\n")
    assert reader.take() == b"hello"
    for _ in range(2):
        reader.feed(b"5\r\nworld\r\n0\r\n\r\n")
        with pytest.raises(Malformed, match="does not speak HTTP"):
            reader.take()
    assert not reader.complete


def test_blanks_behind_a_value_are_none_of_it() -> None:
    reader, body = read(b"HTTP/1.1 200 OK\r\nX-A: b \t\r\nContent-Length: 2\t\r\n\r\nok")
    assert (reader.headers[0], body) == ((b"x-a", b"b"), b"ok")


def endless(line: bytes) -> bytes:
    return line * (4 * MAX_HEAD_BYTES // len(line))


TOO_MUCH = {
    "fields": SIZED[:-2] + b"A: b\r\n" * MAX_FIELDS + b"\r\n",
    "a long field": SIZED[:-2] + b"A: " + b"b" * MAX_LINE_BYTES + b"\r\n\r\n",
    "a long head": b"HTTP/1.1 200 OK\r\n" + (b"A: " + b"b" * 1000 + b"\r\n") * 40 + b"\r\n",
    "a long reason": b"HTTP/1.1 200 " + endless(b"x"),
    "a long chunk extension": CHUNKED + b"5;" + endless(b"x"),
    "endless trailers": CHUNKED + b"5\r\nhello\r\n0\r\n" + endless(b"A: b\r\n"),
    "informational answers": b"HTTP/1.1 103 Early Hints\r\n\r\n" * (MAX_INFORMATIONAL + 1) + SIZED,
}


@pytest.mark.parametrize("data", TOO_MUCH.values(), ids=TOO_MUCH)
@pytest.mark.parametrize("size", [1000, 65_536])
def test_nothing_is_read_without_a_limit(data: bytes, size: int) -> None:
    """U34, R18: heads, trailers, chunk extensions, informational answers."""
    reader = ResponseReader("POST")
    with pytest.raises(TooMuch):
        for at in range(0, len(data), size):
            reader.feed(data[at : at + size])
            reader.take()
        reader.take()


def test_as_many_fields_and_informational_answers_as_are_allowed_pass() -> None:
    """U32, U34."""
    informational = b"HTTP/1.1 103 Early Hints\r\n\r\n" * MAX_INFORMATIONAL
    reader, _ = read(informational + SIZED[:-2] + b"A: b\r\n" * (MAX_FIELDS - 1) + b"\r\n")
    assert len(reader.headers) == MAX_FIELDS
