"""Operations in OpenAI's own form that are no chat: nothing is translated, only the model is. Pure.

The names of a form (see `forms/__init__.py`). What there is stands in `raw_operations.py`.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from gateway.forms.chat import NO_HEADERS, NOT_ASKED, read_error, wants_usage, write_error
from gateway.forms.chat_answer import EVENT_STREAM
from gateway.forms.fields import NULL, FieldReader, check_model, read_model, read_stream
from gateway.forms.multipart import Survey, content_type_of, field_of, part_of
from gateway.forms.raw_answer import AnswerReader
from gateway.forms.raw_operations import OPERATIONS
from gateway.forms.raw_write import AnswerWriter
from gateway.words.body import Body, Span, joined
from gateway.words.call import Call, Upload, UpstreamRequest, request_of
from gateway.words.errors import BadRequest, Unsupported
from gateway.words.target import Target

__all__ = [
    "UPLOADED",
    "AnswerReader",
    "AnswerWriter",
    "read_error",
    "read_request",
    "read_upload",
    "with_model",
    "write_error",
    "write_request",
]

UPLOADED = frozenset({"model", "stream", "n", "response_format"})
"""The fields that are read of a form with files."""

_JSON = b"application/json"
_TRUE = Raw(b"true")
_YES = frozenset({"true", "1", "yes", "on"})
_NO = frozenset({"false", "0", "no", "off", ""})
_MOST_DIGITS = 4

_encode = msgspec.json.Encoder().encode
_decode_options = msgspec.json.Decoder(dict[str, Raw] | None).decode
_read_fields = FieldReader("input", "prompt", "documents", "messages", "tools", "functions").read


def read_request(
    operation: str, body: bytes, headers: Mapping[bytes, bytes] = NO_HEADERS, /
) -> Call:
    """Read a client's request in JSON; every field keeps its own bytes (R15).

    Raises `BadRequest`, with the field's name where there is one.
    """
    asked = OPERATIONS[operation]
    fields = _read_fields(body)
    if asked.model and bytes(fields.get("model", NULL)) == b"null":
        fields["model"] = Raw(_encode(asked.model))
    completes = operation == "completions"
    stream = (completes or bool(asked.events)) and read_stream(fields)
    return Call(
        form="raw",
        operation=operation,
        model=read_model(fields),
        # Sound is always told as it is made: its clocks are those of a stream.
        stream=stream or operation == "speech",
        show_usage=not stream or not completes or wants_usage(fields),
        fields=fields,
    )


def read_upload(operation: str, survey: Survey, upload: Upload, model: str = "") -> Call:
    """Read a client's request that came as a form; `model` is the one that its path names.

    Raises `BadRequest`, with the field's name where there is one.
    """
    said = survey.values
    if "model" in said:
        check_model(said["model"])  # also where the path names another: this one is replaced
    fields = {name: Raw(_encode(value)) for name, value in said.items()}
    if (count := said.get("n", "")).isdecimal() and count.isascii() and len(count) <= _MOST_DIGITS:
        fields["n"] = Raw(b"%d" % int(count))
    if model:
        fields["model"] = Raw(_encode(model))
    stream = bool(OPERATIONS[operation].events) and _is_yes(said.get("stream", ""))
    return Call(
        form="raw",
        operation=operation,
        model=read_model(fields),
        stream=stream,
        show_usage=True,
        fields=fields,
        upload=msgspec.structs.replace(upload, model=survey.spans.get("model")),
    )


def with_model(body: bytes, model: str) -> bytes:
    """Return a request in JSON with the model that its path names, whatever the body says of it.

    Raises `BadRequest`.
    """
    check_model(model)
    fields = _read_fields(body)
    fields["model"] = Raw(_encode(model))
    return _encode(fields)


def write_request(call: Call, target: Target) -> UpstreamRequest:
    """Write the call for a target of this form: as it came, with the target's model."""
    asked = OPERATIONS.get(call.operation)
    if asked is None:
        raise Unsupported(NOT_ASKED)
    accept = (b"accept", _accepted(call))
    if call.upload is not None:
        media = content_type_of(call.upload.boundary)
        headers = ((b"content-type", media), accept)
        return request_of("POST", asked.path, headers, _form_for(call.upload, target.model))
    fields = dict(call.fields)
    if target.model != call.model:
        fields["model"] = Raw(_encode(target.model))
    if call.operation == "completions":
        _ask_for_usage(fields, call, target)
    headers = ((b"content-type", _JSON), accept)
    return UpstreamRequest("POST", asked.path, headers, _encode(fields))


def _accepted(call: Call) -> bytes:
    if call.operation == "speech":
        return b"*/*"
    return EVENT_STREAM.encode() if call.stream else _JSON


def _ask_for_usage(fields: dict[str, Raw], call: Call, target: Target) -> None:
    """Have a stream report its usage; what the client did not ask for is hidden again."""
    if target.usage_unasked:
        fields.pop("stream_options", None)
    elif call.stream and not call.show_usage:
        options = _decode_options(fields.get("stream_options", NULL)) or {}
        fields["stream_options"] = Raw(_encode({**options, "include_usage": _TRUE}))


def _form_for(upload: Upload, model: str) -> Body:
    """Return the form with another model: in place of its part, or in front if it has none."""
    body = upload.body
    if upload.boundary in model.encode():
        raise BadRequest("The form's boundary stands in the model's name.", param="model")
    if upload.model is None:
        return joined(field_of(upload.boundary, "model", model), body)
    begin, end = upload.model
    return joined(_part(body, 0, begin), part_of("model", model), _part(body, end, len(body)))


def _part(body: bytes | Span, begin: int, end: int) -> bytes | Span:
    return body[begin:end]


def _is_yes(value: str) -> bool:
    meant = value.strip().lower()
    if meant not in _YES | _NO:
        raise BadRequest("'stream' must be true or false.", param="stream")
    return meant in _YES
