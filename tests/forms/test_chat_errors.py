"""Errors in the shapes that providers have."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.forms.chat_errors import (
    MAX_MESSAGE,
    Told,
    error_body,
    fault_of,
    raised,
    told_by,
    told_in,
)
from gateway.words.answer import Fault

OPENAI = Told("No such model", "invalid_request_error", "model_not_found", "model")


FIELDS = b"""
    "message": "No such model", "type": "invalid_request_error",
    "param": "model", "code": "model_not_found"
"""


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"error":{%b}}' % FIELDS, OPENAI),
        (b'{"object":"error",%b}' % FIELDS, OPENAI),
        (b'[{"error":{"code":400,"message":"Bad","status":"X"}}]', Told("Bad", code="400")),
        (b'{"type":"error","error":{"type":"api_error","message":"Oh"}}', Told("Oh", "api_error")),
        (b'{"error":"no such model"}', Told("no such model")),
        (b'{"error":"busy","code":"overloaded"}', Told("busy", code="overloaded")),
        (b'{"message":"Not found"}', Told("Not found")),
        (b'{"detail":"Not Found"}', Told("Not Found")),
        (b'{"detail":[{"loc":["body","n"],"msg":"n is too large"}]}', Told("n is too large")),
        (b'{"detail":{"message":"inner"}}', Told("inner")),
        (b'{"detail":[]}', Told()),
        (b'{"error":{"message":"","type":null,"param":5,"code":true}}', Told(param="5")),
        (b'{"error":{"message":{"deep":1}}}', Told()),
        (b'{"error":null}', Told()),
        (b'"just words"', Told("just words")),
        (b"[]", Told()),
        (b"[[[]]]", Told()),
        (b"null", Told()),
        (b"429", Told("429")),
        (b"{}", Told()),
        (b"", Told()),
        (b"upstream connect error\r\nreset", Told("upstream connect error reset")),
        (b"caf\xe9", Told("caf\ufffd")),
        (b"\xef\xbb\xbf <html><body>502 Bad Gateway</body></html>", Told()),
        (b"<!DOCTYPE html>", Told()),
    ],
)
def test_u6_an_error_is_read_in_each_shape(body: bytes, told: Told) -> None:
    """U6."""
    assert told_in(body) == told


def test_what_is_told_is_bounded_and_on_one_line() -> None:
    body = json.dumps({"error": {"message": "a\n\x00" * 5000, "type": "t" * 1000, "code": "\r"}})
    told = told_in(body.encode())
    assert told.message is not None
    assert told.message.startswith("a a a")
    assert len(told.message) == MAX_MESSAGE
    assert told.type == "t" * 255 + "…"
    assert told.code is None
    plain = told_in(b"x" * 100_000).message
    assert plain is not None
    assert len(plain) == MAX_MESSAGE


def test_a_long_text_of_wide_characters_says_that_it_was_cut() -> None:
    """R11: what was cut off may be the rest of a secret."""
    for count in (2001, 4000, 4001, 10_000):
        message = told_in(("\U0001f468" * count).encode()).message
        assert message == "\U0001f468" * (MAX_MESSAGE - 1) + "…"
    assert told_in(b"\x01" * 17_900 + b"sk-0123456789" * 50).message == "…"


@pytest.mark.parametrize("deep", [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000])
def test_a_deep_nest_is_only_text(deep: bytes) -> None:
    assert told_in(deep).message == "[" * (MAX_MESSAGE - 1) + "…"


def test_a_fault_always_has_a_message_and_a_type() -> None:
    assert fault_of(Told("Oh", "t", "c")) == Fault("Oh", "t", "c")
    fault = fault_of(told_by(True))
    assert fault.message
    assert (fault.type, fault.code) == ("upstream_error", None)


@pytest.mark.parametrize("param", [None, "model"])
def test_an_error_body_has_all_four_keys(param: str | None) -> None:
    body = error_body('say "no"', "kind", param, None)
    error = {"message": 'say "no"', "type": "kind", "param": param, "code": None}
    assert json.loads(body) == {"error": error}


def test_half_a_surrogate_pair_does_not_keep_an_error_from_being_told() -> None:
    assert json.loads(error_body("a\ud83db", "kind", None, None))["error"]["message"] == "a?b"


@given(st.binary(max_size=80) | st.text(max_size=80).map(lambda text: json.dumps(text).encode()))
def test_any_body_is_told_and_can_be_written(body: bytes) -> None:
    told = told_in(body)
    fault = fault_of(told)
    assert json.loads(error_body(fault.message, fault.type, told.param, fault.code))["error"]


def test_a_fault_is_raised_with_its_own_words_and_code() -> None:
    error = raised(Fault("Too busy", "overloaded_error", "busy"))
    assert (str(error), error.type, error.code) == ("Too busy", "overloaded_error", "busy")
