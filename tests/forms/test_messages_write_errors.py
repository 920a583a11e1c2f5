"""Errors in Anthropic's shape."""

import json

import pytest
from anthropic.types import ErrorResponse

from gateway.forms.messages_write_errors import error_body, error_event, type_of
from gateway.words import errors
from gateway.words.errors import GatewayError, UpstreamFault, UpstreamRefused


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.BadRequest("x"), "invalid_request_error"),
        (errors.Unauthorized("x"), "authentication_error"),
        (errors.Forbidden("x"), "permission_error"),
        (errors.UnknownModel("x"), "not_found_error"),
        (errors.WrongMethod("x"), "invalid_request_error"),
        (errors.BodyTimeout("x"), "timeout_error"),
        (errors.TooLarge("x"), "request_too_large"),
        (errors.RateLimited("x"), "rate_limit_error"),
        (errors.BudgetExceeded("x"), "rate_limit_error"),
        (errors.Busy("x"), "overloaded_error"),
        (errors.IdleTimeout("x"), "timeout_error"),
        (errors.UpstreamTruncated("x"), "api_error"),
        (errors.Internal("x"), "api_error"),
    ],
)
def test_an_error_is_told_by_its_status(error: GatewayError, kind: str) -> None:
    assert type_of(error) == kind


@pytest.mark.parametrize(
    ("status", "told", "kind"),
    [
        (529, "overloaded_error", "overloaded_error"),
        (400, "billing_error", "billing_error"),
        (400, "invalid_request_error", "invalid_request_error"),
        (404, "invalid_request_error", "not_found_error"),
        (402, "insufficient_quota", "billing_error"),
        (529, "odd", "overloaded_error"),
        (500, "server_error", "api_error"),
        (422, "odd", "invalid_request_error"),
    ],
)
def test_a_providers_own_word_stays_where_it_is_anthropics(
    status: int, told: str, kind: str
) -> None:
    assert type_of(UpstreamRefused("x", status=status, type=told, code=None)) == kind


@pytest.mark.parametrize(
    ("told", "code", "kind"),
    [
        ("overloaded_error", None, "overloaded_error"),
        ("server_error", "overloaded", "overloaded_error"),
        ("x", "rate_limit_exceeded", "rate_limit_error"),
        ("x", "context_length_exceeded", "invalid_request_error"),
        ("x", None, "api_error"),
    ],
)
def test_an_error_in_a_stream_is_told_by_its_code(told: str, code: str | None, kind: str) -> None:
    assert type_of(UpstreamFault("x", type=told, code=code)) == kind


def test_the_shape_is_the_one_that_the_sdk_knows() -> None:
    body = error_body(errors.UnknownModel("No \ud800 such model."))
    assert json.loads(body)["error"]["message"] == "No ? such model."
    ErrorResponse.model_validate(json.loads(body))
    assert error_event(errors.Busy("x")).startswith(b'event: error\ndata: {"type":"error"')
