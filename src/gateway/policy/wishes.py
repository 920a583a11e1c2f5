"""What a client wishes for one call, beyond the call itself: read from header fields. Pure.

A wish only ever lessens what the operator allows: fewer tries, no fallback, less time.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import inf, isfinite

import msgspec

from gateway.policy.own_key import OwnKey
from gateway.words.errors import BadRequest
from gateway.words.target import Conduct, Plan, Target, Timeouts

MAX_RETRIES = 10

LEAST_MARGIN = 0.25
"""Seconds by which the gateway gives up before its client does, at least."""

MARGIN = 0.05
"""The same as a share of what the client is ready to wait."""

_RETRIES = b"x-gateway-retries"
_HEDGE = b"x-gateway-hedge"
_RESUME = b"x-gateway-resume"
_FALLBACKS = b"x-gateway-fallbacks"
_TIMEOUT = b"x-gateway-timeout"
_NAMES = frozenset({_RETRIES, _HEDGE, _RESUME, _FALLBACKS, _TIMEOUT})
_OFF = frozenset({b"off", b"none", b"false", b"0"})


class Wishes(msgspec.Struct, frozen=True, gc=False):
    """What was wished; None and infinity are: nothing. Times are seconds.

    `patience` is how long the client itself waits for a first content before it hangs up. `own` is
    the key that it has with a provider, where there are providers that are shown it.
    """

    retries: int | None = None
    hedges: bool = True
    resumes: bool = True
    fallbacks: bool = True
    total: float = inf
    patience: float = inf
    reads_cache: bool = True
    writes_cache: bool = True
    own: OwnKey | None = None

    def over(self, plan: Plan) -> Plan:
        """Return a plan as it is wished."""
        if self is NOTHING or self._wants_nothing():
            return plan
        targets = plan.targets if self.fallbacks else plan.targets[: plan.own]
        longer = plan.context_targets if self.fallbacks else ()
        return Plan(
            tuple(self._lessened(target) for target in targets),
            plan.own,
            tuple(self._lessened(target) for target in longer),
        )

    def patience_for(self, plan: Plan) -> float:
        """Return how many seconds the client may be kept waiting for a first content."""
        return self.patience if plan.conduct.honour_client_timeout else inf

    def timeouts(self, clocks: Timeouts, patience: float) -> Timeouts:
        """Return the clocks of a call whose client waits for so many seconds."""
        if self.total >= clocks.total and patience >= clocks.idle:
            return clocks
        return replace(clocks, total=min(clocks.total, self.total), idle=min(clocks.idle, patience))

    def _wants_nothing(self) -> bool:
        return self.retries is None and self.hedges and self.resumes and self.fallbacks

    def _lessened(self, target: Target) -> Target:
        conduct = target.conduct
        lessened: Conduct = replace(
            conduct,
            retries=conduct.retries if self.retries is None else min(conduct.retries, self.retries),
            hedge_after=conduct.hedge_after if self.hedges else 0.0,
            resume=conduct.resume and self.resumes,
        )
        return replace(target, conduct=lessened)


NOTHING = Wishes()


def wishes_of(headers: Mapping[bytes, bytes]) -> Wishes:
    """Read the wishes in a request's header fields, whose names are lower case.

    Raises `BadRequest` for a value that means nothing; a name that is not known is ignored.
    """
    patience = _patience(headers.get(b"x-stainless-read-timeout"))
    reads, writes = _cache_wishes(headers.get(b"cache-control"))
    if headers.keys().isdisjoint(_NAMES):
        if patience == inf and reads and writes:
            return NOTHING
        return Wishes(patience=patience, reads_cache=reads, writes_cache=writes)
    return Wishes(
        retries=_count(headers, _RETRIES),
        hedges=_is_on(headers, _HEDGE),
        resumes=_is_on(headers, _RESUME),
        fallbacks=_is_on(headers, _FALLBACKS),
        total=_seconds(headers, _TIMEOUT),
        patience=patience,
        reads_cache=reads,
        writes_cache=writes,
    )


def _patience(value: bytes | None) -> float:
    """Return how long to try for a client that waits so long; an odd value is no wish."""
    seconds = inf if value is None else _number(value)
    if seconds is None or not 0.0 < seconds < inf:
        return inf
    return max(seconds / 2, seconds - max(LEAST_MARGIN, seconds * MARGIN))


def _cache_wishes(value: bytes | None) -> tuple[bool, bool]:
    """Say whether a kept answer may be given, and whether this one may be kept."""
    if value is None:
        return True, True
    said = {part.strip() for part in value.lower().split(b",")}
    return b"no-cache" not in said, b"no-store" not in said


def _is_on(headers: Mapping[bytes, bytes], name: bytes) -> bool:
    value = headers.get(name)
    if value is None or value.strip().lower() == b"on":
        return True
    if value.strip().lower() not in _OFF:
        raise BadRequest(f"The header {name.decode()} must be 'on' or 'off'.")
    return False


def _count(headers: Mapping[bytes, bytes], name: bytes) -> int | None:
    value = headers.get(name)
    if value is None:
        return None
    number = _number(value)
    if number is None or number not in range(MAX_RETRIES + 1):
        raise BadRequest(f"The header {name.decode()} must be a number from 0 to {MAX_RETRIES}.")
    return int(number)


def _seconds(headers: Mapping[bytes, bytes], name: bytes) -> float:
    value = headers.get(name)
    if value is None:
        return inf
    number = _number(value)
    if number is None or number <= 0.0:
        raise BadRequest(f"The header {name.decode()} must be a number of seconds above 0.")
    return number


def _number(value: bytes) -> float | None:
    try:
        number = float(value) if len(value) <= 32 else None
    except ValueError:
        return None
    return number if number is not None and isfinite(number) else None
