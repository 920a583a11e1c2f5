"""What a caller is told of its limits: header fields as OpenAI's, and the refusal. Pure.

Of key, team and model the tightest is told, and not which it is; a refusal says it in words.
"""

from collections.abc import Sequence
from math import ceil
from typing import Final

from gateway.policy.limits import (
    Lease,
    Levels,
    Limiter,
    Refusal,
    Standing,
    Subject,
    Which,
    refusal_of,
    standing_of,
)
from gateway.words.client import NO_RETRY, Header
from gateway.words.errors import RateLimited

_REQUESTS = (
    b"x-ratelimit-limit-requests",
    b"x-ratelimit-remaining-requests",
    b"x-ratelimit-reset-requests",
)
_TOKENS = (
    b"x-ratelimit-limit-tokens",
    b"x-ratelimit-remaining-tokens",
    b"x-ratelimit-reset-tokens",
)
_WHICH: Final[dict[Which, str]] = {
    "requests": " requests per minute",
    "tokens": " tokens per minute",
    "concurrency": " open at once",
}
_MILLISECOND = 1_000
"""Microseconds."""


def admit(limiter: Limiter, subjects: Sequence[Subject], tokens: int, now: float) -> Lease:
    """Let a call in; its lease is to be entered at once. Raises `RateLimited`, or `Busy`."""
    lease = limiter.acquire(subjects, tokens, now)
    if isinstance(lease, Refusal):
        raise _error(lease, subjects, limiter.levels(subjects, now), tokens)
    return lease


def refused(subjects: Sequence[Subject], levels: Sequence[Levels], tokens: int) -> RateLimited:
    """Return what a call is told that these levels leave no room for."""
    return _error(refusal_of(subjects, levels, tokens), subjects, levels, tokens)


def headers_of(limiter: Limiter, subjects: Sequence[Subject], now: float) -> tuple[Header, ...]:
    """Return `x-ratelimit-*`: limit, what remains, and when all of it is there again."""
    return fields_of(subjects, limiter.levels(subjects, now))


def fields_of(subjects: Sequence[Subject], levels: Sequence[Levels]) -> tuple[Header, ...]:
    """Return the same for subjects that have so much in use."""
    requests, tokens = standing_of(subjects, levels)
    if requests is None:
        return () if tokens is None else _fields(_TOKENS, tokens)
    of_requests = _fields(_REQUESTS, requests)
    return of_requests if tokens is None else of_requests + _fields(_TOKENS, tokens)


def duration(microseconds: int) -> str:
    """Write a time as OpenAI does, milliseconds rounded up: `120ms`, `1s`, `8.64s`, `6m0s`."""
    milliseconds = -(-microseconds // _MILLISECOND)
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, milliseconds = divmod(milliseconds, 60_000)
    whole, part = divmod(milliseconds, 1000)
    seconds = f"{whole}.{part:03}".rstrip("0") if part else f"{whole}"
    if not minutes:
        return f"{seconds}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{seconds}s" if hours else f"{minutes}m{seconds}s"


def _fields(names: tuple[bytes, bytes, bytes], standing: Standing) -> tuple[Header, ...]:
    limit, remaining, reset = names
    return (
        (limit, b"%d" % standing.limit),
        (remaining, b"%d" % standing.remaining),
        (reset, duration(standing.reset).encode()),
    )


def _error(
    refusal: Refusal, subjects: Sequence[Subject], levels: Sequence[Levels], tokens: int
) -> RateLimited:
    headers = (*fields_of(subjects, levels), *_retry_headers(refusal))
    return RateLimited(_sentence(refusal, tokens), headers=headers)


def _retry_headers(refusal: Refusal) -> tuple[Header, ...]:
    wait = refusal.retry_after
    if wait is None:
        return NO_RETRY
    return ((b"retry-after", b"%d" % ceil(wait)), (b"retry-after-ms", b"%d" % ceil(wait * 1000)))


def _sentence(refusal: Refusal, tokens: int) -> str:
    whose = f"the limit of this {refusal.of}"
    limit = str(refusal.limit) + _WHICH[refusal.which]
    if refusal.retry_after is not None:
        again = f"Try again in {duration(ceil(refusal.retry_after * 1000) * _MILLISECOND)}."
        return f"{whose.capitalize()} is reached: {limit}. {again}"
    if refusal.which == "tokens":
        return (
            f"This call may take about {tokens} tokens, which is more than {whose} ever allows: "
            f"{limit}. Ask for less, or lower the most that may be answered."
        )
    return f"{whose.capitalize()} lets no call in: {limit}."
