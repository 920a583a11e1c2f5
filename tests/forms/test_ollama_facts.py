"""What is read in an answer of Ollama's own API."""

import pytest

from gateway.forms.ollama_facts import (
    Answered,
    Function,
    Message,
    finish_reason_of,
    moment_of,
    read_answered,
)
from gateway.words.answer import Usage


def test_tokens_are_read_where_they_are_told() -> None:
    assert Answered().usage() is None
    assert Answered(eval_count=3).usage() == Usage(0, 3)
    assert Answered(prompt_eval_count=3, eval_count=-1).usage() == Usage(3, 0)


def test_a_token_without_bytes_has_those_of_its_text() -> None:
    said = read_answered(b'{"logprobs":[{"token":"\xc3\xa9","logprob":-1}]}')
    assert said is not None
    assert said.tokens() == [
        {"token": "é", "logprob": -1.0, "bytes": [195, 169], "top_logprobs": []}
    ]
    assert Answered().tokens() is None


@pytest.mark.parametrize(
    ("told", "digits", "second"),
    [
        ("2026-11-30T10:00:00.385406455Z", "20261130100000385406455", 1796032800),
        ("2026-11-30T12:00:00.3+02:00", "2026113012000030200", 1796032800),
        ("1900-01-01T00:00:00Z", "19000101000000", 0),
        ("yesterday", "0", 0),
        ("", "0", 0),
    ],
)
def test_a_moment_names_an_answer(told: str, digits: str, second: int) -> None:
    assert moment_of(told) == (digits, second)


def test_reasons_are_told_in_openais_words_and_unknown_ones_as_they_are() -> None:
    assert finish_reason_of("stop", calls=False) == "stop"
    assert finish_reason_of("", calls=False) == "stop"
    assert finish_reason_of("stop", calls=True) == "tool_calls"
    assert finish_reason_of("length", calls=True) == "length"
    assert finish_reason_of("bored", calls=False) == "bored"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (b'{"city":"Ghent"}', '{"city":"Ghent"}'),
        (b'"{\\"city\\":\\"Ghent\\"}"', '{"city":"Ghent"}'),
        (b'"\\ud800"', "\ufffd"),
        (b'""', "{}"),
        (b"null", "{}"),
    ],
)
def test_arguments_are_json_in_a_text_however_they_come(arguments: bytes, told: str) -> None:
    line = b'{"message":{"tool_calls":[{"function":{"name":"f","arguments":%b}}]}}' % arguments
    said = read_answered(line)
    assert said is not None
    assert said.message is not None
    assert said.message.tool_calls is not None
    assert said.message.tool_calls[0].function.told() == told
    assert Function().told() == "{}"


def test_what_is_null_is_not_said() -> None:
    said = read_answered(b'{"message":{"content":null,"thinking":null,"tool_calls":null}}')
    assert said is not None
    assert said.message == Message()
