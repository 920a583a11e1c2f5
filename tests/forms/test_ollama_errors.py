"""Errors of Ollama's API: a sentence, and the code that it stands for."""

import json

import pytest

from gateway.forms.ollama import read_error
from gateway.forms.ollama_errors import fault_in
from gateway.words.errors import UpstreamAuth, UpstreamRefused


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (404, "model 'x' not found", "model_not_found"),
        (404, 'model "x" not found, try pulling it first', "model_not_found"),
        (
            400,
            "prompt too long; exceeded max context length by 7 tokens",
            "context_length_exceeded",
        ),
        (400, "the input length exceeds the context length", "context_length_exceeded"),
        (400, "input length exceeds maximum context length", "context_length_exceeded"),
        (
            400,
            "registry.ollama.ai/library/x:latest does not support tools",
            "unsupported_parameter",
        ),
        (503, "server busy, please try again. maximum pending requests exceeded", "overloaded"),
        (500, "unexpected EOF", None),
    ],
)
def test_a_sentence_gets_the_code_that_it_stands_for(
    status: int, said: str, code: str | None
) -> None:
    error = read_error(status, (), json.dumps({"error": said}).encode())
    assert isinstance(error, UpstreamRefused)
    assert (error.status, error.message, error.code) == (status, said, code)
    assert fault_in(said).code == code


def test_a_code_of_the_servers_own_stays() -> None:
    told = {"message": "model 'x' not found", "code": "own", "type": "api"}
    error = read_error(404, (), json.dumps({"error": told}).encode())
    assert error.code == "own"
    assert (fault_in(told).code, fault_in(told).type) == ("own", "api")


def test_a_refused_key_is_the_operators_matter() -> None:
    assert isinstance(read_error(401, (), b'{"error":"unauthorized"}'), UpstreamAuth)
