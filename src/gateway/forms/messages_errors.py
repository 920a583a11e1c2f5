"""Reads errors of Anthropic's Messages API, before an answer and inside its stream. Pure.

The provider says what kind of error it is and no code: the code is put there by its kind, so that
routing and clients find the word that they know.

https://docs.claude.com/en/api/errors
"""

from typing import Final

import msgspec

from gateway.forms import chat
from gateway.forms.chat_errors import fault_of, told_in
from gateway.words.answer import Fault
from gateway.words.client import Header
from gateway.words.errors import GatewayError, UpstreamAuth, UpstreamRefused

_CODES: Final = {
    "authentication_error": "invalid_api_key",
    "billing_error": "insufficient_quota",
    "permission_error": "permission_denied",
    "not_found_error": "not_found",
    "request_too_large": "request_too_large",
    "rate_limit_error": "rate_limit_exceeded",
    "timeout_error": "upstream_timeout",
    "api_error": "server_error",
    "overloaded_error": "overloaded",
}

_TOO_LONG: Final = ("prompt is too long", "exceed context limit", "exceeds the context window")
_NO_MONEY: Final = ("your credit balance is too low", "you have reached your specified api usage")
"""At the beginning of a sentence only: further on stands what a client may have written."""

_NO_MODEL: Final = "model:"
_SPENT: Final = "_spend_limit_reached"
_MOST: Final = 2000
_STATUS_OF_REQUEST: Final = 400


class _Details(msgspec.Struct, gc=False):
    error_code: str = ""


class _Error(msgspec.Struct, gc=False):
    details: _Details | None = None


class _Body(msgspec.Struct, gc=False):
    error: _Error | None = None


_decode = msgspec.json.Decoder(_Body).decode


def read_error(status: int, headers: tuple[Header, ...], body: bytes) -> GatewayError:
    """Read a provider's error answer; the caller bounds the body.

    That there is no money left is the operator's matter, as a refused key is, whatever its status.
    """
    error = chat.read_error(status, headers, body)
    if not isinstance(error, UpstreamRefused):
        return error
    if _is_spent(error, body):
        return UpstreamAuth(f"The provider refused the gateway's credentials (status {status}).")
    error.code = error.code or _code_of(error.type, error.message)
    return error


def read_fault(data: bytes) -> Fault:
    """Read an error that is told in a stream, or in place of an answer."""
    fault = fault_of(told_in(data))
    code = fault.code or _code_of(fault.type, fault.message)
    return Fault(fault.message, fault.type, code)


def _code_of(type: str, message: str) -> str | None:
    said = message[:_MOST].lower()
    if any(sentence in said for sentence in _TOO_LONG):
        return "context_length_exceeded"
    if type == "not_found_error" and said.startswith(_NO_MODEL):
        return "model_not_found"
    return _CODES.get(type)


def _is_spent(error: UpstreamRefused, body: bytes) -> bool:
    if error.type == "billing_error":
        return True
    if error.status == _STATUS_OF_REQUEST and error.message.lower().startswith(_NO_MONEY):
        return True
    try:
        told = _decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return (
        told is not None and told.details is not None and told.details.error_code.endswith(_SPENT)
    )
