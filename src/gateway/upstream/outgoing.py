"""A request going out: built from parts, never copied. Framing and host are ours alone (R3)."""

import re
from collections.abc import Iterable
from functools import partial
from math import inf

import httpx2
import msgspec

from gateway.forms.http import write_fields
from gateway.words.body import Body
from gateway.words.client import Header
from gateway.words.receipt import Attempt
from gateway.words.target import Origin

READ_AT_ONCE_BYTES = 262_144
"""So much of a long body is held while it is sent."""

_METHOD = re.compile(r"[A-Z]+")
_TARGET = re.compile(rb"/[\x21-\x7e]*")
_HAVE_BODIES = frozenset({"POST", "PUT", "PATCH"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_OURS = frozenset(
    {
        b"accept-encoding",
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


def write_head(method: str, target: bytes, origin: Origin, headers: Iterable[Header]) -> bytes:
    """Write the head of a request, but for the length of its body and the blank line.

    Raises `httpx2.LocalProtocolError` for what cannot be sent.
    """
    if _METHOD.fullmatch(method) is None or _TARGET.fullmatch(target) is None:
        raise httpx2.LocalProtocolError("the request's method or path cannot be sent")
    fields = [(b"host", host_of(origin)), (b"accept-encoding", b"identity")]
    for name, value in headers:
        lower = name.lower()
        if lower not in _OURS:
            fields.append((lower, value))
    try:
        lines = write_fields(fields)
    except ValueError as error:
        raise httpx2.LocalProtocolError(str(error)) from error
    return b"%b %b HTTP/1.1\r\n%b" % (method.encode(), target, lines)


def host_of(origin: Origin) -> bytes:
    """Return the `Host` of an origin."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    if origin.port != _DEFAULT_PORTS.get(origin.scheme):
        host = f"{host}:{origin.port}"
    return host.encode("ascii")


class Outgoing(msgspec.Struct, frozen=True):
    """A request as it goes out, as often as need be. `fields` is what `write_head` wrote.

    Whoever sends it notes in `attempt` what that waits for.
    """

    method: str
    fields: bytes
    body: Body
    attempt: Attempt = msgspec.field(default_factory=partial(Attempt, "", 0.0))

    @property
    def head(self) -> bytes:
        """The whole head: with the length of the body, where the method has one."""
        if self.body or self.method in _HAVE_BODIES:
            return b"%bcontent-length: %d\r\n\r\n" % (self.fields, len(self.body))
        return self.fields + b"\r\n"


class Clocks(msgspec.Struct, frozen=True):
    """How long a request may wait for a slot, for TCP and TLS, and for each write; seconds."""

    pool: float = inf
    connect: float = inf
    write: float = inf
