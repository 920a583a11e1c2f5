"""Embeddings by Ollama's own API: what it is asked, and what it answers. Pure.

https://docs.ollama.com/api/embed
"""

from typing import Any, Literal

import msgspec

from gateway.forms import embeddings
from gateway.forms.asked import Asked, is_flag, is_positive, is_text
from gateway.forms.ollama_options import options_in
from gateway.words.answer import Usage
from gateway.words.call import Call
from gateway.words.target import Target

_is_encoding: Any = msgspec.json.Decoder(Literal["float", "base64"]).decode
_encode = msgspec.json.Encoder().encode


def embed_body_of(call: Call, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """Write the body of the request; name the fields that the target cannot be told.

    Raises `BadRequest` or `Unsupported` with the field's name.
    """
    asked = Asked(call.fields, drops=target.drops)
    body: dict[str, object] = {"model": target.model, "input": embeddings.texts_in(asked)}
    dimensions = asked.take("dimensions", is_positive)
    if dimensions is not None:
        body["dimensions"] = dimensions
    truncate = asked.take("truncate", is_flag)
    if truncate is not None:
        body["truncate"] = truncate
    if options := options_in(asked):
        body["options"] = options
    asked.take("encoding_format", _is_encoding)
    asked.take("user", is_text)
    return _encode(body), asked.settle()


def embeddings_body(vectors: list[list[float]], model: str, usage: Usage, call: Call) -> bytes:
    """Write an answer as OpenAI does: the server gives numbers, the client may want bytes."""
    if bytes(call.fields.get("encoding_format", b"")) != b'"base64"':
        return embeddings.written(vectors, model, usage)
    return embeddings.written([embeddings.packed(each) for each in vectors], model, usage)
