"""AWS Bedrock's Converse, spoken with providers: a chat completion goes in and comes back. Pure.

The names of a form towards providers (see `forms/__init__.py`). The answer's pieces are of the chat
form, the common one. Where Claude is asked by a client of Anthropic's, `messages_dialect` speaks.
"""

from typing import Final

from gateway.forms.asked import unsupported
from gateway.forms.bedrock_answer import AnswerReader
from gateway.forms.bedrock_errors import read_error
from gateway.forms.bedrock_request import body_of
from gateway.forms.event_stream import MEDIA
from gateway.forms.http import segment_of
from gateway.words.call import Call, UpstreamRequest
from gateway.words.target import Target

__all__ = ["AnswerReader", "read_error", "write_request"]

_CHAT: Final = "chat"


def write_request(call: Call, target: Target) -> UpstreamRequest:
    """Write the call for a target of this form (see `forms.UpstreamForm`)."""
    if call.operation != _CHAT:
        raise unsupported("model", f"This model's provider is not asked for {call.operation!r}.")
    verb, accept = ("converse-stream", MEDIA) if call.stream else ("converse", "application/json")
    headers = ((b"content-type", b"application/json"), (b"accept", accept.encode()))
    path = f"/model/{segment_of(target.model)}/{verb}"
    body, dropped = body_of(call, target)
    return UpstreamRequest("POST", path, headers, body, dropped)
