"""Whom limits and budgets stop is counted, and nobody else."""

from gateway.telemetry.refusals import Refusals
from gateway.words.errors import (
    BudgetExceeded,
    BudgetSpent,
    Busy,
    GatewayError,
    RateLimited,
    StoppedByOperator,
    Unpriced,
    UpstreamRefused,
)
from gateway.words.receipt import Receipt


def ended(error: GatewayError | None) -> Receipt:
    receipt = Receipt("req_1", "POST", "/v1/chat/completions", "127.0.0.1:1", 0.0)
    if error is None:
        receipt.complete()
    else:
        receipt.fail(error)
    return receipt


def test_each_is_counted_for_what_stopped_it() -> None:
    refusals = Refusals()
    theirs = UpstreamRefused(
        "No.", status=429, type="insufficient_quota", code="insufficient_quota"
    )
    for error in (
        *(None, Busy("Full."), StoppedByOperator("Cut."), theirs),
        *(RateLimited("Slow."), BudgetExceeded("Spent."), BudgetExceeded("Spent.")),
        *(Unpriced("Unknown."), BudgetSpent("Out.")),
    ):
        refusals.settled(ended(error))
    assert (refusals.by_limit, refusals.by_budget, refusals.in_mid_sentence) == (1, 3, 1)
