"""Answers of providers: what the house takes for whole is what h11 sees, however it is cut."""

from typing import NamedTuple

import h11

from gateway.forms.http import MAX_FIELDS, MAX_HEAD_BYTES
from gateway.upstream.failures import Malformed, Truncated
from gateway.upstream.response import ResponseReader
from gateway.words.client import Header
from tests.fuzz.cuts import cut, head_off

METHODS = ("POST", "GET", "HEAD")
BODILESS = frozenset({204, 304})


class Read(NamedTuple):
    """One answer as far as it was read. `end` is "whole", "waits" or the name of a failure.

    `reusable` says whether another answer may follow.
    """

    status: int
    headers: list[Header]
    body: bytes
    end: str
    reusable: bool


def answers(data: bytes) -> None:
    """Oracle: h11 sees the same answer wherever the house sees a whole one; and R4's rules hold."""
    seed, data = head_off(data)
    ended, data = head_off(data)
    method = METHODS[ended // 2 % len(METHODS)]
    whole = read_by_house([data], method, ended=bool(ended % 2))
    assert read_by_house(cut(data, seed), method, ended=bool(ended % 2)) == whole
    if whole.end == "whole":
        _check_rules(whole, method)
        _check_with_h11(whole, data, method, ended=bool(ended % 2))
    assert len(whole.body) <= len(data)


def read_by_house(parts: list[bytes], method: str, *, ended: bool) -> Read:
    """Read an answer as `upstream.exchange` does."""
    reader = ResponseReader(method)
    body, end = b"", ""
    try:
        for part in parts:
            reader.feed(part)
            body += reader.take()
        body += reader.take()
        if ended:
            reader.end()
    except (Malformed, Truncated) as failure:
        end = type(failure).__name__
    else:
        end = "whole" if reader.complete else "waits"
    if not reader.head_done:
        return Read(0, [], b"", end, False)
    reusable = end == "whole" and reader.reusable
    return Read(reader.status, reader.headers, body, end, reusable)


def _check_with_h11(answer: Read, data: bytes, method: str, *, ended: bool) -> None:
    parts: list[bytes] = []
    try:
        theirs = read_by_h11(data, method, parts, ended=ended)
        assert theirs._replace(reusable=False) == answer._replace(reusable=False)
        # h11 keeps no connection that speaks HTTP/1.0, whatever that says of itself.
        assert theirs.reusable or not answer.reusable or data.startswith(b"HTTP/1.0")
    except h11.RemoteProtocolError as error:
        # What stands for a reason is thrown away here, and what has no body needs no framing.
        tolerated = "illegal status line", "Transfer-Encoding" if not answer.body else "never"
        if any(words in str(error) for words in tolerated):
            return
        # Behind the whole body there is nothing but trailers, and those are dropped (R8).
        chunked = (b"transfer-encoding", b"chunked") in answer.headers
        if not chunked or b"".join(parts) != answer.body:
            raise


def read_by_h11(data: bytes, method: str, parts: list[bytes], *, ended: bool) -> Read:
    """Read an answer with h11, beyond what interim answers there are; `parts` takes its body."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 30)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    if ended and not connection.trailing_data[1]:
        connection.receive_data(b"")
    head = None
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            parts.append(bytes(event.data))
        elif not isinstance(event, h11.InformationalResponse):
            break
    assert head is not None, "h11 sees no head"
    assert isinstance(event, h11.EndOfMessage), "h11 sees no end"
    fields = [(name, value) for name, value in head.headers]
    kept = connection.their_state is h11.DONE and not connection.trailing_data[0]
    return Read(head.status_code, fields, b"".join(parts), "whole", kept)


def _check_rules(answer: Read, method: str) -> None:
    """Check what section 5 of the rules asks of an answer, whatever h11 thinks of it."""
    assert 200 <= answer.status <= 599
    assert len(answer.headers) <= MAX_FIELDS
    assert sum(len(name) + len(value) for name, value in answer.headers) <= MAX_HEAD_BYTES
    if method == "HEAD" or answer.status in BODILESS:
        assert answer.body == b""
        return
    codings = [value for name, value in answer.headers if name == b"transfer-encoding"]
    lengths = [value for name, value in answer.headers if name == b"content-length"]
    assert [coding.lower() for coding in codings] in ([], [b"chunked"])
    assert not (codings and lengths)
    assert len(lengths) <= 1
    if lengths:
        assert len(answer.body) == int(lengths[0])
    elif not codings:
        assert not answer.reusable
