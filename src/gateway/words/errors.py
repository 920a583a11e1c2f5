"""All errors that a client can be told, one tree, branched by what the receiver does about it.

GatewayError
├── ClientMistake          change the request: 4xx, asking again as it is changes nothing
│   ├── BadRequest
│   │   └── Unsupported    another provider might do it
│   ├── Unauthorized
│   │   └── OwnKeyMissing  the provider is shown the caller's own key, and there is none
│   ├── Forbidden, UnknownModel, UnknownObject, UnknownResponse, UnknownPath, WrongMethod
│   ├── ContentBlocked     a guard does not let it pass, or its answer
│   └── HeadTimeout, BodyTimeout, TooLarge, UnsupportedMedia, UpgradeNeeded, HeadTooLarge
├── Busy                   ask again later: 503 with retry-after
│   └── GuardAway          who must look at it did not answer
├── RateLimited            the caller's own limit is reached: 429 with retry-after
├── BudgetExceeded         nothing is left of the caller's money: 429, and no use to ask again
│   └── Unpriced           what the call would cost is not known
├── Stopped                the gateway shut down around the call
│   ├── StoppedByOperator  somebody ended this one call
│   └── BudgetSpent        its money ran out in mid-sentence
├── UpstreamFailure        the provider failed: 502
│   ├── ConnectFailed      before a byte was sent
│   │   └── NameFailed, TlsFailed
│   ├── NoCredentials      we have nothing to show it
│   ├── UpstreamAuth       it refused our credentials
│   ├── UpstreamMalformed, UpstreamTruncated, UpstreamReset, AnswerTooLarge
│   ├── UpstreamRefused    its own error status is passed on
│   │   └── OwnKeyRefused  it refused the caller's own key
│   └── UpstreamFault      it told an error in mid-stream
├── Timeout                a clock ran out: 504
│   ├── ConnectTimeout, FirstTokenTimeout, IdleTimeout, TotalTimeout, UpstreamWriteTimeout
│   └── AttemptTimeout, ClientTimeout
└── Internal               a bug of ours: 500
"""

from typing import ClassVar

from gateway.words.client import NO_RETRY, RETRY_SOON, Header


class GatewayError(Exception):
    """What went wrong, as it is told to the client.

    `status` is the HTTP status before the commit, `type` and `code` are the fields of OpenAI's
    error object, `retryable` says whether asking again can help. `headers` go with the answer.
    """

    status: int = 500
    type: str = "server_error"
    code: str | None = "internal_error"
    retryable: ClassVar[bool] = False
    usual_headers: ClassVar[tuple[Header, ...]] = ()

    def __init__(
        self, message: str, *, param: str | None = None, headers: tuple[Header, ...] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.headers = self.usual_headers if headers is None else headers


class ClientMistake(GatewayError):
    """The request must be changed before it is asked again."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class BadRequest(ClientMistake):
    """Malformed HTTP, malformed JSON, a field of the wrong type, a required field missing."""


class Unsupported(BadRequest):
    """What this model's provider cannot be told, or cannot do; another might."""

    code = "unsupported_parameter"


class ContentBlocked(ClientMistake):
    """A guard does not let request or answer pass, or cannot look into it."""

    code = "content_blocked"


class Forbidden(ClientMistake):
    """A request that a keyless gateway refuses: it came from a web page or another host (R27)."""

    status = 403
    type = "permission_error"
    code = "forbidden"


class Unauthorized(ClientMistake):
    """No virtual key, or none that is known, in force and not revoked: one and the same answer."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class OwnKeyMissing(Unauthorized):
    """The model is asked with the caller's own key of its provider, and none was shown."""

    code = "provider_key_missing"


class UnknownModel(ClientMistake):
    """No such model, or none that this caller may use: one and the same answer (S13)."""

    status = 404
    code = "model_not_found"


class UnknownObject(ClientMistake):
    """No such file, batch or response, or another caller's: one and the same answer (API1)."""

    status = 404
    code = "object_not_found"


class UnknownResponse(ClientMistake):
    """No such response or conversation to go on from, or another caller's (API1)."""

    code = "previous_response_not_found"


class UnknownPath(ClientMistake):
    """No such endpoint."""

    status = 404
    code = "unknown_url"


class WrongMethod(ClientMistake):
    """The endpoint exists for other methods; `allow` goes with the answer."""

    status = 405
    code = "method_not_allowed"


class BodyTimeout(ClientMistake):
    """The body arrived too slowly."""

    status = 408
    type = "timeout"
    code = "request_body_timeout"


class HeadTimeout(ClientMistake):
    """The head arrived too slowly."""

    status = 408
    type = "timeout"
    code = "request_head_timeout"


class TooLarge(ClientMistake):
    """The body is longer than `max_body_bytes`."""

    status = 413
    code = "request_too_large"


class UnsupportedMedia(ClientMistake):
    """The body is not declared as JSON, or is compressed."""

    status = 415
    code = "unsupported_media_type"


class UpgradeNeeded(ClientMistake):
    """A WebSocket is spoken here, and none was asked for."""

    status = 426
    code = "upgrade_required"


class HeadTooLarge(ClientMistake):
    """Too many header fields, or too long ones."""

    status = 431
    code = "request_header_fields_too_large"


class Busy(GatewayError):
    """No room for this call now: calls, memory, descriptors. It always says `retry-after`."""

    status = 503
    code = "overloaded"
    retryable = True
    usual_headers = RETRY_SOON


class GuardAway(Busy):
    """Who is asked outside whether a text may pass did not answer, and it may not pass unasked."""

    code = "guard_unavailable"


class RateLimited(GatewayError):
    """A limit of the caller's key or team is reached. It says `retry-after`."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    retryable = True


class BudgetExceeded(GatewayError):
    """A budget of the caller's key, team or user has not enough left for the call to begin."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"
    usual_headers = NO_RETRY


class Unpriced(BudgetExceeded):
    """A budget holds, and nobody can tell what the model costs."""

    code = "unpriced_model"


class Stopped(GatewayError):
    """The gateway is shutting down and the call's time to end has passed."""

    status = 503
    code = "gateway_shutdown"
    retryable = True


class StoppedByOperator(Stopped):
    """The operator has ended this call. It is not to come back by itself."""

    code = "cancelled_by_operator"
    retryable = False


class BudgetSpent(Stopped):
    """The caller's budget ran out while the answer was passing."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"
    retryable = False


class UpstreamFailure(GatewayError):
    """The provider failed; told as 502 before the commit, in band after it."""

    status = 502
    type = "upstream_error"
    code: str | None = "upstream_error"
    retryable = True


class ConnectFailed(UpstreamFailure):
    """Nothing listens there, or the network says no."""

    code = "upstream_connect_error"


class NameFailed(ConnectFailed):
    """The provider's host name does not resolve."""

    code = "upstream_dns_error"


class TlsFailed(ConnectFailed):
    """Its certificate is not trusted, or the handshake failed. Never retried in plain text."""

    code = "upstream_tls_error"
    retryable = False


class UpstreamAuth(UpstreamFailure):
    """The provider refused the gateway's own credentials (its 401, 402 or 403)."""

    code = "upstream_auth_error"
    retryable = False


class NoCredentials(UpstreamFailure):
    """The credentials that the provider wants could not be fetched; it was not asked."""

    code = "upstream_credentials_missing"


class UpstreamMalformed(UpstreamFailure):
    """What the provider sent is not HTTP, not the content type that was asked for, or not JSON."""

    code = "upstream_malformed"


class UpstreamTruncated(UpstreamFailure):
    """The provider's answer ended before its end."""

    code = "upstream_truncated"


class UpstreamReset(UpstreamFailure):
    """The provider reset the connection."""

    code = "upstream_reset"


class AnswerTooLarge(UpstreamFailure):
    """One event is longer than `max_event_bytes`, or the answer than `max_answer_bytes`."""

    code = "upstream_answer_too_large"
    retryable = False


class UpstreamRefused(UpstreamFailure):
    """The provider answered with an error status of its own, which is passed on with its words."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        type: str,
        code: str | None,
        param: str | None = None,
        headers: tuple[Header, ...] = (),
    ) -> None:
        super().__init__(message, param=param, headers=headers)
        self.status, self.type, self.code = status, type, code


class OwnKeyRefused(UpstreamRefused):
    """It refused the caller's own key: that says nothing of our keys, nor of how it is."""


class UpstreamFault(UpstreamFailure):
    """The provider told an error inside its stream; its own words and code are kept."""

    def __init__(self, message: str, *, type: str, code: str | None) -> None:
        super().__init__(message)
        self.type, self.code = type, code


class Timeout(GatewayError):
    """A clock ran out."""

    status = 504
    type = "timeout"
    code = "timeout"
    retryable = True


class ConnectTimeout(Timeout):
    """No connection within `timeouts.connect`, the TLS handshake included."""

    code = "upstream_connect_timeout"


class FirstTokenTimeout(Timeout):
    """No content within `timeouts.first_token`."""

    code = "first_token_timeout"


class AttemptTimeout(Timeout):
    """No answer within the target's share of `timeouts.total`."""

    code = "attempt_timeout"


class ClientTimeout(Timeout):
    """No content before the client itself stops waiting (`honour_client_timeout`)."""

    code = "client_timeout"
    retryable = False


class IdleTimeout(Timeout):
    """No event within `timeouts.idle` after the first content."""

    code = "idle_timeout"


class TotalTimeout(Timeout):
    """The whole call took longer than `timeouts.total`."""

    code = "total_timeout"
    retryable = False


class UpstreamWriteTimeout(Timeout):
    """The provider did not take the request in time."""

    code = "upstream_write_timeout"


class Internal(GatewayError):
    """A bug of ours. The log has the traceback; the client gets the request id."""
