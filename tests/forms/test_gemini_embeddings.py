"""Embeddings by Gemini's models, in OpenAI's form."""

import base64
import json
import struct
from dataclasses import replace
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse

from gateway.forms.gemini import AnswerReader, write_request
from gateway.forms.gemini_embeddings import embed_body_of
from gateway.forms.raw import read_request
from gateway.words.answer import Piece, Usage
from gateway.words.call import Call
from gateway.words.errors import BadRequest, Unsupported, UpstreamMalformed
from gateway.words.target import Origin, Target
from tests.judges.google import judge_batch_embed

TARGET = Target("up", "gemini", "gemini", Origin("http", "h", 1), "/v1beta", "gemini-embedding-001")
VERTEX = replace(TARGET, dialect="vertex")


def call(**fields: object) -> Call:
    said = {"model": "small", "input": "Hello", **fields}
    return read_request("embeddings", json.dumps(said).encode())


def written(target: Target = TARGET, **fields: object) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(embed_body_of(call(**fields), target)[0])
    return body


def told(body: object, **fields: object) -> Piece:
    reader = AnswerReader(call(**fields), 200, "application/json", 1 << 20, 1 << 20)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    (piece,) = [*reader.feed(raw), *reader.end()]
    assert reader.ended
    if "encoding_format" not in fields:
        CreateEmbeddingResponse.model_validate_json(piece.raw)
    return piece


def test_each_text_is_asked_for_in_one_request() -> None:
    body = written(input=["a", "b"], dimensions=256, task_type="CLUSTERING", user="u")
    judge_batch_embed(body)
    known = {"model": "models/gemini-embedding-001", "outputDimensionality": 256}
    known["taskType"] = "CLUSTERING"
    assert body["requests"] == [
        {**known, "content": {"parts": [{"text": text}]}} for text in ("a", "b")
    ]
    judge_batch_embed(written())
    path = write_request(call(), TARGET).path
    assert path == "/models/gemini-embedding-001:batchEmbedContents"


def test_vertex_is_asked_in_its_own_way() -> None:
    assert written(VERTEX) == {"instances": [{"content": "Hello"}]}
    assert written(VERTEX, dimensions=8, task_type="CLUSTERING") == {
        "instances": [{"task_type": "CLUSTERING", "content": "Hello"}],
        "parameters": {"outputDimensionality": 8},
    }
    assert write_request(call(), VERTEX).path == "/models/gemini-embedding-001:predict"


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("input", [1, 2], Unsupported),
        ("input", 7, BadRequest),
        ("dimensions", 0, BadRequest),
        ("encoding_format", "int8", BadRequest),
        ("truncate", "END", Unsupported),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(
    name: str, value: object, error: type[BadRequest]
) -> None:
    with pytest.raises(error) as caught:
        embed_body_of(call(**{name: value}), TARGET)
    assert caught.value.param == name


def test_what_ai_studio_answers_is_told_as_openai_tells_it() -> None:
    vectors = [{"values": [0.5, -1.0]}, {"values": [0.25, 2.0]}]
    piece = told({"embeddings": vectors, "usageMetadata": {"promptTokenCount": 4}})
    body = json.loads(piece.raw)
    assert [each["embedding"] for each in body["data"]] == [[0.5, -1.0], [0.25, 2.0]]
    assert [each["index"] for each in body["data"]] == [0, 1]
    assert (body["model"], body["usage"]) == ("small", {"prompt_tokens": 4, "total_tokens": 4})
    assert piece.usage == Usage(4)
    assert told({"embeddings": vectors}).usage is None


def test_what_vertex_answers_is_told_as_openai_tells_it() -> None:
    counted = [{"token_count": 3, "truncated": False}, {"token_count": "x"}, None]
    found = [{"embeddings": {"values": [0.5], "statistics": each}} for each in counted]
    piece = told({"predictions": found})
    assert piece.usage == Usage(3)
    assert len(json.loads(piece.raw)["data"]) == 3


def test_vectors_may_come_in_base64() -> None:
    piece = told({"embeddings": [{"values": [0.5, -1]}]}, encoding_format="base64")
    (each,) = json.loads(piece.raw)["data"]
    assert struct.unpack("<2f", base64.b64decode(each["embedding"])) == (0.5, -1.0)


@pytest.mark.parametrize("body", [b"{}", b"7", b"\xff", b'{"embeddings":7}', b"[" * 9000])
def test_what_holds_no_embeddings_is_malformed(body: bytes) -> None:
    with pytest.raises(UpstreamMalformed):
        told(body)
