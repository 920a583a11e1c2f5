"""What is known of each home: whether it rests, how busy and how fast it is, which keys rest.

A home is a provider's model, and has one or several keys; a target is a home with one of its keys.
`Health` is told of each attempt when it begins, speaks and ends, and is asked when calls are
planned. It decides nothing about a call, and knows none. Pure: `now` is in seconds of the
monotonic clock, in order.

    begin ──▶ spoke ──▶ ended        once each, `spoke` only where there was content

It lives as long as the process: a reload must not make a home that is down look like a sound one.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Final

from gateway.policy.circuit import Circuit, CircuitState
from gateway.policy.refusals import GRANT_REST, Verdict, counts, key_rest_of, verdict_of
from gateway.policy.retry_budget import RetryBudget
from gateway.words.errors import GatewayError
from gateway.words.target import Target

MOST_HOMES: Final = 4096
"""Homes that are known at most, and resting keys. Above, whoever was used least recently goes."""

RECENT: Final = 15
"""The last calls make the figures: what is ten calls old weighs half."""

STALE: Final = 300.0
"""Seconds without a call after which figures say nothing any more."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a home's calls were like.

    `ttft` is the mean of the recent ones in seconds, `share` is how many of the recent ones failed,
    0 to 1; None where there are none. `calls` and `failed` count all that are known of.
    """

    ttft: float | None = None
    share: float | None = None
    calls: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """How a home is, for those who watch.

    `rests_for` is in seconds. `failures` stand one after the other, with no success since;
    `resting_keys` holds the numbers of keys that rest, and for how many seconds.
    """

    name: str
    state: CircuitState
    rests_for: float
    failures: int
    open_calls: int
    resting_keys: tuple[tuple[int, float], ...]
    figures: Figures = field(default=Figures(), compare=False)


def speed_of(ttft: float | None, share: float | None) -> float | None:
    """Return the seconds that a first content costs where so large a share fails.

    None: there are no figures. Infinite where none has spoken yet and one has failed.
    """
    if ttft is None:
        return inf if share else None
    return ttft / max(1.0 - (share or 0.0), 0.01)


class _Home:
    """What is known of one home; plain attributes, since they change with each call."""

    __slots__ = (
        *("asked", "budget", "calls", "circuit", "ends", "failed", "open_calls", "share", "spoken"),
        "ttft",
    )

    def __init__(self, now: float) -> None:
        self.circuit = Circuit()
        self.budget = RetryBudget(now)
        self.open_calls = 0
        self.calls = self.failed = 0
        self.asked = now
        self.ttft: float | None = None
        self.share = 0.0
        """Of calls that failed, 0 to 1, the recent ones weighing more."""
        self.spoken = 0
        self.ends = 0
        """How many calls are in `ttft` and in `share`; the next one weighs accordingly."""

    def weigh(self, failed: float) -> None:
        """Take a call's end into the share of failures: 1.0 for a failure, 0.0 for none."""
        self.ends += 1
        self.share += (failed - self.share) / min(self.ends, RECENT)

    def figures(self, now: float) -> Figures:
        """Tell what its calls were like; what is `STALE` at the latest call says nothing."""
        if now - self.asked > STALE:
            return Figures(calls=self.calls, failed=self.failed)
        return Figures(self.ttft, self.share, self.calls, self.failed)


class Health:
    """How the homes are. One per process, never more than `MOST_HOMES` of them."""

    __slots__ = ("_absent", "_homes", "_keys", "_now", "tell")

    def __init__(self) -> None:
        self._absent: dict[str, float] = {}
        """Providers that were asked in vain whether they are there, and until when that counts."""
        self.tell: Callable[[str, int | None, float], None] | None = None
        """Told of each rest that begins here: home, key (None: the home itself), seconds; and,
        by 0 seconds, of each home that answers again, and of each key that is another one.
        """
        self._homes: OrderedDict[str, _Home] = OrderedDict()
        self._keys: OrderedDict[tuple[str, int], float] = OrderedDict()
        """When the rest of a home's key is over."""
        self._now = -inf

    def begin(self, target: Target, now: float, *, must: bool) -> bool:
        """Claim an attempt; each one that is granted must be given back with `ended`.

        It is refused where the home rests, or is half open and its probe is out. With `must` it is
        granted always: for a name's only home. Each attempt pays into the retry budget.
        """
        name = target.name
        if self._absent and not must and self._absent.get(target.provider, now) > now:
            return False
        home = self._homes.get(name)
        if home is None:
            home = self._take_in(name, now)
        else:
            self._homes.move_to_end(name)
        circuit = home.circuit
        if circuit.until is not None:
            must = must or not target.conduct.cooldown.failures
            if not circuit.claim(now, must=must):
                return False
        if now - home.asked > STALE:
            # What comes next counts as if it were the first; until then the old figures stand.
            home.spoken = home.ends = 0
        home.asked = self._now = now
        home.open_calls += 1
        home.calls += 1
        home.budget.deposit()
        return True

    def spoke(self, target: Target, now: float, ttft: float) -> None:
        """Take note of the first content, `ttft` seconds after the attempt began."""
        home = self._homes.get(target.name)
        if home is None:
            return
        if home.circuit.until is not None:
            home.circuit.close()
            if self.tell is not None:
                self.tell(target.name, None, 0.0)
        home.spoken += 1
        known = ttft if home.ttft is None else home.ttft
        home.ttft = known + (ttft - known) / min(home.spoken, RECENT)

    def ended(
        self,
        target: Target,
        now: float,
        error: GatewayError | None,
        *,
        left: bool,
        today: float | None = None,
    ) -> None:
        """Give an attempt back. `left`: we went away from it (cancelled, lost); it counts nothing.

        `today` is seconds since 1970, for a `retry-after` that is a date.
        """
        home = self._homes.get(target.name)
        if home is None:
            return
        # A home that was forgotten in between has not counted the calls that were open.
        home.open_calls = max(home.open_calls - 1, 0)
        if left:
            home.circuit.release()
        elif error is None:
            home.circuit.succeeded(now)
            home.weigh(0.0)
        else:
            self._fail(home, target, now, error, today)

    def _fail(
        self, home: _Home, target: Target, now: float, error: GatewayError, today: float | None
    ) -> None:
        rest = key_rest_of(error, today)
        if target.grant:
            rest = min(rest, GRANT_REST)
        if rest > 0.0:
            self._rest_key((target.name, target.key_number), now, now + rest)
            if self.tell is not None:
                self.tell(target.name, target.key_number, rest)
        # Where there are other keys, a home is not to blame for one of them.
        of_one_key = target.key_number != 0 and verdict_of(error) is Verdict.OTHER_KEY
        if of_one_key or not counts(error):
            home.circuit.release()
        else:
            home.weigh(1.0)
            home.failed += 1
            cooldown = target.conduct.cooldown
            if home.circuit.failed(now, cooldown) and self.tell is not None:
                self.tell(target.name, None, cooldown.rest)

    def rests_for(self, target: Target, now: float) -> float:
        """Say for how many seconds the home is left alone; 0.0 where it is not."""
        absent = 0.0
        if self._absent:
            absent = max(self._absent.get(target.provider, now) - now, 0.0)
        home = self._homes.get(target.name)
        if home is None or not target.conduct.cooldown.failures:
            return absent
        return max(home.circuit.rests_for(now), absent)

    def key_rests_for(self, target: Target, now: float) -> float:
        """Say for how many seconds the target's key is left alone; 0.0 where it is not.

        Number 0 is the home's only key: it is asked all the same where there is nobody else.
        """
        if not self._keys:
            return 0.0
        return max(self._keys.get((target.name, target.key_number), now) - now, 0.0)

    def open_calls(self, target: Target) -> int:
        """Count the attempts that are open at the home."""
        home = self._homes.get(target.name)
        return 0 if home is None else home.open_calls

    def speed(self, target: Target) -> float | None:
        """Return the seconds that a first content costs at the home; None: there are no figures.

        It is the mean TTFT of the recent calls over their share of successes, since who fails is
        asked again: 0.4 s where half of them fail is as slow as 0.8 s. Infinite where none has
        spoken yet and one has failed. Figures that are `STALE` are none: so a slow home is looked
        at again by one call now and then.
        """
        home = self._homes.get(target.name)
        if home is None or self._now - home.asked > STALE:
            return None
        return speed_of(home.ttft, home.share)

    def may_retry(self, target: Target, now: float) -> bool:
        """Take one retry out of the home's budget; False where there is none left."""
        home = self._homes.get(target.name)
        if home is None:
            home = self._take_in(target.name, now)
        return home.budget.withdraw(now)

    def missed(self, provider: str, until: float) -> None:
        """Take note that a provider did not answer a probe: its homes rest until then."""
        self._absent[provider] = until

    def found(self, provider: str, now: float) -> None:
        """Take note that a provider answers: what rests of it may be tried at once."""
        self._absent.pop(provider, None)
        for name, home in self._homes.items():
            if name.startswith(f"{provider}/"):
                home.circuit.try_again(now)

    def forget(self, provider: str) -> None:
        """Forget a provider that is no more: nobody is to look after what rests of it."""
        self._absent.pop(provider, None)
        for name in [each for each in self._homes if each.startswith(f"{provider}/")]:
            del self._homes[name]
        self._wake_keys(provider)

    def replaced(self, provider: str, now: float) -> None:
        """Take note that a provider is another one from now on: with another key, elsewhere.

        What rests of it may be tried at once, and so may its keys.
        """
        self.found(provider, now)
        self._wake_keys(provider)

    def _wake_keys(self, provider: str) -> None:
        for which in [each for each in self._keys if each[0].startswith(f"{provider}/")]:
            del self._keys[which]
            if self.tell is not None:
                self.tell(*which, 0.0)

    def learn(self, name: str, key_number: int | None, seconds: float, now: float) -> None:
        """Take over what another process has told (see `tell`), of homes that are known here.

        Of others too, as long as there is room: nobody's word lets a home be forgotten.
        """
        if key_number is not None:
            if len(self._keys) < MOST_HOMES or (name, key_number) in self._keys:
                self._rest_key((name, key_number), now, now + seconds)
            return
        home = self._homes.get(name)
        if home is None and seconds > 0.0 and len(self._homes) < MOST_HOMES:
            home = self._take_in(name, now)
        if home is not None and seconds > 0.0:
            home.circuit.rest_until(now + seconds)
        elif home is not None:
            home.circuit.close()

    def absent(self, now: float) -> dict[str, float]:
        """Return the providers that do not answer their probe, and for how long that counts."""
        return {name: until - now for name, until in self._absent.items() if until > now}

    def states(self, now: float) -> list[State]:
        """Tell of all homes that are known, in the order of their names.

        Of some it is known only that a key of theirs rests: another process has told it.
        """
        resting: dict[str, list[tuple[int, float]]] = {}
        for (name, number), until in self._keys.items():
            if until > now:
                resting.setdefault(name, []).append((number, until - now))
        unasked = _Home(self._now)
        return [
            State(
                name,
                home.circuit.state(now),
                home.circuit.rests_for(now),
                home.circuit.failures,
                home.open_calls,
                tuple(sorted(resting.get(name, ()))),
                home.figures(self._now),
            )
            for name, home in sorted({**dict.fromkeys(resting, unasked), **self._homes}.items())
        ]

    def _take_in(self, name: str, now: float) -> _Home:
        if len(self._homes) >= MOST_HOMES:
            self._homes.popitem(last=False)
        home = self._homes[name] = _Home(now)
        return home

    def _rest_key(self, which: tuple[str, int], now: float, until: float) -> None:
        """Let a key rest; a short rest does not end a long one."""
        self._keys[which] = max(until, self._keys.get(which, now))
        self._keys.move_to_end(which)
        if len(self._keys) > MOST_HOMES:
            self._keys.popitem(last=False)
