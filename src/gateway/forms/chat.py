"""OpenAI's chat completions: the common form of the house. Pure.

The six names of a form (see `forms/__init__.py`), and the list of models that its clients ask for.
Same form, same bytes: what the gateway need not understand passes as it came.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from msgspec import Raw

from gateway.forms import chat_parts
from gateway.forms.chat_answer import EVENT_STREAM, AnswerReader
from gateway.forms.chat_build import DONE
from gateway.forms.chat_errors import Told, error_body, tells_of_filter, told_in
from gateway.forms.chat_plain import plain
from gateway.forms.fields import (
    MAX_FIELDS,
    NULL,
    FieldReader,
    check_model,
    many,
    read_model,
    read_stream,
)
from gateway.forms.http import check_header
from gateway.words.answer import Piece
from gateway.words.call import Call, UpstreamRequest
from gateway.words.client import Header
from gateway.words.errors import (
    BadRequest,
    GatewayError,
    Unsupported,
    UpstreamAuth,
    UpstreamMalformed,
    UpstreamRefused,
)
from gateway.words.target import Target

__all__ = [
    "MAX_FIELDS",
    "AnswerReader",
    "AnswerWriter",
    "check_model",
    "read_error",
    "read_request",
    "wants_usage",
    "write_error",
    "write_model",
    "write_models",
    "write_request",
]

_TRUE = Raw(b"true")

_FORBIDDEN = 403
_AUTH_STATUSES = frozenset({401, 402, _FORBIDDEN})
_PASSED_ON = frozenset({b"retry-after", b"retry-after-ms", b"x-should-retry"})
_PASSED_ON_PREFIX = b"x-ratelimit-"

STREAM_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
JSON_HEADERS = ((b"content-type", b"application/json"),)


class _Object(msgspec.Struct, gc=False):
    """Any JSON object, of which nothing is read."""


class _Opening(msgspec.Struct, array_like=True, gc=False):
    """An array, of which only the first element is looked at."""

    first: _Object


class _StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool = False


_encode = msgspec.json.Encoder().encode
_read_fields = FieldReader(
    "messages", "tools", "functions", "response_format", "prediction", "documents"
).read
_decode_messages = msgspec.json.Decoder(Annotated[list[_Object], msgspec.Meta(min_length=1)]).decode
_decode_opening = msgspec.json.Decoder(_Opening).decode
_decode_stream_options = msgspec.json.Decoder(_StreamOptions | None).decode
_decode_options = msgspec.json.Decoder(dict[str, Raw] | None).decode


NO_HEADERS: Mapping[bytes, bytes] = {}
NOT_ASKED = "This model's provider cannot be asked that."


def read_request(
    operation: str, body: bytes, headers: Mapping[bytes, bytes] = NO_HEADERS, /
) -> Call:
    """Read a client's request; every field keeps its own bytes (R15).

    Raises `BadRequest`, with the field's name where there is one.
    """
    fields = _read_fields(body)
    _check_messages(fields, many=many(body, b"{"))
    stream, usage = read_stream(fields), wants_usage(fields)
    return Call(
        form="chat",
        operation=operation,
        model=read_model(fields),
        stream=stream,
        show_usage=usage or not stream,
        fields=fields,
    )


def write_request(call: Call, target: Target) -> UpstreamRequest:
    """Write the call for a target of this form: the client's own fields, with the target's model.

    A stream is always asked for its usage; what the client did not ask for is hidden again.
    """
    if call.operation != "chat":
        raise Unsupported(NOT_ASKED)
    fields = dict(call.fields) if call.native is None else plain(call.fields, target)
    for known, own in target.renames:
        if bytes(said := fields.pop(known, NULL)) != b"null":
            fields[own] = said
    if target.model != call.model:
        fields["model"] = Raw(_encode(target.model))
    if target.usage_unasked:
        fields.pop("stream_options", None)
    elif call.stream and (target.running_usage or not call.show_usage):
        options = _decode_options(fields.get("stream_options", NULL)) or {}
        running = {"continuous_usage_stats": _TRUE} if target.running_usage else {}
        fields["stream_options"] = Raw(_encode({**running, **options, "include_usage": _TRUE}))
    if target.dialect == chat_parts.DIALECT:
        fields["messages"] = chat_parts.given_back(fields["messages"])
    accept = EVENT_STREAM if call.stream else "application/json"
    headers = ((b"content-type", b"application/json"), (b"accept", accept.encode()))
    return UpstreamRequest("POST", "/chat/completions", headers, _encode(fields))


class AnswerWriter:
    """Writes one answer: the provider's own bytes, and what the gateway has to say between them."""

    __slots__ = ("_hides_usage", "_stream")

    def __init__(self, call: Call) -> None:
        self._stream = call.stream
        self._hides_usage = not call.show_usage

    @property
    def headers(self) -> tuple[Header, ...]:
        return STREAM_HEADERS if self._stream else JSON_HEADERS

    def write(self, pieces: list[Piece]) -> bytes:
        """Return the bytes of these pieces, without the event that the client did not ask for."""
        if self._hides_usage:
            return b"".join([piece.raw for piece in pieces if not piece.usage_only])
        return b"".join([piece.raw for piece in pieces])

    def end(self) -> bytes:
        return DONE if self._stream else b""

    def keepalive(self) -> bytes:
        """Return a comment: the only thing that no client takes for an event."""
        return b": keepalive\n\n" if self._stream else b""

    def error(self, error: GatewayError) -> bytes:
        """Return the error as an event; an answer of one piece has no place for it."""
        return b"data: %b\n\n" % write_error(error) if self._stream else b""


def read_error(status: int, headers: tuple[Header, ...], body: bytes) -> GatewayError:
    """Read a provider's error answer; the caller bounds the body.

    A refusal of our own credentials is told without the provider's words: they may echo the key.
    A 403 may also be about what was asked for; then it is the client's to read.
    """
    if not 400 <= status <= 599:
        return UpstreamMalformed(f"The provider answered with status {status}; it is not followed.")
    told = told_in(body)
    if status in _AUTH_STATUSES and not (status == _FORBIDDEN and _is_filtered(told)):
        return UpstreamAuth(f"The provider refused the gateway's credentials (status {status}).")
    return UpstreamRefused(
        told.message or f"The provider answered with status {status} and no explanation.",
        status=status,
        type=told.type or _type_of(status),
        code=told.code,
        param=told.param,
        headers=tuple(header for header in headers if _passes(*header)),
    )


def write_error(error: GatewayError) -> bytes:
    """Write an error in OpenAI's shape, with all four keys."""
    return error_body(error.message, error.type, error.param, error.code)


def write_models(names: Iterable[str]) -> bytes:
    """Write the list of models."""
    return _encode({"object": "list", "data": [_model(name) for name in names]})


def write_model(name: str) -> bytes:
    """Write one model of the list."""
    return _encode(_model(name))


def _check_messages(fields: dict[str, Raw], *, many: bool) -> None:
    """Check that the messages are objects; of a flood of objects only the first is looked at."""
    if "messages" not in fields:
        raise BadRequest("'messages' is missing: an array of objects.", param="messages")
    try:
        (_decode_opening if many else _decode_messages)(fields["messages"])
    except msgspec.ValidationError:
        raise BadRequest(
            "'messages' must be an array of at least one object.", param="messages"
        ) from None


def wants_usage(fields: dict[str, Raw]) -> bool:
    """Say whether a stream is to report its usage. Raises `BadRequest`."""
    try:
        options = _decode_stream_options(fields.get("stream_options", NULL))
    except msgspec.ValidationError:
        raise BadRequest(
            "'stream_options' must be an object or null, its 'include_usage' true or false.",
            param="stream_options",
        ) from None
    return options is not None and options.include_usage


def _is_filtered(told: Told) -> bool:
    return tells_of_filter(f"{told.type or ''} {told.code or ''}", told.message or "")


def _passes(name: bytes, value: bytes) -> bool:
    """Say whether a header of a provider's error is passed on: by name, and if it is sound (R5)."""
    if name not in _PASSED_ON and not name.startswith(_PASSED_ON_PREFIX):
        return False
    try:
        check_header(name, value)
    except ValueError:
        return False
    return True


def _type_of(status: int) -> str:
    """Name the kind of an error that the provider did not name."""
    if status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if status < 500 else UpstreamRefused.type


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "gateway"}
