"""Anthropic's Messages, spoken with providers and with clients. Pure.

The six names of a form (see `forms/__init__.py`). With a provider of this form, a client of another
form speaks the chat form, into which the answer's pieces are translated; a client of this form has
its own words told as they came, and is told the provider's as they come.
"""

from gateway.forms import Reader
from gateway.forms.chat import NOT_ASKED
from gateway.forms.chat_answer import EVENT_STREAM
from gateway.forms.event_stream import MEDIA
from gateway.forms.messages_answer import AnswerReader as TranslatingReader
from gateway.forms.messages_dialect import in_dialect, read_error
from gateway.forms.messages_framed import FramedReader
from gateway.forms.messages_native import NativeReader
from gateway.forms.messages_native_request import native_body
from gateway.forms.messages_read import FORM, read_request
from gateway.forms.messages_request import body_of
from gateway.forms.messages_write import AnswerWriter
from gateway.forms.messages_write_errors import error_body
from gateway.words.call import COUNT_TOKENS, Call, UpstreamRequest
from gateway.words.errors import GatewayError, Unsupported
from gateway.words.target import Target

__all__ = [
    "AnswerReader",
    "AnswerWriter",
    "read_error",
    "read_request",
    "write_count",
    "write_error",
    "write_request",
]

PATH = "/messages"
COUNT_PATH = "/messages/count_tokens"
VERSION = b"anthropic-version"
"""The header field of the version; in a dialect it stands elsewhere, and is another."""


def write_request(call: Call, target: Target) -> UpstreamRequest:
    """Write the call for a target of this form (see `forms.UpstreamForm`)."""
    accept = EVENT_STREAM if call.stream else "application/json"
    headers = [(b"content-type", b"application/json"), (b"accept", accept.encode())]
    dropped: tuple[str, ...] = ()
    if is_native(call):
        body = native_body(call, target)
        headers += [field for field in call.passed if field[0] != VERSION or not target.dialect]
    elif call.operation == "chat":
        body, dropped = body_of(call, target)
    else:
        raise Unsupported(NOT_ASKED)
    path = COUNT_PATH if call.operation == COUNT_TOKENS else PATH
    request = UpstreamRequest("POST", path, tuple(headers), body, dropped)
    return in_dialect(request, call, target) if target.dialect else request


def AnswerReader(  # noqa: N802 (it stands for a class)
    call: Call, status: int, content_type: str, max_event_bytes: int, max_answer_bytes: int
) -> Reader:
    """Begin to read an answer (see `forms.UpstreamForm`)."""
    reads = NativeReader if is_native(call) else TranslatingReader
    if content_type.partition(";")[0].strip().lower() != MEDIA:
        return reads(call, status, content_type, max_event_bytes, max_answer_bytes)
    inner = reads(call, status, EVENT_STREAM, max_event_bytes, max_answer_bytes)
    return FramedReader(inner, max_event_bytes)


def is_native(call: Call) -> bool:
    """Say whether a call came in this form: then nothing of it is translated."""
    return call.form == FORM and call.native is not None


def write_error(error: GatewayError) -> bytes:
    """Write an error in Anthropic's shape."""
    return error_body(error)


def write_count(tokens: int) -> bytes:
    """Write how many tokens a prompt has."""
    return b'{"input_tokens":%d}' % tokens
