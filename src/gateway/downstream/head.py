"""A request's head, read by llhttp and by the rules that llhttp leaves to us (R2, R5, R8, R18).

On any doubt the answer is a 4xx and the connection closes: nothing doubtful is ever forwarded.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NoReturn
from urllib.parse import unquote_to_bytes

import httptools
import msgspec

from gateway.forms.http import MAX_FIELDS, MAX_HEAD_BYTES, MAX_LINE_BYTES
from gateway.policy.callers import host_name
from gateway.words.errors import BadRequest, HeadTooLarge

_START_LINE = re.compile(rb"[A-Z-]+ [^ \r\n]+ HTTP/[0-9.]+\r\n")
_TARGET = re.compile(r"/[\x21\x22\x24-\x7e]*")
_BLANKS = b" \t"
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_/-]+")
"""Nothing in it can be decoded, nor mean another directory."""

_SINGLE = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"content-type", b"authorization"}
)


class Head(msgspec.Struct, frozen=True):
    """The head of one request. `path` and `query` are raw (percent-encoded), without a `?`.

    `length` is the declared length of the body in bytes: 0 for none, None where it is chunked.
    """

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    http10: bool
    keep_alive: bool
    length: int | None
    query: str = ""

    @property
    def host(self) -> str | None:
        """The Host field as text; None in HTTP/1.0 without one."""
        value = self.headers.get(b"host")
        return None if value is None else value.decode("latin-1")


class _Collector:
    """Takes what llhttp calls out."""

    __slots__ = ("complete", "fields", "target")

    def __init__(self) -> None:
        self.target = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        # llhttp leaves what stands behind a value, although it is no part of it (RFC 9112, 5.1).
        self.fields.append((name.lower(), value.rstrip(_BLANKS)))

    def on_headers_complete(self) -> None:
        self.complete = True


def end_of_head(buffer: bytes | bytearray) -> int:
    """Return the offset behind a complete head, or 0 where more bytes are needed.

    Raises `BadRequest` for what can never become a head, `HeadTooLarge` for one that is too long.
    """
    end = buffer.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES + 4)
    if end < 0:
        if len(buffer) > MAX_HEAD_BYTES:
            raise HeadTooLarge(f"The request's head is longer than {MAX_HEAD_BYTES} bytes.")
        if buffer and not (65 <= buffer[0] <= 90):
            raise BadRequest("This is not an HTTP/1.1 request.")
        # Counted, not searched: a head that comes byte by byte is looked at for each of them.
        if buffer.count(b"\n") != buffer.count(b"\r\n"):
            raise BadRequest("A line of the request's head does not end in CR LF.")
        return 0
    return end + 4


def read_head(data: bytes) -> Head:
    """Read a whole head, terminator included. Raises `BadRequest`, `HeadTooLarge`."""
    collector = _Collector()
    parser = httptools.HttpRequestParser(collector)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass  # an upgrade is not an error and not done: the body is read by its framing (C15)
    except httptools.HttpParserError as error:
        raise BadRequest(f"Malformed HTTP: {error}.") from None
    if not collector.complete:
        raise BadRequest("Malformed HTTP: the head is not complete.")
    if _START_LINE.match(data) is None:
        raise BadRequest("Malformed HTTP: the request line has more than two spaces.")
    version = parser.get_http_version()
    if version not in {"1.0", "1.1"}:
        raise BadRequest(f"HTTP/{version} is not spoken here; use HTTP/1.1.")
    method = parser.get_method().decode("ascii")
    return make_head(method, collector.target, collector.fields, http10=version == "1.0")


def make_head(
    method: str, target: bytes, fields: Iterable[tuple[bytes, bytes]], *, http10: bool
) -> Head:
    """Check the parts of a head, names in lower case. Raises `BadRequest`, `HeadTooLarge`."""
    headers = _merge(list(fields))
    _check_host(headers, http10)
    path, query = _target(target)
    return Head(
        method=method,
        path=path,
        query=query,
        headers=headers,
        http10=http10,
        keep_alive=_keeps_alive(headers, http10),
        length=_framing(headers, http10),
    )


def _merge(fields: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    if len(fields) > MAX_FIELDS:
        raise HeadTooLarge(f"The request has more than {MAX_FIELDS} header fields.")
    for name, value in fields:
        if len(name) + len(value) > MAX_LINE_BYTES:
            raise HeadTooLarge(f"A header field is longer than {MAX_LINE_BYTES} bytes.")
    headers = dict(fields)
    if len(headers) == len(fields):
        return headers
    headers.clear()
    for name, value in fields:
        if name not in headers:
            headers[name] = value
        elif name in _SINGLE:
            raise BadRequest(f"The header {name.decode('latin-1')} stands twice.")
        else:
            headers[name] += b", " + value
    return headers


def _check_host(headers: Mapping[bytes, bytes], http10: bool) -> None:
    host = headers.get(b"host")
    if host is None:
        if http10:
            return
        raise BadRequest("The Host header is missing.")
    if host_name(host.decode("latin-1")) is None:
        raise BadRequest("The Host header is malformed.")


def _framing(headers: Mapping[bytes, bytes], http10: bool) -> int | None:
    coding = headers.get(b"transfer-encoding")
    length = headers.get(b"content-length")
    if coding is not None:
        if http10 or length is not None or coding.lower() != b"chunked":
            raise BadRequest("Transfer-Encoding must be exactly chunked, in HTTP/1.1, alone.")
        return None
    if length is None:
        return 0
    if not length.isdigit() or len(length) > 18:
        raise BadRequest("The Content-Length header is malformed.")
    return int(length)


def _keeps_alive(headers: Mapping[bytes, bytes], http10: bool) -> bool:
    said = headers.get(b"connection")
    if said is None:
        return not http10
    tokens = {token.strip() for token in said.lower().split(b",")}
    if b"close" in tokens:
        return False
    return not http10 or b"keep-alive" in tokens


def _target(target: bytes) -> tuple[str, str]:
    if len(target) > MAX_LINE_BYTES:
        raise HeadTooLarge(f"The request's target is longer than {MAX_LINE_BYTES} bytes.")
    text = target.decode("latin-1")
    if _TARGET.fullmatch(text) is None:
        raise BadRequest("The request's target must begin with / and be printable ASCII.")
    path, _, query = text.partition("?")
    if _PLAIN_PATH.fullmatch(path) is None:
        split_path(path)
    return path, query


def split_path(path: str) -> tuple[str, ...]:
    """Decode a raw path once into its segments. Raises `BadRequest`, as for dot segments."""
    segments = []
    for raw in path[1:].split("/"):
        try:
            segment = unquote_to_bytes(raw).decode("utf-8")
        except UnicodeDecodeError:
            _refuse_path()
        if segment in {".", ".."} or "\\" in segment or "\0" in segment:
            _refuse_path()
        segments.append(segment)
    return tuple(segments)


def _refuse_path() -> NoReturn:
    raise BadRequest("The request's path holds a segment that is not allowed.")
