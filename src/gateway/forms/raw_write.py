"""Writes answers that pass as they are to clients: the provider's own bytes. Pure."""

from gateway.forms import chat
from gateway.forms.raw_operations import OPERATIONS, is_open
from gateway.words.answer import Piece
from gateway.words.call import Call
from gateway.words.client import Header
from gateway.words.errors import GatewayError

JSON_HEADERS: tuple[Header, ...] = ((b"content-type", b"application/json"),)

_EVENTS = (b"event:", b"data:", b":")
"""How bytes begin that are events."""


def AnswerWriter(call: Call) -> "chat.AnswerWriter | AsItCame":  # noqa: N802 (as in other forms)
    """Begin to write an answer (see `forms.DownstreamForm`): a completion is told as a chat is."""
    return chat.AnswerWriter(call) if call.operation == "completions" else AsItCame(call)


class AsItCame:
    """Writes an answer whose kind may show only once it comes (see `forms.Writer`)."""

    __slots__ = ("_events", "_may_be_events", "headers")

    def __init__(self, call: Call) -> None:
        self.headers: tuple[Header, ...] = () if is_open(call) else JSON_HEADERS
        """Nothing, where whoever reads the answer says what it is."""
        self._may_be_events = call.stream and bool(OPERATIONS[call.operation].events)
        self._events = False

    def write(self, pieces: list[Piece]) -> bytes:
        """Return the bytes of these pieces; the first of all tell whether there are events."""
        data = b"".join([piece.raw for piece in pieces])
        if self._may_be_events and data:
            self._may_be_events, self._events = False, data.startswith(_EVENTS)
        return data

    def end(self) -> bytes:
        return b""

    def keepalive(self) -> bytes:
        """Return nothing: before it has come nobody knows what may stand within the answer."""
        return b""

    def error(self, error: GatewayError) -> bytes:
        """Return the error as an event, where the answer is made of such."""
        return b"data: %b\n\n" % chat.write_error(error) if self._events else b""
