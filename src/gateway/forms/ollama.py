"""Ollama's own API, spoken with a server of it: chat and embeddings, each in lines of JSON. Pure.

The names of a form towards providers (see `forms/__init__.py`). The answer's pieces are of OpenAI's
form, so that whoever writes for the client passes them on as they are.

https://docs.ollama.com/api
"""

from gateway.forms.asked import unsupported
from gateway.forms.ollama_answer import NDJSON, AnswerReader
from gateway.forms.ollama_embed import embed_body_of
from gateway.forms.ollama_errors import read_error
from gateway.forms.ollama_request import body_of
from gateway.words.call import Call, UpstreamRequest
from gateway.words.target import Target

__all__ = ["AnswerReader", "read_error", "write_request"]

_WRITERS = {"chat": ("/api/chat", body_of), "embeddings": ("/api/embed", embed_body_of)}
"""What each operation is asked at, and who writes it."""


def write_request(call: Call, target: Target) -> UpstreamRequest:
    """Write the call for a target of this form (see `forms.UpstreamForm`)."""
    if call.operation not in _WRITERS:
        raise unsupported("model", f"This model's provider cannot do {call.operation!r}.")
    path, write = _WRITERS[call.operation]
    body, dropped = write(call, target)
    accept = NDJSON if call.stream else "application/json"
    headers = ((b"content-type", b"application/json"), (b"accept", accept.encode()))
    return UpstreamRequest("POST", path, headers, body, dropped)
