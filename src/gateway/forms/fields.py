"""Reads a client's body into its fields, each with its own bytes, in bounds (R15). Pure."""

from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms.chat_facts import MAX_MODEL_BYTES
from gateway.forms.text import has_controls, is_utf8
from gateway.words.errors import BadRequest

MAX_FIELDS: Final = 65_536
"""Fields of a request; more would cost the process more than the body is worth (R15)."""

NULL: Final = Raw(b"null")

_LONG_BODY_BYTES = 4 * MAX_FIELDS
"""A shorter body has no room for too many fields or objects: `"":1,` is one of five bytes."""

_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_flag = msgspec.json.Decoder(bool | None).decode


def many(body: bytes, mark: bytes) -> bool:
    """Say whether a body may hold more fields (`:`) or objects (`{`) than can be built at ease."""
    return len(body) > _LONG_BODY_BYTES and body.count(mark) > MAX_FIELDS


class FieldReader:
    """Reads bodies of one form."""

    __slots__ = ("_decode_bulk",)

    def __init__(self, *bulky: str) -> None:
        """`bulky` are the fields that may well hold a hundred thousand things."""
        fields: list[tuple[str, Any, Any]] = [(name, Raw, NULL) for name in bulky]
        self._decode_bulk = msgspec.json.Decoder(msgspec.defstruct("Bulk", fields, gc=False)).decode

    def read(self, body: bytes) -> dict[str, Raw]:
        """Return the fields of a body. Raises `BadRequest`."""
        if not body:
            raise BadRequest("The request body is empty; a JSON object is expected.")
        if not is_utf8(body):
            raise BadRequest("The request body is not UTF-8.")
        try:
            if many(body, b":"):
                self._check_count(body)
            return _decode_fields(body)
        except RecursionError:
            raise BadRequest("The request body is nested too deeply.") from None
        except msgspec.ValidationError:
            raise BadRequest("The request body must be a JSON object.") from None
        except msgspec.DecodeError as error:
            reason = str(error).removeprefix("JSON is malformed: ")
            raise BadRequest(f"The request body is not valid JSON: {reason}.") from None

    def _check_count(self, body: bytes) -> None:
        """Refuse a flood of fields at the top: a decoded field costs a hundred times its bytes."""
        bulk = self._decode_bulk(body)
        bulky = sum(bytes(getattr(bulk, name)).count(b":") for name in bulk.__struct_fields__)
        if body.count(b":") - bulky > MAX_FIELDS:
            raise BadRequest(f"The request body has more than {MAX_FIELDS} fields.")


def read_model(fields: dict[str, Raw]) -> str:
    """Return the model that is asked. Raises `BadRequest`."""
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


def read_stream(fields: dict[str, Raw]) -> bool:
    """Say whether a stream is asked for. Raises `BadRequest`."""
    try:
        return _decode_flag(fields.get("stream", NULL)) or False
    except msgspec.ValidationError:
        raise BadRequest("'stream' must be true or false.", param="stream") from None
