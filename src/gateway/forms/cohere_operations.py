"""What Cohere does beside chat: embeddings, and the ranking of documents. Pure.

Embeddings are asked and answered in OpenAI's form. Ranking has no form of OpenAI's: what clients
ask is Cohere's own wire, with the documents given back where they are asked for.

https://docs.cohere.com/reference/embed, https://docs.cohere.com/reference/rerank
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw

from gateway.forms import embeddings
from gateway.forms.asked import Asked, is_any, is_flag, is_positive, is_text
from gateway.forms.cohere_facts import usage_of
from gateway.words.answer import Usage
from gateway.words.call import Call
from gateway.words.errors import BadRequest, UpstreamMalformed
from gateway.words.target import Target

Fields = dict[str, object]
Written = tuple[bytes, tuple[str, ...]]

INPUT_TYPE: Final = "search_document"
"""What a text is embedded for, which the provider must be told, where the client does not say."""

EMBED_OWN: Final = ("input_type", "truncate", "priority")
RERANK_OWN: Final = ("query", "max_tokens_per_doc", "priority")
"""Fields of the provider's own, which pass as they are."""

_is_encoding: Any = msgspec.json.Decoder(Literal["float", "base64"]).decode
_encode = msgspec.json.Encoder().encode


class _Text(msgspec.Struct, gc=False):
    text: str


_is_documents: Any = msgspec.json.Decoder(list[str | _Text]).decode


def embed_body_of(call: Call, target: Target) -> Written:
    """Write a request for embeddings; name the fields that the target cannot be told.

    Raises `BadRequest` or `Unsupported` with the field's name.
    """
    asked = Asked(call.fields, drops=target.drops)
    given = embeddings.texts_in(asked)
    encoding = asked.take("encoding_format", _is_encoding) or "float"
    body: Fields = {
        "model": target.model,
        "texts": [given] if isinstance(given, str) else given,
        "input_type": INPUT_TYPE,
        "embedding_types": [encoding],
    }
    dimensions = asked.take("dimensions", is_positive)
    if dimensions is not None:
        body["output_dimension"] = dimensions
    _pass(asked, body, EMBED_OWN)
    asked.take("user", is_text)
    return _encode(body), asked.settle()


def rerank_body_of(call: Call, target: Target) -> Written:
    """Write a request for a ranking; name the fields that the target cannot be told.

    Raises `BadRequest` or `Unsupported` with the field's name.
    """
    asked = Asked(call.fields, drops=target.drops)
    documents = asked.take("documents", _is_documents)
    if not documents:
        raise BadRequest("'documents' is missing: a list of texts.", param="documents")
    body: Fields = {"model": target.model, "documents": _texts(documents)}
    most = asked.take("top_n", is_positive)
    if most is not None:
        body["top_n"] = most
    _pass(asked, body, RERANK_OWN)
    asked.take("return_documents", is_flag)
    return _encode(body), asked.settle()


def _pass(asked: Asked, body: Fields, names: Sequence[str]) -> None:
    for name in names:
        value = asked.take(name, is_any)
        if value is not None:
            body[name] = value


def _texts(documents: Sequence[str | _Text]) -> list[str]:
    return [each if isinstance(each, str) else each.text for each in documents]


class _Vectors(msgspec.Struct, gc=False):
    """Embeddings, by the type that was asked for."""

    float: list[Raw] | None = None
    base64: list[str] | None = None


class _Embedded(msgspec.Struct, gc=False):
    embeddings: _Vectors | None = None
    meta: Any = None


class _Ranked(msgspec.Struct, gc=False):
    results: list[dict[str, Raw]] | None = None
    id: str = ""
    meta: Any = None


_read_embedded = msgspec.json.Decoder(_Embedded).decode
_read_ranked = msgspec.json.Decoder(_Ranked).decode


def embeddings_told(body: bytes, call: Call) -> tuple[bytes, Usage | None]:
    """Read embeddings and tell them as OpenAI does. Raises `UpstreamMalformed`."""
    try:
        told = _read_embedded(body)
    except (msgspec.DecodeError, RecursionError):
        told = _Embedded()
    found = told.embeddings or _Vectors()
    vectors: Sequence[object] | None = found.base64 if found.float is None else found.float
    if vectors is None:
        raise UpstreamMalformed("The provider answered JSON that holds no embeddings.")
    usage = usage_of(told.meta)
    return embeddings.written(vectors, call.model, usage or Usage()), usage


def ranking_told(body: bytes, call: Call) -> tuple[bytes, Usage | None]:
    """Read a ranking; give back the documents with it, where the client asks for them.

    Raises `UpstreamMalformed`.
    """
    try:
        told = _read_ranked(body)
    except (msgspec.DecodeError, RecursionError):
        told = _Ranked()
    if told.results is None:
        raise UpstreamMalformed("The provider answered JSON that holds no ranking.")
    usage = usage_of(told.meta)
    if bytes(call.fields.get("return_documents", b"")) != b"true":
        return body, usage
    documents = _texts(_is_documents(call.fields["documents"]))
    results = [_with_document(result, documents) for result in told.results]
    return _encode({"id": told.id, "results": results, "meta": told.meta}), usage


def _with_document(result: dict[str, Raw], documents: Sequence[str]) -> dict[str, object]:
    said = bytes(result.get("index", b"")).decode()
    at = int(said) if said.isdecimal() and len(said) < 10 else len(documents)
    if at >= len(documents):
        raise UpstreamMalformed("The provider ranked a document that it was not given.")
    return {**result, "document": {"text": documents[at]}}
