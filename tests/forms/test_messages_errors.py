"""Errors of Anthropic's Messages, and what routing makes of them."""

import json

import pytest

from gateway.forms.messages_errors import read_error, read_fault
from gateway.policy.refusals import Verdict, key_rest_of, verdict_of
from gateway.words.errors import GatewayError, UpstreamAuth, UpstreamFault, UpstreamMalformed

LONG = "prompt is too long: 210000 tokens > 200000 maximum"
ROOM = "input length and `max_tokens` exceed context limit: 198000 + 8192 > 200000"


def body(type: str, message: str, **more: object) -> bytes:
    told = {"type": "error", "error": {"type": type, "message": message, **more}}
    return json.dumps({**told, "request_id": "req_1"}).encode()


def read(status: int, type: str, message: str, **more: object) -> GatewayError:
    headers = ((b"retry-after", b"7"), (b"anthropic-organization-id", b"o"))
    return read_error(status, headers, body(type, message, **more))


@pytest.mark.parametrize(
    ("status", "type", "message", "code", "verdict"),
    [
        (400, "invalid_request_error", "messages: at least one", None, Verdict.FINAL),
        (400, "invalid_request_error", LONG, "context_length_exceeded", Verdict.LONGER),
        (400, "invalid_request_error", ROOM, "context_length_exceeded", Verdict.LONGER),
        (404, "not_found_error", "model: claude-9", "model_not_found", Verdict.FINAL),
        (404, "not_found_error", "Not found", "not_found", Verdict.FINAL),
        (413, "request_too_large", "Too large", "request_too_large", Verdict.FINAL),
        (429, "rate_limit_error", "Slow", "rate_limit_exceeded", Verdict.OTHER_KEY),
        (500, "api_error", "Internal server error", "server_error", Verdict.AGAIN),
        (504, "timeout_error", "Too slow", "upstream_timeout", Verdict.AGAIN),
        (529, "overloaded_error", "Overloaded", "overloaded", Verdict.AGAIN),
        (400, "of_a_later_day", "Hm", None, Verdict.FINAL),
    ],
)
def test_an_error_gets_its_true_code(
    status: int, type: str, message: str, code: str | None, verdict: Verdict
) -> None:
    error = read(status, type, message)
    assert (error.status, error.type, error.code) == (status, type, code)
    assert error.message == message
    assert error.headers == ((b"retry-after", b"7"),)
    assert verdict_of(error) is verdict


CREDIT = "Your credit balance is too low to access the Anthropic API."
LIMIT = "You have reached your specified API usage limits."


@pytest.mark.parametrize(
    ("status", "type", "message", "more"),
    [
        (401, "authentication_error", "invalid x-api-key", {}),
        (402, "billing_error", "Pay", {}),
        (403, "permission_error", "Not yours", {}),
        (400, "billing_error", "Pay", {}),
        (400, "invalid_request_error", CREDIT, {}),
        (400, "invalid_request_error", LIMIT, {}),
        (429, "rate_limit_error", "x", {"details": {"error_code": "enforced_spend_limit_reached"}}),
    ],
)
def test_a_refused_key_or_an_empty_purse_rests_the_key_and_is_not_told(
    status: int, type: str, message: str, more: dict[str, object]
) -> None:
    error = read(status, type, message, **more)
    assert isinstance(error, UpstreamAuth)
    assert message not in error.message
    assert key_rest_of(error, None) == 3600.0


@pytest.mark.parametrize("message", [f"messages.0: {CREDIT}", f"He said: {LIMIT}"])
def test_nobody_rests_a_key_by_the_words_of_a_client(message: str) -> None:
    error = read(400, "invalid_request_error", message)
    assert key_rest_of(error, None) == 0.0


@pytest.mark.parametrize(
    "odd", [b"", b"<html>", b"\xff", b"[]", b'{"error":"x"}', b'{"error":{"details":{}}}']
)
def test_an_error_of_another_shape_is_read_as_well_as_can_be(odd: bytes) -> None:
    error = read_error(503, (), odd)
    assert (error.status, verdict_of(error)) == (503, Verdict.AGAIN)


def test_what_is_no_error_is_not_followed() -> None:
    assert isinstance(read_error(302, (), b""), UpstreamMalformed)


@pytest.mark.parametrize(
    ("type", "message", "code", "verdict"),
    [
        ("overloaded_error", "Overloaded", "overloaded", Verdict.AGAIN),
        ("api_error", "Oh", "server_error", Verdict.AGAIN),
        ("timeout_error", "Oh", "upstream_timeout", Verdict.AGAIN),
        ("rate_limit_error", "Slow", "rate_limit_exceeded", Verdict.OTHER_KEY),
        ("billing_error", "Pay", "insufficient_quota", Verdict.OTHER_KEY),
        ("authentication_error", "No", "invalid_api_key", Verdict.OTHER_KEY),
        ("permission_error", "No", "permission_denied", Verdict.OTHER_KEY),
        ("not_found_error", "model: x", "model_not_found", Verdict.FINAL),
        ("invalid_request_error", LONG, "context_length_exceeded", Verdict.LONGER),
        ("invalid_request_error", "Oh", None, Verdict.FINAL),
    ],
)
def test_an_error_told_in_a_stream_gets_its_true_code(
    type: str, message: str, code: str | None, verdict: Verdict
) -> None:
    fault = read_fault(body(type, message))
    assert (fault.message, fault.type, fault.code) == (message, type, code)
    error = UpstreamFault(fault.message, type=fault.type, code=fault.code)
    assert verdict_of(error) is verdict
