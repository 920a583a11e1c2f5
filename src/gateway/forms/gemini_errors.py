"""Reads errors of Google's APIs, before an answer and inside its stream. Pure.

Google says a status in a word of its own, and what is behind it in details: the code is put there
by those, so that routing and clients find the word that they know.

https://ai.google.dev/gemini-api/docs/troubleshooting, https://google.aip.dev/193
"""

import re
from typing import Any, Final

import msgspec

from gateway.forms import chat
from gateway.forms.chat_errors import MAX_MESSAGE, Told, fault_of, told_in
from gateway.forms.text import one_line
from gateway.words.answer import Fault
from gateway.words.client import Header
from gateway.words.errors import GatewayError, UpstreamAuth, UpstreamRefused

_CODES: Final = {
    "UNAUTHENTICATED": ("authentication_error", "invalid_api_key"),
    "PERMISSION_DENIED": ("permission_error", "permission_denied"),
    "NOT_FOUND": ("invalid_request_error", "not_found"),
    "RESOURCE_EXHAUSTED": ("rate_limit_error", "rate_limit_exceeded"),
    "DEADLINE_EXCEEDED": ("server_error", "upstream_timeout"),
    "UNAVAILABLE": ("server_error", "overloaded"),
    "INTERNAL": ("server_error", "server_error"),
    "UNKNOWN": ("server_error", "server_error"),
    "ABORTED": ("server_error", "server_error"),
    "CANCELLED": ("server_error", "server_error"),
    "UNIMPLEMENTED": ("invalid_request_error", "unsupported_parameter"),
    "INVALID_ARGUMENT": ("invalid_request_error", None),
    "FAILED_PRECONDITION": ("invalid_request_error", None),
    "OUT_OF_RANGE": ("invalid_request_error", None),
    "ALREADY_EXISTS": ("invalid_request_error", None),
}

_REFUSES_KEY: Final = frozenset(
    {
        *("API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED", "API_KEY_HTTP_REFERRER_BLOCKED"),
        *("API_KEY_IP_ADDRESS_BLOCKED", "API_KEY_EXPIRED", "SERVICE_DISABLED"),
        *("CONSUMER_INVALID", "CONSUMER_SUSPENDED", "BILLING_DISABLED"),
        *("USER_PROJECT_DENIED", "ACCESS_TOKEN_EXPIRED", "CREDENTIALS_MISSING"),
    }
)
"""Reasons of Google's that are the operator's matter, whatever the status."""

_REFUSES_SAID: Final = (
    "api key not valid",
    "api key expired",
    "user location is not supported",
    "please enable billing",
)
"""At the beginning of a sentence only: further on stands what a client may have written."""

_TOO_LONG: Final = re.compile(
    r"input token count[^.]{0,80}exceeds|exceeds the maximum number of tokens allowed"
    r"|the input token count is ",
    re.IGNORECASE,
)
_NO_MODEL: Final = re.compile(
    r"models/|publisher model|.{0,20}\bmodel\b.{0,200}not found", re.IGNORECASE
)
_DELAY: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?s")
_A_DAY: Final = "PerDay"
_MOST_DETAILS: Final = 64


class _Error(msgspec.Struct, gc=False):
    message: Any = None
    status: Any = None
    details: Any = None


class _Body(msgspec.Struct, gc=False):
    error: _Error | None = None


_decode = msgspec.json.Decoder(_Body | list[_Body]).decode


def read_error(status: int, headers: tuple[Header, ...], body: bytes) -> GatewayError:
    """Read a provider's error answer; the caller bounds the body.

    That a key is not valid, or may not be used from here, is the operator's matter, as a refused
    key is, whatever its status.
    """
    error = chat.read_error(status, headers, body)
    if not isinstance(error, UpstreamRefused):
        return error
    said = _error_in(body)
    if said is None:
        return error
    details = _details(said)
    if _refuses_key(error.message, details):
        return UpstreamAuth(f"The provider refused the gateway's credentials (status {status}).")
    error.type, error.code = _words_of(said, error.message, details)
    delay = _delay(details)
    if delay is not None and not any(name.startswith(b"retry-after") for name, _ in error.headers):
        error.headers = (*error.headers, (b"retry-after", delay))
    return error


def read_fault(data: bytes) -> Fault:
    """Read an error that is told in a stream, or in place of an answer."""
    said = _error_in(data)
    told = told_in(data)
    if said is None:
        return fault_of(told)
    return fault_of(Told(told.message, *_words_of(said, told.message or "", _details(said))))


def _error_in(body: bytes) -> _Error | None:
    try:
        told = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(told, list):
        return told[0].error if told else None
    return told.error


def _details(said: _Error) -> list[dict[str, Any]]:
    details = said.details if isinstance(said.details, list) else []
    return [each for each in details[:_MOST_DETAILS] if isinstance(each, dict)]


def _words_of(said: _Error, message: str, details: list[dict[str, Any]]) -> tuple[str, str | None]:
    """Return OpenAI's type and code for what Google said."""
    status = one_line(said.status, 100) if isinstance(said.status, str) else ""
    kind, code = _CODES.get(status, (UpstreamRefused.type, status.lower() or None))
    if status == "INVALID_ARGUMENT" and _TOO_LONG.search(message[:MAX_MESSAGE]):
        return kind, "context_length_exceeded"
    if status == "NOT_FOUND" and _NO_MODEL.match(message):
        return kind, "model_not_found"
    if status == "RESOURCE_EXHAUSTED" and _is_for_today(details):
        return "insufficient_quota", "insufficient_quota"
    return kind, code


def _refuses_key(message: str, details: list[dict[str, Any]]) -> bool:
    reasons = {each.get("reason") for each in details if isinstance(each.get("reason"), str)}
    return not _REFUSES_KEY.isdisjoint(reasons) or message.lower().startswith(_REFUSES_SAID)


def _is_for_today(details: list[dict[str, Any]]) -> bool:
    """Say whether what is used up is what there is for a day: waiting a moment does not help."""
    violations = [each.get("violations") for each in details]
    return any(
        _A_DAY in str(violation.get("quotaId", ""))
        for found in violations
        if isinstance(found, list)
        for violation in found[:_MOST_DETAILS]
        if isinstance(violation, dict)
    )


def _delay(details: list[dict[str, Any]]) -> bytes | None:
    """Return how many seconds the provider wants to be left alone, rounded up."""
    for each in details:
        found = _DELAY.fullmatch(str(each.get("retryDelay", "")))
        if found is not None:
            more = found[2] is not None and bool(int(found[2]))
            return b"%d" % (int(found[1]) + more)
    return None
