"""Errors of Cohere's API: a sentence, and the code that it or the status stands for."""

import json

import pytest

from gateway.forms.cohere import read_error
from gateway.forms.cohere_errors import fault_of
from gateway.policy.refusals import Verdict, verdict_of
from gateway.words.errors import UpstreamAuth, UpstreamRefused

LONG = "too many tokens: total number of tokens in the prompt cannot exceed 4096 - received 4097"


@pytest.mark.parametrize(
    ("status", "said", "code", "verdict"),
    [
        (400, LONG, "context_length_exceeded", Verdict.LONGER),
        (400, "invalid request: 'messages' must not be empty", None, Verdict.FINAL),
        (404, "model 'x' not found, make sure the correct model ID was used", "model_not_found",
         Verdict.FINAL),
        (404, "resource not found", "not_found", None),
        (429, "You are past the per minute request limit", "rate_limit_exceeded",
         Verdict.OTHER_KEY),
        (500, "internal server error", None, Verdict.AGAIN),
        (503, "service unavailable", "overloaded", Verdict.AGAIN),
        (504, "gateway timeout", "upstream_timeout", Verdict.AGAIN),
    ],
)  # fmt: skip
def test_a_sentence_gets_the_code_that_it_stands_for(
    status: int, said: str, code: str | None, verdict: Verdict | None
) -> None:
    error = read_error(status, (), json.dumps({"id": "1", "message": said}).encode())
    assert isinstance(error, UpstreamRefused)
    assert (error.status, error.message, error.code) == (status, said, code)
    assert verdict in {None, verdict_of(error)}


@pytest.mark.parametrize("status", [401, 402, 403, 498])
def test_a_refused_key_is_the_operators_matter(status: int) -> None:
    error = read_error(status, (), b'{"message":"invalid api token"}')
    assert isinstance(error, UpstreamAuth)
    assert "api token" not in error.message


def test_an_answer_that_ends_in_an_error_says_which() -> None:
    assert fault_of("ERROR", "").code == "server_error"
    assert fault_of("TIMEOUT", "").code == "upstream_timeout"
    assert fault_of("ERROR", LONG).code == "context_length_exceeded"
    assert fault_of("ERROR", "a\nb").message == "a b"
