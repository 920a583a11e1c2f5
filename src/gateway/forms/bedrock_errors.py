"""Reads errors of AWS Bedrock, before an answer and inside its stream. Pure.

The provider names its errors. To the name belongs a code that routing and clients know, and where
its own status misleads them, another: a model that fails or is not ready is no mistake of theirs.

https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.forms import chat
from gateway.forms.chat_errors import MAX_MESSAGE, MAX_WORD
from gateway.forms.event_stream import Message, Value
from gateway.forms.text import one_line
from gateway.words.answer import Fault
from gateway.words.client import Header
from gateway.words.errors import GatewayError, UpstreamAuth, UpstreamRefused

ERROR_TYPE: Final = b"x-amzn-errortype"

_CODES: Final = {
    "ThrottlingException": "rate_limit_exceeded",
    "ServiceQuotaExceededException": "rate_limit_exceeded",
    "ModelNotReadyException": "overloaded",
    "ServiceUnavailableException": "overloaded",
    "InternalServerException": "server_error",
    "InternalFailure": "server_error",
    "ModelErrorException": "server_error",
    "ModelStreamErrorException": "server_error",
    "ModelTimeoutException": "upstream_timeout",
    "ResourceNotFoundException": "model_not_found",
    "RequestEntityTooLargeException": "request_too_large",
}
_STATUSES: Final = {
    "ServiceQuotaExceededException": 429,
    "ModelNotReadyException": 503,
    "ModelErrorException": 502,
    "ModelStreamErrorException": 502,
}
_AUTH: Final = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "UnrecognizedClientException",
    }
)
_DENIED: Final = "permission_denied"
"""The code of what the gateway may not do, where that is told to a client."""

_BEYOND: Final = re.compile(
    r"not authorized to perform: bedrock:(?!InvokeModel|CallWith)(\w{1,64})"
)
"""Which right is missing, where the model itself may be asked: a guardrail's, a search's."""

_MISTAKE: Final = "ValidationException"
_TOO_LONG: Final = (
    "input is too long",
    "prompt is too long",
    "too many input tokens",
    "exceed context limit",
    "exceeds the context window",
    "maximum context length",
)
_NO_MODEL: Final = "the provided model identifier is invalid"


class _Body(msgspec.Struct, gc=False):
    """What an error says of itself: some of its services write with a capital letter."""

    message: Any = None
    Message: Any = None
    originalMessage: Any = None  # noqa: N815 (the provider's own name)
    originalStatusCode: Any = None  # noqa: N815 (the same)
    type: Any = msgspec.field(default=None, name="__type")


_decode = msgspec.json.Decoder(_Body).decode


def read_error(status: int, headers: tuple[Header, ...], body: bytes) -> GatewayError:
    """Read a provider's error answer; the caller bounds the body."""
    error = chat.read_error(status, headers, body)
    told = _told(body)
    name = _name(dict(headers).get(ERROR_TYPE, b"").decode("latin-1") or told.type)
    if name in _AUTH and status >= 400 and (beyond := _BEYOND.search(_said(told) or "")):
        return _not_allowed(beyond[1], name)
    if name in _AUTH and not isinstance(error, UpstreamAuth) and status >= 400:
        return UpstreamAuth(f"The provider refused the gateway's credentials ({name}).")
    if not isinstance(error, UpstreamRefused) or not name:
        return error
    error.message = _said(told) or error.message
    error.type, error.code = name, _code_of(name, error.message) or error.code
    error.status = _status_of(name, told.originalStatusCode) or status
    return error


def _not_allowed(right: str, name: str) -> UpstreamRefused:
    """Return the refusal of what a client has asked for beside the model: it rests no key."""
    said = f"The gateway has not the right {right} with this model's provider."
    return UpstreamRefused(said, status=400, type=name, code=_DENIED)


def read_fault(message: Message) -> Fault:
    """Read an error that is told in a stream."""
    told = _told(message.payload)
    name = _name(_word(message.headers, ":exception-type", ":error-code")) or "upstream_error"
    if name in _AUTH:
        return Fault(f"The provider refused the gateway's credentials ({name}).", name, _DENIED)
    said = _said(told) or one_line(_word(message.headers, ":error-message"), MAX_MESSAGE)
    said = said or "The provider told an error without saying which."
    return Fault(said, name, _code_of(name, said))


def _told(body: bytes) -> _Body:
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Body()


def _said(told: _Body) -> str | None:
    for said in (told.message, told.Message, told.originalMessage):
        if isinstance(said, str) and (line := one_line(said, MAX_MESSAGE)):
            return line
    return None


def _name(said: object) -> str:
    """Return an error's name as it is documented: some ends put a namespace or a URL beside it."""
    if not isinstance(said, str):
        return ""
    name = one_line(said.partition(":")[0].rpartition("#")[2], MAX_WORD)
    return name[:1].upper() + name[1:]


def _word(headers: Mapping[str, Value], *names: str) -> str:
    found = (headers[name] for name in names if name in headers)
    return next((value for value in found if isinstance(value, str)), "")


def _code_of(name: str, message: str) -> str | None:
    if name in {_MISTAKE, "ModelStreamErrorException", "ModelErrorException"}:
        said = message.lower()
        if any(sentence in said for sentence in _TOO_LONG):
            return "context_length_exceeded"
        if said.startswith(_NO_MODEL):
            return "model_not_found"
    return _CODES.get(name)


def _status_of(name: str, original: object) -> int | None:
    """Return the status that an error means; of a model's own the one that the model gave."""
    if name in {"ModelErrorException", "ModelStreamErrorException"} and isinstance(original, int):
        return original if 400 <= original <= 599 else _STATUSES[name]
    return _STATUSES.get(name)
