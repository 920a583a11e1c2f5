"""Tells errors as Anthropic's Messages does, before an answer and inside its stream. Pure.

What kind of error it is, its clients tell by a type, of which there are few.

https://docs.claude.com/en/api/errors
"""

from typing import Final

import msgspec

from gateway.words.errors import GatewayError, UpstreamFault, UpstreamRefused

_OF_STATUS: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_FIRST_SERVER_ERROR: Final = 500

_OWN: Final = frozenset({*_OF_STATUS.values(), "api_error"})
"""The types that say more than that a request cannot be answered."""

_OF_CODE: Final = {
    "overloaded": "overloaded_error",
    "rate_limit_exceeded": "rate_limit_error",
    "insufficient_quota": "rate_limit_error",
    "context_length_exceeded": "invalid_request_error",
}
"""What the codes of errors mean that are told inside a stream, where there is no status."""

_encode = msgspec.json.Encoder().encode


def error_body(error: GatewayError) -> bytes:
    """Return an error in Anthropic's shape."""
    message = error.message.encode(errors="replace").decode()
    return _encode({"type": "error", "error": {"type": type_of(error), "message": message}})


def error_event(error: GatewayError) -> bytes:
    """Return an error as an event of a stream."""
    return b"event: error\ndata: %b\n\n" % error_body(error)


def type_of(error: GatewayError) -> str:
    """Return Anthropic's word for an error: a provider's own, where it is one, else by status."""
    if isinstance(error, (UpstreamRefused, UpstreamFault)):
        if error.type in _OWN:
            return error.type
        if isinstance(error, UpstreamFault):
            return _OF_CODE.get(error.code or "", "api_error")
    usual = "api_error" if error.status >= _FIRST_SERVER_ERROR else "invalid_request_error"
    return _OF_STATUS.get(error.status, usual)
