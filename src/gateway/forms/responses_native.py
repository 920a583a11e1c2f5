"""OpenAI's Responses, spoken with providers by calls that came in it: nothing is translated. Pure.

The client's own fields go out, and the provider's events come back byte for byte. Beside them is
read what the gateway must know: whether there is content, how it ends, what it took, and whether
the provider keeps it.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms import chat_answer
from gateway.forms.chat_answer import EVENT_STREAM
from gateway.forms.chat_errors import fault_of, raised, told_by, told_in
from gateway.forms.chat_facts import model_of
from gateway.forms.fields import NULL
from gateway.forms.responses_build import write_event
from gateway.forms.responses_facts import usage_of
from gateway.forms.responses_thoughts import without_packed
from gateway.forms.sse import BOM, Event, without_marks
from gateway.forms.text import is_utf8
from gateway.words.answer import Fault, Piece, Usage
from gateway.words.call import COUNT_INPUT, Call, UpstreamRequest
from gateway.words.errors import UpstreamMalformed, UpstreamTruncated
from gateway.words.target import Target

PATHS: Final[Mapping[str, str]] = {
    "chat": "/responses",
    COUNT_INPUT: "/responses/input_tokens",
    "compact": "/responses/compact",
}

_SAY_NOTHING: Final = frozenset(
    {"response.created", "response.in_progress", "response.queued", "keepalive", "ping", ""}
)
"""Events that come before there is any content; who sends any other has begun to answer."""

_ENDS: Final = frozenset({"response.completed", "response.incomplete"})
_FAILS: Final = frozenset({"response.failed", "error"})
_SPACE: Final = b" \t\r\n"


class _Response(msgspec.Struct, gc=False):
    """What is read of a response; None where it is not as it should be."""

    id: Any = None
    object: Any = None
    status: Any = None
    model: Any = None
    store: Any = None
    usage: Any = None
    error: Any = None
    output: Raw = NULL


class _Happening(msgspec.Struct, gc=False):
    type: Any = None
    response: _Response | None = None
    error: Any = None


_encode = msgspec.json.Encoder().encode
_decode_happening = msgspec.json.Decoder(_Happening).decode
_decode_response = msgspec.json.Decoder(_Response).decode
_decode_whole = msgspec.json.Decoder(Raw).decode
_decode_items = msgspec.json.Decoder(list[Raw]).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode


def write_request(call: Call, target: Target) -> UpstreamRequest:
    """Write the call as its client has made it, with the target's own name of the model."""
    assert call.native is not None, "only a call of this form comes here"
    fields = {**call.native, "model": Raw(_encode(target.model))}
    if "input" in fields:
        fields["input"] = without_packed(fields["input"])
    accept = EVENT_STREAM if call.stream else "application/json"
    headers = ((b"content-type", b"application/json"), (b"accept", accept.encode()))
    return UpstreamRequest("POST", PATHS[call.operation], (*headers, *call.passed), _encode(fields))


class AnswerReader(chat_answer.AnswerReader):
    """Reads one answer: a stream of events, or JSON in one piece (see `forms.Reader`).

    The bounds, and how a stream is told from JSON, are those of the chat form. `kept` is the id of
    the response once it is known and the provider keeps it for whoever asked.
    """

    __slots__ = ("_keeps", "_over", "kept")

    def __init__(
        self,
        call: Call,
        status: int,
        content_type: str,
        max_event_bytes: int,
        max_answer_bytes: int,
    ) -> None:
        super().__init__(call, status, content_type, max_event_bytes, max_answer_bytes)
        asked = bytes((call.native or {}).get("store", NULL))
        self._keeps = asked != b"false" and call.operation == "chat"
        self.kept: str | None = None
        self._over = False

    def end(self) -> list[Piece]:
        """Say that the provider's body has ended (see `forms.Reader`).

        A stream is whole if it has said how the response has ended.
        """
        if self.ended:
            return []
        pieces = super().end()
        if not self._over and self._fault is None:
            # The chat form would take a `[DONE]` for an end.
            self.ended = False
            raise UpstreamTruncated("The provider's stream ended before its last event.")
        return pieces

    def _read_event(self, event: Event) -> Piece | None:
        raw, data = event.raw, event.data
        if not is_utf8(raw):
            self.malformed_events += 1
            return None
        if event.marked or event.bom:
            raw = without_marks(event)
        if data is None:
            text = raw.lstrip(b"\r\n")
            return Piece(text, comment=True, native=True) if event.comments_only else None
        if data.startswith(b"[DONE]"):
            return None
        happening = _read(data)
        if happening is None:
            self.malformed_events += 1
            return None
        kind = happening.type if isinstance(happening.type, str) else event.name.decode()
        if kind in _FAILS or (happening.error and not kind.startswith("response.")):
            return self._tell_fault(raw, data, happening)
        return self._tell(raw, kind, happening.response)

    def _tell(self, raw: bytes, kind: str, response: _Response | None) -> Piece:
        usage = None
        if response is not None:
            self._model = model_of(response.model) or self._model
            usage = usage_of(response.usage)
            self._note_kept(response)
        if kind in _ENDS:
            self._over = self.ended = True
        speaks = kind not in _SAY_NOTHING
        return Piece(raw, speaks, usage, model=self._model, native=True)

    def _note_kept(self, response: _Response) -> None:
        if self._keeps and response.store is not False and isinstance(response.id, str):
            self.kept = response.id

    def _tell_fault(self, raw: bytes, data: bytes, happening: _Happening) -> Piece:
        response = happening.response
        usage = None if response is None else usage_of(response.usage)
        error = happening.error or (response and response.error)
        self._fault = fault = _fault(error, data)
        return Piece(raw, usage=usage, fault=fault, native=True)

    def _end_whole(self, whole: bytes) -> list[Piece]:
        body = whole.removeprefix(BOM)
        response = _read_response(body) if is_utf8(body) else None
        if response is None or body.lstrip(_SPACE)[:1] != b"{":
            raise UpstreamMalformed("The provider's answer is not a JSON object.")
        if response.error or response.status == "failed":
            fault = _fault(response.error, body)
            raise raised(fault)
        counts = self._call.operation == COUNT_INPUT
        if not counts and bytes(response.output)[:1] != b"[":
            raise UpstreamMalformed("The provider answered JSON that is no response.")
        self._over = self.ended = True
        if counts:
            return [Piece(whole, True, Usage(), native=True)]  # to be counted costs nothing
        piece = self._tell(whole, "", response)
        if not self._call.stream:
            return [msgspec.structs.replace(piece, has_content=True)]
        raw = _as_stream(body, response)
        return [msgspec.structs.replace(piece, raw=raw, has_content=True)]


def _fault(error: object, data: bytes) -> Fault:
    """Read an error; the type of an event is not that of what it tells."""
    told = told_by(error) if error else told_in(data)
    return fault_of(msgspec.structs.replace(told, type=None) if told.type == "error" else told)


def _read(data: bytes) -> _Happening | None:
    """Read an event's data, which is UTF-8 already; None if it is not JSON (U16)."""
    try:
        return _decode_happening(data)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        _decode_whole(data)
    except (msgspec.DecodeError, RecursionError):
        return None
    return _Happening()


def _read_response(body: bytes) -> _Response | None:
    try:
        return _decode_response(body)
    except (msgspec.DecodeError, RecursionError):
        return None


def _as_stream(body: bytes, response: _Response) -> bytes:
    """Tell a whole response as the stream that was asked for: item by item, each at once."""
    fields = _decode_fields(body)
    early: dict[str, object] = {**fields, "status": "in_progress", "output": [], "usage": None}
    told = [(b"response.created", b'"response":' + _line(early))]
    for index, item in enumerate(_decode_items(response.output)):
        rest = b'"output_index":%d,"item":%b' % (index, _line(item))
        told += [(b"response.output_item.added", rest), (b"response.output_item.done", rest)]
    last = b"incomplete" if response.status == "incomplete" else b"completed"
    told.append((b"response." + last, b'"response":' + _line(fields)))
    return b"".join(write_event(kind, number, rest) for number, (kind, rest) in enumerate(told))


def _line(value: object) -> bytes:
    return msgspec.json.format(_encode(value), indent=-1)
