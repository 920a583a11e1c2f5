"""Requests that reach no provider: malformed, too long, too slow, or about something else. Pure.

Each is its bytes and what is answered. Those of which no head was read whole have no line in the
log; nor have probes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.soak.endings import Ending, refused

MAX_BODY_BYTES: Final = 262_144
"""What the gateway of a soak takes."""


@dataclass(frozen=True, slots=True)
class Odd:
    """A request by the id of its call, and how it ends; `logged` says whether it has a line."""

    request: Callable[[str], bytes]
    ending: Ending
    logged: bool = True


def head(name: str, line: str, *fields: str) -> bytes:
    """Return a request's head."""
    return "\r\n".join([line, "Host: localhost", f"X-Request-Id: {name}", *fields, "", ""]).encode()


def post(name: str, body: bytes, *fields: str) -> bytes:
    """Return a request for a chat completion with any body."""
    line = "POST /v1/chat/completions HTTP/1.1"
    media = () if any("ontent-Type" in field for field in fields) else (JSON,)
    return head(name, line, *media, *fields, f"Content-Length: {len(body)}") + body


JSON: Final = "Content-Type: application/json"
CHUNKED: Final = "Transfer-Encoding: chunked"
LINE: Final = "POST /v1/chat/completions HTTP/1.1"
LONG: Final = b"x" * (MAX_BODY_BYTES + 20_000)
UNLOGGED_400: Final = refused(400, "invalid_request")
SHOWN: Final = Ending("completed", None, "status", 200)

ODD: Final[Mapping[str, Odd]] = {
    "no json": Odd(lambda name: post(name, b'{"model": '), refused(400, "invalid_request")),
    "no messages": Odd(
        lambda name: post(name, b'{"model": "m1"}'), refused(400, "invalid_request")
    ),
    "unknown model": Odd(
        lambda name: post(name, b'{"model": "m9", "messages": [{}]}'),
        refused(404, "model_not_found"),
    ),
    "no such path": Odd(
        lambda name: head(name, "GET /v1/nothing HTTP/1.1"), refused(404, "unknown_url")
    ),
    "wrong method": Odd(
        lambda name: head(name, "DELETE /v1/chat/completions HTTP/1.1"),
        refused(405, "method_not_allowed"),
    ),
    "too long": Odd(lambda name: post(name, LONG), refused(413, "request_too_large")),
    "too long in chunks": Odd(
        lambda name: head(name, LINE, JSON, CHUNKED) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(LONG), LONG),
        refused(413, "request_too_large"),
    ),
    "no media type": Odd(
        lambda name: post(name, b"{}", "Content-Type: text/plain"),
        refused(415, "unsupported_media_type"),
    ),
    "slow body": Odd(
        lambda name: head(name, LINE, JSON, "Content-Length: 5000") + b'{"model": "m1"',
        refused(408, "request_body_timeout"),
    ),
    "slow head": Odd(
        lambda name: head(name, LINE, JSON)[:-2], refused(408, "request_head_timeout"), False
    ),
    "space before the colon": Odd(
        lambda name: head(name, LINE, "Content-Length : 2") + b"{}", UNLOGGED_400, False
    ),
    "two framings": Odd(
        lambda name: head(name, LINE, CHUNKED, "Content-Length: 5") + b"0\r\n\r\n",
        UNLOGGED_400,
        False,
    ),
    "no HTTP": Odd(lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", UNLOGGED_400, False),
    "long head": Odd(
        lambda name: head(name, LINE, *[f"X-{n}: {'x' * 900}" for n in range(50)]),
        refused(431, "request_header_fields_too_large"),
        False,
    ),
    "silence": Odd(lambda _: b"", Ending("", None, "nothing", 0), False),
    "list of models": Odd(lambda name: head(name, "GET /v1/models HTTP/1.1"), SHOWN),
    "probe": Odd(lambda name: head(name, "GET /healthz HTTP/1.1"), SHOWN, False),
}
"""By name."""
