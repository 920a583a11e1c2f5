"""Embeddings and rankings by Cohere's API, judged by its published reference."""

import json
from dataclasses import replace
from typing import Any

import pytest
from msgspec import Raw
from openai.types import CreateEmbeddingResponse

from gateway.forms import cohere
from gateway.forms.cohere_operations import embeddings_told, ranking_told
from gateway.words.answer import Usage
from gateway.words.call import Call
from gateway.words.errors import BadRequest, Unsupported, UpstreamMalformed
from gateway.words.target import Origin, Target
from tests.judges.cohere import judge_embed, judge_rerank

TARGET = Target("up", "cohere", "cohere", Origin("http", "h", 1), "", "v4")
RANKED = b'{"id":"1","results":[{"index":1,"relevance_score":0.75}],"meta":{}}'


def call(operation: str, **fields: object) -> Call:
    raw = {name: Raw(json.dumps(value).encode()) for name, value in fields.items()}
    return Call("raw", operation, "m", False, True, raw)


def embed(**fields: object) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(
        cohere.write_request(call("embeddings", **fields), TARGET).body
    )
    judge_embed(body)
    return body


def rank(**fields: object) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(cohere.write_request(call("rerank", **fields), TARGET).body)
    judge_rerank(body)
    return body


def test_texts_are_embedded_as_documents_unless_the_client_says_for_what() -> None:
    assert embed(input="a", model="m", user="u") == {
        "model": "v4",
        "texts": ["a"],
        "input_type": "search_document",
        "embedding_types": ["float"],
    }
    assert embed(
        input=["a", "b"],
        encoding_format="base64",
        dimensions=256,
        input_type="search_query",
        truncate="NONE",
    ) == {
        "model": "v4",
        "texts": ["a", "b"],
        "input_type": "search_query",
        "embedding_types": ["base64"],
        "output_dimension": 256,
        "truncate": "NONE",
    }


def test_documents_are_ranked_by_their_texts() -> None:
    assert rank(query="q", documents=["a", {"text": "b"}], top_n=1, return_documents=True) == {
        "model": "v4",
        "query": "q",
        "documents": ["a", "b"],
        "top_n": 1,
    }
    assert rank(query="q", documents=["a"], max_tokens_per_doc=9)["max_tokens_per_doc"] == 9


@pytest.mark.parametrize(
    ("operation", "fields", "param"),
    [
        ("embeddings", {}, "input"),
        ("embeddings", {"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ("embeddings", {"input": "a", "dimensions": 0}, "dimensions"),
        ("rerank", {"query": "q"}, "documents"),
        ("rerank", {"query": "q", "documents": []}, "documents"),
        ("rerank", {"query": "q", "documents": [7]}, "documents"),
        ("rerank", {"query": "q", "documents": ["a"], "top_n": 0}, "top_n"),
    ],
)
def test_what_nobody_could_be_told_is_refused(
    operation: str, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        cohere.write_request(call(operation, **fields), TARGET)
    assert caught.value.param == param


def test_what_it_cannot_be_told_is_refused_or_let_go() -> None:
    asked = call("rerank", query="q", documents=["a"], odd=1)
    with pytest.raises(Unsupported):
        cohere.write_request(asked, TARGET)
    assert cohere.write_request(asked, replace(TARGET, drops=True)).dropped == ("odd",)


def test_embeddings_are_told_in_openais_form() -> None:
    told = b'{"embeddings":{"float":[[0.5,1e-05]]},"meta":{"billed_units":{"input_tokens":3}}}'
    body, usage = embeddings_told(told, call("embeddings"))
    read = CreateEmbeddingResponse.model_validate_json(body)
    assert (read.data[0].embedding, read.model, usage) == ([0.5, 1e-05], "m", Usage(3))
    told = b'{"embeddings":{"base64":["AAAA"]}}'
    body, usage = embeddings_told(told, call("embeddings"))
    assert (json.loads(body)["data"][0]["embedding"], usage) == ("AAAA", None)


@pytest.mark.parametrize("body", [b"{", b"{}", b"[]", b'{"embeddings":{"int8":[[1]]}}'])
def test_what_holds_no_embeddings_is_malformed(body: bytes) -> None:
    with pytest.raises(UpstreamMalformed):
        embeddings_told(body, call("embeddings"))


def test_a_ranking_is_told_as_it_came_or_with_its_documents() -> None:
    assert ranking_told(RANKED, call("rerank", documents=["a", "b"])) == (RANKED, None)
    asked = call("rerank", documents=["a", {"text": "b"}], return_documents=True)
    body, _ = ranking_told(RANKED, asked)
    assert json.loads(body)["results"] == [
        {"index": 1, "relevance_score": 0.75, "document": {"text": "b"}}
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{}",
        b'{"results":[{"index":7}]}',
        b'{"results":[{"index":-1}]}',
        b'{"results":[{}]}',
        b'{"results":[{"index":11111111111111}]}',
    ],
)
def test_what_holds_no_ranking_of_these_documents_is_malformed(body: bytes) -> None:
    asked = call("rerank", documents=["a"], return_documents=True)
    with pytest.raises(UpstreamMalformed):
        ranking_told(body, asked)
