"""What a caller is told of its limits: the header fields, the words of a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.forms.http import check_header
from gateway.policy.admission import admit, duration, fields_of, headers_of
from gateway.policy.admission import refused as refusal_from
from gateway.policy.gcra import UNIT
from gateway.policy.limits import Levels, Limiter, Of, Subject
from gateway.words.caller import Limits
from gateway.words.errors import RateLimited

Subjects = tuple[Subject, ...]


def one(limits: Limits, of: Of = "key") -> Subjects:
    """Return a single subject that has these limits."""
    return (Subject(f"{of}:a", of, limits),)


KEY = one(Limits(100, 6000, 2))


def refused(limiter: Limiter, who: Subjects, tokens: int, now: float = 0.0) -> RateLimited:
    with pytest.raises(RateLimited) as caught:
        admit(limiter, who, tokens, now)
    return caught.value


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (120_000, "120ms"),
        (999_001, "1s"),
        (1_000_000, "1s"),
        (8_640_000, "8.64s"),
        (59_999_000, "59.999s"),
        (60_000_000, "1m0s"),
        (86_400_000, "1m26.4s"),
        (360_000_000, "6m0s"),
        (3_600_000_000, "1h0m0s"),
        (90_061_005_000, "25h1m1.005s"),
    ],
)
def test_times_are_written_as_openai_writes_them(microseconds: int, text: str) -> None:
    assert duration(microseconds) == text


def test_headers_tell_what_remains_and_when_all_is_there_again() -> None:
    limiter = Limiter()
    with admit(limiter, KEY, 900, 0.0) as lease:
        lease.settle(864)
    assert headers_of(limiter, KEY, 0.0) == (
        (b"x-ratelimit-limit-requests", b"100"),
        (b"x-ratelimit-remaining-requests", b"99"),
        (b"x-ratelimit-reset-requests", b"600ms"),
        (b"x-ratelimit-limit-tokens", b"6000"),
        (b"x-ratelimit-remaining-tokens", b"5136"),
        (b"x-ratelimit-reset-tokens", b"8.64s"),
    )


@pytest.mark.parametrize(
    ("limits", "kinds"),
    [
        (Limits(), []),
        (Limits(concurrency=1), []),
        (Limits(requests_per_minute=1), [b"requests"]),
        (Limits(tokens_per_minute=1), [b"tokens"]),
        (Limits(1, 1), [b"requests", b"tokens"]),
    ],
)
def test_there_are_headers_for_the_limits_that_there_are(
    limits: Limits, kinds: list[bytes]
) -> None:
    names = [name for name, _ in headers_of(Limiter(), one(limits), 0.0)]
    fields = (b"limit", b"remaining", b"reset")
    assert names == [b"x-ratelimit-" + field + b"-" + kind for kind in kinds for field in fields]


def test_a_caller_without_limits_is_told_of_none() -> None:
    with admit(Limiter(), (), 10**9, 0.0):
        assert headers_of(Limiter(), (), 0.0) == ()


@given(st.integers(0, 10**7), st.floats(0.0, 1e6), st.integers(1, 10**7), st.integers(0, 10**7))
def test_every_header_can_be_sent(tokens: int, now: float, limit: int, used: int) -> None:
    limiter, who = Limiter(), one(Limits(limit, limit))
    try:
        admit(limiter, who, tokens, now).settle(used)
        headers = headers_of(limiter, who, now)
    except RateLimited as error:
        headers = error.headers
    for header in headers:
        check_header(*header)


def test_a_refusal_says_when_to_come_back_in_whole_seconds_and_to_the_millisecond() -> None:
    limiter, who = Limiter(), one(Limits(requests_per_minute=40))
    for _ in range(40):
        admit(limiter, who, 0, 0.0).release()
    error = refused(limiter, who, 0, 0.25)
    assert error.headers == (
        (b"x-ratelimit-limit-requests", b"40"),
        (b"x-ratelimit-remaining-requests", b"0"),
        (b"x-ratelimit-reset-requests", b"59.75s"),
        (b"retry-after", b"2"),
        (b"retry-after-ms", b"1251"),
    )
    assert error.message == (
        "The limit of this key is reached: 40 requests per minute. Try again in 1.251s."
    )


def test_a_refusal_says_what_and_whose_the_limit_is() -> None:
    team = one(Limits(tokens_per_minute=60, concurrency=1), "team")
    limiter = Limiter()
    with admit(limiter, team, 60, 0.0):
        assert refused(limiter, team, 60, 0.0).message == (
            "The limit of this team is reached: 60 tokens per minute. Try again in 1m0.001s."
        )
        error = refused(limiter, team, 60, 60.0)
    assert error.message == "The limit of this team is reached: 1 open at once. Try again in 1s."
    assert error.headers[-2:] == ((b"retry-after", b"1"), (b"retry-after-ms", b"1000"))


def test_a_call_that_can_never_be_let_in_is_told_not_to_come_back() -> None:
    error = refused(Limiter(), KEY, 6001)
    assert error.message == (
        "This call may take about 6001 tokens, which is more than the limit of this key ever "
        "allows: 6000 tokens per minute. Ask for less, or lower the most that may be answered."
    )
    assert error.headers[-1] == (b"x-should-retry", b"false")
    assert not {b"retry-after", b"retry-after-ms"} & {name for name, _ in error.headers}


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(requests_per_minute=0), "0 requests per minute"),
        (Limits(concurrency=0), "0 open at once"),
    ],
)
def test_a_key_that_may_nothing_is_told_so(limits: Limits, words: str) -> None:
    error = refused(Limiter(), one(limits), 1)
    assert error.message == f"The limit of this key lets no call in: {words}."


def test_a_refusal_by_the_model_says_so() -> None:
    limiter, both = Limiter(), KEY + one(Limits(requests_per_minute=1), "model")
    admit(limiter, both, 0, 0.0).release()
    assert refused(limiter, both, 0).message == (
        "The limit of this model is reached: 1 requests per minute. Try again in 1m0.001s."
    )


def test_levels_from_elsewhere_are_told_in_the_same_words() -> None:
    """A shared store tells what is in use, and no more."""
    limiter = Limiter()
    with admit(limiter, KEY, 900, 0.0), admit(limiter, KEY, 5000, 0.0):
        own = refused(limiter, KEY, 200)
    levels = [Levels(2 * UNIT, 5900 * UNIT, 2)]
    other = refusal_from(KEY, levels, 200)
    assert (other.message, other.headers) == (own.message, own.headers)
    assert fields_of(KEY, levels) == own.headers[:6]
