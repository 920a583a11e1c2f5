"""Bodies of requests end exactly where their framing says, whatever follows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.downstream.body import MAX_FRAMING_BYTES, ChunkedBody, LengthBody, body_of
from gateway.words.errors import BadRequest

CHUNKED = b"4\r\nab\r\n\r\n3;ext=1\r\ncde\r\n0\r\n\r\n"
NEXT = b"GET / HTTP/1.1\r\n\r\n"


def test_a_body_of_no_length_is_complete_at_once() -> None:
    assert body_of(0).complete


def test_a_length_is_taken_exactly() -> None:
    body = body_of(5)
    assert isinstance(body, LengthBody)
    assert body.feed(b"abc") == (b"abc", b"")
    assert not body.complete
    assert body.feed(b"deNEXT") == (b"de", b"NEXT")
    assert body.complete


@pytest.mark.parametrize("cut", range(len(CHUNKED + NEXT) + 1))
def test_a_chunked_body_cut_anywhere_is_the_same(cut: int) -> None:
    """C14: what follows the body is the next request, to the byte."""
    body = body_of(None)
    assert isinstance(body, ChunkedBody)
    wire = CHUNKED + NEXT
    got, rest = body.feed(wire[:cut])
    if body.complete:
        rest += wire[cut:]
    else:
        assert rest == b""
        more, rest = body.feed(wire[cut:])
        got += more
    assert body.complete
    assert (got, rest) == (b"ab\r\ncde", NEXT)


@pytest.mark.parametrize(
    "wire",
    [b"zz\r\n", b"-1\r\n", b"3\r\nabcd\r\n", b"3\nabc", b"fffffffffffffffff\r\n", b"0x3\r\nabc"],
)
def test_c21_a_malformed_chunk_is_refused(wire: bytes) -> None:
    """C21."""
    with pytest.raises(BadRequest, match="Malformed"):
        ChunkedBody().feed(wire)


@pytest.mark.parametrize("name", [b"x-a", b"host", b"transfer-encoding"])
def test_r8_trailers_are_refused(name: bytes) -> None:
    with pytest.raises(BadRequest, match="trailers|Malformed"):
        ChunkedBody().feed(b"0\r\n" + name + b": b\r\n\r\n")


def test_chunk_extensions_are_bounded() -> None:
    body = ChunkedBody()
    with pytest.raises(BadRequest, match="framing"):
        body.feed(b"1;" + b"x" * (MAX_FRAMING_BYTES + 1))


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.integers(1, 20))
def test_any_data_in_any_chunks_comes_back(parts: list[bytes], step: int) -> None:
    wire = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    body = ChunkedBody()
    got = b"".join(body.feed(wire[i : i + step])[0] for i in range(0, len(wire), step))
    assert got == b"".join(parts)
    assert body.complete
