"""How an error is told over HTTP: the fields beside its body, and answers to what is no call."""

from gateway.downstream.client import now_as_date
from gateway.forms.chat import write_error
from gateway.forms.http import status_line, write_fields
from gateway.words.client import NO_RETRY, Header
from gateway.words.errors import GatewayError

FIRST_SERVER_ERROR = 500

_RETRIED_BY_SDKS = frozenset({408, 409, 429})


def error_headers(error: GatewayError) -> tuple[Header, ...]:
    """Say `x-should-retry: false` where an SDK would ask again in vain."""
    status = error.status
    tempting = status in _RETRIED_BY_SDKS or status >= FIRST_SERVER_ERROR
    told = any(name == b"x-should-retry" for name, _value in error.headers)
    if tempting and not error.retryable and not told:
        return (*error.headers, *NO_RETRY)
    return error.headers


def refusal(error: GatewayError, request_id: str) -> bytes:
    """Return a whole answer to what never became a call; the connection closes behind it."""
    body = write_error(error)
    fields = write_fields(
        [
            (b"content-type", b"application/json"),
            *error_headers(error),
            (b"x-request-id", request_id.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"date", now_as_date()),
            (b"connection", b"close"),
        ]
    )
    return b"%b%b\r\n%b" % (status_line(error.status), fields, body)
