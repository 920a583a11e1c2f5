"""What keys and teams may ask for at once and in a minute, and what of it is in use. Pure.

A call is let in only where its key and its team both have room for it, in requests, in tokens and
in open calls; where one of them has none, nothing is taken from the other. What is taken is a
`Lease`: open until its `with` is left, however that is. Its tokens are reserved, to be settled.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, Literal

import msgspec

from gateway.policy.gcra import UNIT, Meter, Part, Reserves
from gateway.words.caller import Caller, Limits
from gateway.words.errors import Busy

MOST_TRACKED: Final = 65_536
"""Keys and teams that are known at once. More than these in one minute, and the next is turned away
with `Busy`: who is not counted is not let in."""

LOOKS: Final = 64
"""So many keys and teams are looked at for one that is idle, each time that room is needed."""

CONCURRENCY_PAUSE: Final = 1.0
"""Seconds after which to ask again where too many calls are open: nobody knows when one ends."""

MOST_TOKENS: Final = 10_000_000
"""No call is settled at more: a provider that says so errs, and its error would shut out a key."""

_SECOND = 1_000_000_000
_MICROSECOND = 1_000

Which = Literal["requests", "tokens", "concurrency"]
Of = Literal["key", "team"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The limit that is in the way for longest; after `retry_after` seconds it no longer is.

    None is never: the call asks for more than the limit is.
    """

    which: Which
    of: Of
    retry_after: float | None


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How a limit per minute stands: what is left, and in how many nanoseconds all of it is."""

    limit: int
    remaining: int
    reset: int


class _Quota:
    """What one key or team has in use."""

    __slots__ = ("open", "requests", "tokens")

    def __init__(self, now: int) -> None:
        self.open = 0
        """Its open leases."""
        self.requests = Meter(0, now)
        self.tokens = Reserves(0, now)

    def has_room(self, limits: Limits, cost: int, now: int) -> bool:
        """Say whether a call may come in; the limits are these from now on."""
        concurrency, requests = limits.concurrency, limits.requests_per_minute
        room = concurrency is None or self.open < concurrency
        if requests is not None:
            meter = self.requests
            meter.at(requests, now)
            room = room and meter.level + UNIT <= requests * UNIT
        tokens = limits.tokens_per_minute
        if tokens is not None:
            reserves = self.tokens
            reserves.at(tokens, now)
            room = room and reserves.level + cost <= tokens * UNIT
        return room

    def take(self, limits: Limits, cost: int) -> "_Held":
        """Let a call in; it is to be closed, and what it has reserved."""
        self.open += 1
        if limits.requests_per_minute is not None:
            self.requests.use(UNIT)
        return self, None if limits.tokens_per_minute is None else self.tokens.reserve(cost)

    def refusals(self, limits: Limits, cost: int, of: Of) -> Iterator[Refusal]:
        """Tell which limits are in the way, as `has_room` has found them."""
        if limits.requests_per_minute is not None:
            wait = self.requests.wait(UNIT)
            if wait != 0:
                yield Refusal("requests", of, _seconds(wait))
        if limits.tokens_per_minute is not None:
            wait = self.tokens.wait(cost)
            if wait != 0:
                yield Refusal("tokens", of, _seconds(wait))
        if limits.concurrency is not None and self.open >= limits.concurrency:
            yield Refusal("concurrency", of, CONCURRENCY_PAUSE if limits.concurrency > 0 else None)

    def is_idle(self, now: int) -> bool:
        """Say whether it is as good as one that was never heard of."""
        return not (self.open or self.requests.level_at(now) or self.tokens.level_at(now))


_Held = tuple[_Quota, Part | None]
"""One of the two that a call is open in, and what it has reserved there."""


class Lease:
    """What a caller holds while a call is open. Leaving its `with` releases it, at once."""

    __slots__ = ("_counted", "_held", "_open", "_reserved")

    def __init__(self, tokens: int, held: Sequence[_Held]) -> None:
        self._reserved = self._counted = tokens
        self._held = held
        self._open = bool(held)

    def settle(self, tokens: int) -> None:
        """Put what was used in place of what was reserved; then it may be released.

        What was used beyond that counts from the last call that the key or team has asked for, and
        they may so come to owe: later calls wait. It may be told again as more becomes known; what
        was once told beyond the reservation stays. After the release it changes nothing.
        """
        if not self._open:
            return
        if tokens < self._reserved:
            less = self._reserved - max(tokens, 0)
            self._reserved -= less
            self._counted -= less
            for quota, part in self._held:
                if part is not None:
                    quota.tokens.give_back(part, less * UNIT)
        elif tokens > self._counted:
            more = min(tokens, max(self._counted, MOST_TOKENS)) - self._counted
            self._counted += more
            for quota, part in self._held:
                if part is not None:
                    quota.tokens.use(more * UNIT)

    def release(self) -> None:
        """Close it, once. What it has used stays used."""
        if not self._open:
            return
        self._open = False
        for quota, part in self._held:
            quota.open -= 1
            if part is not None:
                quota.tokens.close(part)

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object, /) -> None:
        self.release()


FREE_LEASE: Final = Lease(0, ())
"""What they all hold who have no limits."""


class Limiter:
    """All keys and teams of a process. Times are seconds on the monotonic clock.

    A key or team is forgotten only where it is idle, which changes nothing for it.
    """

    def __init__(self, most: int = MOST_TRACKED) -> None:
        self._most = most
        self._quotas: OrderedDict[str, _Quota] = OrderedDict()

    def __len__(self) -> int:
        return len(self._quotas)

    def acquire(self, caller: Caller, tokens: int, now: float) -> Lease | Refusal:
        """Let a call in that will take about so many tokens, or say why not.

        Raises `Busy` where too many keys and teams are in use to count one more.
        """
        limits, team_limits = caller.limits, caller.team_limits
        of_key = _any(limits)
        of_team = caller.team is not None and _any(team_limits)
        if not (of_key or of_team):
            return FREE_LEASE
        moment, tokens = _nanoseconds(now), max(tokens, 0)
        cost = tokens * UNIT
        key = self._quota(caller.key_id, moment, None) if of_key else None
        team = self._quota(f"team:{caller.team}", moment, key) if of_team else None
        # Both are asked, so that for both a change of limits holds from the same moment on.
        key_has_room = key is None or key.has_room(limits, cost, moment)
        team_has_room = team is None or team.has_room(team_limits, cost, moment)
        if not (key_has_room and team_has_room):
            return _refusal(caller, key, team, cost)
        held: list[_Held] = []
        if key is not None:
            held.append(key.take(limits, cost))
        if team is not None:
            held.append(team.take(team_limits, cost))
        return Lease(tokens, held)

    def standing(self, caller: Caller, now: float) -> tuple[Standing | None, Standing | None]:
        """Tell how requests and tokens stand, each of key or team as has less left."""
        moment = _nanoseconds(now)
        requests, tokens = _standings(caller.limits, self._quotas.get(caller.key_id), moment)
        if caller.team is None:
            return requests, tokens
        team = self._quotas.get(f"team:{caller.team}")
        of_team = _standings(caller.team_limits, team, moment)
        return _tighter(requests, of_team[0]), _tighter(tokens, of_team[1])

    def _quota(self, name: str, now: int, keep: _Quota | None) -> _Quota:
        quota = self._quotas.get(name)
        if quota is None:
            if len(self._quotas) >= self._most:
                self._make_room(now, keep)
            quota = self._quotas[name] = _Quota(now)
        return quota

    def _make_room(self, now: int, keep: _Quota | None) -> None:
        """Forget one that is idle; they are looked at in turn, and `keep` is about to be used."""
        for _ in range(min(LOOKS, len(self._quotas))):
            name, quota = next(iter(self._quotas.items()))
            if quota is not keep and quota.is_idle(now):
                del self._quotas[name]
                return
            self._quotas.move_to_end(name)
        raise Busy("Too many keys are in use at once for another to be counted.")


def _any(limits: Limits) -> bool:
    """Say whether there is any limit."""
    return (
        limits.requests_per_minute is not None
        or limits.tokens_per_minute is not None
        or limits.concurrency is not None
    )


def _refusal(caller: Caller, key: _Quota | None, team: _Quota | None, cost: int) -> Refusal:
    """Return the limit that is in the way for longest, the key's before the team's."""
    found: list[Refusal] = []
    if key is not None:
        found += key.refusals(caller.limits, cost, "key")
    if team is not None:
        found += team.refusals(caller.team_limits, cost, "team")
    return max(
        found, key=lambda refusal: inf if refusal.retry_after is None else refusal.retry_after
    )


def _standings(
    limits: Limits, quota: _Quota | None, now: int
) -> tuple[Standing | None, Standing | None]:
    """Tell how requests and tokens stand; who is not known has used nothing."""
    requests, tokens = limits.requests_per_minute, limits.tokens_per_minute
    of_requests = of_tokens = None
    if requests is not None:
        of_requests = _standing(requests, quota.requests.level_at(now) if quota else 0)
    if tokens is not None:
        of_tokens = _standing(tokens, quota.tokens.level_at(now) if quota else 0)
    return of_requests, of_tokens


def _standing(limit: int, level: int) -> Standing:
    remaining = max(0, limit - -(-level // UNIT))
    return Standing(limit, remaining, -(-level // limit) if limit > 0 else 0)


def _tighter(key: Standing | None, team: Standing | None) -> Standing | None:
    if key is None or team is None:
        return key or team
    return key if key.remaining <= team.remaining else team


def _nanoseconds(seconds: float) -> int:
    return int(seconds * _SECOND + 0.5)


def _seconds(wait: int | None) -> float | None:
    """Return a wait as seconds, up to a microsecond more, so that it is over when it is over."""
    return None if wait is None else (wait // _MICROSECOND + 1) * _MICROSECOND / _SECOND
