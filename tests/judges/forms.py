"""Judges forms with files: read by the standard library's parser, another than the house's own."""

from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Final, NamedTuple

from openai.types.audio.transcription_create_params import (
    TranscriptionCreateParamsNonStreaming,
    TranscriptionCreateParamsStreaming,
)
from openai.types.audio.translation_create_params import TranslationCreateParams
from openai.types.image_create_variation_params import ImageCreateVariationParams
from openai.types.image_edit_params import ImageEditParamsNonStreaming, ImageEditParamsStreaming

from tests.judges.strictly import Refused

FIELDS: Final[dict[str, set[str]]] = {
    "/audio/transcriptions": {
        *TranscriptionCreateParamsNonStreaming.__annotations__,
        *TranscriptionCreateParamsStreaming.__annotations__,
    },
    "/audio/translations": {*TranslationCreateParams.__annotations__},
    "/images/variations": {*ImageCreateVariationParams.__annotations__},
    "/images/edits": {
        *ImageEditParamsNonStreaming.__annotations__,
        *ImageEditParamsStreaming.__annotations__,
    },
}
"""What a form may hold, by the end of its path."""


class Form(NamedTuple):
    """A form as it came: its fields, and the bytes of its files by their names."""

    fields: dict[str, list[str]]
    files: dict[str, list[bytes]]


def read_form(content_type: bytes, body: bytes) -> Form:
    """Read a form. Raises `Refused` for what is none."""
    whole = b"content-type: " + content_type + b"\r\n\r\n" + body
    message = BytesParser(policy=HTTP).parsebytes(whole)
    if message.defects or not message.is_multipart():
        raise Refused(f"no form: {message.defects}")
    form = Form({}, {})
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        assert isinstance(name, str)
        assert isinstance(data, bytes)
        if part.get_filename() is None:
            form.fields.setdefault(name, []).append(data.decode())
        else:
            form.files.setdefault(name, []).append(data)
    return form


def judge_form(path: str, form: Form) -> None:
    """Raise `Refused` for fields that the official SDK's types have not, or that stand twice."""
    allowed: set[str] = FIELDS[path.removeprefix("/v1")]
    unknown = {name.removesuffix("[]") for name in (*form.fields, *form.files)} - allowed
    if unknown:
        raise Refused(f"unknown fields: {sorted(unknown)}")
    twice = [name for name, values in form.fields.items() if len(values) > 1 and name[-2:] != "[]"]
    if twice or not form.files:
        raise Refused(f"no file, or stands twice: {twice}")


def told(form: Form) -> dict[str, Any]:
    """Return the fields that stand once."""
    return {name: values[0] for name, values in form.fields.items() if len(values) == 1}
