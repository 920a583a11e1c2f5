"""Anthropic's Messages, spoken with providers: a chat completion goes in and comes back. Pure.

The names of a form towards providers (see `forms/__init__.py`). The answer's pieces are of the chat
form, the common one, so that whoever writes for the client passes them on as they are.
"""

from gateway.forms.chat_answer import EVENT_STREAM
from gateway.forms.messages_answer import AnswerReader
from gateway.forms.messages_errors import read_error
from gateway.forms.messages_request import body_of
from gateway.words.call import Call, UpstreamRequest
from gateway.words.target import Target

__all__ = ["AnswerReader", "read_error", "write_request"]

PATH = "/messages"


def write_request(call: Call, target: Target) -> UpstreamRequest:
    """Write the call for a target of this form. Raises `BadRequest` for what it cannot be told."""
    accept = EVENT_STREAM if call.stream else "application/json"
    headers = ((b"content-type", b"application/json"), (b"accept", accept.encode()))
    return UpstreamRequest("POST", PATH, headers, body_of(call, target))
