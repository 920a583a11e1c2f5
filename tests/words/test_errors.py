"""The tree of errors: what each is to the one who receives it."""

from collections.abc import Iterator

import pytest

from gateway.words import errors
from gateway.words.client import NO_RETRY, RETRY_SOON
from gateway.words.errors import (
    BudgetExceeded,
    BudgetSpent,
    Busy,
    ClientMistake,
    GatewayError,
    Internal,
    OwnKeyRefused,
    Timeout,
    Unpriced,
    UpstreamFailure,
    UpstreamFault,
    UpstreamRefused,
)


def below(kind: type[GatewayError]) -> Iterator[type[GatewayError]]:
    for each in kind.__subclasses__():
        yield each
        yield from below(each)


ALL: list[type[GatewayError]] = [GatewayError, *below(GatewayError)]
OF_THE_PROVIDER = {OwnKeyRefused, UpstreamRefused, UpstreamFault}
"""They carry a status, a type or a code that somebody else has chosen."""


def test_the_tree_that_is_drawn_is_the_tree_that_there_is() -> None:
    drawn = {word.strip(",") for word in (errors.__doc__ or "").replace("\u2500", " ").split()}
    assert {kind.__name__ for kind in ALL} <= drawn


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in OF_THE_PROVIDER])
def test_an_error_says_all_that_a_client_is_told(kind: type[GatewayError]) -> None:
    error = kind("what happened", param="model", headers=((b"retry-after", b"1"),))
    assert (str(error), error.message, error.param) == ("what happened", "what happened", "model")
    assert error.headers == ((b"retry-after", b"1"),)
    assert 400 <= error.status <= 599
    assert error.type
    assert error.code
    assert kind("x").param is None
    in_vain = NO_RETRY if issubclass(kind, BudgetExceeded) else ()
    assert kind("x").headers == (RETRY_SOON if issubclass(kind, Busy) else in_vain)


@pytest.mark.parametrize(
    ("branch", "status", "type_", "retryable"),
    [
        (ClientMistake, None, None, False),
        (UpstreamFailure, 502, "upstream_error", None),
        (Timeout, 504, "timeout", None),
        (Busy, 503, "server_error", True),
        (Internal, 500, "server_error", False),
    ],
)
def test_a_branch_tells_the_receiver_what_to_do(
    branch: type[GatewayError], status: int | None, type_: str | None, retryable: bool | None
) -> None:
    for kind in (branch, *below(branch)):
        assert status in {None, kind.status}
        assert type_ in {None, kind.type}
        assert retryable in {None, kind.retryable}
        assert (kind.status < 500) is (branch is ClientMistake)


def test_each_clock_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in below(Timeout)]
    assert len(set(codes)) == len(codes)


def test_what_asking_again_cannot_cure_says_so() -> None:
    in_vain = {kind.__name__ for kind in ALL if not kind.retryable and kind.status >= 500}
    assert in_vain == {
        "AnswerTooLarge",
        "ClientTimeout",
        "GatewayError",
        "Internal",
        "StoppedByOperator",
        "TlsFailed",
        "TotalTimeout",
        "UpstreamAuth",
    }


def test_no_money_is_told_as_openai_tells_it_and_that_it_is_no_use_to_ask_again() -> None:
    for kind in (BudgetExceeded, BudgetSpent, Unpriced):
        assert (kind.status, kind.type, kind.retryable) == (429, "insufficient_quota", False)
    assert BudgetExceeded("x").headers == ((b"x-should-retry", b"false"),)
    assert {BudgetExceeded.code, BudgetSpent.code} == {"insufficient_quota"}
    assert Unpriced.code == "unpriced_model"


def test_a_refusal_keeps_the_words_of_the_provider() -> None:
    error = UpstreamRefused(
        "slow down",
        status=429,
        type="tokens",
        code="rate_limit_exceeded",
        param="p",
        headers=((b"retry-after", b"7"),),
    )
    assert (error.status, error.type, error.code) == (429, "tokens", "rate_limit_exceeded")
    assert (error.message, error.param, len(error.headers)) == ("slow down", "p", 1)
    assert UpstreamRefused.status == 502


def test_a_fault_keeps_the_words_of_the_provider() -> None:
    error = UpstreamFault("busy", type="overloaded_error", code=None)
    assert (error.status, error.type, error.code) == (502, "overloaded_error", None)
