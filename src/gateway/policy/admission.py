"""What a caller is told of its limits: header fields as OpenAI's, and the refusal. Pure.

Of key and team the tighter is told, and not which it is; a refusal says it in words.
"""

from math import ceil
from typing import Final

from gateway.policy.limits import Lease, Limiter, Refusal, Standing
from gateway.words.caller import Caller
from gateway.words.client import Header
from gateway.words.errors import RateLimited

NEVER: Final[tuple[Header, ...]] = ((b"x-should-retry", b"false"),)
"""What OpenAI's own clients are told, so that they do not ask again in vain."""

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
_MILLISECOND = 1_000_000


def admit(limiter: Limiter, caller: Caller, tokens: int, now: float) -> Lease:
    """Let a call in; its lease is to be entered at once. Raises `RateLimited`, or `Busy`."""
    lease = limiter.acquire(caller, tokens, now)
    if isinstance(lease, Refusal):
        headers = (*headers_of(limiter, caller, now), *_retry_headers(lease))
        raise RateLimited(_sentence(lease, caller, tokens), headers=headers)
    return lease


def headers_of(limiter: Limiter, caller: Caller, now: float) -> tuple[Header, ...]:
    """Return `x-ratelimit-*`: limit, what remains, and when all of it is there again."""
    requests, tokens = limiter.standing(caller, now)
    if requests is None:
        return () if tokens is None else _fields(_TOKENS, tokens)
    of_requests = _fields(_REQUESTS, requests)
    return of_requests if tokens is None else of_requests + _fields(_TOKENS, tokens)


def duration(nanoseconds: int) -> str:
    """Write a time as OpenAI does, milliseconds rounded up: `120ms`, `1s`, `8.64s`, `6m0s`."""
    milliseconds = -(-nanoseconds // _MILLISECOND)
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


def _retry_headers(refusal: Refusal) -> tuple[Header, ...]:
    wait = refusal.retry_after
    if wait is None:
        return NEVER
    return ((b"retry-after", b"%d" % ceil(wait)), (b"retry-after-ms", b"%d" % ceil(wait * 1000)))


def _sentence(refusal: Refusal, caller: Caller, tokens: int) -> str:
    limits = caller.limits if refusal.of == "key" else caller.team_limits
    whose = f"the limit of this {refusal.of}"
    limit = {
        "requests": f"{limits.requests_per_minute} requests per minute",
        "tokens": f"{limits.tokens_per_minute} tokens per minute",
        "concurrency": f"{limits.concurrency} open at once",
    }[refusal.which]
    if refusal.retry_after is not None:
        again = f"Try again in {duration(ceil(refusal.retry_after * 1000) * _MILLISECOND)}."
        return f"{whose.capitalize()} is reached: {limit}. {again}"
    if refusal.which == "tokens":
        return (
            f"This call may take about {tokens} tokens, which is more than {whose} ever allows: "
            f"{limit}. Ask for less, or lower the most that may be answered."
        )
    return f"{whose.capitalize()} lets no call in: {limit}."
