"""Errors of AWS Bedrock, and what routing makes of them."""

import json
from typing import Any

import pytest
from botocore.loaders import Loader

from gateway.forms.bedrock_errors import read_error, read_fault
from gateway.forms.event_stream import Frames, Message
from gateway.policy.refusals import Verdict, counts, key_rest_of, verdict_of
from gateway.words.errors import (
    GatewayError,
    UpstreamAuth,
    UpstreamFault,
    UpstreamMalformed,
    UpstreamRefused,
)
from tests.framed import failure, message

LONG = "Input is too long for requested model."
ANTHROPIC = "The model returned the following errors: prompt is too long: 9 tokens > 8 maximum"
NO_MODEL = "The provided model identifier is invalid."


def read(status: int, name: str, said: str, **more: object) -> GatewayError:
    body = json.dumps({"message": said, **more}).encode()
    headers = ((b"x-amzn-errortype", name.encode()), (b"retry-after", b"7"))
    return read_error(status, headers, body)


@pytest.mark.parametrize(
    ("status", "name", "said", "told", "code", "verdict"),
    [
        (400, "ValidationException", "Oh", 400, None, Verdict.FINAL),
        (400, "ValidationException", LONG, 400, "context_length_exceeded", Verdict.LONGER),
        (400, "ValidationException", ANTHROPIC, 400, "context_length_exceeded", Verdict.LONGER),
        (400, "ValidationException", NO_MODEL, 400, "model_not_found", Verdict.FINAL),
        (404, "ResourceNotFoundException", "No", 404, "model_not_found", Verdict.FINAL),
        (429, "ThrottlingException", "Slow", 429, "rate_limit_exceeded", Verdict.OTHER_KEY),
        (400, "ServiceQuotaExceededException", "No", 429, "rate_limit_exceeded", Verdict.OTHER_KEY),
        (429, "ModelNotReadyException", "Wait", 503, "overloaded", Verdict.AGAIN),
        (503, "ServiceUnavailableException", "No", 503, "overloaded", Verdict.AGAIN),
        (500, "InternalServerException", "Oh", 500, "server_error", Verdict.AGAIN),
        (408, "ModelTimeoutException", "Slow", 408, "upstream_timeout", Verdict.AGAIN),
        (424, "ModelErrorException", "Oh", 502, "server_error", Verdict.AGAIN),
        (400, "OfALaterDayException", "Hm", 400, None, Verdict.FINAL),
    ],
)
def test_an_error_gets_its_true_code(
    status: int, name: str, said: str, told: int, code: str | None, verdict: Verdict
) -> None:
    error = read(status, name, said)
    assert isinstance(error, UpstreamRefused)
    assert (error.status, error.type, error.code, error.message) == (told, name, code, said)
    assert error.headers == ((b"retry-after", b"7"),)
    assert verdict_of(error) is verdict


@pytest.mark.parametrize(
    ("original", "status", "verdict"),
    [
        (429, 429, Verdict.OTHER_KEY),
        (400, 400, Verdict.FINAL),
        (200, 502, Verdict.AGAIN),
        ("500", 502, Verdict.AGAIN),
    ],
)
def test_of_an_error_of_the_model_its_own_status_counts(
    original: object, status: int, verdict: Verdict
) -> None:
    error = read(424, "ModelErrorException", "Oh", originalStatusCode=original)
    assert error.status == status
    assert verdict_of(error) is verdict


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (403, "AccessDeniedException"),
        (403, "UnrecognizedClientException"),
        (403, "ExpiredTokenException"),
        (400, "ExpiredTokenException"),
        (400, "IncompleteSignatureException"),
        (403, "InvalidSignatureException"),
        (401, ""),
    ],
)
def test_refused_credentials_rest_the_key_and_the_words_are_not_told(
    status: int, name: str
) -> None:
    error = read(status, name, "The security token AKIA1234 is invalid")
    assert isinstance(error, UpstreamAuth)
    assert "AKIA" not in error.message
    assert key_rest_of(error, None) == 3600.0


@pytest.mark.parametrize(
    "name",
    [
        "ThrottlingException",
        "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/",
        "com.amazon.coral.availability#ThrottlingException",
        "throttlingException",
    ],
)
def test_a_name_is_found_whatever_stands_beside_it(name: str) -> None:
    assert read(429, name, "Slow").type == "ThrottlingException"
    error = read_error(429, (), json.dumps({"__type": name, "Message": "Slow"}).encode())
    assert (error.type, error.code, error.message) == (
        "ThrottlingException",
        "rate_limit_exceeded",
        "Slow",
    )


@pytest.mark.parametrize("odd", [b"", b"<html>", b"\xff", b"[]", b'{"message":7}', b"[" * 5000])
def test_an_error_of_another_shape_is_read_as_well_as_can_be(odd: bytes) -> None:
    error = read_error(503, (), odd)
    assert (error.status, verdict_of(error)) == (503, Verdict.AGAIN)
    named = read_error(503, ((b"x-amzn-errortype", b"ServiceUnavailableException"),), odd)
    assert named.code == "overloaded"


def test_what_is_no_error_is_not_followed() -> None:
    assert isinstance(read(302, "AccessDeniedException", ""), UpstreamMalformed)


def told(wire: bytes) -> Message:
    (found,) = Frames(1 << 20).feed(wire)
    return found


@pytest.mark.parametrize(
    ("name", "said", "code", "verdict"),
    [
        ("internalServerException", "Oh", "server_error", Verdict.AGAIN),
        ("modelStreamErrorException", "Oh", "server_error", Verdict.AGAIN),
        ("modelStreamErrorException", ANTHROPIC, "context_length_exceeded", Verdict.LONGER),
        ("modelTimeoutException", "Slow", "upstream_timeout", Verdict.AGAIN),
        ("serviceUnavailableException", "No", "overloaded", Verdict.AGAIN),
        ("throttlingException", "Slow", "rate_limit_exceeded", Verdict.OTHER_KEY),
        ("validationException", "No", None, Verdict.FINAL),
        ("validationException", LONG, "context_length_exceeded", Verdict.LONGER),
    ],
)
def test_an_error_told_in_a_stream_gets_its_true_code(
    name: str, said: str, code: str | None, verdict: Verdict
) -> None:
    fault = read_fault(told(failure(name, {"message": said})))
    assert (fault.message, fault.type, fault.code) == (said, name[0].upper() + name[1:], code)
    error = UpstreamFault(fault.message, type=fault.type, code=fault.code)
    assert verdict_of(error) is verdict


def test_each_error_that_the_service_tells_in_a_stream_is_one_that_is_known() -> None:
    shapes = Loader().load_service_model("bedrock-runtime", "service-2")["shapes"]
    for stream in ("ConverseStreamOutput", "ResponseStream"):
        for name in shapes[stream]["members"]:
            if name.endswith("Exception") and name != "validationException":
                assert read_fault(told(failure(name, {}))).code is not None


def test_an_error_without_a_payload_says_what_its_headers_say() -> None:
    headers = {":message-type": "error", ":error-code": "Broken", ":error-message": "Oh\nno"}
    fault = read_fault(told(message(headers, b"")))
    assert (fault.type, fault.message, fault.code) == ("Broken", "Oh no", None)


@pytest.mark.parametrize("headers", [{}, {":exception-type": ""}])
def test_an_error_that_says_nothing_is_one(headers: dict[str, Any]) -> None:
    fault = read_fault(told(message(headers, b"{}")))
    assert fault.type == "upstream_error"
    assert fault.message


def test_who_is_refused_in_a_stream_is_told_without_the_providers_words() -> None:
    said = "User: arn:aws:iam::123456789012:role/gateway is not authorized"
    fault = read_fault(told(failure("accessDeniedException", {"message": said})))
    assert "arn:" not in fault.message
    error = UpstreamFault(fault.message, type=fault.type, code=fault.code)
    assert verdict_of(error) is Verdict.OTHER_KEY


@pytest.mark.parametrize(
    ("right", "blames_key"),
    [
        ("ApplyGuardrail", False),
        ("InvokeTool", False),
        ("InvokeModel", True),
        ("InvokeModelWithResponseStream", True),
        ("CallWithBearerToken", True),
    ],
)
def test_what_a_client_asks_for_beside_the_model_rests_no_key(right: str, blames_key: bool) -> None:
    said = f"User: arn:aws:iam::1:role/a is not authorized to perform: bedrock:{right} on resource"
    error = read(403, "AccessDeniedException", said)
    assert "arn:" not in error.message
    assert (key_rest_of(error, None) > 0, counts(error)) == (blames_key, blames_key)
    assert verdict_of(error) is (Verdict.OTHER_KEY if blames_key else Verdict.FINAL)
