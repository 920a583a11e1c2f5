"""What attempts cost: reported where it is, estimated where it is not."""

import json

import msgspec
import pytest

from gateway.forms.chat import read_request
from gateway.policy.estimates import prompt_of
from gateway.policy.prices import Price, Prices
from gateway.relay.costs import Costs
from gateway.words.answer import Usage
from gateway.words.receipt import Attempt, Receipt, WaitsFor
from gateway.words.target import Origin, Target

BODY = {"model": "m", "messages": [{"role": "user", "content": "hello there"}]}
CALL = read_request("chat", json.dumps(BODY).encode())
TARGET = Target("up", "openai", "chat", Origin("http", "127.0.0.1", 80), "/v1", "m-1")
PRICE = Price(1_000_000, 2_000_000)
"""A micro-dollar for a token that is asked, two for one that is answered."""


def charged(
    outcome: str,
    usage: Usage | None = None,
    *,
    waits_for: WaitsFor = WaitsFor.CONTENT,
    pieces: int = 0,
    price: Price | None = PRICE,
) -> tuple[Receipt, Attempt]:
    attempt = Attempt("up/m-1", 0.0, 1.0, outcome, waits_for=waits_for, usage=usage, pieces=pieces)
    receipt = Receipt("r", "POST", "/", "p", 0.0, attempts=[attempt])
    overrides = {} if price is None else {TARGET.name: price}
    Costs(Prices(overrides)).charge(attempt, TARGET, CALL, receipt)
    return receipt, attempt


def test_what_was_reported_of_a_whole_answer_is_exact() -> None:
    receipt, _ = charged("completed", Usage(10, 5), pieces=5)
    assert (receipt.cost_nanos, receipt.usage_quality) == (20_000, "exact")


@pytest.mark.parametrize("outcome", ["upstream_truncated", "cancelled", "insufficient_quota"])
def test_what_was_reported_before_it_broke_off_is_a_part(outcome: str) -> None:
    receipt, attempt = charged(outcome, Usage(10, 1, 3), pieces=5)
    assert attempt.usage == receipt.usage == Usage(10, 6, 3), "and what has passed since"
    assert (receipt.cost_nanos, receipt.usage_quality) == (22_000, "partial")


@pytest.mark.parametrize("outcome", ["cancelled", "upstream_truncated", "idle_timeout"])
def test_a_stream_that_was_left_is_counted_as_it_passed(outcome: str) -> None:
    receipt, attempt = charged(outcome, pieces=7)
    assert attempt.usage == receipt.usage == Usage(prompt_of(CALL), 7)
    assert receipt.usage_quality == "estimated"
    assert receipt.cost_nanos == 1_000 * prompt_of(CALL) + 14_000


@pytest.mark.parametrize("outcome", ["cancelled", "idle_timeout"])
def test_to_count_costs_nothing_however_it_ends(outcome: str) -> None:
    attempt = Attempt("up/m-1", 0.0, 1.0, outcome, waits_for=WaitsFor.CONTENT)
    receipt = Receipt("r", "POST", "/", "p", 0.0, attempts=[attempt])
    counting = msgspec.structs.replace(CALL, operation="count_tokens")
    Costs(Prices({TARGET.name: PRICE})).charge(attempt, TARGET, counting, receipt)
    assert (receipt.cost_nanos, attempt.usage) == (None, None)


@pytest.mark.parametrize("outcome", ["first_token_timeout", "cancelled"])
def test_who_was_asked_and_never_spoke_has_read_the_prompt(outcome: str) -> None:
    receipt, _ = charged(outcome, waits_for=WaitsFor.HEAD)
    assert receipt.cost_nanos == 1_000 * prompt_of(CALL)


@pytest.mark.parametrize(
    ("outcome", "waits_for"),
    [
        ("overloaded", WaitsFor.CONTENT),
        ("upstream_connect_error", WaitsFor.CONNECTION),
        ("cancelled", WaitsFor.SLOT),
    ],
)
def test_who_refused_or_was_not_reached_takes_nothing(outcome: str, waits_for: WaitsFor) -> None:
    receipt, attempt = charged(outcome, waits_for=waits_for)
    assert (receipt.cost_nanos, receipt.usage_quality, attempt.usage) == (None, None, None)


def test_of_whom_nothing_was_heard_costs_its_prompt_and_says_nothing_of_the_answer() -> None:
    receipt, heard = charged("upstream_truncated", pieces=7)
    silent = Attempt("up/m-1", 0.0, 1.0, "cancelled")
    Costs(Prices({TARGET.name: PRICE})).charge(silent, TARGET, CALL, receipt)
    assert silent.usage == Usage(prompt_of(CALL), 0)
    assert receipt.usage == heard.usage == Usage(prompt_of(CALL), 7)
    assert receipt.cost_nanos == 2 * 1_000 * prompt_of(CALL) + 14_000


def test_what_is_told_last_of_an_answer_is_the_answers() -> None:
    """One that broke off, and the one that told it whole in its place, without its usage."""
    receipt, _ = charged("upstream_truncated", pieces=7)
    whole = Attempt("up/m-1", 0.0, 1.0, "completed", pieces=9)
    Costs(Prices({TARGET.name: PRICE})).charge(whole, TARGET, CALL, receipt)
    assert (receipt.usage, receipt.usage_quality) == (Usage(prompt_of(CALL), 9), "estimated")


def test_without_a_price_the_tokens_are_counted_all_the_same() -> None:
    receipt, _ = charged("completed", Usage(10, 5), price=None)
    assert (receipt.cost_nanos, receipt.usage_quality) == (None, "exact")


def test_all_attempts_of_a_call_are_paid_for() -> None:
    receipt, attempt = charged("completed", Usage(10, 5))
    Costs(Prices({TARGET.name: PRICE})).charge(attempt, TARGET, CALL, receipt)
    assert receipt.cost_nanos == 40_000


def test_what_answers_nothing_teaches_nothing_of_answers() -> None:
    costs = Costs(Prices({}))
    counted = Attempt("up/m-1", 0.0, 1.0, "completed", usage=Usage())
    costs.charge(counted, TARGET, CALL, Receipt("r", "POST", "/", "p", 0.0, attempts=[counted]))
    assert len(costs.calibration) == 0
