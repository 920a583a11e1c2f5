"""What keys, teams and models may be asked for at once and in a minute, and what is in use. Pure.

A call is let in only where each of its subjects has room for it: its key, its team, its model, each
in requests, in tokens and in open calls. Where one of them has none, nothing is taken from the
others. What is taken is a `Lease`: open until its `with` is left, however that is. Its tokens are
reserved, to be settled.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, Literal, NamedTuple

import msgspec

from gateway.policy.gcra import UNIT, Meter, Part, Reserves, wait_of
from gateway.words.caller import Caller, Limits
from gateway.words.errors import Busy

MOST_TRACKED: Final = 65_536
"""Subjects that are known at once. More than these in one minute, and the next is turned away with
`Busy`: who is not counted is not let in."""

LOOKS: Final = 64
"""So many subjects are looked at for one that is idle, each time that room is needed."""

CONCURRENCY_PAUSE: Final = 1.0
"""Seconds after which to ask again where too many calls are open: nobody knows when one ends."""

MOST_TOKENS: Final = 10_000_000
"""No call is settled at more: a provider that says so errs, and its error would shut out a key."""

_SECOND = 1_000_000

Which = Literal["requests", "tokens", "concurrency"]
Of = Literal["key", "team", "model"]


class Subject(NamedTuple):
    """One whose limits hold for a call. `name` tells it from all others of whatever kind."""

    name: str
    of: Of
    limits: Limits


def subjects_of(caller: Caller, model: str, of_models: Mapping[str, Limits]) -> tuple[Subject, ...]:
    """Return those of key, team and model that have any limit."""
    subjects: tuple[Subject, ...] = ()
    if _any(caller.limits):
        subjects = (Subject(f"key:{caller.key_id}", "key", caller.limits),)
    if caller.team is not None and _any(caller.team_limits):
        subjects += (Subject(f"team:{caller.team}", "team", caller.team_limits),)
    limits = of_models.get(model)
    if limits is not None and _any(limits):
        subjects += (Subject(f"model:{model}", "model", limits),)
    return subjects


class Levels(NamedTuple):
    """What a subject has in use: requests and tokens in parts (see `gcra.UNIT`), open calls."""

    requests: int
    tokens: int
    open: int


NOTHING: Final = Levels(0, 0, 0)
"""What a subject has in use that is not known."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The limit that is in the way for longest; after `retry_after` seconds it no longer is.

    None is never: the call asks for more than the limit is.
    """

    which: Which
    of: Of
    limit: int
    retry_after: float | None


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How a limit per minute stands: what is left, and in how many microseconds all of it is."""

    limit: int
    remaining: int
    reset: int


class _Quota:
    """What one subject has in use."""

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

    def levels(self, now: int) -> Levels:
        return Levels(self.requests.level_at(now), self.tokens.level_at(now), self.open)

    def is_idle(self, now: int) -> bool:
        """Say whether it is as good as one that was never heard of."""
        return self.levels(now) == NOTHING


_Held = tuple[_Quota, Part | None]
"""One of those that a call is open in, and what it has reserved there."""


class Lease:
    """What a caller holds while a call is open. Leaving its `with` releases it, at once."""

    __slots__ = ("_counted", "_held", "_open", "_reserved")

    def __init__(self, tokens: int, held: Sequence[_Held]) -> None:
        self._reserved = self._counted = tokens
        self._held = held
        self._open = bool(held)

    def settle(self, tokens: int) -> None:
        """Put what was used in place of what was reserved; then it may be released.

        What was used beyond that counts from the last call that the subject was asked for, and it
        may so come to owe: later calls wait. It may be told again as more becomes known; what was
        once told beyond the reservation stays. After the release it changes nothing.
        """
        if not self._open:
            return
        if tokens < self._reserved:
            less = self._reserved - max(tokens, 0)
            self._reserved -= less
            self._counted -= less
            self._lessen(less)
        elif tokens > self._counted:
            more = min(tokens, max(self._counted, MOST_TOKENS)) - self._counted
            self._counted += more
            self._add(more)

    def release(self) -> None:
        """Close it, once. What it has used stays used."""
        if self._open:
            self._open = False
            self._close()

    def _lessen(self, tokens: int) -> None:
        """Give back what was reserved and is not used."""
        for quota, part in self._held:
            if part is not None:
                quota.tokens.give_back(part, tokens * UNIT)

    def _add(self, tokens: int) -> None:
        """Count what was used beyond what was reserved."""
        for quota, part in self._held:
            if part is not None:
                quota.tokens.use(tokens * UNIT)

    def _close(self) -> None:
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
    """All subjects of a process. Times are seconds on the monotonic clock.

    A subject is forgotten only where it is idle, which changes nothing for it.
    """

    def __init__(self, most: int = MOST_TRACKED) -> None:
        self._most = most
        self._quotas: OrderedDict[str, _Quota] = OrderedDict()

    def __len__(self) -> int:
        return len(self._quotas)

    def acquire(self, subjects: Sequence[Subject], tokens: int, now: float) -> Lease | Refusal:
        """Let a call in that will take about so many tokens, or say why not.

        Raises `Busy` where too many subjects are in use to count one more.
        """
        if not subjects:
            return FREE_LEASE
        moment, tokens = _microseconds(now), max(tokens, 0)
        cost = tokens * UNIT
        pairs: list[tuple[_Quota, Limits]] = []
        room, quotas = True, self._quotas
        # All are asked, so that for all of them a change of limits holds from the same moment on.
        for name, _, limits in subjects:
            quota = quotas.get(name) or self._opened(name, moment, pairs)
            room = quota.has_room(limits, cost, moment) and room
            pairs.append((quota, limits))
        if not room:
            return refusal_of(subjects, [quota.levels(moment) for quota, _ in pairs], tokens)
        return Lease(tokens, [quota.take(limits, cost) for quota, limits in pairs])

    def levels(self, subjects: Sequence[Subject], now: float) -> list[Levels]:
        """Tell what each subject has in use."""
        moment, quotas = _microseconds(now), self._quotas
        found = [quotas.get(name) for name, _, _ in subjects]
        return [NOTHING if quota is None else quota.levels(moment) for quota in found]

    def _opened(self, name: str, now: int, keep: Sequence[tuple[_Quota, Limits]]) -> _Quota:
        """Begin to count for a subject. Those in `keep` are about to be used."""
        if len(self._quotas) >= self._most:
            self._make_room(now, [quota for quota, _ in keep])
        quota = self._quotas[name] = _Quota(now)
        return quota

    def _make_room(self, now: int, keep: Sequence[_Quota]) -> None:
        """Forget one that is idle; they are looked at in turn."""
        for _ in range(min(LOOKS, len(self._quotas))):
            name, quota = next(iter(self._quotas.items()))
            if quota not in keep and quota.is_idle(now):
                del self._quotas[name]
                return
            self._quotas.move_to_end(name)
        raise Busy("Too many keys are in use at once for another to be counted.")


def refusal_of(subjects: Sequence[Subject], levels: Sequence[Levels], tokens: int) -> Refusal:
    """Return the limit that is in the way for longest; of equal ones the first subject's."""
    found: list[Refusal] = []
    for subject, level in zip(subjects, levels, strict=True):
        found += _refusals(subject, level, tokens * UNIT)
    return max(
        found, key=lambda refusal: inf if refusal.retry_after is None else refusal.retry_after
    )


def standing_of(
    subjects: Sequence[Subject], levels: Sequence[Levels]
) -> tuple[Standing | None, Standing | None]:
    """Tell how requests and tokens stand, each of the subject that has less of it left."""
    requests = tokens = None
    for subject, level in zip(subjects, levels, strict=True):
        limits = subject.limits
        if limits.requests_per_minute is not None:
            one = _standing(limits.requests_per_minute, level.requests)
            requests = _tighter(requests, one)
        if limits.tokens_per_minute is not None:
            tokens = _tighter(tokens, _standing(limits.tokens_per_minute, level.tokens))
    return requests, tokens


def _any(limits: Limits) -> bool:
    """Say whether there is any limit."""
    return (
        limits.requests_per_minute is not None
        or limits.tokens_per_minute is not None
        or limits.concurrency is not None
    )


def _refusals(subject: Subject, levels: Levels, cost: int) -> Iterator[Refusal]:
    """Tell which limits of a subject are in the way."""
    limits, of = subject.limits, subject.of
    requests, tokens, concurrency = (
        limits.requests_per_minute, limits.tokens_per_minute, limits.concurrency
    )  # fmt: skip
    if requests is not None:
        wait = wait_of(levels.requests, UNIT, requests)
        if wait != 0:
            yield Refusal("requests", of, requests, _seconds(wait))
    if tokens is not None:
        wait = wait_of(levels.tokens, cost, tokens)
        if wait != 0:
            yield Refusal("tokens", of, tokens, _seconds(wait))
    if concurrency is not None and levels.open >= concurrency:
        pause = CONCURRENCY_PAUSE if concurrency > 0 else None
        yield Refusal("concurrency", of, concurrency, pause)


def _standing(limit: int, level: int) -> Standing:
    remaining = max(0, limit - -(-level // UNIT))
    return Standing(limit, remaining, -(-level // limit) if limit > 0 else 0)


def _tighter(one: Standing | None, other: Standing) -> Standing:
    return other if one is None or other.remaining < one.remaining else one


def _microseconds(seconds: float) -> int:
    return int(seconds * _SECOND + 0.5)


def _seconds(wait: int | None) -> float | None:
    """Return a wait as seconds, a microsecond more, so that it is over when it is over."""
    return None if wait is None else (wait + 1) / _SECOND
