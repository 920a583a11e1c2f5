"""Embeddings in OpenAI's form."""

import base64
import struct

import pytest
from msgspec import Raw
from openai.types import CreateEmbeddingResponse

from gateway.forms import embeddings
from gateway.forms.asked import Asked
from gateway.words.answer import Usage
from gateway.words.errors import BadRequest, Unsupported, UpstreamMalformed


def taken(value: bytes) -> str | list[str]:
    return embeddings.texts_in(Asked({"input": Raw(value)}, drops=True))


def test_texts_are_taken_and_tokens_of_another_are_not() -> None:
    assert taken(b'"a"') == "a"
    assert taken(b'["a", "b"]') == ["a", "b"]
    for tokens in (b"[1, 2]", b"[[1], [2]]"):
        with pytest.raises(Unsupported):
            taken(tokens)
    for nothing in (b"{}", b"null", b"7"):
        with pytest.raises(BadRequest) as caught:
            taken(nothing)
        assert caught.value.param == "input"


def test_what_is_written_is_openais() -> None:
    body = embeddings.written([[0.5, 1.0], "AAAA"], "m", Usage(3))
    read = CreateEmbeddingResponse.model_validate_json(body.replace(b'"AAAA"', b"[0]"))
    assert [each.index for each in read.data] == [0, 1]
    assert (read.model, read.usage.prompt_tokens, read.usage.total_tokens) == ("m", 3, 3)


def test_a_vector_is_packed_as_its_floats() -> None:
    assert base64.b64decode(embeddings.packed([0.5, -1.0])) == struct.pack("<2f", 0.5, -1.0)
    with pytest.raises(UpstreamMalformed):
        embeddings.packed([1e300])
