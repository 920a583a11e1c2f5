"""W3C Trace Context: where in a trace a call stands, as others tell it and as it is told to others.

https://www.w3.org/TR/trace-context/. Nothing here raises: what is malformed is as if it was not
there, and a `tracestate` never stands without a `traceparent`.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.words.client import Header

TRACEPARENT: Final = b"traceparent"
TRACESTATE: Final = b"tracestate"

LONGEST_STATE: Final = 512
"""Bytes of a `tracestate` that is passed on; the specification asks for no more."""

MOST_MEMBERS: Final = 32
LONGEST_PARENT: Final = 256
"""Bytes of a `traceparent` of a version to come; ours has 55."""

_PARENT: Final = re.compile(
    rb"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})"
    rb"-(?P<flags>[0-9a-f]{2})(?P<more>-[\x21-\x7e]*)?"
)
_MEMBER: Final = re.compile(
    rb"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_BLANKS: Final = b" \t"
_NEVER: Final = b"ff"
_FIRST: Final = b"00"
_SAMPLED: Final = 1


class TraceContext(msgspec.Struct, frozen=True):
    """A place in a trace. Ids are lower hex: 32 digits of the trace, 16 of a span.

    `parent_id` is the span above, None where the trace begins. `given` holds the fields as they
    came, where the gateway only passes them on and takes no part in the trace.
    """

    trace_id: str
    span_id: str
    sampled: bool
    parent_id: str | None = None
    state: bytes = b""
    given: tuple[Header, ...] = ()

    @property
    def headers(self) -> tuple[Header, ...]:
        """The fields that tell whoever is asked next. Their values need no further check (R5)."""
        if self.given:
            return self.given
        parent = f"00-{self.trace_id}-{self.span_id}-{self.sampled:02x}".encode()
        state = ((TRACESTATE, self.state),) if self.state else ()
        return ((TRACEPARENT, parent), *state)


def read_context(headers: Mapping[bytes, bytes]) -> TraceContext | None:
    """Return where in a trace a client stands; None where it does not say, or not so.

    Of a version to come the parts that this one knows are read, as the specification says.
    """
    parent = headers.get(TRACEPARENT, b"")
    match = _PARENT.fullmatch(parent) if len(parent) <= LONGEST_PARENT else None
    if match is None or match["version"] == _NEVER:
        return None
    if match["version"] == _FIRST and match["more"] is not None:
        return None
    trace, span = match["trace"], match["span"]
    if not trace.strip(b"0") or not span.strip(b"0"):
        return None
    state = headers.get(TRACESTATE, b"")
    if not _is_state(state):
        state = b""
    given: tuple[Header, ...] = ((TRACEPARENT, parent),)
    return TraceContext(
        trace_id=trace.decode(),
        span_id=span.decode(),
        sampled=bool(int(match["flags"], 16) & _SAMPLED),
        state=state,
        given=(*given, (TRACESTATE, state)) if state else given,
    )


def _is_state(state: bytes) -> bool:
    """Say whether this is a list of members that may be passed on as it is."""
    if not state or len(state) > LONGEST_STATE or state.count(b",") >= MOST_MEMBERS:
        return False
    members = [member.strip(_BLANKS) for member in state.split(b",")]
    said = [member for member in members if member]
    if not said:
        return False
    names = {member.partition(b"=")[0] for member in said}
    return len(names) == len(said) and all(map(_MEMBER.fullmatch, said))
