"""The receipt: the first word stands, the last usage counts."""

import pytest

from gateway.words.answer import Piece, Usage
from gateway.words.errors import (
    BadRequest,
    BudgetExceeded,
    BudgetSpent,
    Busy,
    ConnectFailed,
    FirstTokenTimeout,
    GatewayError,
    Internal,
    Stopped,
    Unpriced,
    UpstreamFault,
    UpstreamReset,
    UpstreamTruncated,
)
from gateway.words.life import Cause
from gateway.words.receipt import (
    OUTCOME_OF_CAUSE,
    Attempt,
    Outcome,
    Phase,
    Receipt,
    outcome_of_error,
)


def receipt() -> Receipt:
    return Receipt(request_id="id", method="POST", path="/", peer="peer", began=1.0)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (UpstreamTruncated("x"), Outcome.UPSTREAM_TRUNCATED),
        (UpstreamReset("x"), Outcome.UPSTREAM_ERROR),
        (ConnectFailed("x"), Outcome.UPSTREAM_ERROR),
        (UpstreamFault("x", type="t", code=None), Outcome.UPSTREAM_ERROR),
        (FirstTokenTimeout("x"), Outcome.TIMEOUT),
        (Internal("x"), Outcome.INTERNAL),
        (BadRequest("x"), Outcome.REFUSED),
        (Busy("x"), Outcome.REFUSED),
        (Stopped("x"), Outcome.STOPPED),
        (BudgetSpent("x"), Outcome.STOPPED),
        (BudgetExceeded("x"), Outcome.REFUSED),
        (Unpriced("x"), Outcome.REFUSED),
    ],
)
def test_an_error_amounts_to_an_outcome(error: GatewayError, outcome: Outcome) -> None:
    assert outcome_of_error(error) is outcome
    one = receipt()
    one.fail(error)
    assert (one.outcome, one.cause) == (outcome, error.code)


def test_r21_a_code_that_is_none_is_not_repeated() -> None:
    """A provider that puts the prompt into its code does not get it into the log."""
    one = receipt()
    one.fail(UpstreamFault("x", type="t", code="you asked: what is the capital of France?"))
    assert one.cause == "other"


def test_every_cause_amounts_to_an_outcome() -> None:
    for cause in Cause:
        one = receipt()
        one.end(cause)
        assert (one.outcome, one.cause) == (OUTCOME_OF_CAUSE[cause], cause.value)


def test_c8_what_happens_after_the_end_changes_nothing() -> None:
    """C8."""
    one = receipt()
    one.complete()
    one.end(Cause.CLIENT_GONE)
    one.fail(Internal("x"))
    assert (one.outcome, one.cause) == (Outcome.COMPLETED, None)


def test_c22_the_first_word_stands() -> None:
    """C22."""
    one = receipt()
    one.fail(UpstreamReset("x"))
    one.end(Cause.CLIENT_GONE)
    one.complete()
    assert (one.outcome, one.cause) == (Outcome.UPSTREAM_ERROR, "upstream_reset")


def test_u27_the_last_usage_counts_and_is_never_summed() -> None:
    """U27."""
    one = receipt()
    one.note([Piece(b"", usage=Usage(1, 1)), Piece(b"", model="m-1")])
    one.note([Piece(b"", usage=Usage(3, 2)), Piece(b"")])
    one.note([])
    assert (one.usage, one.answered_by, one.pieces) == (Usage(3, 2), "m-1", 4)


def test_the_first_content_is_a_moment() -> None:
    one = receipt()
    assert (one.phase, one.first_content_at) == (Phase.BODY, None)
    one.begin_content(5.0)
    assert (one.phase, one.first_content_at) == (Phase.STREAMING, 5.0)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "completed"),
        (UpstreamReset("x"), "upstream_reset"),
        (UpstreamFault("x", type="overloaded", code=None), "overloaded"),
        (KeyboardInterrupt(), "cancelled"),
    ],
)
def test_an_attempt_ends_once(error: BaseException | None, outcome: str) -> None:
    attempt = Attempt("up/m", 1.0)
    assert (attempt.ended, attempt.outcome) == (None, "open")
    attempt.close(2.0, error)
    attempt.close(3.0, Internal("x"))
    assert (attempt.ended, attempt.outcome) == (2.0, outcome)


def test_an_attempt_that_is_given_up_may_have_lost() -> None:
    given_up, failed = Attempt("up/m", 1.0), Attempt("up/m", 1.0)
    given_up.close(2.0, None, left=True)
    failed.close(2.0, UpstreamReset("x"))
    assert (given_up.outcome, failed.outcome) == ("cancelled", "upstream_reset")
    given_up.lose()
    failed.lose()
    assert (given_up.outcome, failed.outcome) == ("lost", "upstream_reset")


def test_each_attempt_is_told_in_a_few_words() -> None:
    one = receipt()
    assert one.tried(3.0) == ""
    one.attempts = [Attempt("up/a;b,c", 1.0)]
    assert one.tried(3.0) == "up/a_b_c;ok;2000"
    one.attempts[0].close(2.0, UpstreamReset("x"))
    one.attempts.append(Attempt("up/m", 2.5))
    assert one.tried(3.0) == "up/a_b_c;upstream_reset;1000, up/m;ok;500"


def test_receipts_share_nothing() -> None:
    one, other = receipt(), receipt()
    one.attempts.append(Attempt("up/m", 1.0))
    assert other.attempts == []


def test_what_a_guard_has_done_is_noted_once() -> None:
    receipt = Receipt("r", "POST", "/v1/chat/completions", "127.0.0.1", 0.0)
    for deed in ("flag", "redact", "flag"):
        receipt.note_guard("people", deed)
    assert receipt.guards == ("people:flag", "people:redact")
