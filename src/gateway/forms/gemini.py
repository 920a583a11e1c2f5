"""Google's Gemini, spoken with providers: a chat completion goes in and comes back. Pure.

The names of a form towards providers (see `forms/__init__.py`). The answer's pieces are of OpenAI's
forms, so that whoever writes for the client passes them on as they are.
"""

from typing import Final
from urllib.parse import quote

from gateway.forms import Reader, gemini_answer
from gateway.forms.chat_answer import EVENT_STREAM
from gateway.forms.gemini_embeddings import VERTEX, EmbeddingsReader, embed_body_of
from gateway.forms.gemini_errors import read_error
from gateway.forms.gemini_request import body_of
from gateway.words.call import Call, UpstreamRequest
from gateway.words.errors import BadRequest, Unsupported
from gateway.words.target import Target

__all__ = ["AnswerReader", "read_error", "write_request"]

_COLLECTIONS: Final = ("models/", "tunedModels/")


def write_request(call: Call, target: Target) -> UpstreamRequest:
    """Write the call for a target of this form (see `forms.UpstreamForm`)."""
    match call.operation:
        case "chat":
            body, dropped = body_of(call, target)
            verb = "streamGenerateContent?alt=sse" if call.stream else "generateContent"
        case "embeddings":
            body, dropped = embed_body_of(call, target)
            verb = "predict" if target.dialect == VERTEX else "batchEmbedContents"
        case other:
            raise Unsupported(f"This model's provider cannot do {other!r}.", param="model")
    accept = EVENT_STREAM if call.stream else "application/json"
    headers = ((b"content-type", b"application/json"), (b"accept", accept.encode()))
    return UpstreamRequest("POST", f"{path_of(target.model)}:{verb}", headers, body, dropped)


def AnswerReader(  # noqa: N802 (it stands for a class)
    call: Call, status: int, content_type: str, max_event_bytes: int, max_answer_bytes: int
) -> Reader:
    """Begin to read an answer (see `forms.UpstreamForm`)."""
    kind = gemini_answer.AnswerReader if call.operation == "chat" else EmbeddingsReader
    return kind(call, status, content_type, max_event_bytes, max_answer_bytes)


def path_of(model: str) -> str:
    """Return the path of a model: its name is one segment, whatever stands in it (R1)."""
    collection = next((each for each in _COLLECTIONS if model.startswith(each)), "models/")
    name = model.removeprefix(collection)
    if not {".", "..", ""}.isdisjoint(name.replace("\\", "/").split("/")):
        raise BadRequest("'model' is no name of a model.", param="model")
    return f"/{collection}{quote(name, safe='')}"
