"""Reads errors of Cohere's API, before an answer and at the end of its stream. Pure.

It tells a sentence and nothing else: the code that routing and clients know is put there by it, or
by the status.

https://docs.cohere.com/reference/errors
"""

from typing import Final

from gateway.forms import chat
from gateway.forms.chat_errors import MAX_MESSAGE
from gateway.forms.text import one_line
from gateway.words.answer import Fault
from gateway.words.client import Header
from gateway.words.errors import GatewayError, UpstreamAuth, UpstreamFault, UpstreamRefused

_MOST: Final = 2000
_BAD_TOKEN: Final = 498
"""Cohere's own status for a key that it does not know."""

_TOO_LONG: Final = ("too many tokens", "exceeds the maximum context", "context length")
_NO_MODEL: Final = ("model '", 'model "', "model not found")
_NOT_THERE: Final = "not found"
_CODES: Final = {
    404: "not_found",
    413: "request_too_large",
    429: "rate_limit_exceeded",
    499: "client_closed_request",
    503: "overloaded",
    504: "upstream_timeout",
}
_FAULTS: Final = {"TIMEOUT": "upstream_timeout"}


def read_error(status: int, headers: tuple[Header, ...], body: bytes) -> GatewayError:
    """Read a provider's error answer; the caller bounds the body."""
    error = chat.read_error(status, headers, body)
    if not isinstance(error, UpstreamRefused):
        return error
    if status == _BAD_TOKEN:
        return UpstreamAuth(f"The provider refused the gateway's credentials (status {status}).")
    error.code = error.code or _code_of(status, error.message)
    return error


def fault_of(finish_reason: str, message: str) -> Fault:
    """Return what went wrong where an answer says that it has ended in an error."""
    said = one_line(message, MAX_MESSAGE) or "The provider ended the answer with an error."
    code = _code_of(0, said) or _FAULTS.get(finish_reason, "server_error")
    return Fault(said, UpstreamFault.type, code)


def _code_of(status: int, message: str) -> str | None:
    said = message[:_MOST].lower()
    if any(sentence in said for sentence in _TOO_LONG):
        return "context_length_exceeded"
    if said.startswith(_NO_MODEL) and _NOT_THERE in said:
        return "model_not_found"
    return _CODES.get(status)
