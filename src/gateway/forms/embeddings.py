"""Embeddings in OpenAI's form, for providers that are asked for them in another. Pure."""

import base64
import struct
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from gateway.forms.asked import Asked, unsupported
from gateway.words.answer import Usage
from gateway.words.errors import BadRequest, UpstreamMalformed

_is_texts: Any = msgspec.json.Decoder(str | list[str]).decode
_is_tokens: Any = msgspec.json.Decoder(list[int | list[int]]).decode
_encode = msgspec.json.Encoder().encode


def texts_in(asked: Asked) -> str | list[str]:
    """Take what is to be embedded. Raises `BadRequest`; `Unsupported` for another's tokens."""
    given = asked.take("input", _read_texts)
    if given is None:
        raise BadRequest("'input' is missing: a text or a list of texts.", param="input")
    return given


def _read_texts(value: Raw) -> str | list[str]:
    try:
        texts: str | list[str] = _is_texts(value)
    except msgspec.ValidationError:
        _is_tokens(value)
        raise unsupported(
            "input", "'input' must be a text or a list of texts for this model's provider."
        ) from None
    return texts


def written(vectors: Sequence[object], model: str, usage: Usage) -> bytes:
    """Write embeddings as OpenAI does, each as it is: a list of numbers, or a text."""
    data = [
        {"object": "embedding", "index": at, "embedding": each} for at, each in enumerate(vectors)
    ]
    counted = {"prompt_tokens": usage.input_tokens, "total_tokens": usage.input_tokens}
    return _encode({"object": "list", "data": data, "model": model, "usage": counted})


def packed(vector: Sequence[float]) -> str:
    """Return the bytes of a vector's floats in base64. Raises `UpstreamMalformed`."""
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except OverflowError:
        raise UpstreamMalformed("The provider sent a number that no float holds.") from None
