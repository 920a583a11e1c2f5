"""What an answer says of how it came about."""

from trio.testing import MockClock

from gateway.forms.http import check_header
from gateway.relay.account import MAX_BYTES, account_of
from gateway.words.receipt import Attempt, Receipt


def receipt(*attempts: Attempt) -> Receipt:
    return Receipt("req_1", "POST", "/", "127.0.0.1", 0.0, attempts=list(attempts))


async def test_a_request_without_an_attempt_says_nothing(autojump_clock: MockClock) -> None:
    assert account_of(receipt()) == ()


async def test_each_attempt_is_told_and_the_one_that_goes_on_is_the_answer(
    autojump_clock: MockClock,
) -> None:
    failed = Attempt("up/m", 0.0, 0.25, "upstream_reset")
    told = account_of(receipt(failed, Attempt("b/m", 0.0)))
    assert told == ((b"x-gateway-attempts", b"up/m;upstream_reset;250, b/m;ok;0"),)


async def test_what_would_not_fit_a_field_is_made_to(autojump_clock: MockClock) -> None:
    odd = [Attempt("local/a;b,é\u202e", 0.0, 1.0, "other")] * 500
    ((_, value),) = account_of(receipt(*odd))
    assert value.startswith(b"local/a_b_??;other;1000, ")
    assert len(value) == MAX_BYTES


async def test_what_is_kept_or_shared_says_so(autojump_clock: MockClock) -> None:
    kept = receipt()
    kept.cache = "hit"
    assert account_of(kept) == ((b"x-gateway-cache", b"hit"),)


async def test_names_that_a_client_gave_make_no_second_field(autojump_clock: MockClock) -> None:
    let_go = receipt()
    let_go.dropped = ("a\r\nset-cookie: b", "é", "c" * MAX_BYTES)
    ((name, value),) = account_of(let_go)
    assert name == b"x-gateway-dropped"
    assert value.startswith(b"a set-cookie: b, ?, ccc")
    assert len(value) == MAX_BYTES
    check_header(name, value)
