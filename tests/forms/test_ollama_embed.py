"""Embeddings by Ollama's own API, judged by the official client's types."""

import base64
import json
import struct
from dataclasses import replace
from typing import Any

import pytest
from msgspec import Raw

from gateway.forms import ollama
from gateway.forms.ollama_embed import embeddings_body
from gateway.words.answer import Usage
from gateway.words.call import Call
from gateway.words.errors import BadRequest, Unsupported
from gateway.words.target import Origin, Target
from tests.judges.ollama import judge_embed

TARGET = Target("up", "ollama-native", "ollama", Origin("http", "h", 1), "", "embed")


def call(**fields: object) -> Call:
    raw = {name: Raw(json.dumps(value).encode()) for name, value in fields.items()}
    return Call("raw", "embeddings", "m", False, True, raw)


def written(**fields: object) -> dict[str, Any]:
    request = ollama.write_request(call(**fields), TARGET)
    assert request.path == "/api/embed"
    body: dict[str, Any] = json.loads(request.body)
    judge_embed(body)
    return body


def test_texts_are_asked_for_with_what_the_server_knows() -> None:
    assert written(input="a", model="m") == {"model": "embed", "input": "a"}
    assert written(
        input=["a", "b"], dimensions=8, encoding_format="float", user="u", truncate=False
    ) == {"model": "embed", "input": ["a", "b"], "dimensions": 8, "truncate": False}
    assert written(input="a", options={"seed": 9})["options"] == {"seed": 9}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        ({"input": {}}, "input"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ({"input": "a", "truncate": 1}, "truncate"),
        ({"input": "a", "keep_alive": -1}, "keep_alive"),
    ],
)
def test_what_nobody_could_be_told_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        ollama.write_request(call(**fields), TARGET)
    assert caught.value.param == param


def test_what_the_server_cannot_be_told_is_refused_or_let_go() -> None:
    asked = call(input="a", odd=1)
    with pytest.raises(Unsupported):
        ollama.write_request(asked, TARGET)
    assert ollama.write_request(asked, replace(TARGET, drops=True)).dropped == ("odd",)


def test_who_wants_bytes_gets_the_bytes_of_the_numbers() -> None:
    body = json.loads(embeddings_body([[0.5, -1.0]], "m", Usage(3), call(encoding_format="base64")))
    assert base64.b64decode(body["data"][0]["embedding"]) == struct.pack("<2f", 0.5, -1.0)
    body = json.loads(embeddings_body([[0.5, -1.0]], "m", Usage(3), call()))
    assert body["data"][0]["embedding"] == [0.5, -1.0]
