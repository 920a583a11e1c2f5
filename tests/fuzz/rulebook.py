"""The second opinion on requests: h11, with the rules of docs/security.md on top (R2, R8, R18).

Nothing here is taken from the gateway: a rule that it forgot must be missed here.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv6Address
from urllib.parse import unquote_to_bytes

import h11

from tests.fuzz.requests import END_OF_LINE, Reading, Request

MOST_FIELDS = 100
LONGEST_LINE = 8 * 1024
LONGEST_HEAD = 32 * 1024
BLANK_LINE = b"\r\n\r\n"

METHODS = frozenset({
    "ACL", "BIND", "CHECKOUT", "CONNECT", "COPY", "DELETE", "GET", "HEAD", "LINK", "LOCK",
    "M-SEARCH", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MOVE", "NOTIFY", "OPTIONS",
    "PATCH", "POST", "PROPFIND", "PROPPATCH", "PURGE", "PUT", "QUERY", "REBIND", "REPORT",
    "SEARCH", "SOURCE", "SUBSCRIBE", "TRACE", "UNBIND", "UNLINK", "UNLOCK", "UNSUBSCRIBE",
})  # fmt: skip
"""Those that llhttp knows; which of them are answered, the endpoints say."""

MOST_DIGITS = 20
"""Of a chunk's size, for h11. Our bound is on all that is no data, and zeros change nothing."""

ONCE = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"content-type", b"authorization"}
)

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TEXT = rb"[\t\x20-\x7e\x80-\xff]"
_HEAD = re.compile(
    rb"[A-Z-]+ /[\x21\x22\x24-\x7e]* HTTP/1\.[01]\r\n(?:" + _TOKEN + rb":" + _TEXT + rb"*\r\n)*\r\n"
)
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]+|\[(?P<six>[0-9A-Fa-f:.]+)\])(?::[0-9]{1,5})?")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNK = re.compile(rb"(?P<size>[0-9A-Fa-f]+)(?:;" + _TEXT + rb"*)?\r\n")
_NO_SEGMENT = re.compile(rb"\.\.?|.*[\\\0].*", re.DOTALL)


class Forbidden(Exception):
    """A rule says no."""


def read_by_rules(data: bytes) -> Reading:
    """Read all requests that h11 and the rules let pass."""
    requests: list[Request] = []
    while True:
        data = data.removeprefix(END_OF_LINE)
        try:
            found = _read_one(data)
        except (h11.RemoteProtocolError, Forbidden) as error:
            return Reading(requests, str(error))
        if found is None:
            return Reading(requests, "")
        request, data = found
        requests.append(request)
        if not request.keeps_alive:
            return Reading(requests, "")


def _read_one(data: bytes) -> tuple[Request, bytes] | None:
    """Return a request and what follows it; None where bytes are wanting."""
    end = data.find(BLANK_LINE) + len(BLANK_LINE)
    if end < len(BLANK_LINE):
        return None
    if end > LONGEST_HEAD + len(BLANK_LINE) or _HEAD.fullmatch(data, 0, end) is None:
        raise Forbidden("no head of HTTP/1.1")
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 30)
    connection.receive_data(data[:end])
    head = connection.next_event()
    assert isinstance(head, h11.Request)
    method, version = head.method.decode(), head.http_version.decode()
    if method not in METHODS:
        raise Forbidden("no known method")
    fields = _fields_of(data[:end], head)
    path = _path_of(head.target)
    if b"transfer-encoding" in fields:
        found = _read_chunks(connection, data[end:])
    else:
        found = _told(connection, data[end:])
    if found is None:
        return None
    body, rest = found
    return Request(method, path, version, fields, body, _keeps_alive(fields, version)), rest


def _read_chunks(connection: h11.Connection, wire: bytes) -> tuple[bytes, bytes] | None:
    """Read a chunked body by its grammar, and see that h11 reads the same."""
    walked = _walk(wire)
    if walked is None:
        return None
    size, digits, body = walked
    if digits <= MOST_DIGITS:
        assert _told(connection, wire[:size]) == (body, b""), "h11 takes these chunks for others"
    return body, wire[size:]


def _told(connection: h11.Connection, data: bytes) -> tuple[bytes, bytes] | None:
    """Return the body as h11 reads it, and what it left; None where bytes are wanting."""
    connection.receive_data(data)
    parts = []
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Data):
            parts.append(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            return b"".join(parts), bytes(connection.trailing_data[0])
        else:
            return None


def _fields_of(data: bytes, head: h11.Request) -> Mapping[bytes, bytes]:
    """Join the fields of one name; refuse those that must not be there twice, or be such."""
    lines = [line.partition(b":") for line in data.split(b"\r\n")[1:-2]]
    fields = [(name.lower(), value.strip(b" \t")) for name, _, value in lines]
    if len(fields) > MOST_FIELDS:
        raise Forbidden("too many fields")
    joined: dict[bytes, bytes] = {}
    for name, value in fields:
        if len(name) + len(value) > LONGEST_LINE:
            raise Forbidden("a field is too long")
        if name in joined and name in ONCE:
            raise Forbidden("a field stands twice")
        joined[name] = joined[name] + b", " + value if name in joined else value
    _check_host(joined.get(b"host"))
    coding, length = joined.get(b"transfer-encoding"), joined.get(b"content-length")
    if coding is not None:
        if length is not None or coding.lower() != b"chunked" or head.http_version != b"1.1":
            raise Forbidden("the framing is not clear")
    elif length is not None and _LENGTH.fullmatch(length) is None:
        raise Forbidden("no length")
    seen = [(name, value.lower()) for name, value in head.headers]
    assert seen == [(name, value.lower()) for name, value in fields], "h11 sees other fields"
    return joined


def _check_host(host: bytes | None) -> None:
    """Check the form of a Host field; that HTTP/1.1 has one, h11 sees to."""
    if host is None:
        return
    match = _HOST.fullmatch(host)
    if match is None:
        raise Forbidden("no host")
    if match["six"] is not None:
        try:
            IPv6Address(match["six"].decode())
        except ValueError:
            raise Forbidden("no address") from None


def _path_of(target: bytes) -> str:
    path = target.partition(b"?")[0]
    if len(target) > LONGEST_LINE:
        raise Forbidden("the target is too long")
    for raw in path.split(b"/"):
        segment = unquote_to_bytes(raw)
        try:
            segment.decode()
        except UnicodeDecodeError:
            raise Forbidden("the path is no text") from None
        if _NO_SEGMENT.fullmatch(segment):
            raise Forbidden("a segment that is not allowed")
    return path.decode()


def _walk(wire: bytes) -> tuple[int, int, bytes] | None:
    """Walk over chunks; return their length on the wire, the longest size's digits, the data."""
    parts: list[bytes] = []
    at, digits = 0, 0
    while True:
        chunk = _CHUNK.match(wire, at)
        if chunk is None:
            if b"\r\n" in wire[at:]:
                raise Forbidden("no chunk")
            return None
        begin, size = chunk.end(), int(chunk["size"], 16)
        digits = max(digits, len(chunk["size"]))
        at = begin + size + 2
        if at > len(wire):
            return None
        if wire[at - 2 : at] != END_OF_LINE:
            raise Forbidden("a trailer, or a chunk without its end")
        if not size:
            return at, digits, b"".join(parts)
        parts.append(wire[begin : at - 2])


def _keeps_alive(fields: Mapping[bytes, bytes], version: str) -> bool:
    tokens = [token.strip(b" \t").lower() for token in fields.get(b"connection", b"").split(b",")]
    return b"close" not in tokens and (version == "1.1" or b"keep-alive" in tokens)
