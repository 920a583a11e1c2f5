"""Cohere's API v2, spoken with it: chat, embeddings and the ranking of documents. Pure.

The names of a form towards providers (see `forms/__init__.py`). The answer's pieces are of OpenAI's
form, so that whoever writes for the client passes them on as they are.

https://docs.cohere.com/reference/about
"""

from gateway.forms.asked import unsupported
from gateway.forms.chat_answer import EVENT_STREAM
from gateway.forms.cohere_answer import AnswerReader
from gateway.forms.cohere_errors import read_error
from gateway.forms.cohere_operations import embed_body_of, rerank_body_of
from gateway.forms.cohere_request import body_of
from gateway.words.call import Call, UpstreamRequest
from gateway.words.target import Target

__all__ = ["AnswerReader", "read_error", "write_request"]

_WRITERS = {
    "chat": ("/v2/chat", body_of),
    "embeddings": ("/v2/embed", embed_body_of),
    "rerank": ("/v2/rerank", rerank_body_of),
}
"""What each operation is asked at, and who writes it."""


def write_request(call: Call, target: Target) -> UpstreamRequest:
    """Write the call for a target of this form (see `forms.UpstreamForm`)."""
    if call.operation not in _WRITERS:
        raise unsupported("model", f"This model's provider cannot do {call.operation!r}.")
    path, write = _WRITERS[call.operation]
    body, dropped = write(call, target)
    accept = EVENT_STREAM if call.stream else "application/json"
    headers = ((b"content-type", b"application/json"), (b"accept", accept.encode()))
    return UpstreamRequest("POST", path, headers, body, dropped)
