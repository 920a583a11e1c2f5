"""The way of one call along its plan: who is asked next, and after which pause. Pure.

It is told of each failure and says what follows from it. What a failure means is `refusals`' to
say, whether a target rests is `health`'s; when it is no use to go on it says so by None, and the
client is told the last failure.
"""

from collections.abc import Callable
from math import inf

import msgspec

from gateway.policy.health import Health
from gateway.policy.refusals import KEY_REST, Verdict, backoff, key_rest_of, verdict_of, wait_of
from gateway.words.errors import GatewayError
from gateway.words.target import Plan, Target

SHORT_WAIT = 2.0
"""Seconds that a home's own wish to be left alone is honoured where a fallback could be asked."""

LONGEST_WAIT = 30.0
"""Seconds that it is honoured where nobody else could: a longer one is the client's to wait."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """Whom to ask next, and how many seconds from now. `again` says that it was asked before."""

    target: Target
    wait: float = 0.0
    again: bool = False


class Journey:
    """One call's way along its plan. Not for hot paths but for their failures: it begins cheap."""

    __slots__ = (
        "_asked",
        "_dead",
        "_draw",
        "_health",
        "_in_context",
        "_left",
        "_own",
        "_passed_over",
        "_plan",
        "_tries",
        "until",
    )

    def __init__(
        self, plan: Plan, health: Health, draw: Callable[[], float], until: float = inf
    ) -> None:
        """`draw` returns a number below 1 by chance; at `until` the total time is over."""
        self._plan = plan
        self._health = health
        self._draw = draw
        self._left = list(plan.targets)
        self._own = plan.own
        self._passed_over: list[Target] = []
        self._tries: dict[str, int] = {}
        self._dead: set[str] = set()
        self._asked: set[str] = set()
        """Homes that are being asked now: one, or two in a race."""
        self._in_context = False
        self.until = until

    def next(self, now: float) -> Step | None:
        """Return the next target that has not been asked, claimed for an attempt.

        One that rests is passed over, and asked all the same when all others have failed.
        """
        index = 0
        while index < len(self._left):
            target = self._left[index]
            if target.name in self._asked:
                index += 1  # it is being waited for in the other lane of a race
                continue
            self._take(index)
            if target.name in self._dead:
                continue
            # Nobody is left for most calls: the first target is the only one.
            last = not self._passed_over and (not self._left or not self._alternatives())
            if self._may(target, now, last=last):
                return self._first(target)
            self._passed_over.append(target)
        for index, target in enumerate(self._passed_over):
            if target.name not in self._dead:
                del self._passed_over[: index + 1]
                self._health.begin(target, now, must=True)
                return self._first(target)
        return None

    def _may(self, target: Target, now: float, *, last: bool) -> bool:
        """Claim a target, unless its home or its key rests and there is somebody else."""
        if not last and self._health.key_rests_for(target, now) > 0.0:
            return False
        return self._health.begin(target, now, must=last)

    def _take(self, index: int) -> None:
        del self._left[index]
        if index < self._own:
            self._own -= 1

    def _first(self, target: Target) -> Step:
        self._asked.add(target.name)
        self._tries[target.name] = self._tries.get(target.name, 0) + 1
        return Step(target)

    def hedge(self, now: float) -> Step | None:
        """Return the next home of the name that has not been asked, to race one that is late."""
        for index, target in enumerate(self._left[: self._own]):
            if target.name in self._dead or target.name in self._tries:
                continue
            if self._may(target, now, last=False):
                self._take(index)
                return self._first(target)
        return None

    def after(self, target: Target, error: GatewayError, now: float, today: float) -> Step | None:
        """Return what to do after a target has failed so; None: tell it. `today` is Unix time."""
        self._asked.discard(target.name)
        match verdict_of(error):
            case Verdict.AGAIN:
                return self._again(target, error, now, today)
            case Verdict.OTHER_KEY:
                return self._other_key(target, error, now, today)
            case Verdict.ELSEWHERE:
                self._dead.add(target.name)
                return self.next(now)
            case Verdict.LONGER:
                return self._longer_one(target, now)
            case _:
                return None

    def is_exhausted_by(self, error: GatewayError) -> bool:
        """Say whether all was tried that might have cured this, so that asking again is in vain.

        Where nothing may be tried, it is the client's to try.
        """
        tries = sum(self._tries.values())
        may_try = tries > 1 or self._plan.conduct.retries > 0
        return may_try and verdict_of(error) is not Verdict.FINAL

    def share(self, target: Target, now: float) -> float:
        """Return the seconds that a target may take: what is left, shared with who may follow.

        The last one has no share of its own: the total time is its clock.
        """
        if not self._left:
            return inf
        homes = {each.name for each in self._left} - self._dead - {target.name}
        return (self.until - now) / (len(homes) + 1) if homes else inf

    def _longer_one(self, target: Target, now: float) -> Step | None:
        """Ask those that take a longer prompt, and no others any more."""
        if not self._in_context:
            self._left, self._passed_over = list(self._plan.context_targets), []
            self._own, self._in_context = 0, True
        self._dead.add(target.name)
        return self.next(now)

    def sent_twice(self, target: Target) -> None:
        """Count a request that went out once more because its connection had been closed (U5)."""
        self._tries[target.name] += 1

    def _alternatives(self) -> bool:
        return any(target.name not in self._dead for target in self._left)

    def _other_key(
        self, target: Target, error: GatewayError, now: float, today: float
    ) -> Step | None:
        """Ask with another key or at another home; a limit that is over soon is waited for."""
        if key_rest_of(error, today) >= KEY_REST:
            return self.next(now)
        if self._own > 0 and self._alternatives():
            return self.next(now)
        return self._again(target, error, now, today)

    def _again(self, target: Target, error: GatewayError, now: float, today: float) -> Step | None:
        """Ask the same target once more; where there is nobody else, as often as is allowed."""
        others = self._alternatives()
        if others and self._health.rests_for(target, now) > 0.0:
            return self.next(now)
        if target.name in self._dead:  # it fell silent in the other lane of a race
            return self.next(now)
        tries = self._tries[target.name]
        most = min(target.conduct.retries, 1) if others else target.conduct.retries
        pause = max(backoff(tries, self._draw()), wait_of(error, today) or 0.0)
        patience = SHORT_WAIT if others else LONGEST_WAIT
        in_time = pause <= patience and now + pause < self.until
        if tries > most or not in_time or not self._health.may_retry(target, now):
            return self.next(now)
        self._tries[target.name] = tries + 1
        self._asked.add(target.name)
        return Step(target, pause, again=True)
