"""Heads of requests: what llhttp accepts and this house does not (R2, R5, R8, R18)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.downstream.head import Head, end_of_head, read_head, split_path
from gateway.forms.http import MAX_FIELDS, MAX_HEAD_BYTES, MAX_LINE_BYTES
from gateway.words.errors import BadRequest, ClientMistake, HeadTooLarge


def read(
    *lines: str, start: str = "GET /v1/models HTTP/1.1", host: str = "Host: localhost"
) -> Head:
    fields = [line for line in (host, *lines) if line]
    return read_head("\r\n".join([start, *fields, "", ""]).encode("latin-1"))


def test_a_plain_head_is_read() -> None:
    head = read("Content-Length: 3", "X-A: 1", "x-a: 2", start="POST /v1/x?q=1 HTTP/1.1")
    assert head.method == "POST"
    assert (head.path, head.query) == ("/v1/x", "q=1")
    assert head.host == "localhost"
    assert head.headers[b"x-a"] == b"1, 2"
    assert (head.length, head.keep_alive, head.http10) == (3, True, False)


@pytest.mark.parametrize("blanks", [" ", "\t", " \t \t"])
def test_blanks_round_a_value_are_none_of_it(blanks: str) -> None:
    head = read(f"X-A:{blanks}b c{blanks}", f"Content-Length:{blanks}3{blanks}")
    assert (head.headers[b"x-a"], head.length) == (b"b c", 3)


def test_chunks_have_no_length() -> None:
    assert read("Transfer-Encoding: Chunked").length is None


@pytest.mark.parametrize(
    ("line", "start", "kept"),
    [
        ("Connection: close", "GET / HTTP/1.1", False),
        ("Connection: Keep-Alive, CLOSE", "GET / HTTP/1.1", False),
        ("Connection: keep-alive", "GET / HTTP/1.0", True),
        ("X-A: b", "GET / HTTP/1.0", False),
    ],
)
def test_a_connection_is_kept_as_the_client_says(line: str, start: str, kept: bool) -> None:
    assert read(line, start=start).keep_alive is kept


def test_an_upgrade_is_ignored() -> None:
    """C15: Java's client sends this on every request."""
    head = read("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "Content-Length: 5")
    assert head.length == 5


def test_an_old_client_needs_no_host() -> None:
    assert read(host="", start="GET / HTTP/1.0").host is None


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 3", "Transfer-Encoding: chunked"],
        ["Content-Length: 3", "Content-Length: 3"],
        ["Content-Length: +3"],
        ["Content-Length: 9999999999999999999"],
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: identity"],
        ["Host: other"],
        ["Content-Type: a", "Content-Type: b"],
        ["X-A : space before colon"],
        ["X-A: one", " folded"],
        ["X-A: nul\0"],
        ["X-A: bare\rcr"],
    ],
)
def test_r2_a_doubtful_head_is_refused(lines: list[str]) -> None:
    """C21, R2."""
    with pytest.raises(BadRequest):
        read(*lines)


@pytest.mark.parametrize(
    "start",
    [
        "GET http://other/v1/models HTTP/1.1",
        "CONNECT other:443 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET /a#b HTTP/1.1",
        "GET /caf\xe9 HTTP/1.1",
        "GET /../etc HTTP/1.1",
        "GET /a/%2e%2e/b HTTP/1.1",
        "GET /a%5cb HTTP/1.1",
        "GET /a%00b HTTP/1.1",
        "GET /%ff HTTP/1.1",
        "GET / HTTP/2.0",
        "GET / HTTP/0.9",
        "GET / HTTP/1.2",
        "FROB / HTTP/1.1",
        "PRI * HTTP/2.0",
        "GET  /a HTTP/1.1",
    ],
)
def test_r2_a_doubtful_start_line_is_refused(start: str) -> None:
    with pytest.raises(BadRequest):
        read(start=start)


@pytest.mark.parametrize("host", ["", "Host: a b", "Host: a/b", "Host:", "Host: [::g]"])
def test_s9_the_host_is_checked(host: str) -> None:
    with pytest.raises(BadRequest):
        read(host=host)


def test_a_transfer_coding_is_of_http_1_1() -> None:
    with pytest.raises(BadRequest):
        read("Transfer-Encoding: chunked", start="POST / HTTP/1.0")


def test_an_unfinished_head_is_refused() -> None:
    with pytest.raises(BadRequest, match="not complete"):
        read_head(b"GET / HTTP/1.1\r\nHost: a")


def test_r18_fields_are_counted_and_measured() -> None:
    read(*["A: b"] * (MAX_FIELDS - 1))
    with pytest.raises(HeadTooLarge):
        read(*["A: b"] * MAX_FIELDS)
    with pytest.raises(HeadTooLarge):
        read("A: " + "b" * MAX_LINE_BYTES)
    with pytest.raises(HeadTooLarge):
        read(start="GET /" + "a" * MAX_LINE_BYTES + " HTTP/1.1")


def test_r18_a_head_without_end_is_refused() -> None:
    assert end_of_head(b"G" * MAX_HEAD_BYTES) == 0
    with pytest.raises(HeadTooLarge):
        end_of_head(b"G" * (MAX_HEAD_BYTES + 1))


def test_the_end_of_a_head_is_found() -> None:
    assert end_of_head(b"GET / HTTP/1.1\r\n\r\nrest") == 18
    assert end_of_head(b"") == 0
    assert end_of_head(b"GET / HT") == 0


@pytest.mark.parametrize("data", [b"\x16\x03\x01", b"\n", b"get / HTTP/1.1", b"GET / HTTP/1.1\nA"])
def test_what_is_no_http_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(BadRequest):
        end_of_head(data)


def test_an_encoded_slash_stays_inside_its_segment() -> None:
    assert split_path("/v1/models/openai%2Fo3") == ("v1", "models", "openai/o3")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_head_or_a_mistake(data: bytes) -> None:
    """C21, S7."""
    try:
        head = read_head(data + b"\r\n\r\n")
    except ClientMistake:
        return
    assert head.path.startswith("/")


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_any_fields_are_read_or_a_mistake(fields: list[bytes]) -> None:
    head = b"\r\n".join([b"POST /v1/x HTTP/1.1", b"Host: a", *fields, b"", b""])
    try:
        read_head(head[: end_of_head(head)])
    except ClientMistake:
        return
