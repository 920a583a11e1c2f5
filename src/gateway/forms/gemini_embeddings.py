"""Embeddings by Gemini's models, asked and answered in OpenAI's form. Pure.

AI Studio and Vertex are asked for them in two ways.

https://ai.google.dev/api/embeddings, https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from gateway.forms import chat_answer, embeddings
from gateway.forms.asked import SAY_NOTHING, Asked, is_positive, is_text
from gateway.forms.gemini_facts import Count
from gateway.forms.sse import BOM
from gateway.forms.text import is_utf8
from gateway.words.answer import Piece, Usage
from gateway.words.call import Call
from gateway.words.errors import UpstreamMalformed
from gateway.words.target import Target

Fields = dict[str, object]

VERTEX: Final = "vertex"
"""The dialect that is asked by `predict`."""

_HINTS: Final = SAY_NOTHING | {"user"}

_is_encoding: Any = msgspec.json.Decoder(Literal["float", "base64"]).decode
_encode = msgspec.json.Encoder().encode


class _Vector(msgspec.Struct, gc=False):
    values: list[float] = []
    statistics: Any = None


class _Prediction(msgspec.Struct, gc=False):
    embeddings: _Vector


class _Told(msgspec.Struct, rename="camel", gc=False):
    """What AI Studio answers (`embeddings`), or Vertex (`predictions`)."""

    embeddings: list[_Vector] | None = None
    predictions: list[_Prediction] | None = None
    usage_metadata: Any = None


_decode = msgspec.json.Decoder(_Told).decode


def embed_body_of(call: Call, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """Write a request for embeddings; name the fields that the target cannot be told.

    Raises `BadRequest` or `Unsupported` with the field's name.
    """
    asked = Asked(call.fields, drops=target.drops, hints=_HINTS)
    given = embeddings.texts_in(asked)
    texts = [given] if isinstance(given, str) else given
    size = asked.take("dimensions", is_positive)
    task = asked.take("task_type", is_text)
    asked.take("encoding_format", _is_encoding)
    write = _instances if target.dialect == VERTEX else _requests
    return _encode(write(texts, target.model, size, task)), asked.settle()


def _requests(texts: Sequence[str], model: str, size: int | None, task: str | None) -> Fields:
    known: Fields = {"model": f"models/{model.removeprefix('models/')}"}
    if size is not None:
        known["outputDimensionality"] = size
    if task is not None:
        known["taskType"] = task
    return {"requests": [{**known, "content": {"parts": [{"text": text}]}} for text in texts]}


def _instances(texts: Sequence[str], _: str, size: int | None, task: str | None) -> Fields:
    own = {} if task is None else {"task_type": task}
    body: Fields = {"instances": [{**own, "content": text} for text in texts]}
    if size is not None:
        body["parameters"] = {"outputDimensionality": size}
    return body


class EmbeddingsReader(chat_answer.AnswerReader):
    """Reads embeddings, which come in one piece (see `forms.Reader`)."""

    __slots__ = ()

    def _end_whole(self, whole: bytes) -> list[Piece]:
        body = whole.removeprefix(BOM)
        told = _read(body) if is_utf8(body) else None
        if told is None:
            raise UpstreamMalformed("The provider answered JSON that holds no embeddings.")
        vectors, usage = told
        packs = bytes(self._call.fields.get("encoding_format", b"")) == b'"base64"'
        shown: Sequence[object] = (
            [embeddings.packed(each) for each in vectors] if packs else vectors
        )
        self.ended = True
        raw = embeddings.written(shown, self._call.model, usage or Usage())
        return [Piece(raw, True, usage)]


def _read(body: bytes) -> tuple[list[list[float]], Usage | None] | None:
    """Return the vectors, and how many tokens they took; None where there are none."""
    try:
        told = _decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    if told.embeddings is not None:
        return [each.values for each in told.embeddings], Count().note(told.usage_metadata)
    if told.predictions is None:
        return None
    found = [each.embeddings for each in told.predictions]
    counts = [_tokens(each.statistics) for each in found]
    return [each.values for each in found], Usage(input_tokens=sum(counts))


def _tokens(statistics: object) -> int:
    counted = statistics.get("token_count") if isinstance(statistics, dict) else None
    return counted if type(counted) is int and counted > 0 else 0
