"""Errors of Google's APIs, and what routing makes of them."""

import json

import pytest

from gateway.forms.gemini_errors import read_error, read_fault
from gateway.policy.refusals import Verdict, key_rest_of, verdict_of, wait_of
from gateway.words.answer import Fault
from gateway.words.errors import (
    GatewayError,
    UpstreamAuth,
    UpstreamFault,
    UpstreamMalformed,
    UpstreamRefused,
)

LONG = "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576)."
ABSENT = "models/gemini-9 is not found for API version v1beta, or is not supported."
OF_VERTEX = "Publisher Model `projects/p/locations/l/publishers/google/models/x` was not found."
ODD = [b"", b"7", b"[]", b"[7]", b"{}", b"Hm", b"<html>", b"\xff", b"[" * 9000, b'{"error":"x"}']
BUSY = "The model is overloaded. Please try again later."


def body(code: int, status: object, message: str, details: object = None) -> bytes:
    told = {"code": code, "message": message, "status": status, "details": details}
    return json.dumps({"error": told}).encode()


def read(code: int, status: object, message: str, details: object = None) -> GatewayError:
    return read_error(code, (), body(code, status, message, details))


@pytest.mark.parametrize(
    ("status", "word", "message", "type", "code", "verdict"),
    [
        (400, "INVALID_ARGUMENT", "Bad", "invalid_request_error", None, Verdict.FINAL),
        (
            *(400, "INVALID_ARGUMENT", LONG, "invalid_request_error"),
            *("context_length_exceeded", Verdict.LONGER),
        ),
        (400, "FAILED_PRECONDITION", "Hm", "invalid_request_error", None, Verdict.FINAL),
        (404, "NOT_FOUND", ABSENT, "invalid_request_error", "model_not_found", Verdict.FINAL),
        (404, "NOT_FOUND", OF_VERTEX, "invalid_request_error", "model_not_found", Verdict.FINAL),
        (404, "NOT_FOUND", "File", "invalid_request_error", "not_found", Verdict.FINAL),
        (
            *(429, "RESOURCE_EXHAUSTED", "Q", "rate_limit_error"),
            *("rate_limit_exceeded", Verdict.OTHER_KEY),
        ),
        (499, "CANCELLED", "Hm", "server_error", "server_error", Verdict.FINAL),
        (500, "INTERNAL", "Hm", "server_error", "server_error", Verdict.AGAIN),
        (503, "UNAVAILABLE", BUSY, "server_error", "overloaded", Verdict.AGAIN),
        (504, "DEADLINE_EXCEEDED", "Hm", "server_error", "upstream_timeout", Verdict.AGAIN),
        (
            *(501, "UNIMPLEMENTED", "Hm", "invalid_request_error"),
            *("unsupported_parameter", Verdict.ELSEWHERE),
        ),
        (500, "OF_A_LATER_DAY", "Hm", "upstream_error", "of_a_later_day", Verdict.AGAIN),
        (500, 7, "Hm", "upstream_error", None, Verdict.AGAIN),
    ],
)  # fmt: skip
def test_an_error_gets_its_true_code(
    status: int, word: object, message: str, type: str, code: str | None, verdict: Verdict
) -> None:
    error = read(status, word, message)
    assert (error.status, error.type, error.code) == (status, type, code)
    assert error.message == message
    assert verdict_of(error) is verdict


@pytest.mark.parametrize(
    ("status", "word", "message", "details"),
    [
        (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", None),
        (400, "INVALID_ARGUMENT", "Hm", [{"reason": "API_KEY_INVALID"}]),
        (400, "FAILED_PRECONDITION", "User location is not supported for the API use.", None),
        (401, "UNAUTHENTICATED", "No", None),
        (403, "PERMISSION_DENIED", "No", [{"reason": "SERVICE_DISABLED"}]),
    ],
)
def test_that_a_key_is_refused_is_the_operators_matter(
    status: int, word: str, message: str, details: object
) -> None:
    error = read(status, word, message, details)
    assert isinstance(error, UpstreamAuth)
    assert message not in error.message
    assert key_rest_of(error, None) > 0


def test_how_long_to_wait_is_said_in_the_details() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.074824224s"}
    error = read(429, "RESOURCE_EXHAUSTED", "Quota exceeded", [7, {}, info])
    assert error.headers == ((b"retry-after", b"35"),)
    assert wait_of(error, None) == 35.0
    info["retryDelay"] = "7.000s"
    assert read(429, "RESOURCE_EXHAUSTED", "Q", [info]).headers == ((b"retry-after", b"7"),)
    info["retryDelay"] = "soon"
    assert read(429, "RESOURCE_EXHAUSTED", "Q", [info]).headers == ()


def test_a_header_that_says_it_comes_first() -> None:
    told = body(429, "RESOURCE_EXHAUSTED", "Q", [{"retryDelay": "34s"}])
    error = read_error(429, ((b"retry-after", b"5"),), told)
    assert error.headers == ((b"retry-after", b"5"),)


def test_what_is_used_up_for_the_day_is_no_matter_of_a_moment() -> None:
    quota = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}
    error = read(429, "RESOURCE_EXHAUSTED", "Quota", [{"violations": [7, quota]}])
    assert (error.type, error.code) == ("insufficient_quota", "insufficient_quota")
    assert key_rest_of(error, None) == 3600.0
    minute = {"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}
    error = read(429, "RESOURCE_EXHAUSTED", "Quota", [{"violations": [minute]}, {"violations": 7}])
    assert error.code == "rate_limit_exceeded"


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_body_is_still_an_error(odd: bytes) -> None:
    error = read_error(503, (), odd)
    assert isinstance(error, UpstreamRefused)
    assert error.status == 503
    fault = read_fault(odd)
    assert fault.message
    assert isinstance(verdict_of(UpstreamFault("m", type=fault.type, code=fault.code)), Verdict)


def test_a_redirect_is_not_followed() -> None:
    assert isinstance(read_error(302, (), b""), UpstreamMalformed)


def test_an_error_in_a_list_is_read_too() -> None:
    told = b"[%b]" % body(503, "UNAVAILABLE", BUSY)
    assert read_fault(told) == Fault(BUSY, "server_error", "overloaded")
    assert read_error(503, (), told).code == "overloaded"
