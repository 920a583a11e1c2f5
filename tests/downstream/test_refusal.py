"""Answers to what never became a call."""

import json

import pytest

from gateway.downstream.refusal import error_headers, refusal
from gateway.words.errors import (
    BadRequest,
    Busy,
    GatewayError,
    HeadTimeout,
    HeadTooLarge,
    Internal,
    UpstreamRefused,
)

NO = (b"x-should-retry", b"false")
YES = (b"x-should-retry", b"true")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (BadRequest("no"), ()),
        (HeadTooLarge("no"), ()),
        (HeadTimeout("no"), (NO,)),
        (Internal("no"), (NO,)),
        (Busy("no"), ((b"retry-after", b"1"),)),
        (UpstreamRefused("no", status=429, type="t", code=None), ()),
        (UpstreamRefused("no", status=429, type="t", code=None, headers=(YES,)), (YES,)),
    ],
)
def test_an_sdk_is_told_where_asking_again_is_in_vain(
    error: GatewayError, told: tuple[tuple[bytes, bytes], ...]
) -> None:
    assert error_headers(error) == told


def test_a_refusal_is_a_whole_answer_behind_which_the_connection_closes() -> None:
    head, _, body = refusal(Busy("Too many connections."), "req_7").partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    assert start == b"HTTP/1.1 503 Service Unavailable"
    fields = dict(line.split(b": ", 1) for line in lines)
    assert fields.pop(b"date").endswith(b" GMT")
    assert fields == {
        b"content-type": b"application/json",
        b"retry-after": b"1",
        b"x-request-id": b"req_7",
        b"content-length": b"%d" % len(body),
        b"connection": b"close",
    }
    assert json.loads(body)["error"]["message"] == "Too many connections."
