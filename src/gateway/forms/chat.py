"""OpenAI's chat completions: the common form of the house. Pure.

The six names of a form (see `forms/__init__.py`), and the list of models that its clients ask for.
Same form, same bytes: what the gateway need not understand passes as it came.
"""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Raw

from gateway.forms.chat_answer import EVENT_STREAM, AnswerReader
from gateway.forms.chat_build import DONE
from gateway.forms.chat_errors import Told, error_body, tells_of_filter, told_in
from gateway.forms.chat_facts import MAX_MODEL_BYTES
from gateway.forms.http import check_header
from gateway.forms.text import has_controls, is_utf8
from gateway.words.answer import Piece
from gateway.words.call import Call, UpstreamRequest
from gateway.words.client import Header
from gateway.words.errors import (
    BadRequest,
    GatewayError,
    UpstreamAuth,
    UpstreamMalformed,
    UpstreamRefused,
)
from gateway.words.target import Target

__all__ = [
    "AnswerReader",
    "AnswerWriter",
    "check_model",
    "read_error",
    "read_request",
    "write_error",
    "write_model",
    "write_models",
    "write_request",
]

MAX_FIELDS = 65_536
"""Fields of a request; more would cost the process more than the body is worth (R15)."""

_LONG_BODY_BYTES = 4 * MAX_FIELDS
"""A shorter body has no room for too many fields or messages: `"":1,` is one of five bytes."""

_NULL = Raw(b"null")
_TRUE = Raw(b"true")

_FORBIDDEN = 403
_AUTH_STATUSES = frozenset({401, 402, _FORBIDDEN})
_PASSED_ON = frozenset({b"retry-after", b"retry-after-ms", b"x-should-retry"})
_PASSED_ON_PREFIX = b"x-ratelimit-"

_STREAM_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
_JSON_HEADERS = ((b"content-type", b"application/json"),)


class _Object(msgspec.Struct, gc=False):
    """Any JSON object, of which nothing is read."""


class _Opening(msgspec.Struct, array_like=True, gc=False):
    """An array, of which only the first element is looked at."""

    first: _Object


class _Bulk(msgspec.Struct, gc=False):
    """The fields that may well hold a hundred thousand things."""

    messages: Raw = _NULL
    tools: Raw = _NULL
    functions: Raw = _NULL
    response_format: Raw = _NULL
    prediction: Raw = _NULL
    documents: Raw = _NULL


class _StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool = False


_encode = msgspec.json.Encoder().encode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_bulk = msgspec.json.Decoder(_Bulk).decode
_decode_messages = msgspec.json.Decoder(Annotated[list[_Object], msgspec.Meta(min_length=1)]).decode
_decode_opening = msgspec.json.Decoder(_Opening).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_flag = msgspec.json.Decoder(bool | None).decode
_decode_stream_options = msgspec.json.Decoder(_StreamOptions | None).decode
_decode_options = msgspec.json.Decoder(dict[str, Raw] | None).decode


def read_request(operation: str, body: bytes) -> Call:
    """Read a client's request; every field keeps its own bytes (R15).

    Raises `BadRequest`, with the field's name where there is one.
    """
    fields = _read_fields(body)
    _check_messages(fields, many=_many(body, b"{"))
    stream, usage = _read_stream(fields), _wants_usage(fields)
    return Call(
        form="chat",
        operation=operation,
        model=_read_model(fields),
        stream=stream,
        show_usage=usage or not stream,
        fields=fields,
    )


def write_request(call: Call, target: Target) -> UpstreamRequest:
    """Write the call for a target of this form: the client's own fields, with the target's model.

    A stream is always asked for its usage; what the client did not ask for is hidden again.
    """
    fields = dict(call.fields)
    for known, own in target.renames:
        if known in fields:
            fields[own] = fields.pop(known)
    if target.model != call.model:
        fields["model"] = Raw(_encode(target.model))
    if target.usage_unasked:
        fields.pop("stream_options", None)
    elif call.stream and (target.running_usage or not call.show_usage):
        options = _decode_options(fields.get("stream_options", _NULL)) or {}
        running = {"continuous_usage_stats": _TRUE} if target.running_usage else {}
        fields["stream_options"] = Raw(_encode({**running, **options, "include_usage": _TRUE}))
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
        return _STREAM_HEADERS if self._stream else _JSON_HEADERS

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


def _read_fields(body: bytes) -> dict[str, Raw]:
    if not body:
        raise BadRequest("The request body is empty; a JSON object is expected.")
    if not is_utf8(body):
        raise BadRequest("The request body is not UTF-8.")
    try:
        if _many(body, b":"):
            _check_count(body)
        return _decode_fields(body)
    except RecursionError:
        raise BadRequest("The request body is nested too deeply.") from None
    except msgspec.ValidationError:
        raise BadRequest("The request body must be a JSON object.") from None
    except msgspec.DecodeError as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        raise BadRequest(f"The request body is not valid JSON: {reason}.") from None


def _many(body: bytes, mark: bytes) -> bool:
    """Say whether a body may hold more fields (`:`) or objects (`{`) than can be built at ease."""
    return len(body) > _LONG_BODY_BYTES and body.count(mark) > MAX_FIELDS


def _check_count(body: bytes) -> None:
    """Refuse a flood of fields at the top: a decoded field costs a hundred times its bytes."""
    bulk = _decode_bulk(body)
    bulky = sum(bytes(getattr(bulk, name)).count(b":") for name in bulk.__struct_fields__)
    if body.count(b":") - bulky > MAX_FIELDS:
        raise BadRequest(f"The request body has more than {MAX_FIELDS} fields.")


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


def _read_model(fields: dict[str, Raw]) -> str:
    if "model" not in fields:
        raise BadRequest("'model' is missing: the name of a model.", param="model")
    try:
        model = _decode_text(fields["model"])
    except msgspec.ValidationError:
        raise BadRequest("'model' must be a string.", param="model") from None
    check_model(model)
    return model


def check_model(model: str) -> None:
    """Refuse what can be no name of a model, wherever it stands in a request (R10)."""
    if not 0 < len(model.encode()) <= MAX_MODEL_BYTES or has_controls(model):
        raise BadRequest(
            f"'model' must be of 1 to {MAX_MODEL_BYTES} bytes, without control characters.",
            param="model",
        )


def _read_stream(fields: dict[str, Raw]) -> bool:
    try:
        return _decode_flag(fields.get("stream", _NULL)) or False
    except msgspec.ValidationError:
        raise BadRequest("'stream' must be true or false.", param="stream") from None


def _wants_usage(fields: dict[str, Raw]) -> bool:
    try:
        options = _decode_stream_options(fields.get("stream_options", _NULL))
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
