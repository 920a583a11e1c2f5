"""Letting a call in, and what it held when it ends. Whole calls are in `test_caller_limits.py`."""

import json

import pytest

from gateway.forms.chat import read_request
from gateway.policy.limits import Limiter
from gateway.relay.admission import FREE, let_in
from gateway.words.answer import Usage
from gateway.words.caller import Caller, Limits
from gateway.words.errors import RateLimited
from gateway.words.receipt import Attempt, Receipt

BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 100}
CALL = read_request("chat", json.dumps(BODY).encode())


def receipt(limits: Limits, team: Limits | None = None) -> Receipt:
    caller = Caller("k", "k-id", "t", limits=limits, team_limits=team or Limits())
    return Receipt("r", "POST", "/", "p", 0.0, caller=caller)


def test_who_has_no_limits_is_let_in_for_free() -> None:
    admission = let_in(CALL, receipt(Limits()), Limiter(), 0.0)
    assert admission is FREE
    passed = ((b"x-ratelimit-limit-requests", b"9"),)
    with admission:
        assert admission.headers(passed, 0.0) == passed


def test_the_callers_own_limits_are_told_in_place_of_the_providers() -> None:
    limiter, call = Limiter(), receipt(Limits(requests_per_minute=5))
    passed = ((b"x-ratelimit-limit-requests", b"9"), (b"openai-version", b"1"))
    with let_in(CALL, call, limiter, 0.0) as admission:
        told = dict(admission.headers(passed, 0.0))
    assert told[b"x-ratelimit-limit-requests"] == b"5"
    assert told[b"openai-version"] == b"1"


@pytest.mark.parametrize("of", ["key", "team"])
def test_a_call_that_asked_nobody_gives_all_its_tokens_back(of: str) -> None:
    limits = Limits(tokens_per_minute=150)
    limiter = Limiter()
    for _ in range(5):
        call = receipt(limits) if of == "key" else receipt(Limits(), limits)
        with let_in(CALL, call, limiter, 0.0), pytest.raises(RateLimited):
            let_in(CALL, call, limiter, 0.0)


def test_what_was_used_is_what_counts() -> None:
    limiter, call = Limiter(), receipt(Limits(tokens_per_minute=150))
    with let_in(CALL, call, limiter, 0.0):
        call.attempts = [Attempt("up/m", 0.0)]
        call.usage = Usage(30, 110)
    with pytest.raises(RateLimited):
        let_in(CALL, call, limiter, 0.0)


def test_where_nobody_says_what_was_used_the_estimate_stands() -> None:
    limiter, call = Limiter(), receipt(Limits(tokens_per_minute=150))
    with let_in(CALL, call, limiter, 0.0):
        call.attempts = [Attempt("up/m", 0.0)]
    with pytest.raises(RateLimited):
        let_in(CALL, call, limiter, 0.0)
