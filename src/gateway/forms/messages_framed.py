"""Reads Anthropic's Messages out of AWS's binary event stream, as Bedrock sends them. Pure.

Each message of the stream holds one event of Messages, in base64. It is put into the frame of a
server-sent event, as Anthropic itself sends it, and read by whoever reads those.
"""

from typing import Final

import msgspec

from gateway.forms import Reader
from gateway.forms.bedrock_errors import read_fault
from gateway.forms.event_stream import Frames, Message
from gateway.words.answer import Piece

_CHUNK: Final = "chunk"
_FAILS: Final = frozenset({"exception", "error"})
_TYPES: Final = {
    "overloaded": "overloaded_error",
    "rate_limit_exceeded": "rate_limit_error",
    "upstream_timeout": "timeout_error",
    "context_length_exceeded": "invalid_request_error",
    "permission_denied": "permission_error",
    "model_not_found": "not_found_error",
}
"""What errors are called in Messages, by their codes."""


class _Part(msgspec.Struct, gc=False):
    bytes: bytes


class _Typed(msgspec.Struct, gc=False):
    type: str


_decode_part = msgspec.json.Decoder(_Part).decode
_decode_type = msgspec.json.Decoder(_Typed).decode
_encode = msgspec.json.Encoder().encode


class FramedReader:
    """Reads one streamed answer (see `forms.Reader`); `inner` reads the events themselves."""

    __slots__ = ("_frames", "_inner", "_left_out")

    def __init__(self, inner: Reader, max_event_bytes: int) -> None:
        self._inner = inner
        self._frames = Frames(max_event_bytes)
        self._left_out = 0

    @property
    def ended(self) -> bool:
        """Say whether the last event has been read (see `forms.Reader`)."""
        return self._inner.ended

    @property
    def malformed_events(self) -> int:
        """Count what was left out (see `forms.Reader`)."""
        return self._left_out + self._inner.malformed_events

    def feed(self, data: bytes) -> list[Piece]:
        """Read bytes (see `forms.Reader`)."""
        if self.ended:
            return []
        events = [self._event(message) for message in self._frames.feed(data)]
        whole = b"".join(events)
        return self._inner.feed(whole) if whole else []

    def end(self) -> list[Piece]:
        """Say that the provider's body has ended (see `forms.Reader`)."""
        if not self.ended:
            self._frames.feed(b"")
        return self._inner.end()

    def _event(self, message: Message) -> bytes:
        """Return the event that a message holds; nothing where it is none that is known."""
        if message.headers.get(":message-type") in _FAILS:
            fault = read_fault(message)
            kind = _TYPES.get(fault.code or "", "api_error")
            if fault.type == "ValidationException":
                kind = "invalid_request_error"
            # Anthropic tells no code. Here it says what its sentences alone would say there.
            told = {"type": kind, "message": fault.message, "code": fault.code}
            return _framed("error", _encode({"type": "error", "error": told}))
        if message.headers.get(":event-type") != _CHUNK:
            return b""
        try:
            data = _decode_part(message.payload).bytes
            return _framed(_decode_type(data).type, data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._left_out += 1
            return b""


def _framed(name: str, data: bytes) -> bytes:
    """Write a server-sent event; no line may end within it."""
    if not name.isidentifier() or b"\n" in data or b"\r" in data:
        data = msgspec.json.format(data, indent=-1)
        name = name if name.isidentifier() else "unknown"
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
