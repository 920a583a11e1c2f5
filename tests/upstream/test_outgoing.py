"""Requests as they go out."""

import httpx2
import pytest

from gateway.upstream.outgoing import Outgoing, host_of, write_head
from gateway.words.target import Origin

HERE = Origin("https", "api.example", 443)


def test_a_head_is_built_from_parts_of_our_own() -> None:
    """R3, R7: what frames the message, and where it goes, is not for others to say."""
    theirs = [
        (b"Host", b"evil.example"),
        (b"Content-Length", b"999"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Connection", b"upgrade"),
        (b"Expect", b"100-continue"),
        (b"Accept-Encoding", b"gzip"),
        (b"X-Kept", b"\xe4 yes"),
    ]
    fields = write_head("POST", b"/v1/x?y=1", HERE, theirs)
    assert Outgoing("POST", fields, b"{}").head == (
        b"POST /v1/x?y=1 HTTP/1.1\r\nhost: api.example\r\naccept-encoding: identity\r\n"
        b"x-kept: \xe4 yes\r\ncontent-length: 2\r\n\r\n"
    )


def test_only_what_has_a_body_has_a_length() -> None:
    assert Outgoing("GET", b"HEAD\r\n", b"").head == b"HEAD\r\n\r\n"
    assert Outgoing("POST", b"HEAD\r\n", b"").head == b"HEAD\r\ncontent-length: 0\r\n\r\n"
    assert b"content-length: 7\r\n" in Outgoing("DELETE", b"HEAD\r\n", b"1234567").head


@pytest.mark.parametrize(
    ("method", "target", "header"),
    [
        ("GET /x", b"/", (b"a", b"b")),
        ("GET", b"/ x", (b"a", b"b")),
        ("GET", b"x", (b"a", b"b")),
        ("GET", b"/\r\nX: y", (b"a", b"b")),
        ("GET", b"/", (b"a", b"b\r\nc: d")),
        ("GET", b"/", (b"a b", b"c")),
    ],
)
def test_nothing_that_could_split_a_message_is_sent(
    method: str, target: bytes, header: tuple[bytes, bytes]
) -> None:
    """R5."""
    with pytest.raises(httpx2.LocalProtocolError):
        write_head(method, target, HERE, [header])


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (HERE, b"api.example"),
        (Origin("http", "api.example", 443), b"api.example:443"),
        (Origin("http", "api.example", 80), b"api.example"),
        (Origin("http", "::1", 8000), b"[::1]:8000"),
    ],
)
def test_the_host_is_the_origin(origin: Origin, host: bytes) -> None:
    assert host_of(origin) == host
